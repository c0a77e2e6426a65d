"""The table of entries: written and read here only."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tm_core.api import Context, Field, Task

LONGEST = 10_000
"""Characters of a message."""
FIELDS = (
    Field("at", "datetime"),
    Field("author", "str", max_length=200),
    Field("message", "str", max_length=LONGEST),
    Field("percent", "int", minimum=0, maximum=100),
)
"""What an entry tells, in the words of a task's fields: so an imported one is checked."""


def put(ctx: Context, task_id: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Append entries to a task's own, in the running transaction."""
    row = ctx.query("SELECT max(seq) AS seq FROM progress_entry WHERE task_id = ?", [task_id])[0]
    for seq, entry in enumerate(entries, (row["seq"] or 0) + 1):
        key = {"id": os.urandom(8).hex()}
        ctx.put("progress_entry", key, {"task_id": task_id, "seq": seq, **entry})


def of(ctx: Context, tasks: Sequence[Task]) -> dict[str, list[dict[str, Any]]]:
    """The entries of many tasks, oldest first, by task id."""
    found: dict[str, list[dict[str, Any]]] = {}
    sql = "SELECT task_id, at, author, message, percent FROM progress_entry"
    for row in ctx.query_for(tasks, sql, "at, seq, id"):
        found.setdefault(row.pop("task_id"), []).append(row)
    return found
