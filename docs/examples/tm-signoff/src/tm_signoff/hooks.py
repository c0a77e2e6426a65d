"""The gate before completion, and the signatures of a task that changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tm_core.api import Change, Context, Problem, Task, hookimpl

from .signatures import PART, as_details, keep, missing, of_id, of_tasks, read, remove


@hookimpl
def task_validate(ctx: Context, change: Change) -> Iterator[Problem]:
    """A task is done when as many people have signed it as it asks for."""
    if not change.completes or not change.after["signers"]:
        return
    lack = missing(change.after["signers"], of_id(ctx, change.after.id))
    if lack:
        yield Problem(
            lack,
            field="signers",
            overridable=True,
            hint=f"tm --actor WHO sign {change.after.id}; --force overrides",
        )


@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """Signatures are for what was read: they go when the task says something else."""
    if PART in change.details:
        for signature in read(change.details[PART]):
            keep(ctx, change.after.id, signature)
    elif change.before is not None and change.changed & {"title", "description"}:
        for signature in of_id(ctx, change.after.id):
            remove(ctx, change.after.id, signature.person)


@hookimpl
def task_details(ctx: Context, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
    """Who has signed, for `show`, `list --json` and `export`."""
    return {PART: {**as_details(of_tasks(ctx, tasks))}}
