"""What timers do when a task is finished, and stints in `tm show` and in exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tm_core.api import OPEN, Change, Context, Task, hookimpl

from . import entries


@hookimpl
def task_draft(ctx: Context, draft: Change) -> None:
    """A finished task takes the hours of the timers that still run on it.

    Hours that were given count instead; the event then tells both.
    """
    task = draft.after
    if "actual_hours" in draft.given:
        measured = entries.measured(ctx, task.id)
        if measured is not None:
            draft.data["time-tracking"] = {
                "given_hours": task["actual_hours"],
                "measured_hours": measured,
            }
        return
    timers = entries.running(ctx, task_id=task.id)
    if timers:
        stints = [entries.hours_until(timer, ctx.now) for timer in timers]
        task["actual_hours"] = entries.total([task["actual_hours"], *stints])


@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """Stop the timers of a finished task; keep the stints that an import tells."""
    if "time_entries" in change.details:
        entries.restore(ctx, change.after.id, change.details["time_entries"])
    elif change.after.status not in OPEN:
        for timer in entries.running(ctx, task_id=change.after.id):
            entries.stop(ctx, timer)


@hookimpl
def task_details(ctx: Context, tasks: Sequence[Task]) -> Mapping[str, Mapping[str, Any]]:
    """Each task's stints, oldest first."""
    return {"time_entries": entries.of(ctx, tasks)}
