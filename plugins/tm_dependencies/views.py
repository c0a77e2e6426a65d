"""How edges, ready tasks and blocked ones look to a person and in a pipe."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, Page, listed, visible


def changed(task: dict[str, Any], out: Output) -> None:
    """A sentence."""
    others = ", ".join(task["depends_on"]) or "nothing"
    out.say(f"Task {task['id']} is {task['status']}, it depends on {visible(others)}")


def ready(page: Page, out: Output) -> None:
    """As `tm list` shows tasks."""
    if page.tasks:
        listed(page, out)
    else:
        out.say("Nothing is ready to be started (tm blocked shows what waits)")


def blocked(tasks: list[dict[str, Any]], out: Output) -> None:
    """A table for a person; `[id] title - waits for [id] title (status), ...` in a pipe."""
    if not tasks:
        out.say("No task is blocked")
    elif out.terminal:
        rows = [
            [task["id"], task["priority"], task["assignee"], task["title"], _reasons(task)]
            for task in tasks
        ]
        out.table(["id", "priority", "assignee", "title", "waits for"], rows)
    else:
        for task in tasks:
            reasons = visible(_reasons(task))
            out.data(f"[{task['id']}] {visible(task['title'])} - waits for {reasons}")


def _reasons(task: dict[str, Any]) -> str:
    found = [f"[{each['id']}] {each['title']} ({each['status']})" for each in task["waits_for"]]
    return ", ".join(found) or "nothing that is known: it was blocked by hand"
