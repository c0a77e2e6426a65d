"""`tm progress`: adds an entry, or lists what there is."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import Context, Param, TaskId, UsageError, ValidationError

from . import entries


def progress(
    ctx: Context,
    task: TaskId,
    message: Annotated[
        str | None, Param("What is new; without it, what was told", max_length=entries.LONGEST)
    ] = None,
    *,
    percent: Annotated[
        int | None, Param("How much of the work is done", minimum=0, maximum=100)
    ] = None,
) -> dict[str, Any] | list[dict[str, Any]]:
    """Add news of the work on a task, with how far it is; without a message, list the news so far.

    The task's status stays as it is, unless `progress.start_on_progress` is set.

    Args:
        task: The task.
        message: What is new. Absent, the entries are given, oldest first; empty is refused.
        percent: How much of the work is done, as far as you can tell.

    Raises:
        UsageError: A percentage without a message.
        ValidationError: The message is empty, or the task is deleted.
    """
    if message is None:
        if percent is not None:
            raise UsageError(
                "a percentage needs a message", f'tm progress {task} "..." --percent {percent}'
            )
        return entries.of(ctx, [ctx.get(task)]).get(task, [])
    if not message.strip():
        raise ValidationError("the message is empty", "say what is new")
    extent: dict[str, Any] = {} if percent is None else {"percent": percent}
    with ctx.event("progress.added", task, message=message, **extent):
        now = ctx.get(task)
        if now.status == "deleted":
            raise ValidationError(
                f"task {task} is deleted", f"tm update {task} --status pending brings it back"
            )
        entry = {"at": ctx.now, "author": ctx.actor, "message": message, "percent": percent}
        entries.put(ctx, task, [entry])
        if now.status == "pending" and ctx.settings["start_on_progress"]:
            ctx.update(task, status="in_progress")
    return {"task_id": task, **entry}
