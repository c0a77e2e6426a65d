"""`tm tags`, `tm tag` and `tm untag`."""

from __future__ import annotations

from typing import Annotated

from tm_core.api import OPEN, Context, Param, Row, Task, TaskId, UsageError


def tags(ctx: Context) -> list[Row]:
    """List the tags in use, with how many open tasks and how many in all have them."""
    items = ctx.dialect.list_items("task.tags")
    return ctx.query(
        "SELECT item.value AS tag,"
        f" SUM(CASE WHEN task.status IN ({', '.join('?' * len(OPEN))}) THEN 1 ELSE 0 END)"
        ' AS "open", COUNT(*) AS "all"'
        f" FROM task, {items} AS item"
        " WHERE task.tags IS NOT NULL AND task.status <> 'deleted'"
        " GROUP BY item.value ORDER BY item.value",
        OPEN,
    )


def tag(
    ctx: Context, task: TaskId, *names: Annotated[str, Param("Tags to add", max_length=100)]
) -> Task:
    """Add tags to a task. A tag that it has already stays."""
    tagged: Task = ctx.tasks.update(task, add_tags=_some(names, "tag"))
    return tagged


def untag(
    ctx: Context,
    task: TaskId,
    *names: Annotated[str, Param("Tags to take away", max_length=100)],
    all_tags: Annotated[bool, Param("All that it has", options=("--all",))] = False,
) -> Task:
    """Take tags off a task."""
    if all_tags:
        untagged: Task = ctx.tasks.update(task, tags=None)
    else:
        untagged = ctx.tasks.update(task, remove_tags=_some(names, "untag"))
    return untagged


def _some(names: tuple[str, ...], verb: str) -> list[str]:
    if not names:
        raise UsageError("no tag is given", f"tm {verb} --help")
    return list(names)
