"""The commands that read the log and take back what it tells."""

from __future__ import annotations

from typing import Annotated

from tm_core.api import Context, Event, Param, TaskId

from .audit import Trail, trail


def log(
    ctx: Context,
    task: TaskId | None = None,
    *,
    actor: Annotated[str, Param("Only what this actor did", options=("--by",))] = "",
    event_type: Annotated[
        str, Param("Only this type; * stands for anything", options=("--type",))
    ] = "",
    after: Annotated[int, Param("Only past this event number", minimum=0)] = 0,
    limit: Annotated[int | None, Param("At most so many; 0 for all", minimum=0)] = None,
    audit: Annotated[
        bool, Param("Who did what from where, with what was forced, undone or purged")
    ] = False,
) -> list[Event] | Trail:
    """Show what happened, newest first: all of it, or to one task."""
    limit = int(ctx.setting("list.limit")) if limit is None else limit
    found = ctx.tasks.log(
        task or "",
        actor=actor,
        event_type=event_type,
        after=after,
        limit=limit,
        newest_first=True,
    )
    events = list(found)
    if not limit or len(events) < limit:
        archived = ctx.tasks.store.archived_up_to()
        if archived > after:
            ctx.warn(f"events up to {archived} were archived, and are not shown")
    return trail(events) if audit else events


def undo(
    ctx: Context,
    event: Annotated[
        int | None, Param("An event's number in the log; your last one if absent")
    ] = None,
) -> list[Event]:
    """Take back a change with all that belonged to it: your own last one, or that of an event."""
    undone: list[Event] = ctx.tasks.undo(event)
    return undone
