"""How collaboration looks."""

from __future__ import annotations

from collections.abc import Sequence
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


def _told(entries: Sequence[dict[str, Any]], names: Sequence[str], out: Output) -> None:
    """Rows for a program; for a person each message whole, under who said it and when."""
    rows = [[out.when(each["at"]), *(each[name] for name in names[1:])] for each in entries]
    if not out.terminal:
        out.table(names, rows)
        return
    for *heading, message in rows:
        out.data("  " + out.style("  ".join(map(visible, heading)), "dim"))
        for line in visible(message, multiline=True).split("\n"):
            out.data(f"    {line}")


def context(result: dict[str, Any], out: Output) -> None:
    """The task, those who take part, what they told each other, and one's own notes."""
    if "text" in result:
        out.data(result["text"])
        return
    heading = f"[{result['task_id']}] {visible(result['title'])} - {result['status']}"
    out.data(out.style(heading, "bold"))
    if result["participants"]:
        names = ", ".join(visible(each["actor"]) for each in result["participants"])
        out.data(f"participants: {names}")
    if result["contributions"]:
        out.data("contributions:")
        _told(result["contributions"], ("at", "actor", "kind", "message"), out)
    if result["notes"]:
        out.data("your notes:")
        _told(result["notes"], ("at", "message"), out)
    if not result["contributions"] and not result["notes"]:
        out.say("Nothing has been told yet")
