"""The rules of the hierarchy: no cycles, no finished wholes with open parts, no orphans."""

from __future__ import annotations

from collections.abc import Iterable

from tm_core.api import OPEN, Change, Context, Problem, hookimpl

_SHOWN = 5


@hookimpl
def task_draft(ctx: Context, draft: Change) -> None:
    """A task that comes back while its parent is gone comes back without it."""
    before = draft.before
    if before is None or before.status != "deleted" or draft.after.status == "deleted":
        return
    parent = draft.after["parent"]
    if parent == before["parent"] and parent is not None and not _is_there(ctx, parent):
        draft.after["parent"] = None


@hookimpl
def task_validate(ctx: Context, change: Change) -> Iterable[Problem]:
    """Check a new parent, and what becomes of the parts when the whole is done or deleted."""
    if "parent" in change.changed and change.after["parent"] is not None:
        yield from _check_parent(ctx, change)
    # An import tells what is so; and its parts may come in any order.
    if change.before is None or "status" not in change.changed:
        return
    if change.completes and not ctx.settings["complete_with_open_children"]:
        parts = _children(ctx, change.after.id, OPEN)
        if parts:
            yield Problem(
                f"task {change.after.id} has {_counted(parts, 'open ')}: {_some(parts)}",
                field="parent",
                overridable=True,
                hint=f"complete them first (tm children {change.after.id}), or --force",
            )
    if change.after.status == "deleted":
        parts = _children(ctx, change.after.id)
        if parts:
            yield Problem(
                f"task {change.after.id} has {_counted(parts)}: {_some(parts)}",
                field="parent",
                overridable=True,
                hint="delete or move them first; --force lets them stand on their own",
            )


@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """Let the parts of a deleted task stand on their own, each with an event that says so."""
    if change.before is not None and change.after.status == "deleted":
        for child in _children(ctx, change.after.id):
            ctx.update(child, parent=None)


def _check_parent(ctx: Context, change: Change) -> Iterable[Problem]:
    task, parent = change.after.id, str(change.after["parent"])
    if parent == task:
        yield Problem(f"task {task} cannot be its own parent", field="parent")
        return
    if change.action != "import" and not _is_there(ctx, parent):
        yield Problem(
            f"task {parent} is deleted, it cannot be a parent",
            field="parent",
            hint=f"tm update {parent} --status pending brings it back",
        )
    # What has no parts is nobody's ancestor: the usual case, and the one of a growing import.
    if not ctx.query("SELECT 1 AS n FROM task WHERE parent = ? LIMIT 1", [task]):
        return
    # The parent's ancestors as they are, from it upwards. UNION ends where they go round already.
    rows = ctx.query(
        "WITH RECURSIVE up(id, parent) AS ("
        "SELECT id, parent FROM task WHERE id = ?"
        " UNION SELECT task.id, task.parent FROM task JOIN up ON task.id = up.parent"
        " WHERE up.id <> ?"
        ") SELECT id, parent FROM up",
        [parent, task],
    )
    above = {row["id"]: row["parent"] for row in rows}
    if task not in above and task not in above.values():
        return
    chain = [task]
    while parent != task:
        chain.append(parent)
        parent = above[parent]
    yield Problem(
        f"task {task} would be a part of itself: {_arrows([*chain, task])}",
        field="parent",
        hint="an arrow points from a part to its parent",
    )


def _is_there(ctx: Context, task: str) -> bool:
    return bool(ctx.query("SELECT 1 AS n FROM task WHERE id = ? AND status <> 'deleted'", [task]))


def _children(ctx: Context, task: str, states: tuple[str, ...] = ()) -> list[str]:
    """Ids of the parts that are not deleted, the oldest first."""
    condition = f" AND status IN ({', '.join('?' * len(states))})" if states else ""
    rows = ctx.query(
        f"SELECT id FROM task WHERE parent = ? AND status <> 'deleted'{condition}"
        " ORDER BY created_at, id",
        [task, *states],
    )
    return [row["id"] for row in rows]


def _counted(ids: list[str], adjective: str = "") -> str:
    return f"{len(ids)} {adjective}{'child' if len(ids) == 1 else 'children'}"


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:_SHOWN]) + (", ..." if len(ids) > _SHOWN else "")


def _arrows(chain: list[str]) -> str:
    if len(chain) > 2 * _SHOWN:
        between = f"({len(chain) - 2 * _SHOWN} more)"
        chain = [*chain[:_SHOWN], between, *chain[-_SHOWN:]]
    return " -> ".join(chain)
