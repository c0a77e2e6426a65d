"""Changing edges, and asking what can be started and what cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from tm_core.api import Context, NotFound, Page, Param, Row, Task, TaskId, UsageError

from . import edges, weights
from .order import Ranked, Ready, decided_by


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
            weights.recount(ctx, weights.sources(ctx, chosen))
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
    explain: Annotated[bool, Param("Say why each is where it is")] = False,
    limit: Annotated[int | None, Param("At most so many; 0 for all", minimum=0)] = None,
    offset: Annotated[int, Param("Leave out so many first", minimum=0)] = 0,
) -> Page | list[dict[str, Any]]:
    """List the tasks that can be started: pending, waiting for nothing, and nobody's claim.

    By priority, then by deadline, then by how many tasks wait for each over any number of steps,
    then the oldest first.
    """
    limit = int(ctx.setting("list.limit")) if limit is None else limit
    condition, parameters = ctx.tasks.condition(where, status=["pending", "in_progress"])
    if assignee:
        condition, parameters = f"{condition} AND task.assignee = ?", [*parameters, assignee]
    with ctx.snapshot():
        found = Ready(ctx, condition, parameters, offset + limit + 1 if limit else 0).first()
        chosen = found[offset:]
        page = [one.id for one in (chosen[:limit] if limit else chosen)]
        tasks: list[Task] = ctx.tasks.many(page, details=ctx.for_program and not explain)
    if explain:
        return _explained(tasks, chosen, offset)
    return Page(tasks, len(page) < len(chosen), offset + limit)


def _explained(
    tasks: Sequence[Task], ranked: Sequence[Ranked], offset: int
) -> list[dict[str, Any]]:
    """What decided about each task's place, and what brings it before the next."""
    following = [*ranked[1:], None]
    return [
        {
            "place": offset + place,
            "id": task.id,
            "title": task.title,
            "status": task.status,
            "priority": task.priority,
            "deadline": task.get("deadline"),
            "unblocks": -one.lighter,
            "created_at": task["created_at"],
            "forgotten": one.forgotten,
            "before_next_by": "" if after is None else decided_by(one, after),
        }
        for place, (task, one, after) in enumerate(zip(tasks, ranked, following, strict=False), 1)
    ]


def recount(ctx: Context) -> dict[str, int]:
    """Count anew how much each pending task unblocks, by which `tm ready` orders.

    Only needed after work while the feature was off; `tm doctor` tells.
    """
    with ctx.tasks.transaction():
        return {"counted": weights.recount_all(ctx)}


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
