"""The table of stints: written and read here only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tm_core.api import Context, Field, InvalidValue, Row, Task, check_records

_DIGITS = 4
"""Of hours, behind the point: a third of a second. It keeps sums free of 0.30000000000000004."""
FIELDS = (
    Field("actor", "str", max_length=200),
    Field("started_at", "datetime"),
    Field("stopped_at", "datetime"),
    Field("hours", "duration", maximum=1_000_000),
)
"""What a stint tells, in the words of a task's fields: so an imported one is checked."""


def running(ctx: Context, *, task_id: str = "", actor: str = "") -> list[Row]:
    """The timers that run, longest first: on one task, of one actor, or all of both."""
    conditions, parameters = ["stopped_at IS NULL"], []
    for column, value in (("task_id", task_id), ("actor", actor)):
        if value:
            conditions.append(f"{column} = ?")
            parameters.append(value)
    return ctx.query(
        "SELECT id, task_id, actor, started_at FROM time_tracking_entry"
        f" WHERE {' AND '.join(conditions)} ORDER BY started_at, id",
        parameters,
    )


def measured(ctx: Context, task_id: str) -> float | None:
    """The hours of all stints on a task, finished ones and those that run; None without any."""
    rows = ctx.query(
        "SELECT started_at, hours FROM time_tracking_entry WHERE task_id = ?", [task_id]
    )
    if not rows:
        return None
    return total(
        hours_until(row, ctx.now) if row["hours"] is None else row["hours"] for row in rows
    )


def hours_until(timer: Row, now: str) -> float:
    """How long a timer has run; 0 where the clock has gone back behind its start."""
    distance = datetime.fromisoformat(now) - datetime.fromisoformat(timer["started_at"])
    return max(round(distance.total_seconds() / 3600, _DIGITS), 0.0)


def total(hours: Iterable[float | None]) -> float:
    """Hours added up; what is not known counts nothing."""
    return round(sum(each or 0.0 for each in hours), _DIGITS)


def start(ctx: Context, task_id: str) -> dict[str, Any]:
    """Start the actor's timer, in the running transaction."""
    entry = {"task_id": task_id, "actor": ctx.actor, "started_at": ctx.now}
    ctx.put("time_tracking_entry", {"id": os.urandom(8).hex()}, entry)
    return entry


def stop(ctx: Context, timer: Row) -> float:
    """Stop a timer, in the running transaction, and give its hours."""
    hours = hours_until(timer, ctx.now)
    if ctx.now < timer["started_at"]:
        ctx.warn(
            f"the timer of {timer['actor']} on task {timer['task_id']} starts in the future"
            f" ({timer['started_at']}): the clock was changed, 0 hours are counted"
        )
    stopped = {"stopped_at": max(ctx.now, timer["started_at"]), "hours": hours}
    ctx.put("time_tracking_entry", {"id": timer["id"]}, stopped)
    return hours


def restore(ctx: Context, task_id: str, raw: object) -> None:
    """Keep the stints that an import tells, with their times and actors. Raises InvalidValue."""
    for entry in check_records("time_entries", raw, FIELDS, ("actor", "started_at")):
        if entry["stopped_at"] is None and entry["hours"] is not None:
            raise InvalidValue("time_entries holds hours of a timer that runs", field="hours")
        if entry["stopped_at"] is not None and entry["hours"] is None:
            entry["hours"] = hours_until(entry, entry["stopped_at"])
        ctx.put("time_tracking_entry", {"id": os.urandom(8).hex()}, {"task_id": task_id, **entry})


def of(ctx: Context, tasks: Sequence[Task]) -> Mapping[str, list[dict[str, Any]]]:
    """The stints of many tasks, oldest first, by task id."""
    names = ", ".join(field.name for field in FIELDS)
    found: dict[str, list[dict[str, Any]]] = {}
    sql = f"SELECT task_id, {names} FROM time_tracking_entry"
    for row in ctx.query_for(tasks, sql, "started_at, id"):
        found.setdefault(row.pop("task_id"), []).append(row)
    return found
