"""What is new, as data: for Python, and for the command that shows it."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

from tm_core.api import Context, Param

from . import news


def notifications(
    ctx: Context,
    *,
    everything: Annotated[
        bool, Param("Also what does not concern you", options=("--all",))
    ] = False,
    own: Annotated[bool, Param("Also what you did yourself")] = False,
    peek: Annotated[bool, Param("Let it be new the next time, too")] = False,
    limit: Annotated[int, Param("At most so many; 0 for all", minimum=0)] = 0,
    after: Annotated[
        int | None, Param("Since this event, instead of what you have seen", minimum=0)
    ] = None,
) -> dict[str, Any]:
    """Give what is new for the actor since the last time, in the order in which it happened.

    Args:
        everything: Also what does not concern the actor.
        own: Also what the actor did.
        peek: Let it be new the next time, too.
        limit: At most so many; what is left out stays new. 0 for all.
        after: Since this event of the log, instead of since what was seen.
    """
    until = int(ctx.query("SELECT max(seq) AS seq FROM event")[0]["seq"] or 0)
    start = _start(ctx, until) if after is None else after
    found = news.since(ctx, start, until, news.Choice(everything, own))
    items = list(islice(found, limit + 1)) if limit else list(found)
    more = bool(limit) and len(items) > limit
    items = items[:limit] if more else items
    reached = items[-1]["seq"] if more else max(until, start)
    if not peek:
        seen(ctx, reached)
    return {"notifications": items, "seen": reached, "more": more}


def seen(ctx: Context, event: Annotated[int, Param("An event's number", minimum=0)]) -> None:
    """Remember that the actor has read the log up to an event; never backwards."""
    if event > (_seen(ctx) or 0):
        with ctx.tasks.transaction():
            if event > (_seen(ctx) or 0):  # the same reader may watch in two places
                ctx.keep("watch_cursor", {"reader": ctx.actor}, {"seq": event})


def _start(ctx: Context, until: int) -> int:
    """The event after which things are new: who never asked is not told of a whole past."""
    known = _seen(ctx)
    return max(0, until - int(ctx.settings["newcomer_events"])) if known is None else known


def _seen(ctx: Context) -> int | None:
    rows = ctx.query("SELECT seq FROM watch_cursor WHERE reader = ?", [ctx.actor])
    return int(rows[0]["seq"]) if rows else None
