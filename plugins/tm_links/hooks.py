"""Links in what happens to tasks: given, waited for, shown, exported and brought back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tm_core.api import (
    Change,
    Context,
    Field,
    Problem,
    Task,
    ValidationError,
    check_records,
    hookimpl,
)

from . import targets
from .targets import Target

_RECORD = (Field("target", "str", max_length=2000), Field("waits", "bool"))
_WAITS = "links_waits"
"""The option under which what was taken out of `depends_on` waits to be written."""


@hookimpl(tryfirst=True)
def task_draft(ctx: Context, draft: Change) -> None:
    """Take out of `depends_on` what is in other stores, before anybody looks for it in this one."""
    given: Sequence[str] = draft.options.get("depends_on") or ()
    foreign = [each for each in given if targets.is_foreign(each)]
    if not foreign or draft.action == "import":
        return
    draft.options["depends_on"] = [each for each in given if each not in foreign]
    found: list[str] = []
    for each in foreign:
        target = targets.parse(ctx, each)
        targets.check_waitable(ctx, target)
        target, end = targets.whole(ctx, target)
        found.append(str(target))
        if not end.done and draft.after.status in ("pending", "in_progress"):
            draft.after["status"] = "blocked"
    draft.options[_WAITS] = found


@hookimpl
def task_validate(ctx: Context, change: Change) -> Iterator[Problem]:
    """Refuse to start or complete what waits for a task elsewhere, seen or not."""
    before = change.before
    if before is None or change.action == "import" or before.status == change.after.status:
        return
    if change.after.status not in ("in_progress", "completed"):
        return
    for end in unfinished(ctx, change.after.id):
        state = end.status if end.state == "resolved" else end.why
        yield Problem(
            f"task {change.after.id} waits for {end.target}: {state}",
            field="status",
            overridable=True,
            hint=f"tm unlink {change.after.id} '{end.target}'; --force overrides",
        )


def unfinished(ctx: Context, task_id: str) -> list[targets.Found]:
    """What a task waits for elsewhere; what cannot be seen counts as unfinished."""
    rows = ctx.query("SELECT target FROM links_link WHERE task_id = ? AND waits = 1", [task_id])
    ends = targets.look(ctx, [row["target"] for row in rows])
    return [end for end in ends.values() if not end.done]


@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """Keep what was given, or what an import tells."""
    for target in change.options.get(_WAITS) or ():
        keep(ctx, change.after.id, target, waits=True)
    for record in check_records("links", change.details.get("links") or [], _RECORD, ("target",)):
        target = Target.of(record["target"])
        if not (target.store and target.task):
            raise ValidationError(f"links: {target} names no task in another store")
        keep(ctx, change.after.id, str(target), waits=bool(record["waits"]))


def keep(ctx: Context, task_id: str, target: str, *, waits: bool) -> None:
    """Write one link."""
    ctx.put("links_link", {"task_id": task_id, "target": target}, {"waits": int(waits)})


@hookimpl
def task_details(ctx: Context, tasks: Sequence[Task]) -> Mapping[str, Mapping[str, Any]]:
    """Each task's links, with what is at their ends."""
    rows = ctx.query_for(tasks, "SELECT task_id, target, waits FROM links_link", "target")
    if not rows:
        return {}
    # Many tasks are listed quickly; a server is asked for the one that is shown.
    ends = targets.look(ctx, {row["target"] for row in rows}, servers=len(tasks) == 1)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        end = ends[row["target"]]._asdict()
        found.setdefault(row["task_id"], []).append({**end, "waits": bool(row["waits"])})
    return {"links": found}
