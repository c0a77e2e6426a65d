"""How well deadlines are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tm_core.api import OPEN, Context, MetricCalculator, TaskSet, hookimpl


class Deadlines:
    """How many deadlines were met and missed, and how late tasks were."""

    name = "deadlines"
    heeds = ("task.*",)

    def __init__(self, now: str) -> None:
        self._now = now

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Of completed tasks: met, missed and how late; of open ones: what is overdue now."""
        late = tasks.dialect.hours_between("deadline", "completed_at")
        done = tasks.query(
            "SELECT count(*) AS finished,"
            " COALESCE(SUM(CASE WHEN completed_at > deadline THEN 1 ELSE 0 END), 0) AS missed,"
            f" AVG(CASE WHEN completed_at > deadline THEN {late} END) AS lateness"
            " FROM task WHERE deadline IS NOT NULL AND completed_at IS NOT NULL"
            " AND status = 'completed'"
        )[0]
        waiting = tasks.query(
            "SELECT count(*) AS n FROM task WHERE deadline < ?"
            f" AND status IN ({', '.join('?' * len(OPEN))})",
            [self._now, *OPEN],
        )[0]
        finished, missed = int(done["finished"]), int(done["missed"])
        figures: dict[str, Any] = {"met": finished - missed, "missed": missed}
        if finished:
            figures["met_share"] = round((finished - missed) / finished, 3)
        if missed:
            figures["mean_lateness_hours"] = round(done["lateness"], 2)
        return {**figures, "overdue": int(waiting["n"])}


@hookimpl
def metric_calculators(ctx: Context) -> Iterable[MetricCalculator]:
    """Deadlines as of now."""
    return [Deadlines(ctx.now)]
