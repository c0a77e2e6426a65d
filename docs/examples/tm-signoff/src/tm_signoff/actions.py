"""Signing, and taking a signature back."""

from __future__ import annotations

from tm_core.api import Conflict, Context, NotFound, Task, TaskId, ValidationError

from .signatures import Signature, keep, of_id, remove


def sign(ctx: Context, task: TaskId) -> Task:
    """Sign a task, as the one who acts (`--actor`): you have read it as it is, and agree.

    Signatures go when the title or the description is changed afterwards.
    """
    found = ctx.get(task)
    if found.assignee == ctx.actor and not ctx.settings["own_work"]:
        raise ValidationError(
            f"{ctx.actor} is the assignee, somebody else must sign",
            "tm config set signoff.own_work true allows it",
        )
    with ctx.event("signoff.signed", task, person=ctx.actor):
        if any(each.person == ctx.actor for each in of_id(ctx, task)):
            raise Conflict(f"{ctx.actor} has signed task {task} already")
        keep(ctx, task, Signature(ctx.actor, ctx.now))
    signed: Task = ctx.tasks.get(task)
    return signed


def unsign(ctx: Context, task: TaskId) -> Task:
    """Take the signature of the one who acts (`--actor`) back."""
    with ctx.event("signoff.unsigned", task, person=ctx.actor):
        if not any(each.person == ctx.actor for each in of_id(ctx, task)):
            raise NotFound(f"{ctx.actor} has not signed task {task}")
        remove(ctx, task, ctx.actor)
    signed: Task = ctx.tasks.get(task)
    return signed
