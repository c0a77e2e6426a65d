"""What a change is called, what it touches, and what the log keeps of it."""

from __future__ import annotations

from typing import Any

from tm_core.model import OPEN, Change


def occasions_of(change: Change) -> set[str]:
    """What `Hook.when` may name of a change: what it touches, and what happens by it."""
    occasions = change.touched
    occasions.add(type_of(change))
    if change.before is not None:
        occasions.update(f"{name}.changed" for name in change.changed)
    return occasions


def type_of(change: Change) -> str:
    """The name of what happened to the task."""
    before, after = change.before, change.after
    if before is None:
        return "task.imported" if change.action == "import" else "task.created"
    if before.status != after.status:
        if after.status in ("completed", "cancelled", "deleted", "blocked"):
            return f"task.{after.status}"
        if before.status == "deleted":
            return "task.restored"
        if before.status not in OPEN:
            return "task.reopened"
        if after.status == "in_progress":
            return "task.started"
        if before.status == "blocked":
            return "task.unblocked"
    return "task.updated"


def event_data(change: Change) -> dict[str, Any]:
    """What the log keeps of a change: enough to show it, to undo it and to replay it."""
    before, after = change.before, change.after
    data: dict[str, Any]
    if before is None:
        data = {"before": None, "after": {n: v for n, v in after.items() if v is not None}}
    else:
        changed = change.changed
        names = [name for name in after if name in changed]
        data = {
            "before": {name: before.get(name) for name in names},
            "after": {name: after[name] for name in names},
        }
        if names:
            data["before"]["version"] = before.version
    if change.rows:
        data["rows"] = change.rows
    if change.forced:
        data["forced"] = change.forced
    if change.data:
        data["plugins"] = change.data
    return data
