"""How good the estimates are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tm_core.api import Context, MetricCalculator, Row, TaskSet, hookimpl

_FIGURES = (
    "count(*) AS tasks, sum(estimated_hours) AS estimated, sum(actual_hours) AS actual,"
    " avg(CASE WHEN estimated_hours > 0 THEN actual_hours / estimated_hours END) AS ratio,"
    " avg(actual_hours - estimated_hours) AS bias"
)
_MEASURED = (
    "task WHERE status = 'completed' AND estimated_hours IS NOT NULL AND actual_hours IS NOT NULL"
)


class Time:
    """Estimated and actual hours of completed tasks that have both."""

    name = "time"

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Sums, and two ways to see how far the estimates are off.

        `mean_ratio` is actual by estimated hours, task by task (tasks estimated at 0 hours left
        out); `bias` is the mean of actual minus estimated hours: above 0, work takes longer than
        was thought. `by_assignee` leaves out tasks that nobody is assigned to.
        """
        whole = tasks.query(f"SELECT {_FIGURES} FROM {_MEASURED}")[0]
        shares = tasks.query(
            f"SELECT assignee, {_FIGURES} FROM {_MEASURED} AND assignee IS NOT NULL"
            " GROUP BY assignee ORDER BY assignee"
        )
        return {**_shape(whole), "by_assignee": {row["assignee"]: _shape(row) for row in shares}}


def _shape(row: Row) -> dict[str, Any]:
    def rounded(name: str) -> float | None:
        return None if row[name] is None else round(row[name], 3)

    return {
        "tasks": row["tasks"],
        "total_estimated_hours": rounded("estimated") or 0.0,
        "total_actual_hours": rounded("actual") or 0.0,
        "mean_ratio": rounded("ratio"),
        "bias": rounded("bias"),
    }


@hookimpl
def metric_calculators(ctx: Context) -> Iterable[MetricCalculator]:
    """How good the estimates are."""
    return [Time()]
