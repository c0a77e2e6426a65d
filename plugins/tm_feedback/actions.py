"""`tm feedback`: gives a review, or amends one."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import (
    Conflict,
    Context,
    NotFound,
    Param,
    Task,
    TaskId,
    UsageError,
    ValidationError,
)


def feedback(
    ctx: Context,
    task: TaskId,
    *,
    quality: Annotated[int | None, Param("How good it is", minimum=1, maximum=5)] = None,
    timeliness: Annotated[
        int | None, Param("How well it kept to its time", minimum=1, maximum=5)
    ] = None,
    note: Annotated[str | None, Param("Why, in a few words", max_length=500)] = None,
    amend: Annotated[bool, Param("Change the review that you gave before")] = False,
) -> dict[str, Any]:
    """Review a completed task: its quality, its timeliness, or both, from 1 to 5.

    Everybody has one review of a task. `--amend` changes yours: only what is given; an empty note
    clears it. `tm show` tells the reviews of a task, `tm metrics feedback` sums all up.

    Args:
        task: The task.
        quality: How good it is, 5 for the best.
        timeliness: How well it kept to its time, 5 for the best.
        note: Why, in at most 500 characters.
        amend: Change the review that you gave before.

    Raises:
        UsageError: No score is given.
        ValidationError: The task is not completed, or it is your own work and a setting forbids
            to review that.
        Conflict: You have reviewed the task before.
        NotFound: There is no review of yours to amend.
    """
    scores = {"quality": quality, "timeliness": timeliness}
    given: dict[str, Any] = {name: score for name, score in scores.items() if score is not None}
    if not given and not (amend and note is not None):
        raise UsageError(
            "feedback needs a score from 1 to 5", f"tm feedback {task} --quality 4 --timeliness 5"
        )
    if note is not None:
        given["note"] = note if note.strip() else None
    key = {"task_id": task, "reviewer": ctx.actor}
    with ctx.event("feedback.amended" if amend else "feedback.given", task, **given):
        _check_reviewable(ctx, ctx.get(task))
        known = _review(ctx, key)
        if amend and known is None:
            raise NotFound(f"task {task} has no feedback by {ctx.actor}", "leave out --amend")
        if known is not None and not amend:
            raise Conflict(f"task {task} already has feedback by {ctx.actor}", "--amend changes it")
        ctx.put("feedback_review", key, given | {"amended_at" if amend else "at": ctx.now})
        return _review(ctx, key) or {}


def _review(ctx: Context, key: dict[str, str]) -> dict[str, Any] | None:
    rows = ctx.query(
        "SELECT task_id, reviewer, quality, timeliness, note, at, amended_at FROM feedback_review"
        " WHERE task_id = ? AND reviewer = ?",
        list(key.values()),
    )
    return rows[0] if rows else None


def _check_reviewable(ctx: Context, task: Task) -> None:
    if task.status != "completed":
        raise ValidationError(
            f"task {task.id} is {task.status}; feedback is for completed tasks",
            f"tm complete {task.id}" if task.status != "deleted" else f"tm log {task.id}",
        )
    if not ctx.settings["allow_own_work"] and ctx.actor in (task.assignee, _completer(ctx, task)):
        raise ValidationError(
            f"task {task.id} is the own work of {ctx.actor}, which is not to review it",
            "ask somebody else (feedback.allow_own_work is off)",
        )


def _completer(ctx: Context, task: Task) -> str | None:
    """Who completed the task the last time, by the log."""
    rows = ctx.query(
        "SELECT actor FROM event WHERE task_id = ? AND type = 'task.completed'"
        " ORDER BY seq DESC LIMIT 1",
        [task.id],
    )
    return rows[0]["actor"] if rows else None
