"""What is new for a reader, worked out from the log alone.

Other features meet here in what their events say: `mentions` names who is called, as does `@name`
in any text of an event, `participants` who takes part in the task from then on, and `message` is
what was said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tm_core.api import Context, Row, mentions, readable, summary

_BATCH = 500


class Choice(NamedTuple):
    """What a reader wants to hear of."""

    everything: bool = False
    """Also what does not concern the reader."""
    own: bool = False
    """Also what the reader did."""


def since(ctx: Context, after: int, until: int, choice: Choice) -> Iterator[dict[str, Any]]:
    """What is new after one event of the log and up to another, in its order."""
    condition, parameters = _condition(ctx, choice)
    sql = (
        "SELECT event.*, task.title, task.assignee, task.created_by FROM event"
        " LEFT JOIN task ON task.id = event.task_id"
        f" WHERE event.seq > ? AND event.seq <= ? AND {condition} ORDER BY event.seq LIMIT {_BATCH}"
    )
    while True:
        rows = ctx.query(sql, [after, until, *parameters])
        for row in rows:
            row["data"] = json.loads(row["data"])
        joined = set() if choice.everything else _joined(ctx, rows)
        for row in rows:
            mentioned = _calls(row["data"], ctx.actor)
            wanted = choice.everything or (choice.own and row["actor"] == ctx.actor)
            if _is_news(ctx, row) and (wanted or mentioned or _concerns(ctx, row, joined)):
                yield _entry(row, mentioned)
        if len(rows) < _BATCH:
            return
        after = rows[-1]["seq"]


def _condition(ctx: Context, choice: Choice) -> tuple[str, list[Any]]:
    """SQL that lets pass what may be news for the reader; the rest is looked at one by one."""
    me = ctx.actor
    quoted = json.dumps(me, ensure_ascii=False)
    conditions: list[str] = ["1 = 1"]
    parameters: list[Any] = []
    if not choice.own:
        # That one's task was released is news also for the one who finished what it waited for.
        conditions.append(
            "(event.actor <> ? OR (event.type = 'task.unblocked' AND EXISTS (SELECT 1 FROM event"
            " AS cause WHERE cause.transaction_id = event.transaction_id"
            " AND cause.task_id <> event.task_id)))"
        )
        parameters.append(me)
    if not choice.everything:
        contains = ctx.dialect.contains
        types = ctx.settings["broadcasts"]
        either = [
            "task.assignee = ?",
            "task.created_by = ?",
            contains("event.data", "?"),  # who is named in it, or had the task before
            contains("event.data", "?"),  # who is called in a text of it
            "EXISTS (SELECT 1 FROM event AS joined WHERE joined.task_id = event.task_id"
            f" AND {contains('joined.data', '?')} AND {contains('joined.data', '?')})",
        ]
        parameters += [me, me, quoted, f"@{quoted[1:-1]}", '"participants":', quoted]
        if choice.own:
            either.append("event.actor = ?")
            parameters.append(me)
        if types:
            either.append(f"event.type IN ({', '.join('?' * len(types))})")
            parameters += types
        conditions.append(f"({' OR '.join(either)})")
    return " AND ".join(conditions), parameters


def _is_news(ctx: Context, row: Row) -> bool:
    """It is nobody else's private matter, and no history that came in with an import."""
    data = row["data"]
    return "imported" not in data and readable(data, ctx.actor) == data


def _concerns(ctx: Context, row: Row, joined: set[str]) -> bool:
    me, data = ctx.actor, row["data"]
    held = [data[side].get("assignee") for side in ("before", "after") if data.get(side)]
    return (
        me in (row["assignee"], row["created_by"], *held)
        or row["task_id"] in joined
        or row["type"] in ctx.settings["broadcasts"]
    )


def _joined(ctx: Context, rows: Sequence[Row]) -> set[str]:
    """Of the tasks of some events, those that the reader takes part in, undone joins left out."""
    ids = sorted({row["task_id"] for row in rows if row["task_id"] is not None})
    if not ids:
        return set()
    contains = ctx.dialect.contains
    found = ctx.query(
        f"SELECT seq, task_id, type, data FROM event WHERE task_id IN ({', '.join('?' * len(ids))})"
        f" AND (type = 'task.undone' OR {contains('data', '?')}) ORDER BY seq",
        [*ids, '"participants":'],
    )
    joins: dict[int, str] = {}
    root: dict[int, int] = {}  # of an undo, or of the undo of an undo: the join that it is about
    undone: set[int] = set()
    for row in found:
        data = json.loads(row["data"])
        if row["type"] == "task.undone":
            target = root.get(data.get("undoes"), data.get("undoes"))
            if target in joins:
                root[row["seq"]] = target
                undone ^= {target}
        elif ctx.actor in _names(data.get("imported", data), "participants"):
            joins[row["seq"]] = row["task_id"]
    return {task_id for seq, task_id in joins.items() if seq not in undone}


def _names(data: Any, key: str) -> list[Any]:
    names = data.get(key) if isinstance(data, dict) else None
    return names if isinstance(names, list) else []


def _calls(data: Any, name: str) -> bool:
    """Whether an event calls somebody: in its `mentions`, or anew in one of its texts."""
    if name in _names(data, "mentions"):
        return True
    if "undoes" in data:
        return False  # what it brings back was said before
    before = data.get("before") or {}
    told = [data, data.get("after") or {}]
    return any(
        name in mentions(text) and name not in mentions(str(before.get(key) or ""))
        for each in told
        for key, text in each.items()
        if isinstance(text, str) and "@" in text
    )


def _entry(row: Row, mentioned: bool) -> dict[str, Any]:
    data = row["data"]
    people = _names(data, "participants")
    said = ", ".join(map(str, people)) if people else data.get("message")
    title = row["title"] or (data.get("after") or {}).get("title") or data.get("title")
    event: Any = {name: row[name] for name in ("seq", "at", "actor", "type", "task_id", "data")}
    return {
        "seq": row["seq"],
        "at": row["at"],
        "actor": row["actor"],
        "type": row["type"],
        "task_id": row["task_id"],
        "title": title,
        "message": said if isinstance(said, str) else summary(event),
        "mentioned": mentioned,
        "priority": data["priority"] if isinstance(data.get("priority"), str) else None,
    }
