"""Whether edges and statuses agree, for `tm doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tm_core.api import OPEN, Context, Finding, Row, hookimpl

from . import edges

_OPEN_LIST = ", ".join(f"'{status}'" for status in OPEN)
_OPEN_DEPENDENCY = (
    "EXISTS (SELECT 1 FROM dependencies_edge AS edge JOIN task AS other"
    " ON other.id = edge.depends_on WHERE edge.task_id = task.id"
    f" AND other.status IN ({_OPEN_LIST}))"
)


@hookimpl
def health_checks(ctx: Context) -> Iterator[Finding]:
    """Dangling edges, cycles, and statuses that contradict the edges.

    Only damage from outside, an import that lacks tasks, `--force`, or work while the feature was
    off can bring these about. A task that was blocked by hand and has no edges is none of ours.
    """
    fine = True
    for finding in (*_dangling(ctx), *_cycles(ctx), *_statuses(ctx), *_counts(ctx)):
        fine = False
        yield finding
    if fine:
        count = ctx.query("SELECT count(*) AS n FROM dependencies_edge")[0]["n"]
        yield Finding("ok", "dependencies", f"{count} edge(s), no cycle")


def _dangling(ctx: Context) -> Iterator[Finding]:
    rows = ctx.query(
        "SELECT task_id, depends_on FROM dependencies_awaited UNION ALL"
        " SELECT task_id, depends_on FROM dependencies_edge AS edge"
        " WHERE NOT EXISTS (SELECT 1 FROM task WHERE task.id = edge.depends_on)"
        " OR NOT EXISTS (SELECT 1 FROM task WHERE task.id = edge.task_id)"
    )
    if rows:
        first = rows[0]
        pairs = ", ".join(f"{row['task_id']} on {row['depends_on']}" for row in rows[:3])
        yield Finding(
            "warning",
            "dependencies",
            f"{len(rows)} edge(s) lead to tasks that are not in this store: {pairs}"
            + (" and more" if len(rows) > 3 else ""),
            f"import them, or tm dependencies remove {first['task_id']} {first['depends_on']}",
        )


def _cycles(ctx: Context) -> Iterator[Finding]:
    depends: dict[str, list[str]] = {}
    waited_by: dict[str, list[str]] = {}
    for row in ctx.query("SELECT task_id, depends_on FROM dependencies_edge"):
        depends.setdefault(row["task_id"], []).append(row["depends_on"])
        waited_by.setdefault(row["depends_on"], []).append(row["task_id"])
    # Take away whatever waits for nothing that is left: cycles, and what waits for them, remain.
    missing = {task_id: len(others) for task_id, others in depends.items()}
    free = [task_id for task_id in waited_by if task_id not in missing]
    while free:
        for dependent in waited_by.get(free.pop(), ()):
            missing[dependent] -= 1
            if not missing[dependent]:
                del missing[dependent]
                free.append(dependent)
    if missing:
        path = _walk(depends, missing)
        yield Finding(
            "error",
            "dependencies",
            f"{edges.cycle_text(ctx, path)} is a cycle: none of them can ever start",
            f"tm dependencies remove {path[0]} {path[1]}",
        )


def _walk(depends: dict[str, list[str]], left: dict[str, int]) -> list[str]:
    """Follow edges among what is left, each of which has one, until a task comes again."""
    path = [min(left)]
    while path[-1] not in path[:-1]:
        path.append(next(other for other in depends[path[-1]] if other in left))
    return path[path.index(path[-1]) :]


def _statuses(ctx: Context) -> Iterator[Finding]:
    stuck = ctx.query(
        "SELECT id, title, status FROM task WHERE status = 'blocked'"
        " AND EXISTS (SELECT 1 FROM dependencies_edge AS edge WHERE edge.task_id = task.id)"
        f" AND NOT {_OPEN_DEPENDENCY} ORDER BY created_at, id"
    )
    if stuck:
        yield _finding(stuck, "is blocked, though all that it depends on is finished", "pending")
    early = ctx.query(
        "SELECT id, title, status FROM task WHERE status IN ('pending', 'in_progress')"
        f" AND {_OPEN_DEPENDENCY} ORDER BY created_at, id"
    )
    if early:
        yield _finding(early, "is not blocked, though it depends on unfinished work", "blocked")


def _counts(ctx: Context) -> Iterator[Finding]:
    """Counts that are not of pending tasks which open ones wait for, or are missing."""
    dependent = (
        "EXISTS (SELECT 1 FROM dependencies_edge AS edge JOIN task AS other"
        " ON other.id = edge.task_id WHERE edge.depends_on = task.id"
        f" AND other.status IN ({_OPEN_LIST}))"
    )
    rows = ctx.query(
        "SELECT count(*) AS n FROM task LEFT JOIN dependencies_weight AS weight"
        " ON weight.task_id = task.id WHERE CASE WHEN weight.task_id IS NULL"
        f" THEN task.status = 'pending' AND {dependent}"
        " ELSE task.status <> 'pending' OR weight.priority <> task.priority"
        f" OR NOT {dependent} END"
    )
    if rows[0]["n"]:
        yield Finding(
            "warning",
            "dependencies",
            f"of {rows[0]['n']} task(s) it is not known how much they unblock, by which"
            " tm ready orders",
            "tm dependencies recount",
        )


def _finding(rows: Sequence[Row], what: str, status: str) -> Finding:
    more = f" ({len(rows) - 1} more)" if len(rows) > 1 else ""
    return Finding(
        "warning",
        "dependencies",
        f"task {edges.label(rows[0])} {what}{more}",
        f"tm update {rows[0]['id']} --status {status}",
    )
