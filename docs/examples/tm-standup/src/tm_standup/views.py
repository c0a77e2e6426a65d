"""What a stand-up looks like to a person."""

from __future__ import annotations

from collections.abc import Sequence

from tm_core.api import Output, visible

from .actions import Report


def told(reports: Sequence[Report], out: Output) -> None:
    """A heading for each person, and a line for each task; `--json` gives the reports."""
    if not reports:
        out.say("Nobody has anything to tell")
    for report in reports:
        out.data(out.style(visible(report.person), "bold"))
        parts = (("done", report.done), ("doing", report.under_way), ("held up", report.held_up))
        for word, tasks in parts:
            for task in tasks:
                out.data(visible(f"  {word}: {task.title} [{task.id}]"))
