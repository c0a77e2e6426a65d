"""Which events tell of a time: all up to it, or those that one task has to do with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tm_core.api import Context, Row

_BATCH = 400


class Selection:
    """The events up to an instant, in their order.

    Clocks of several machines differ, and an imported history has times of its own. What counts for
    a task is the order of the log, up to its last event that is not later than the instant.
    """

    def __init__(self, ctx: Context, at: str, begun: str) -> None:
        self._database = ctx.database
        self._at = at
        self._log = "event"
        if ctx.tasks.archives.known():
            self._log = "past_event"
            self._unarchive(ctx)
        self._database.execute(
            "CREATE TEMPORARY TABLE past_until AS SELECT coalesce(task_id, '') AS task,"
            " max(seq) AS last FROM event WHERE 1 = 0 GROUP BY coalesce(task_id, '')"
        )
        ids = self._around(begun) if begun else None
        insert = (
            "INSERT INTO past_until (task, last) SELECT coalesce(task_id, ''), max(seq)"
            f" FROM {self._log} WHERE at <= ?"
        )
        group = " GROUP BY coalesce(task_id, '')"
        if ids is None:
            self._database.execute(insert + group, [at])
        for start in range(0, len(ids or ()), _BATCH):
            batch = (ids or [])[start : start + _BATCH]
            which = f" AND task_id IN ({', '.join('?' * len(batch))})"
            self._database.execute(insert + which + group, [at, *batch])
        self._database.execute("CREATE INDEX past_until_task ON past_until (task)")

    def _unarchive(self, ctx: Context) -> None:
        """Bring the archived events together with the others, for as long as the command runs."""
        self._database.execute("CREATE TEMPORARY TABLE past_event AS SELECT * FROM event")
        names: list[str] = []
        for event in ctx.tasks.archived():
            names = names or list(event)
            self._database.execute(
                f"INSERT INTO past_event ({', '.join(names)})"
                f" VALUES ({', '.join('?' * len(names))})",
                [event[name] for name in names],
            )
        self._database.execute("CREATE INDEX past_event_task ON past_event (task_id, seq)")

    def _around(self, begun: str) -> list[str]:
        """The tasks whose ids begin so, and all that their events and rows speak of."""
        rows = self._database.query(
            f"SELECT DISTINCT task_id FROM {self._log} WHERE task_id >= ? AND task_id < ?",
            [begun, begun + "\U0010ffff"],
        )
        found = {row["task_id"] for row in rows}
        for task_id in sorted(found)[:20]:  # more than that is no beginning of one id
            mention = f'%"{task_id}"%'
            for event in self._database.stream(
                f"SELECT task_id, data FROM {self._log} WHERE task_id = ? OR data LIKE ?",
                [task_id, mention],
            ):
                found.add(event["task_id"])
                found |= _named(json.loads(event["data"]))
        return sorted(each for each in found if each is not None)

    def until(self) -> Iterator[Row]:
        """The events that count."""
        return self._database.stream(
            f"SELECT log.* FROM {self._log} AS log"
            " JOIN past_until ON past_until.task = coalesce(log.task_id, '')"
            " WHERE log.seq <= past_until.last ORDER BY log.seq"
        )

    def later(self) -> Iterator[Row]:
        """Events that came after, as far as they wrote rows of features."""
        return self._database.stream(
            f"SELECT * FROM {self._log} WHERE at > ? AND data LIKE ?", [self._at, '%"rows":%']
        )


def _named(data: object) -> set[str]:
    """Every short text in an event: whichever are ids of tasks will be found to be."""
    if isinstance(data, str):
        return {data} if 0 < len(data) <= 64 else set()
    parts: Sequence[object] = ()
    if isinstance(data, dict):
        parts = list(data.values())
    elif isinstance(data, list):
        parts = data
    return {text for part in parts for text in _named(part)}
