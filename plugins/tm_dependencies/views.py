"""How edges, ready tasks and blocked ones look to a person and in a pipe."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, Page, listed, visible


def changed(task: dict[str, Any], out: Output) -> None:
    """A sentence."""
    others = ", ".join(task["depends_on"]) or "nothing"
    out.say(f"Task {task['id']} is {task['status']}, it depends on {visible(others)}")


def recounted(result: dict[str, int], out: Output) -> None:
    """A sentence."""
    out.say(f"{result['counted']} task(s) with others that wait for them")


def ready(found: Page | list[dict[str, Any]], out: Output) -> None:
    """As `tm list` shows tasks; explained, with what decided."""
    if isinstance(found, Page):
        if found.tasks:
            listed(found, out)
            return
    elif found:
        _explained(found, out)
        return
    out.say("Nothing is ready to be started (tm blocked shows what waits)")


def _explained(rows: list[dict[str, Any]], out: Output) -> None:
    if out.terminal:
        headings = ["", "id", "priority", "deadline", "unblocks", "created", "before the next by"]
        out.table(
            [*headings, "title"],
            [
                [
                    row["place"],
                    row["id"],
                    row["priority"],
                    out.when(row["deadline"]),
                    row["unblocks"] or "",
                    out.when(row["created_at"]),
                    row["before_next_by"],
                    row["title"],
                ]
                for row in rows
            ],
        )
        return
    for row in rows:
        out.data(f"[{row['id']}] {visible(row['title'])} - {_reason(row, out)}")


def _reason(row: dict[str, Any], out: Output) -> str:
    parts = [row["priority"]]
    parts += [f"due {out.when(row['deadline'])}"] if row["deadline"] else []
    parts += [f"unblocks {row['unblocks']}"] if row["unblocks"] else []
    parts += ["its claim has expired"] if row["forgotten"] else []
    text = ", ".join([*parts, f"from {out.when(row['created_at'])}"])
    return f"{text}; before the next by {row['before_next_by']}" if row["before_next_by"] else text


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
