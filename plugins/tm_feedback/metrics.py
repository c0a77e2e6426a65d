"""What reviews say of the work as a whole, and of each group's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tm_core.api import Context, Insight, MetricCalculator, Row, TaskSet, hookimpl

_SCORES = ("quality", "timeliness")
_NUMBERS = range(1, 6)
_LOW, _HIGH = 2.5, 4.5


class Feedback:
    """Counts, mean scores, and how the scores are distributed."""

    name = "feedback"
    heeds = ("feedback.*", "task.deleted", "task.restored", "task.blocked")

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Figures of the reviews of all tasks that are not deleted, by when they were given."""
        counts = [
            f"count(CASE WHEN {score} = {number} THEN 1 END) AS {score}_{number}"
            for score in _SCORES
            for number in _NUMBERS
        ]
        figures = ["count(*) AS reviews", "count(DISTINCT task_id) AS tasks", *counts]
        return tasks.measure(
            ", ".join(figures),
            _shape,
            tables="feedback_review",
            # Few tasks are deleted: looking those up is cheaper than looking up every other.
            where="task_id NOT IN (SELECT id FROM task WHERE status = 'deleted')",
            join="JOIN task ON task.id = task_id",
            at="at",
        )

    def findings(self, figures: Mapping[str, Any]) -> Iterable[Insight]:
        """Scores that are low, and quality that is high."""
        for score in _SCORES:
            mean = figures[f"mean_{score}"]
            rated = {f"mean_{score}": mean, "reviews": figures["reviews"]}
            if mean is not None and mean <= _LOW:
                yield Insight(f"{score} is rated {mean:.1f} of 5", figures["tasks"], rated)
            elif mean is not None and mean >= _HIGH:
                yield Insight(f"{score} is rated high, {mean:.1f} of 5", figures["tasks"], rated)


def _shape(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {"reviews": row["reviews"], "tasks": row["tasks"]}
    distribution = {
        score: {str(number): row[f"{score}_{number}"] for number in _NUMBERS} for score in _SCORES
    }
    for score, counts in distribution.items():
        given = sum(counts.values())
        total = sum(int(number) * count for number, count in counts.items())
        found[f"mean_{score}"] = round(total / given, 2) if given else None
    return {**found, "distribution": distribution}


@hookimpl
def metric_calculators(ctx: Context) -> Iterable[MetricCalculator]:
    """What reviews say."""
    return [Feedback()]
