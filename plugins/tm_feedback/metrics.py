"""What reviews say of the work as a whole, and of each assignee's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tm_core.api import Context, MetricCalculator, Row, TaskSet, hookimpl

_SCORES = ("quality", "timeliness")
_FIGURES = (
    "count(*) AS reviews, count(DISTINCT task_id) AS tasks,"
    " avg(CAST(quality AS DOUBLE PRECISION)) AS quality,"
    " avg(CAST(timeliness AS DOUBLE PRECISION)) AS timeliness"
)
_REVIEWS = "feedback_review JOIN task ON task.id = task_id WHERE task.status <> 'deleted'"


class Feedback:
    """Counts, mean scores, how the scores are distributed, and the same by assignee."""

    name = "feedback"

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Figures of the reviews of all tasks that are not deleted.

        `by_assignee` leaves out tasks that nobody is assigned to.
        """
        whole = tasks.query(f"SELECT {_FIGURES} FROM {_REVIEWS}")[0]
        shares = tasks.query(
            f"SELECT assignee, {_FIGURES} FROM {_REVIEWS} AND assignee IS NOT NULL"
            " GROUP BY assignee ORDER BY assignee"
        )
        return {
            **_shape(whole),
            "distribution": {name: _distribution(tasks, name) for name in _SCORES},
            "by_assignee": {row["assignee"]: _shape(row) for row in shares},
        }


def _shape(row: Row) -> dict[str, Any]:
    means = {f"mean_{name}": None if row[name] is None else round(row[name], 2) for name in _SCORES}
    return {"reviews": row["reviews"], "tasks": row["tasks"], **means}


def _distribution(tasks: TaskSet, score: str) -> dict[str, int]:
    """How many reviews gave each score; a score that nobody gave counts 0."""
    rows = tasks.query(
        f"SELECT {score} AS score, count(*) AS n FROM {_REVIEWS} AND {score} IS NOT NULL"
        f" GROUP BY {score}"
    )
    counts = {row["score"]: row["n"] for row in rows}
    return {str(number): counts.get(number, 0) for number in range(1, 6)}


@hookimpl
def metric_calculators(ctx: Context) -> Iterable[MetricCalculator]:
    """What reviews say."""
    return [Feedback()]
