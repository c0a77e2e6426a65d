"""The tables of participants and contributions: written and read here only."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tm_core.api import Context, Field, Row, Task

LONGEST = 10_000
"""Characters of a message."""
KINDS = ("update", "discovery", "sync", "note")
EVENTS = {
    "update": "collaboration.shared",
    "discovery": "collaboration.discovered",
    "sync": "collaboration.synced",
    "note": "collaboration.noted",
}
"""What happens when a contribution of each kind is made."""
CONTRIBUTION = (
    Field("at", "datetime"),
    Field("actor", "str", max_length=200),
    Field("kind", "enum", choices=KINDS),
    Field("message", "str", max_length=LONGEST),
)
"""What a contribution tells, in the words of a task's fields: so an imported one is checked."""
PARTICIPANT = (Field("actor", "str", max_length=200), Field("joined_at", "datetime"))

_COLUMNS = "SELECT task_id, at, actor, kind, message FROM collaboration_contribution"


def put(ctx: Context, task_id: str, told: Sequence[Mapping[str, Any]]) -> None:
    """Append contributions to a task's own, inside the event that records them."""
    sql = "SELECT max(seq) AS seq FROM collaboration_contribution WHERE task_id = ?"
    last = ctx.query(sql, [task_id])[0]["seq"] or 0
    for seq, each in enumerate(told, last + 1):
        key = {"id": os.urandom(8).hex()}
        ctx.put("collaboration_contribution", key, {"task_id": task_id, "seq": seq, **each})


def put_participant(ctx: Context, task_id: str, actor: str, joined_at: str) -> None:
    """Let somebody take part, inside the event that records it."""
    key = {"task_id": task_id, "actor": actor}
    ctx.put("collaboration_participant", key, {"joined_at": joined_at})


def of(ctx: Context, tasks: Sequence[Task]) -> dict[str, list[Row]]:
    """What the actor may read of many tasks, oldest first, by task id."""
    found: dict[str, list[Row]] = {}
    for row in ctx.query_for(tasks, _COLUMNS, "at, seq, id"):
        if row["kind"] != "note" or row["actor"] == ctx.actor:
            found.setdefault(row.pop("task_id"), []).append(row)
    return found


def last(ctx: Context, task_id: str, limit: int) -> list[Row]:
    """What was told to all about a task, oldest first, of which at most so many last ones."""
    sql = f"{_COLUMNS} WHERE task_id = ? AND kind <> 'note' ORDER BY at DESC, seq DESC, id DESC"
    rows = ctx.query(f"{sql} LIMIT {limit}" if limit else sql, [task_id])
    return [_without_id(row) for row in reversed(rows)]


def own_notes(ctx: Context, task_id: str) -> list[Row]:
    """The actor's notes on a task, oldest first."""
    sql = f"{_COLUMNS} WHERE task_id = ? AND kind = 'note' AND actor = ? ORDER BY at, seq, id"
    return [_without_id(row) for row in ctx.query(sql, [task_id, ctx.actor])]


def participants(ctx: Context, tasks: Sequence[Task]) -> dict[str, list[Row]]:
    """Who takes part in many tasks, in the order in which they joined, by task id."""
    found: dict[str, list[Row]] = {}
    sql = "SELECT task_id, actor, joined_at FROM collaboration_participant"
    for row in ctx.query_for(tasks, sql, "joined_at, actor"):
        found.setdefault(row.pop("task_id"), []).append(row)
    return found


def _without_id(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "task_id"}
