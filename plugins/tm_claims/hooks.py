"""Keeps others, and holders of old, from writing to what somebody holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tm_core.api import Change, Context, Problem, hookimpl

from . import leases

_ENDS = ("pending", "completed", "cancelled", "deleted")
"""Statuses in which nobody works on a task any more."""


@hookimpl
def task_validate(ctx: Context, change: Change) -> Iterator[Problem]:
    """Refuse whom the task's claim shuts out.

    What follows from another change by itself, such as being blocked because a dependency was
    reopened, is no act of anybody on this task, and passes.
    """
    given: int | None = change.options.get("claim_token")
    if change.before is None or change.caused:
        return
    task_id = change.after.id
    lease = leases.of(ctx, task_id)
    if lease is None and given is None:
        return
    token = leases.carried(ctx, task_id, given) if lease is not None else given
    leases.check_token(ctx, task_id, lease, token)
    turns = change.before.status != change.after.status
    if lease is None or not turns or not leases.foreign(ctx, lease, token):
        return
    policy = ctx.settings["others"]
    refusal = leases.taken(lease)
    if policy == "refuse" and not ctx.forced:
        raise refusal
    if policy == "warn":
        ctx.warn(refusal.message)
    elif policy == "refuse":
        yield Problem(refusal.message, field="status", overridable=True)


@hookimpl
def event_validate(ctx: Context, event_type: str, task_id: str) -> None:
    """Refuse notes, hours and the like from a holder of old."""
    if event_type == "task.claimed" or event_type.startswith("claim."):
        return
    lease = leases.of(ctx, task_id)
    if lease is not None:
        leases.check_token(ctx, task_id, lease, leases.carried(ctx, task_id))


@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """End the claim of a task on which nobody works any more."""
    before, after = change.before, change.after
    if before is None or before.status == after.status or after.status not in _ENDS:
        return
    if change.caused and after.status == "pending":
        return  # what it waited for is finished again: its holder goes on
    lease = leases.of(ctx, after.id)
    if lease is not None and lease.held:
        with ctx.event("claim.released", after.id, **lease.as_dict(), reason=after.status):
            leases.end(ctx, lease)


@hookimpl
def task_undone(ctx: Context, changes: Sequence[Change]) -> None:
    """Let no token come back: a claim that was lost stays lost when the next one is undone."""
    for change in changes:
        for table, key, now, then in change.rows:
            if table == leases.TABLE and change.after.status != "deleted":
                _settle(ctx, str(key["task_id"]), now, then)


def _settle(
    ctx: Context, task_id: str, now: dict[str, Any] | None, then: dict[str, Any] | None
) -> None:
    known = [int(row["token"]) for row in (now, then) if row is not None]
    lease = leases.of(ctx, task_id)
    newest = max(known, default=0)
    if lease is not None and lease.token >= newest:
        return
    if lease is not None and lease.held:  # that of whom the undone claim had followed
        leases.give_back(ctx, lease, "undone", newest)
        return
    nobody = leases.Lease(task_id, newest, None, None, None, None, None, None)
    with ctx.event("claim.released", task_id, token=newest, reason="undone"):
        leases.end(ctx, nobody)
