"""`tm tree` and `tm children`. A tree is one query, however deep it is; nothing here recurses."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from tm_core.api import OPEN, Context, Param, Row, Task, TaskId

_DEPTH = 100
"""Levels that are shown at most: a reader of JSON may not take more, a person does not want to."""


class Page(NamedTuple):
    """Some of the trees."""

    roots: list[Row]
    """Each with its `children`, in the same shape."""
    more: bool
    """Whether there are further ones."""
    next_offset: int

    def as_dict(self) -> list[Row]:  # the JSON shape of a list is a list
        """The trees alone."""
        return self.roots


class Children(NamedTuple):
    """Some of a task's parts."""

    tasks: list[Task]
    more: bool

    def as_dict(self) -> list[dict[str, Any]]:  # the JSON shape of a list is a list
        """The tasks alone."""
        return [task.as_dict() for task in self.tasks]


def tree(
    ctx: Context,
    task: TaskId | None = None,
    *,
    all_tasks: Annotated[bool, Param("Finished trees as well", options=("--all",))] = False,
    depth: Annotated[int, Param("Show so many levels", minimum=1, maximum=_DEPTH)] = _DEPTH,
    limit: Annotated[int | None, Param("At most so many trees; 0 for all", minimum=0)] = None,
    offset: Annotated[int, Param("Leave out so many trees first", minimum=0)] = 0,
) -> Page:
    """Show tasks with their parts, and how far each is: 2/5 means that 2 of 5 parts are completed.

    The newest trees come first; one in which nothing is open is shown only with --all. Parts of
    parts count, cancelled ones do not.
    """
    limit = int(ctx.setting("list.limit")) if limit is None else limit
    rows = _rows(ctx, task, all_tasks, limit, offset)
    roots = _grown(rows, depth)
    more = bool(limit) and len(roots) > limit
    return Page(roots[:limit] if limit else roots, more, offset + limit)


def children(
    ctx: Context,
    task: TaskId,
    *,
    limit: Annotated[int | None, Param("At most so many; 0 for all", minimum=0)] = None,
) -> Children:
    """List the tasks that are directly a part of a task, the oldest first."""
    limit = int(ctx.setting("list.limit")) if limit is None else limit
    found = ctx.find(
        f"parent == {task!r}",
        sort="created_at",
        limit=limit and limit + 1,
        details=ctx.for_program,
    )
    return Children(found[:limit] if limit else found, bool(limit) and len(found) > limit)


def _rows(ctx: Context, task: str | None, all_tasks: bool, limit: int, offset: int) -> list[Row]:
    """The wanted roots and all below them: roots first in their order, then the oldest first."""
    states = f"({', '.join('?' * len(OPEN))})"
    parameters: list[Any] = []
    if task is not None:
        roots = "SELECT id, created_at FROM task WHERE id = ?"
        parameters.append(task)
    else:
        # Whose parent is gone is a root. What goes round in a circle has none; `tm doctor` tells.
        roots = (
            "SELECT id, created_at FROM task WHERE status <> 'deleted' AND (parent IS NULL"
            " OR NOT EXISTS (SELECT 1 FROM task AS p"
            " WHERE p.id = task.parent AND p.status <> 'deleted'))"
        )
        if not all_tasks:
            roots += (
                f" AND (status IN {states} OR EXISTS (WITH RECURSIVE below(id, status) AS ("
                "SELECT c.id, c.status FROM task AS c WHERE c.parent = task.id"
                " AND c.status <> 'deleted'"
                " UNION SELECT c.id, c.status FROM task AS c JOIN below ON c.parent = below.id"
                f" WHERE c.status <> 'deleted') SELECT 1 FROM below WHERE status IN {states}))"
            )
            parameters += [*OPEN, *OPEN]
        roots += " ORDER BY created_at DESC, id"
        if limit:
            roots += f" LIMIT {limit + 1} OFFSET {offset}"
        elif offset:
            roots += f" LIMIT {2**62} OFFSET {offset}"
    # A tree that begins inside a circle comes back to its root: not a second time.
    return ctx.query(
        f"WITH RECURSIVE root AS ({roots}), tree(id, root) AS ("
        "SELECT id, id FROM root"
        " UNION ALL SELECT task.id, tree.root FROM task JOIN tree ON task.parent = tree.id"
        " WHERE task.status <> 'deleted' AND task.id <> tree.root"
        ") SELECT task.id, task.title, task.status, task.type, task.priority, task.assignee,"
        " CASE WHEN tree.id = tree.root THEN NULL ELSE task.parent END AS above"
        " FROM tree JOIN task ON task.id = tree.id"
        " ORDER BY CASE WHEN tree.id = tree.root THEN 0 ELSE 1 END,"
        " CASE WHEN tree.id = tree.root THEN task.created_at END DESC,"
        " CASE WHEN tree.id <> tree.root THEN task.created_at END, task.id",
        parameters,
    )


def _grown(rows: list[Row], depth: int) -> list[Row]:
    """The roots as trees, cut below `depth` levels, with the figures of all that is below."""
    nodes: dict[str, Row] = {}
    parts: dict[str, list[str]] = {}
    above: dict[str, str | None] = {}
    for row in rows:
        node = dict(row)
        above[node["id"]] = parent = node.pop("above")
        node |= {"done": 0, "total": 0, "omitted": 0, "children": []}
        nodes[node["id"]] = node
        if parent is not None:
            parts.setdefault(parent, []).append(node["id"])
    order = [task for task, parent in above.items() if parent is None]
    level = dict.fromkeys(order, 1)
    for task in order:  # grows while it is walked: every parent before its parts
        for part in parts.get(task, ()):
            level[part] = level[task] + 1
            order.append(part)
    size = dict.fromkeys(order, 0)
    for task in reversed(order):
        node, parent = nodes[task], above[task]
        if parent is None:
            continue
        whole = nodes[parent]
        whole["done"] += node["done"] + (node["status"] == "completed")
        whole["total"] += node["total"] + (node["status"] != "cancelled")
        size[parent] += size[task] + 1
        if level[parent] == depth:
            whole["omitted"] = size[parent]
    for task in order:
        parent = above[task]
        if parent is not None and level[task] <= depth:
            nodes[parent]["children"].append(nodes[task])
    return [nodes[task] for task, parent in above.items() if parent is None]
