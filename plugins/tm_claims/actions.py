"""Taking, holding and giving back work."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import Context, NotFound, Param, PluginError, Task, TaskId, UsageError

from . import details, leases

Token = Annotated[int | None, Param("The number of the claim, as it was told", minimum=1)]
TimeToLive = Annotated[
    float | None,
    Param("How long it holds: 4h, 90m", type="duration", minimum=0.001, maximum=8760),
]


def claim(
    ctx: Context,
    task: TaskId | None = None,
    *,
    upcoming: Annotated[
        bool, Param("The most useful task that is ready", options=("--next",))
    ] = False,
    where: Annotated[str, Param("With --next: only among these")] = "",
    anyone: Annotated[bool, Param("With --next: also what is assigned to somebody else")] = False,
    ttl: TimeToLive = None,
    force: Annotated[bool, Param("Take it from whoever holds it")] = False,
) -> Task:
    """Take a task for a time: nobody else gets it until then, unless you give it back.

    It becomes in progress and yours. A claim that is not renewed in time may be taken over, and the
    number that is told, the token, then tells the new holder from the old one.

    Raises:
        Conflict: Somebody holds it.
        NotFound: With `upcoming`: nothing is ready.
        ValidationError: It cannot be started yet.
    """
    if (task is None) != upcoming:
        raise UsageError("which task?", "tm claim ID, or tm claim --next")
    if task is not None and (where or anyone):
        raise UsageError("--where and --anyone choose the next task", "tm claim --next --where ...")
    hours = ctx.settings["ttl_hours"] if ttl is None else ttl
    with ctx.tasks.options(force=force), ctx.tasks.transaction():
        chosen = task if task is not None else _next(ctx, where, anyone)
        leases.take(ctx, chosen, hours)
        from . import reservations

        reservations.warn_of_overlap(ctx, chosen)
    taken: Task = ctx.tasks.get(chosen)  # others need not wait while all about it is read
    return taken


def _next(ctx: Context, where: str, anyone: bool) -> str:
    """The first task that is ready and may be taken."""
    tests = [f"({where})"] if where else []
    if not anyone:
        # A forgotten claim left its holder as the assignee; what counts is who it was before.
        rows = ctx.query(
            f"SELECT task_id FROM {leases.TABLE} WHERE until <= ?"
            " AND (assignee_before IS NULL OR assignee_before = ?)"
            f" ORDER BY until LIMIT {leases.EXPIRED_AT_ONCE}",
            [ctx.now, ctx.actor],
        )
        forgotten = [row["task_id"] for row in rows]
        free = f"assignee is None or assignee == {ctx.actor!r}"
        tests.append(f"({free} or id in {forgotten!r})" if forgotten else f"({free})")
    try:
        found = ctx.tasks.ready(where=" and ".join(tests), limit=1).tasks
    except (PluginError, AttributeError):  # nobody knows what waits for what: then nothing does
        found = _oldest(ctx, " and ".join(tests))
    if not found:
        raise NotFound("nothing that you could take is ready", "tm ready; tm claims")
    return str(found[0].id)


def _oldest(ctx: Context, where: str) -> list[Task]:
    """The most important pending task that nobody holds, or a forgotten one."""
    (claims,) = details.task_availability(ctx)
    condition, parameters = ctx.tasks.condition(where, status=["pending", "in_progress"])
    ranks = " ".join(
        f"WHEN '{name}' THEN {rank}"
        for rank, name in enumerate(reversed(ctx.field_choices("priority")))
    )
    rows = ctx.query(
        f"SELECT task.id FROM task WHERE {condition} AND NOT {claims.held}"
        f" AND (task.status = 'pending' OR task.id IN ({claims.freed}))"
        f" ORDER BY CASE task.priority {ranks} END, task.created_at, task.id LIMIT 1",
        [*parameters, *claims.held_parameters, *claims.freed_parameters],
    )
    found: list[Task] = ctx.tasks.many([row["id"] for row in rows])
    return found


def renew(
    ctx: Context,
    task: TaskId | None = None,
    *,
    ttl: TimeToLive = None,
    token: Token = None,
) -> dict[str, Any]:
    """Hold a claim for longer: from now on for as long as it was taken, or for `ttl`.

    Within `tm run` the task need not be named.

    Raises:
        Conflict: The claim is over, and another holds the task; or nobody does.
    """
    task_id = _meant(ctx, task)
    with ctx.tasks.transaction():
        lease = leases.mine(ctx, task_id, token)
        leases.renew(ctx, lease, lease.hours or ctx.settings["ttl_hours"] if ttl is None else ttl)
        renewed = leases.of(ctx, task_id)
    assert renewed is not None
    return {"task_id": task_id, **details.told(renewed, ctx.now)}


def release(
    ctx: Context,
    task: TaskId | None = None,
    *,
    token: Token = None,
    force: Annotated[bool, Param("Also what somebody else holds")] = False,
) -> dict[str, Any]:
    """Give a claimed task back: it is pending again, and whose it was before.

    Raises:
        Conflict: It is not claimed, or somebody else holds it.
    """
    task_id = _meant(ctx, task)
    with ctx.tasks.options(force=force), ctx.tasks.transaction():
        lease = leases.of(ctx, task_id) if force and token is None else None
        if lease is None or not lease.held:
            lease = leases.mine(ctx, task_id, token)
        leases.give_back(ctx, lease, "released" if lease.holder == ctx.actor else "forced")
        task_now = ctx.get(task_id)
    return {"task_id": task_id, "status": task_now.status, "token": lease.token}


def _meant(ctx: Context, task: str | None) -> str:
    """The task, or the one that this process was started for."""
    if task is not None:
        return task
    task_id = ctx.environ.get("TM_TASK_ID", "")
    if not task_id:
        raise UsageError("which task?", "name it; within tm run, TM_TASK_ID does")
    return str(ctx.get(task_id).id)


def claims(
    ctx: Context,
    *,
    by: Annotated[str, Param("Only what this one holds")] = "",
    expired: Annotated[bool, Param("Only those whose time is over")] = False,
) -> list[dict[str, Any]]:
    """List the tasks that somebody took and has not given back, the next to expire first."""
    conditions, parameters = ["lease.until IS NOT NULL"], []
    if by:
        conditions.append("lease.holder = ?")
        parameters.append(by)
    if expired:
        conditions.append("lease.until <= ?")
        parameters.append(ctx.now)
    rows = ctx.query(
        f"SELECT lease.*, task.title FROM {leases.TABLE} AS lease"
        " JOIN task ON task.id = lease.task_id"
        f" WHERE {' AND '.join(conditions)} ORDER BY lease.until, lease.task_id",
        parameters,
    )
    found = []
    for row in rows:
        title = row.pop("title")
        lease = leases.Lease(**row)
        found.append({"task_id": lease.task_id, "title": title, **details.told(lease, ctx.now)})
    return found
