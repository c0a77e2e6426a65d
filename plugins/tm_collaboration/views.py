"""How collaboration looks."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, Task, visible

_SENTENCES = {
    "update": "Shared update for task {}",
    "note": "Added private note for task {}",
    "discovery": "Discovery shared for task {}",
    "sync": "Created sync point for task {}",
}


def joined(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    out.say(f"Joined task: {result['task_id']}")


def contributed(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    out.say(_SENTENCES[result["kind"]].format(result["task_id"]))


def assigned(task: Task, out: Output) -> None:
    """A sentence."""
    out.say(f"Task {task.id} assigned to {visible(task.assignee or '')}")


def context(result: dict[str, Any], out: Output) -> None:
    """The task, those who take part, what they told each other, and one's own notes."""
    heading = f"[{result['task_id']}] {visible(result['title'])} - {result['status']}"
    out.data(out.style(heading, "bold"))
    if result["participants"]:
        names = ", ".join(visible(each["actor"]) for each in result["participants"])
        out.data(f"participants: {names}")
    if result["contributions"]:
        out.data("contributions:")
        rows = [
            [out.when(each["at"]), each["actor"], each["kind"], each["message"]]
            for each in result["contributions"]
        ]
        out.table(["at", "by", "kind", "message"], rows)
    if result["notes"]:
        out.data("your notes:")
        rows = [[out.when(each["at"]), each["message"]] for each in result["notes"]]
        out.table(["at", "note"], rows)
    if not result["contributions"] and not result["notes"]:
        out.say("Nothing has been told yet")
