"""What an import must know of the tasks that are there already."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from tm_core.api import Context

_BATCH = 500


def statuses_of(ctx: Context, ids: Iterable[str]) -> dict[str, str]:
    """The statuses of those of the ids that are in the store."""
    found: dict[str, str] = {}
    rest = iter(ids)
    while batch := list(islice(rest, _BATCH)):
        places = ", ".join("?" * len(batch))
        rows = ctx.query(f"SELECT id, status FROM task WHERE id IN ({places})", batch)
        found |= {row["id"]: row["status"] for row in rows}
    return found
