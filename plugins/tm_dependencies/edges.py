"""The edges: who waits for whom. Everything here reads and writes in the running transaction.

Joins are written as CROSS JOIN: SQLite then begins with the edges, as written, where it would
otherwise go through all tasks of a status. To other engines it is a join like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tm_core.api import OPEN, Context, Row, Task, ValidationError

_OPEN_LIST = ", ".join(f"'{status}'" for status in OPEN)
_BATCH = 500
_MOST = 10_000


def unfinished(ctx: Context, task_id: str) -> list[Row]:
    """What a task still waits for: id, title and status, oldest first.

    A completed, cancelled or deleted task is waited for no longer.
    """
    return ctx.query(
        "SELECT task.id, task.title, task.status FROM dependencies_edge AS edge CROSS JOIN task"
        f" WHERE edge.task_id = ? AND task.id = edge.depends_on AND task.status IN ({_OPEN_LIST})"
        " ORDER BY task.created_at, task.id",
        [task_id],
    )


def unfinished_of(ctx: Context, tasks: Sequence[Task]) -> list[Row]:
    """What each of many tasks still waits for, with its `task_id`, in few queries."""
    return ctx.query_for(
        tasks,
        "SELECT task_id, id, title, status FROM (SELECT edge.task_id, task.id, task.title,"
        " task.status, task.created_at FROM dependencies_edge AS edge CROSS JOIN task"
        f" WHERE task.id = edge.depends_on AND task.status IN ({_OPEN_LIST})) AS unfinished",
        order="created_at, id",
    )


def waiting(ctx: Context, task_id: str) -> list[Row]:
    """The unfinished tasks that wait for a task: id, title and status."""
    return ctx.query(
        "SELECT task.id, task.title, task.status FROM dependencies_edge AS edge CROSS JOIN task"
        f" WHERE edge.depends_on = ? AND task.id = edge.task_id AND task.status IN ({_OPEN_LIST})"
        " ORDER BY task.created_at, task.id",
        [task_id],
    )


def between_unfinished(ctx: Context) -> list[Row]:
    """All edges of which neither end is finished: `task_id`, `depends_on`."""
    return ctx.query(
        "SELECT edge.task_id, edge.depends_on FROM dependencies_edge AS edge"
        " CROSS JOIN task AS dependent CROSS JOIN task AS other"
        " WHERE dependent.id = edge.task_id AND other.id = edge.depends_on"
        f" AND dependent.status IN ({_OPEN_LIST}) AND other.status IN ({_OPEN_LIST})"
        " ORDER BY edge.created_at, edge.task_id, edge.depends_on"
    )


def tasks_among(ctx: Context, ids: Sequence[str]) -> dict[str, Row]:
    """Those of these ids that are tasks: id, title and status, by id."""
    found: list[Row] = []
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        places = ", ".join("?" * len(batch))
        found += ctx.query(f"SELECT id, title, status FROM task WHERE id IN ({places})", batch)
    return {row["id"]: row for row in found}


def dependencies_of(ctx: Context, task_id: str) -> list[str]:
    """What a task depends on, finished or not, in this store or not; oldest edge first."""
    rows = ctx.query(
        "SELECT depends_on, created_at FROM dependencies_edge WHERE task_id = ? UNION ALL"
        " SELECT depends_on, created_at FROM dependencies_awaited WHERE task_id = ?"
        " ORDER BY created_at, depends_on",
        [task_id, task_id],
    )
    return [row["depends_on"] for row in rows]


def connect(ctx: Context, task_id: str, others: Iterable[str]) -> list[str]:
    """Write the edges that are missing, and give them."""
    known = set(dependencies_of(ctx, task_id))
    new = [other for other in others if other not in known]
    for other in new:
        _put(ctx, "dependencies_edge", task_id, other)
    return new


def disconnect(ctx: Context, task_id: str, other: str) -> None:
    """Delete an edge, wherever it is kept."""
    for table in ("dependencies_edge", "dependencies_awaited"):
        ctx.put(table, {"task_id": task_id, "depends_on": other}, None)


def bring_in(ctx: Context, task: Task, others: Sequence[str]) -> bool:
    """Write an imported task's edges, and those of earlier ones that waited for it to come.

    An edge to a task that is not here yet is kept aside, where it needs no such task. Gives whether
    any had waited.

    Raises:
        ValidationError: The edges close a cycle.
    """
    known = tasks_among(ctx, others)
    for other in others:
        table = "dependencies_edge" if other in known else "dependencies_awaited"
        _put(ctx, table, task.id, other)
        if table == "dependencies_awaited":
            _awaited(ctx).add(other)
    awaited = _awaiting(ctx, task.id)
    for row in awaited:
        ctx.put("dependencies_awaited", {"task_id": row["task_id"], "depends_on": task.id}, None)
        _put(ctx, "dependencies_edge", row["task_id"], task.id)
    # As long as no task is waited for, it is of no concern which ones come.
    ctx.pass_over(*(() if _awaited(ctx) else ("task.imported",)))
    if awaited or task.id in others:  # otherwise nobody waits for a task that is new
        check_acyclic(ctx, task.id)
    return bool(awaited)


def _awaiting(ctx: Context, task_id: str) -> list[Row]:
    """The edges that were kept aside until this task comes."""
    found = _awaited(ctx)
    if len(found) <= _MOST and task_id not in found:
        return []
    return ctx.query("SELECT * FROM dependencies_awaited WHERE depends_on = ?", [task_id])


def _awaited(ctx: Context) -> set[str]:
    """Which tasks are waited for, few of an import's many; where they are many, some of them."""
    found: set[str] | None = ctx.remembered.get("awaited")
    if found is None:
        rows = ctx.query(f"SELECT DISTINCT depends_on FROM dependencies_awaited LIMIT {_MOST + 1}")
        found = ctx.remembered["awaited"] = {row["depends_on"] for row in rows}
    return found


def _put(ctx: Context, table: str, task_id: str, other: str) -> None:
    key = {"task_id": task_id, "depends_on": other}
    ctx.put(table, key, {"created_at": ctx.now, "created_by": ctx.actor})


def check_acyclic(ctx: Context, task_id: str) -> None:
    """Raise ValidationError when a task waits for itself, in one step or over others."""
    path = cycle(ctx, task_id, [])
    if path:
        raise ValidationError(f"{cycle_text(ctx, path)} would be a cycle of dependencies")


def cycle(ctx: Context, task_id: str, others: Sequence[str]) -> list[str]:
    """The shortest cycle through a task once it depends on `others` too; empty if there is none."""
    if task_id in others:
        return [task_id, task_id]
    if not ctx.query(
        "SELECT 1 AS found FROM dependencies_edge WHERE depends_on = ? LIMIT 1", [task_id]
    ):
        return []  # nobody waits for it: the usual case, and no walk
    starts = list(dict.fromkeys([*others, *dependencies_of(ctx, task_id)]))
    if not any(
        _reaches(ctx, starts[place : place + _BATCH], task_id)
        for place in range(0, len(starts), _BATCH)
    ):
        return []
    return _path(ctx, task_id, starts)


def _reaches(ctx: Context, starts: Sequence[str], task_id: str) -> bool:
    # UNION visits each task once, however many ways lead to it; LIMIT ends the walk at a find.
    places = ", ".join("(?)" for _ in starts)
    found = ctx.query(
        f"WITH RECURSIVE reached(id) AS (VALUES {places} UNION"
        " SELECT edge.depends_on FROM reached"
        " JOIN dependencies_edge AS edge ON edge.task_id = reached.id)"
        " SELECT 1 AS found FROM reached WHERE id = ? LIMIT 1",
        [*starts, task_id],
    )
    return bool(found)


def _path(ctx: Context, task_id: str, starts: Sequence[str]) -> list[str]:
    """Walk level by level from `starts` to the task; only done to show a cycle."""
    came_from = dict.fromkeys(starts, task_id)
    level = list(starts)
    while level and task_id not in came_from:
        rows: list[Row] = []
        for place in range(0, len(level), _BATCH):
            batch = level[place : place + _BATCH]
            places = ", ".join("?" * len(batch))
            rows += ctx.query(
                "SELECT task_id, depends_on FROM dependencies_edge"
                f" WHERE task_id IN ({places}) ORDER BY depends_on",
                batch,
            )
        level = []
        for row in rows:
            if row["depends_on"] not in came_from:
                came_from[row["depends_on"]] = row["task_id"]
                level.append(row["depends_on"])
    path = [task_id, came_from[task_id]]
    while path[-1] != task_id:
        path.append(came_from[path[-1]])
    return path[::-1]


def cycle_text(ctx: Context, path: Sequence[str]) -> str:
    """A cycle as `a 'Title' -> b 'Title' -> a 'Title'`; of a long one, both ends."""
    titles = tasks_among(ctx, path[:_BATCH])
    named = [label(titles.get(each, {"id": each})) for each in path]
    if len(named) > 10:
        named = [*named[:5], f"... {len(named) - 10} more ...", *named[-5:]]
    return " -> ".join(named)


def label(row: Row) -> str:
    """A task in a sentence: its id and the beginning of its title."""
    title = str(row.get("title", ""))
    short = title if len(title) <= 40 else title[:39] + "…"
    return f"{row['id']} '{short}'" if title else str(row["id"])


def labels(rows: Sequence[Row]) -> str:
    """Some tasks in a sentence, with their status."""
    named = [f"{label(row)} ({row['status']})" for row in rows[:3]]
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return ", ".join(named) + more


def release_dependents(ctx: Context, task_id: str) -> None:
    """Set the blocked tasks that waited only for this one to pending."""
    rows = ctx.query(
        "SELECT task.id FROM dependencies_edge AS edge CROSS JOIN task"
        " WHERE edge.depends_on = ? AND task.id = edge.task_id AND task.status = 'blocked'"
        " AND NOT EXISTS ("
        " SELECT 1 FROM dependencies_edge AS other CROSS JOIN task AS before"
        " WHERE other.task_id = edge.task_id AND before.id = other.depends_on"
        f" AND before.status IN ({_OPEN_LIST})) ORDER BY task.created_at, task.id",
        [task_id],
    )
    for row in rows:
        ctx.update(row["id"], status="pending")


def block_dependents(ctx: Context, task_id: str) -> None:
    """Set the tasks that wait for this one, and could have been started, to blocked."""
    for row in waiting(ctx, task_id):
        if row["status"] != "blocked":
            ctx.update(row["id"], status="blocked")


def follow(ctx: Context, before: Task | None, after: Task) -> None:
    """Pass on to its dependents that a task was finished or reopened."""
    was_open = before is None or before.status in OPEN
    is_open = after.status in OPEN
    if was_open and not is_open:
        release_dependents(ctx, after.id)
    elif is_open and not was_open:
        block_dependents(ctx, after.id)


def settle(ctx: Context, task: Task) -> None:
    """Make an open task's status agree with its edges."""
    if task.status not in OPEN:
        return
    if unfinished(ctx, task.id):
        if task.status != "blocked":
            ctx.update(task.id, status="blocked")
    elif task.status == "blocked":
        ctx.update(task.id, status="pending")


def summary(ctx: Context, task: Task) -> dict[str, Any]:
    """A task with its edges, as the actions that change them give it."""
    return {
        "id": task.id,
        "title": task.title,
        "status": task.status,
        "depends_on": dependencies_of(ctx, task.id),
    }
