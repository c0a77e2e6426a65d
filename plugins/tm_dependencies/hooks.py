"""What dependencies do to a change: refuse it, turn its status, and pass it on to dependents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tm_core.api import OPEN, Change, Context, Problem, Row, hookimpl

from . import edges, weights

_STARTABLE = ("pending", "in_progress")


@hookimpl
def task_draft(ctx: Context, draft: Change) -> None:
    """Make given ids whole, and let a task that must wait begin as blocked."""
    if draft.action == "import":
        return
    before, after = draft.before, draft.after
    given = draft.options.get("depends_on")
    if given:
        draft.options["depends_on"] = list(dict.fromkeys(ctx.get(each).id for each in given))
    if before is not None and before.status not in OPEN:
        # Reopening: the wish is to have the task back, and blocked is how it comes back.
        if after.status == "pending" and _unfinished(ctx, draft):
            after["status"] = "blocked"
    elif (
        (before is None or before.status == after.status)
        and after.status in _STARTABLE
        and _new_unfinished(ctx, draft)
    ):
        after["status"] = "blocked"


@hookimpl
def task_validate(ctx: Context, change: Change) -> Iterator[Problem]:
    """Refuse cycles, and what must wait or is waited for."""
    if change.action == "import":  # an export's word is taken; cycles are found when writing
        return
    before, after = change.before, change.after
    yield from _edge_problems(ctx, change)
    if change.completes:
        wish = "completed"
    elif before is not None and before.status != after.status and after.status in _STARTABLE:
        wish = after.status
    else:
        wish = ""
    if wish and (waits_for := _unfinished(ctx, change)):
        yield Problem(
            f"task {after.id} cannot become {wish}, it waits for {edges.labels(waits_for)}",
            field="status",
            overridable=True,
            hint=f"finish that first, or tm dependencies remove {after.id} {waits_for[0]['id']}"
            "; --force overrides",
        )
    deletes = before is not None and before.status != after.status == "deleted"
    if deletes and (dependents := edges.waiting(ctx, after.id)):
        yield Problem(
            f"other tasks wait for {after.id}: {edges.labels(dependents)}",
            field="status",
            overridable=True,
            hint="--force deletes it all the same, and releases them",
        )


def _edge_problems(ctx: Context, change: Change) -> Iterator[Problem]:
    given: Sequence[str] = change.options.get("depends_on") or ()
    if not given:
        return
    for row in edges.tasks_among(ctx, given).values():
        if row["status"] == "deleted":
            yield Problem(
                f"task {edges.label(row)} is deleted, nothing can wait for it",
                field="depends_on",
                hint=f"tm update {row['id']} --status pending brings it back",
            )
    path = edges.cycle(ctx, change.after.id, given) if change.before is not None else []
    if path:
        yield Problem(
            f"{edges.cycle_text(ctx, path)} would be a cycle of dependencies",
            field="depends_on",
            hint="remove one of the others first: tm dependencies remove ID OTHER",
        )


@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """Write the edges, and pass on to dependents what the change means for them."""
    given = change.options.get("depends_on") or ()
    if change.action == "import":
        if edges.bring_in(ctx, change.after, given):  # others waited for it to come
            weights.refresh(ctx, [change.after.id])
            weights.above(ctx, [change.after.id])
        else:
            weights.follow(ctx, None, change.after, given)
        return
    new = edges.connect(ctx, change.after.id, given) if given else []
    if new:
        change.data["dependencies"] = {"added": new}
    weights.follow(ctx, change.before, change.after, new)
    edges.follow(ctx, change.before, change.after)


@hookimpl
def task_undone(ctx: Context, changes: Sequence[Change]) -> None:
    """Let statuses agree with the edges again: others may have come and gone since."""
    for change in changes:
        before, after = change.before, change.after
        has_edges = any(row[0] == "dependencies_edge" for row in change.rows)
        if has_edges:
            edges.check_acyclic(ctx, after.id)
        turned = before is not None and before.status != after.status
        if after.status in OPEN and (has_edges or turned):
            edges.settle(ctx, ctx.get(after.id))
        edges.follow(ctx, before, after)
    undone = [change.after.id for change in changes]
    weights.refresh(ctx, undone)
    weights.above(ctx, undone)
    freed = [
        str(key["depends_on"])
        for change in changes
        for table, key, _, _ in change.rows
        if table == "dependencies_edge"
    ]
    weights.recount(ctx, weights.sources(ctx, freed))


def _unfinished(ctx: Context, change: Change) -> list[Row]:
    """What the task waits for once the change is made."""
    found = edges.unfinished(ctx, change.after.id) if change.before is not None else []
    known = {row["id"] for row in found}
    return found + [row for row in _new_unfinished(ctx, change) if row["id"] not in known]


def _new_unfinished(ctx: Context, change: Change) -> list[Row]:
    given: Sequence[str] = change.options.get("depends_on") or ()
    if not given:
        return []
    known = edges.dependencies_of(ctx, change.after.id) if change.before is not None else []
    rows = edges.tasks_among(ctx, [each for each in given if each not in known])
    return [row for row in rows.values() if row["status"] in OPEN]
