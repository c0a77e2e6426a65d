"""What signing looks like to a person."""

from __future__ import annotations

from tm_core.api import Output, Task, visible

from .signatures import PART


def signed(task: Task, out: Output) -> None:
    """One sentence; `--json` gives the task."""
    people = ", ".join(each["person"] for each in task.details.get(PART, ()))
    out.say(visible(f"Task {task.id} is signed by {people or 'nobody'}"))
