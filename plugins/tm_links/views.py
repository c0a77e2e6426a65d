"""How links look."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, visible

from .actions import Links


def linked(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    for name in result.get("linked", ()):
        out.say(f"Task {result['task_id']} is linked to {visible(name)}")
    for name in result.get("unlinked", ()):
        out.say(f"Task {result['task_id']} is no longer linked to {visible(name)}")


def links(result: Links, out: Output) -> None:
    """A line for each link."""
    rows = [
        [
            each["task_id"],
            "waits for" if each["waits"] else "see",
            each["target"],
            each["status"] if each["state"] == "resolved" else each["state"],
            each["title"] or each["why"] or "",
        ]
        for each in result.links
    ]
    if rows:
        out.table(["task", "", "target", "state", "what"], rows)
    else:
        out.say("There are no links to other stores")
    for task_id in result.released:
        out.say(f"Task {task_id} is pending again")
