"""Changing edges, and asking what can be started and what cannot."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import Context, NotFound, Page, Param, Row, Task, TaskId, UsageError

from . import edges


def add(ctx: Context, task: TaskId, *others: TaskId) -> dict[str, Any]:
    """Make a task wait until others are finished.

    It becomes blocked if one of them is not. A cycle is refused. Edges that are there already stay.

    Raises:
        ValidationError: The edges would close a cycle, or one of the others is deleted.
    """
    if not others:
        raise UsageError("which tasks must be finished first?", "tm dependencies add ID OTHER...")
    with ctx.tasks.transaction():
        changed = ctx.update(task, depends_on=list(others))
        return edges.summary(ctx, changed)


def remove(
    ctx: Context,
    task: TaskId,
    *others: Annotated[str, Param("Ids of tasks that it depends on, or their beginnings")],
) -> dict[str, Any]:
    """Let a task no longer wait for others.

    When none that it depends on is left unfinished, it becomes pending.

    Raises:
        NotFound: It does not depend on one of them.
    """
    if not others:
        raise UsageError("which dependencies?", "tm dependencies remove ID OTHER...")
    with ctx.tasks.transaction():
        known = edges.dependencies_of(ctx, task)
        chosen = list(dict.fromkeys(_chosen(task, known, other) for other in others))
        with ctx.event("dependencies.removed", task, removed=chosen):
            for other in chosen:
                edges.disconnect(ctx, task, other)
            edges.settle(ctx, ctx.get(task))
        return edges.summary(ctx, ctx.get(task))


def list_edges(ctx: Context) -> list[Row]:
    """List which unfinished task waits for which other one: all that still holds something up."""
    return edges.between_unfinished(ctx)


def _chosen(task: str, known: list[str], prefix: str) -> str:
    """The dependency that is meant. It need not be a task of this store."""
    found = [each for each in known if each == prefix] or [
        each for each in known if prefix and each.startswith(prefix)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFound(
            f"'{prefix}' begins more than one dependency of {task}: {', '.join(found[:5])}",
            "give more of it",
        )
    hint = f"it depends on {', '.join(known[:5])}" if known else "it depends on nothing"
    raise NotFound(f"task {task} does not depend on '{prefix[:64]}'", hint)


def ready(
    ctx: Context,
    *,
    where: Annotated[str, Param('A filter, such as "estimated_hours < 4"')] = "",
    assignee: Annotated[str, Param("Only this person's")] = "",
    limit: Annotated[int | None, Param("At most so many; 0 for all", minimum=0)] = None,
    offset: Annotated[int, Param("Leave out so many first", minimum=0)] = 0,
) -> Page:
    """List the tasks that can be started: pending, and waiting for nothing.

    By priority, then by how many blocked tasks wait for each, then the oldest first.
    """
    limit = int(ctx.setting("list.limit")) if limit is None else limit
    condition, parameters = ctx.tasks.condition(where, status=["pending"])
    if assignee:
        condition, parameters = f"{condition} AND task.assignee = ?", [*parameters, assignee]
    wanted = offset + limit + 1 if limit else 0
    with ctx.snapshot():
        ids = _ready_ids(ctx, condition, parameters, wanted)[offset:]
        page = ids[:limit] if limit else ids
        tasks: list[Task] = ctx.tasks.many(page, details=ctx.for_program)
    return Page(tasks, len(page) < len(ids), offset + limit)


def _ready_ids(ctx: Context, condition: str, parameters: list[Any], wanted: int) -> list[str]:
    """The first ids in order; 0 for all.

    Two kinds of tasks make the order. The few that others wait for are counted from the edges; all
    the others come out of an index in their order, so that only a page of them is ever read.
    """
    limit = f" LIMIT {wanted}" if wanted else ""
    # The literal status lets the engine use the index of pending tasks.
    pending = f"task.status = 'pending' AND {condition}"
    priorities = ctx.field_choices("priority")[::-1]
    rank = " ".join(f"WHEN ? THEN {place}" for place in range(len(priorities)))
    waited_for = ctx.query(
        "SELECT task.id, task.priority FROM ("
        " SELECT edge.depends_on, count(*) AS n FROM dependencies_edge AS edge"
        " JOIN task AS dependent ON dependent.id = edge.task_id AND dependent.status = 'blocked'"
        " GROUP BY edge.depends_on) AS wait JOIN task ON task.id = wait.depends_on"
        f" WHERE {pending} ORDER BY CASE task.priority {rank} END, wait.n DESC, task.created_at,"
        f" task.id{limit}",
        [*parameters, *priorities],
    )
    ids: list[str] = []
    for priority in priorities:
        ids += [row["id"] for row in waited_for if row["priority"] == priority]
        if wanted and len(ids) >= wanted:
            break
        rows = ctx.query(
            f"SELECT task.id FROM task WHERE {pending} AND task.priority = ? AND NOT EXISTS ("
            " SELECT 1 FROM dependencies_edge AS edge CROSS JOIN task AS dependent"
            " WHERE edge.depends_on = task.id"
            " AND dependent.id = edge.task_id AND dependent.status = 'blocked')"
            f" ORDER BY task.created_at, task.id{limit}",
            [*parameters, priority],
        )
        ids += [row["id"] for row in rows]
    return ids[:wanted] if wanted else ids


def blocked(
    ctx: Context,
    *,
    where: Annotated[str, Param("A filter, such as \"priority == 'high'\"")] = "",
    assignee: Annotated[str, Param("Only this person's")] = "",
    limit: Annotated[int | None, Param("At most so many; 0 for all", minimum=0)] = None,
) -> list[dict[str, Any]]:
    """List the blocked tasks and the unfinished ones that each waits for, newest first.

    A task that waits for nothing was blocked by hand.
    """
    limit = int(ctx.setting("list.limit")) if limit is None else limit
    tests = [f"({where})"] if where else []
    tests += [f"assignee == {assignee!r}"] if assignee else []
    with ctx.snapshot():
        tasks = ctx.find(" and ".join(tests), status="blocked", limit=limit)
        rows = edges.unfinished_of(ctx, tasks)
    found: dict[str, list[dict[str, str]]] = {task.id: [] for task in tasks}
    for row in rows:
        found[row.pop("task_id")].append(row)
    return [
        {
            "id": task.id,
            "title": task.title,
            "status": task.status,
            "priority": task.priority,
            "assignee": task.assignee,
            "waits_for": found[task.id],
        }
        for task in tasks
    ]
