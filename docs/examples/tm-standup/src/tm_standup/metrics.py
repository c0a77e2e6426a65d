"""A metric: how much is under way at once, and how much of it is held up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tm_core.api import Context, MetricCalculator, Row, TaskSet, hookimpl


class Standup:
    """Work in progress, by what `tm metrics --by` names, such as the assignee."""

    name = "standup"

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """`under_way`, `held_up`, and `held_up_share` from 0 to 1, None where nothing goes on."""
        return tasks.measure(
            "count(*) AS going_on, count(CASE WHEN task.status = 'blocked' THEN 1 END) AS held_up",
            _shape,
            where="task.status IN ('in_progress', 'blocked')",
        )


def _shape(row: Row) -> dict[str, Any]:
    share = round(row["held_up"] / row["going_on"], 3) if row["going_on"] else None
    return {
        "under_way": row["going_on"] - row["held_up"],
        "held_up": row["held_up"],
        "held_up_share": share,
    }


@hookimpl
def metric_calculators(ctx: Context) -> Iterable[MetricCalculator]:
    """The measures that `tm metrics` shows."""
    return [Standup()]
