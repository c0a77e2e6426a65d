"""How good the estimates are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tm_core.api import Context, Insight, MetricCalculator, Row, Spread, TaskSet, hookimpl

_FIGURES = "count(*) AS tasks, sum(estimated_hours) AS estimated, sum(actual_hours) AS actual, {}"
_RATIO = "CASE WHEN estimated_hours > 0 THEN actual_hours / estimated_hours END"
_MEASURED = "status = 'completed' AND estimated_hours IS NOT NULL AND actual_hours IS NOT NULL"
_OFF = 1.25
"""Estimates that are off by less than a quarter are good."""
_SURPRISE = 2.0


class Time:
    """Estimated and actual hours of completed tasks that have both."""

    name = "time"
    heeds = (
        *("task.completed", "task.reopened", "task.blocked", "task.updated", "task.cancelled"),
        *("task.deleted", "task.restored", "timer.*"),
    )

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Sums, and how far the estimates are off; the period is that of the completion.

        A ratio is actual by estimated hours, task by task (tasks estimated at 0 hours left out):
        their mean, and what half (`p50_ratio`) and four of five tasks (`p80_ratio`) stay within.
        `bias` is the mean of actual minus estimated hours: above 0, work takes longer than was
        thought.
        """
        spread = tasks.dialect.spread(_RATIO)
        figures = _FIGURES.format(f"{spread} AS ratio")
        return tasks.measure(figures, _shape, where=_MEASURED, at="completed_at")

    def findings(self, figures: Mapping[str, Any]) -> Iterable[Insight]:
        """Whether estimates are too low or too high, and whether they can be relied on."""
        tasks, half, most = figures["tasks"], figures["p50_ratio"], figures["p80_ratio"]
        if half is None:
            return
        if half >= _OFF:
            low = f"estimates are {half:.1f} times too low"
            yield Insight(low, tasks, {"p50_ratio": half, "bias": figures["bias"]})
        elif 0 < half <= 1 / _OFF:
            high = f"estimates are {1 / half:.1f} times too high"
            yield Insight(high, tasks, {"p50_ratio": half, "bias": figures["bias"]})
        if most >= _SURPRISE * max(half, 1):
            late = f"one task in five takes {most:.1f} times its estimate or longer"
            yield Insight(late, tasks, {"p80_ratio": most, "p50_ratio": half})


def _shape(row: Row) -> dict[str, Any]:
    tasks, estimated, actual = row["tasks"], row["estimated"] or 0.0, row["actual"] or 0.0
    ratio = {f"{name}_ratio": value for name, value in Spread.of(row["ratio"]).told(50, 80).items()}
    return {
        "tasks": tasks,
        "total_estimated_hours": round(estimated, 3),
        "total_actual_hours": round(actual, 3),
        **ratio,
        "bias": round((actual - estimated) / tasks, 3) if tasks else None,
    }


@hookimpl
def metric_calculators(ctx: Context) -> Iterable[MetricCalculator]:
    """How good the estimates are."""
    return [Time()]
