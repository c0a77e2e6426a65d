"""How much a task unblocks: a count that is kept up to date, since ready work is ordered by it.

Counted are the open tasks that wait for a pending one, over any number of steps; each once, however
many ways lead to it. Only pending tasks have a count, for only they are chosen among. It is derived
from edges and statuses, and written in the transaction that changes those.

The usual changes cost little. A new task adds one to each pending task above it. A task that is
completed has nothing open above it, and those that it releases are counted from there on downwards.
What is rarer counts anew, and is bounded: a count goes up to `MOST`, a walk upwards to `FARTHEST`
tasks, and of the tasks found there `RECOUNTED` are counted anew and the others taken as one more or
less. It is an order of work, not a fact about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tm_core.api import OPEN, Context, Task

MOST = 1000
FARTHEST = 10_000
RECOUNTED = 200
_BATCH = 500
_OPEN_LIST = ", ".join(f"'{status}'" for status in OPEN)
_INSERT = "INSERT INTO dependencies_weight (task_id, priority, unblocks, created_at)"


def count(ctx: Context, task_id: str) -> int:
    """How many open tasks wait for this one, at most `MOST`."""
    rows = ctx.query(
        "WITH RECURSIVE reached(id) AS (VALUES (?) UNION"
        " SELECT task.id FROM reached CROSS JOIN dependencies_edge AS edge CROSS JOIN task"
        " WHERE edge.depends_on = reached.id AND task.id = edge.task_id"
        f" AND task.status IN ({_OPEN_LIST}))"
        f" SELECT count(*) AS n FROM (SELECT id FROM reached LIMIT {MOST + 1}) AS near",
        [task_id],
    )
    return int(rows[0]["n"]) - 1


def follow(ctx: Context, before: Task | None, after: Task, new: Sequence[str]) -> None:
    """Keep the counts through a change of one task that now depends on `new` as well."""
    is_open = after.status in OPEN
    if before is None:
        if is_open and new:
            _add_one(ctx, sources(ctx, new))
        return
    if before.status != after.status or before.priority != after.priority:
        refresh(ctx, [after.id])
    if (before.status in OPEN) != is_open:
        above(ctx, [after.id])
    elif new and is_open:
        recount(ctx, sources(ctx, new))


def above(ctx: Context, task_ids: Sequence[str]) -> None:
    """Count anew for what is pending above these tasks."""
    found: list[str] = []
    for start in range(0, len(task_ids), _BATCH):
        batch = task_ids[start : start + _BATCH]
        places = ", ".join("?" * len(batch))
        found += [
            row["depends_on"]
            for row in ctx.query(
                f"SELECT DISTINCT depends_on FROM dependencies_edge WHERE task_id IN ({places})",
                batch,
            )
        ]
    recount(ctx, sources(ctx, found))


def sources(ctx: Context, task_ids: Sequence[str]) -> list[str]:
    """The pending ones among these tasks and all open ones that they wait for."""
    found: dict[str, None] = {}
    for start in range(0, len(task_ids), _BATCH):
        batch = task_ids[start : start + _BATCH]
        places = ", ".join("(?)" for _ in batch)
        rows = ctx.query(
            f"WITH RECURSIVE above(id) AS (VALUES {places} UNION"
            " SELECT task.id FROM above CROSS JOIN dependencies_edge AS edge CROSS JOIN task"
            " WHERE edge.task_id = above.id AND task.id = edge.depends_on"
            f" AND task.status IN ({_OPEN_LIST}))"
            f" SELECT task.id FROM (SELECT id FROM above LIMIT {FARTHEST}) AS near"
            " CROSS JOIN task WHERE task.id = near.id AND task.status = 'pending'",
            batch,
        )
        found |= dict.fromkeys(row["id"] for row in rows)
    return list(found)


def recount(ctx: Context, task_ids: Sequence[str]) -> None:
    """Count anew for pending tasks whose dependents have changed."""
    refresh(ctx, task_ids[:RECOUNTED])


def refresh(ctx: Context, task_ids: Iterable[str]) -> None:
    """Write the counts of these tasks as they are."""
    for task_id in task_ids:
        waiting = count(ctx, task_id)
        ctx.derive("DELETE FROM dependencies_weight WHERE task_id = ?", [task_id])
        if waiting:
            ctx.derive(
                f"{_INSERT} SELECT id, priority, {waiting}, created_at FROM task"
                " WHERE id = ? AND status = 'pending'",
                [task_id],
            )


def _add_one(ctx: Context, task_ids: Sequence[str]) -> None:
    """One more waits for each: a new task, which nothing led to before."""
    for start in range(0, len(task_ids), _BATCH):
        batch = task_ids[start : start + _BATCH]
        places = ", ".join("?" * len(batch))
        ctx.derive(
            f"{_INSERT} SELECT id, priority, 1, created_at FROM task WHERE id IN ({places})"
            " ON CONFLICT (task_id) DO UPDATE SET unblocks = dependencies_weight.unblocks + 1"
            f" WHERE dependencies_weight.unblocks < {MOST}",
            batch,
        )


def recount_all(ctx: Context) -> int:
    """Count anew for every pending task that others wait for; gives how many there are."""
    ctx.derive("DELETE FROM dependencies_weight", [])
    rows = ctx.query(
        "SELECT DISTINCT edge.depends_on FROM dependencies_edge AS edge"
        " JOIN task ON task.id = edge.depends_on AND task.status = 'pending'"
        f" JOIN task AS dependent ON dependent.id = edge.task_id"
        f" AND dependent.status IN ({_OPEN_LIST})"
    )
    for done, row in enumerate(rows, 1):
        refresh(ctx, [row["depends_on"]])
        if done % 100 == 0 or done == len(rows):
            ctx.progress(done, len(rows))
    return len(rows)
