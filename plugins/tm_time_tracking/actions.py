"""`tm start`, `tm stop` and `tm timers`."""

from __future__ import annotations

from typing import Any

from tm_core.api import Conflict, Context, TaskId, ValidationError

from . import entries


def start(ctx: Context, task: TaskId) -> dict[str, Any]:
    """Start your timer on a task. A pending task is in progress from now on.

    Others may have timers on the same task; yours run on as many tasks as you like.

    Args:
        task: The task.

    Raises:
        Conflict: Your timer runs on it already.
        ValidationError: The task is blocked or finished.
    """
    with ctx.event("timer.started", task):
        now = ctx.get(task)
        if now.status not in ("pending", "in_progress"):
            hint = f"tm update {task} --status in_progress"
            if now.status == "blocked":
                hint = f"tm show {task}"
            elif now.status == "deleted":
                hint = f"tm update {task} --status pending"
            raise ValidationError(f"task {task} is {now.status}: no timer can run on it", hint)
        mine = entries.running(ctx, actor=ctx.actor)
        others = [timer["task_id"] for timer in mine if timer["task_id"] != task]
        if len(others) < len(mine):
            raise Conflict(
                f"the timer of {ctx.actor} runs on task {task} already", f"tm stop {task}"
            )
        timer = entries.start(ctx, task)
        if now.status == "pending":
            ctx.update(task, status="in_progress")
    return timer | {"also_running_on": others}


def stop(ctx: Context, task: TaskId | None = None) -> list[dict[str, Any]]:
    """Stop your timer on a task, or all of yours, and add the hours to the task's actual hours.

    Args:
        task: The task; without it, every task on which your timer runs.

    Raises:
        Conflict: No timer of yours runs there.
    """
    stopped: list[dict[str, Any]] = []
    with ctx.tasks.transaction():
        for timer in entries.running(ctx, task_id=task or "", actor=ctx.actor):
            task_id = timer["task_id"]
            hours = entries.hours_until(timer, ctx.now)
            with ctx.event("timer.stopped", task_id, hours=hours):
                entries.stop(ctx, timer)
                before = ctx.get(task_id)["actual_hours"]
                after = ctx.update(task_id, actual_hours=entries.total([before, hours]))
            stopped.append(
                {
                    "task_id": task_id,
                    "actor": ctx.actor,
                    "started_at": timer["started_at"],
                    "hours": hours,
                    "actual_hours": after["actual_hours"],
                }
            )
        if not stopped:
            where = f" on task {task}" if task else ""
            raise Conflict(f"no timer of {ctx.actor} runs{where}", "tm timers shows those that run")
    return stopped


def timers(ctx: Context) -> list[dict[str, Any]]:
    """Show the timers that run, of everybody, longest first."""
    rows = ctx.query(
        "SELECT time_tracking_entry.task_id, title, actor, started_at FROM time_tracking_entry"
        " JOIN task ON task.id = time_tracking_entry.task_id"
        " WHERE stopped_at IS NULL ORDER BY started_at, time_tracking_entry.id"
    )
    return [row | {"hours": entries.hours_until(row, ctx.now)} for row in rows]
