"""What `show`, `list --json` and `export` tell of a task's edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tm_core.api import Context, Task, hookimpl

_OUT = (
    "SELECT task_id, other FROM ("
    "SELECT task_id, depends_on AS other, created_at FROM dependencies_edge UNION ALL "
    "SELECT task_id, depends_on AS other, created_at FROM dependencies_awaited) AS edge"
)
_IN = (
    "SELECT task_id, other FROM (SELECT depends_on AS task_id, task_id AS other, created_at"
    " FROM dependencies_edge) AS edge"
)


@hookimpl
def task_details(ctx: Context, tasks: Sequence[Task]) -> Mapping[str, Mapping[str, list[str]]]:
    """Ids, in the order in which the edges were made; only `depends_on` is imported again."""
    return {
        "depends_on": _lists(ctx, tasks, _OUT),
        "dependents": _lists(ctx, tasks, _IN),
    }


def _lists(ctx: Context, tasks: Sequence[Task], sql: str) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {task.id: [] for task in tasks}
    for row in ctx.query_for(tasks, sql, order="created_at, other"):
        lists[row["task_id"]].append(row["other"])
    return lists
