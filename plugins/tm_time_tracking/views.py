"""How timers look."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output


def started(timer: dict[str, Any], out: Output) -> None:
    """A sentence, and one more about what may have been forgotten."""
    out.say(f"Timer started on task {timer['task_id']}")
    for task_id in timer["also_running_on"]:
        out.say(f"Your timer on task {task_id} runs as well (tm stop {task_id})")


def stopped(stints: list[dict[str, Any]], out: Output) -> None:
    """A sentence for each timer."""
    for stint in stints:
        out.say(
            f"Timer stopped on task {stint['task_id']}: {stint['hours']:.2f} hours,"
            f" {stint['actual_hours']:.2f} in all"
        )


def timers(running: list[dict[str, Any]], out: Output) -> None:
    """A line for each timer."""
    rows = [
        [
            each["task_id"],
            each["actor"],
            out.when(each["started_at"]),
            f"{each['hours']:.2f} h",
            each["title"],
        ]
        for each in running
    ]
    if rows:
        out.table(["task", "by", "started", "hours", "title"], rows)
    else:
        out.say("No timer runs")
