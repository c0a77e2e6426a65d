"""`tm link`, `tm unlink` and `tm links`."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from tm_core.api import Context, NotFound, Param, TaskId, UsageError, ValidationError

from . import targets
from .hooks import keep, unfinished


class Links(NamedTuple):
    """The links of a store, with what is at their ends."""

    links: list[dict[str, Any]]
    released: list[str]

    @property
    def failure(self) -> ValidationError | None:
        """What the command ends with, once the links are shown."""
        broken = [each for each in self.links if each["state"] in ("missing", "unreachable")]
        if not broken:
            return None
        return ValidationError(
            f"{len(broken)} of {len(self.links)} links lead nowhere",
            "bring the store back, correct links.stores, or tm unlink",
        )


def link(
    ctx: Context,
    task: TaskId,
    *target: str,
    waits: Annotated[bool, Param("The task waits until the other one is finished")] = False,
) -> dict[str, Any]:
    """Link a task to tasks in other stores.

    A target is ALIAS:ID with an alias of the setting links.stores, or STORE#ID with the project
    folder, the .db file or the URL of the store. It must be there now. Later it is looked at
    whenever the task is shown, started or completed.

    Args:
        task: The task.
        target: Tasks in other stores.
        waits: The task waits until the other one is finished.

    Raises:
        NotFound: The store, or the task in it, is not there.
    """
    if not target:
        raise UsageError("no task to link to was given", f"tm link {task} ALIAS:ID")
    ends = []
    for text in target:
        parsed = targets.parse(ctx, text)
        if waits:
            targets.check_waitable(ctx, parsed)
        ends.append(targets.whole(ctx, parsed)[1])
    names = [end.target for end in ends]
    with ctx.event("link.added", task, targets=names, waits=waits):
        for name in names:
            keep(ctx, task, name, waits=waits)
        if waits and not all(end.done for end in ends) and ctx.get(task).status == "pending":
            ctx.update(task, status="blocked")
    return {"task_id": task, "linked": names}


def unlink(ctx: Context, task: TaskId, *target: str) -> dict[str, Any]:
    """Take links away; a target as `tm show` tells it. The other store need not be there."""
    rows = ctx.query("SELECT target FROM links_link WHERE task_id = ?", [task])
    known = {row["target"] for row in rows}
    names = []
    for text in target:
        name = text if text in known else "#".join(text.rsplit(":", 1))
        if name not in known:
            hint = f"it has {', '.join(sorted(known))}" if known else "it has none"
            raise NotFound(f"task {task} has no link to '{text}'", hint)
        names.append(name)
    if not names:
        raise UsageError("no link to take away was given", f"tm show {task}")
    with ctx.event("link.removed", task, targets=names):
        for name in names:
            ctx.put("links_link", {"task_id": task, "target": name}, None)
    return {"task_id": task, "unlinked": names}


def links(
    ctx: Context,
    *,
    release: Annotated[
        bool, Param("Make tasks pending again that waited for nothing else")
    ] = False,
) -> Links:
    """List the links to other stores, with what is at their ends."""
    rows = ctx.query("SELECT task_id, target, waits FROM links_link ORDER BY task_id, target")
    ends = targets.look(ctx, {row["target"] for row in rows})
    told = [
        {"task_id": row["task_id"], **ends[row["target"]]._asdict(), "waits": bool(row["waits"])}
        for row in rows
    ]
    released: list[str] = []
    for task_id in dict.fromkeys(each["task_id"] for each in told if each["waits"] and release):
        if ctx.get(task_id).status != "blocked" or unfinished(ctx, task_id):
            continue
        try:
            ctx.tasks.update(task_id, status="pending")
        except ValidationError as error:  # it waits for something in this store
            ctx.warn(error.message)
        else:
            released.append(task_id)
    return Links(told, released)
