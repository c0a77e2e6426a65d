"""What each has done, and is at."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from tm_core.api import Context, Param, Task, parse_instant


class Report(NamedTuple):
    """One person's part of a stand-up."""

    person: str
    done: list[Task]
    """Completed since the last one, first the earliest."""
    under_way: list[Task]
    held_up: list[Task]


def standup(
    ctx: Context,
    *,
    since: Annotated[str, Param("What was completed from then on", type="datetime")] = "",
) -> list[Report]:
    """Tell for each of the team what was completed since yesterday, and what is being done."""
    since = since or parse_instant("yesterday")
    done = ctx.find(f"completed_at >= '{since}'", status="completed", sort="completed_at")
    going_on = ctx.find(status=("in_progress", "blocked"), sort="-priority")
    people = ctx.settings["team"] or sorted(
        {task.assignee for task in [*done, *going_on] if task.assignee}
    )
    return [
        Report(
            person,
            [task for task in done if task.assignee == person],
            [t for t in going_on if t.assignee == person and t.status == "in_progress"],
            [t for t in going_on if t.assignee == person and t.status == "blocked"],
        )
        for person in people
    ]
