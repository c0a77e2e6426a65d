"""What can be measured of tasks alone: how many, and how they flow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tm_core.api import Context, MetricCalculator, TaskSet, hookimpl


class Tasks:
    """How many tasks there are, by status."""

    name = "tasks"

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Counts; deleted tasks do not count."""
        rows = tasks.query(
            "SELECT status, count(*) AS n FROM task WHERE status <> 'deleted' GROUP BY status"
        )
        counts = {row["status"]: row["n"] for row in rows}
        return {"total": sum(counts.values()), **dict(sorted(counts.items()))}


class Flow:
    """How long tasks take from creation to completion (lead time)."""

    name = "flow"

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Lead time in hours: mean, shortest and longest; none without completed tasks."""
        hours = tasks.dialect.hours_between("created_at", "completed_at")
        row = tasks.query(
            f"SELECT count(*) AS n, avg({hours}) AS mean, min({hours}) AS least,"
            f" max({hours}) AS most FROM task WHERE status = 'completed'"
        )[0]
        if not row["n"]:
            return {"completed": 0}
        return {
            "completed": row["n"],
            "mean_lead_time_hours": round(row["mean"], 3),
            "shortest_lead_time_hours": round(row["least"], 3),
            "longest_lead_time_hours": round(row["most"], 3),
        }


@hookimpl
def metric_calculators(ctx: Context) -> Iterable[MetricCalculator]:
    """The kernel's tasks, measured."""
    return [Tasks(), Flow()]
