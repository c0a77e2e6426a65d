"""What can be done for a store of any size and engine."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import Conflict, Context, Param, Upkeep, UsageError


def stats(ctx: Context) -> dict[str, Any]:
    """Tell how large the store is: tasks, events, archives, bytes."""
    database = ctx.database
    counts = database.query("SELECT status, count(*) AS n FROM task GROUP BY status")
    log = database.query(
        "SELECT count(*) AS events, min(seq) AS first_event, max(seq) AS last_event,"
        " min(at) AS oldest FROM event"
    )[0]
    archives = ctx.tasks.archives.known()
    return {
        "tasks": sum(row["n"] for row in counts),
        "by_status": {row["status"]: row["n"] for row in counts},
        **log,
        "archives": len(archives),
        "archived_events": sum(archive.events for archive in archives),
        **(database.statistics() if isinstance(database, Upkeep) else {}),
    }


def _upkeep(ctx: Context) -> Upkeep:
    database = ctx.database
    if not isinstance(database, Upkeep):
        raise UsageError("this store's engine looks after itself", "see the engine's own manual")
    return database


def vacuum(ctx: Context) -> dict[str, Any]:
    """Give the space of what was deleted back to the disk. Others wait meanwhile."""
    upkeep = _upkeep(ctx)
    before = upkeep.statistics()
    if not ctx.dry_run:
        upkeep.vacuum()
    return {"bytes_before": before.get("bytes"), "bytes": upkeep.statistics().get("bytes")}


def analyze(ctx: Context) -> dict[str, Any]:
    """Let the engine look at the data, so that it plans its queries well."""
    upkeep = _upkeep(ctx)
    if not ctx.dry_run:
        upkeep.analyze()
    return {"analyzed": not ctx.dry_run}


def archive(
    ctx: Context,
    *,
    before: Annotated[str, Param("Only events from before this time: 90d ago", type="datetime")],
) -> dict[str, Any] | None:
    """Move the oldest events out of the log into a compressed file in the store's folder.

    Tasks stay as they are. `tm verify` and `--at` read the file; what is in it can no longer be
    undone, is not in `tm log`, and does not count in figures that are made from events.
    """
    archives = ctx.tasks.archives
    known, last = archives.known(), archives.due(before)
    if not last:
        return None
    if ctx.dry_run:
        rows = ctx.query(
            "SELECT count(*) AS events, min(seq) AS first_seq FROM event WHERE seq <= ?", [last]
        )
        return {**rows[0], "last_seq": last}
    # Written before the transaction, so that nobody has to wait: what is in the log stays.
    archive, tails = archives.write(last)
    told: dict[str, Any] = archive._asdict()
    with ctx.event("log.archived", **told):
        if archives.known() != known:
            raise Conflict("another process archived events meanwhile", "try again")
        archives.take_out(archive, tails, ctx.now)
    return told
