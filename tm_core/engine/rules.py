"""The kernel's own rules for a change: what a task must have, and what a status brings with it."""

from __future__ import annotations

from tm_core.errors import Conflict, InvalidValue, ValidationError
from tm_core.language.text import is_blank
from tm_core.model import Change, Task
from tm_core.storage.store import Store

_ESSENTIAL = ("title", "status", "created_by", "created_at", "updated_at", "version")


def settle(change: Change, store: Store, now: str) -> bool:
    """The kernel's own rules: canonical values, and what a status brings with it.

    Gives whether they changed anything.
    """
    before, after = change.before, change.after
    settled = False
    if before is not None:
        for name in _ESSENTIAL:
            if after[name] is None and before[name] is not None:
                raise InvalidValue(f"{name} cannot be empty", field=name)
    for name, default in store.defaults.items():
        if after[name] is None:
            if before is not None and before[name] is not None:
                # Most often an empty variable of a script, which must not reset anything.
                raise InvalidValue(f"{name} cannot be empty", field=name)
            after[name] = default
            settled = True
    if is_blank(after["title"] or ""):
        raise ValidationError(
            "a task needs a title", "say what is to be done", problems=[{"field": "title"}]
        )
    if after.status == "completed":
        if before is None or before.status != "completed":
            settled = settled or after["completed_at"] is None
            after["completed_at"] = after["completed_at"] or now
    elif change.action != "import" and after["completed_at"] is not None:
        settled = True
        after["completed_at"] = None
    if before is None or change.action == "import":
        return settled
    if before.status == "deleted" and (
        after.status not in ("pending", "blocked", "deleted")
        or (after.status == "deleted" and change.changed)
    ):
        raise ValidationError(
            f"task {before.id} is deleted", f"tm update {before.id} --status pending"
        )
    if {before.status, after.status} == {"completed", "cancelled"}:
        raise ValidationError(
            f"task {before.id} is {before.status}, it cannot become {after.status}",
            f"reopen it first: tm update {before.id} --status pending",
        )
    return settled


def check_version(task: Task, wanted: int | None) -> None:
    """Raise Conflict where a task was changed since somebody saw it."""
    if wanted is not None and task.version != wanted:
        raise Conflict(
            f"task {task.id} has version {task.version}, not {wanted}", "look at it and try again"
        )
