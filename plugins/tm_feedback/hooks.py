"""Reviews in `tm show`, in exports, and back from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tm_core.api import Change, Context, Field, InvalidValue, Task, check_records, hookimpl

FIELDS = (
    Field("reviewer", "str", max_length=200),
    Field("quality", "int", minimum=1, maximum=5),
    Field("timeliness", "int", minimum=1, maximum=5),
    Field("note", "str", max_length=500),
    Field("at", "datetime"),
    Field("amended_at", "datetime"),
)
"""What a review tells, in the words of a task's fields: so an imported one is checked."""


@hookimpl
def task_details(ctx: Context, tasks: Sequence[Task]) -> Mapping[str, Mapping[str, Any]]:
    """Each task's reviews, oldest first."""
    names = ", ".join(field.name for field in FIELDS)
    sql = f"SELECT task_id, {names} FROM feedback_review"
    found: dict[str, list[dict[str, Any]]] = {}
    for row in ctx.query_for(tasks, sql, "at, reviewer"):
        found.setdefault(row.pop("task_id"), []).append(row)
    return {"feedback": found}


@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """Keep the reviews that an import tells, with their times and reviewers."""
    if "feedback" not in change.details:
        return
    reviewers: set[str] = set()
    for review in check_records("feedback", change.details["feedback"], FIELDS, ("reviewer", "at")):
        reviewer = review.pop("reviewer")
        if reviewer in reviewers:
            raise InvalidValue(f"feedback holds two reviews by '{reviewer}'", field="feedback")
        reviewers.add(reviewer)
        ctx.put("feedback_review", {"task_id": change.after.id, "reviewer": reviewer}, review)
