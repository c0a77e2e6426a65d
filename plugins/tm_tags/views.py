"""How tags look."""

from __future__ import annotations

from tm_core.api import Output, Row, Task, visible


def tags(rows: list[Row], out: Output) -> None:
    """A line for each tag."""
    if rows:
        out.table(["tag", "open", "all"], [[row["tag"], row["open"], row["all"]] for row in rows])
    else:
        out.say("No task has a tag: tm tag ID NAME")


def tagged(task: Task, out: Output) -> None:
    """The tags as they are now."""
    tags = " ".join(map(visible, task["tags"] or ()))
    out.say(f"Task {task.id} has the tags {tags}" if tags else f"Task {task.id} has no tags")
