"""How far handlers have come, in the store.

Most have all dealt with the same events: they are *in step*, and share one row of `delivery`, which
holds the last of these events and the names of their plugins. A plugin with a handler that failed,
or that was off meanwhile, is *behind*: it has a row in `waiting`, and its handlers a place each,
until they have caught up. One that is off keeps its place in a row of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tm_core.language.when import parse_instant
from tm_core.record import Record
from tm_core.storage.store import Store

if TYPE_CHECKING:
    from tm_core.storage.backend import Row

_PAUSES = ("1m", "10m", "1h", "6h")
_READ = (
    "SELECT plugin, seq, '' AS members, 0 AS last FROM waiting UNION ALL SELECT '', seq, members,"
    " (SELECT max(seq) FROM event) FROM delivery WHERE consumer = '/'"
)
_SETTLE = "UPDATE delivery SET seq = ? WHERE consumer = '/' AND members = ?"
_SETTLE_ALL = f"{_SETTLE} AND NOT EXISTS (SELECT 1 FROM event WHERE seq > ?)"


class Standing(Record):
    """Who is in step, who is behind, and how far they have come."""

    members: str
    """The plugins in step, sorted, with blanks between."""
    seq: int
    """The last event that they have dealt with."""
    last: int
    """The last event that there is; 0 while no plugin has ever been in step."""
    waiting: dict[str, int]
    """The last event that each plugin behind has dealt with."""


class Failed(Record):
    """A handler did not take an event."""

    seq: int
    """The last one that it has taken."""
    cause: str


class Places:
    """Reads and writes them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._database = store.database
        database = store.database
        # Asked by name: the definition of the protocol `Relaxed` would cost more at each start.
        self._relaxed: Callable[[], AbstractContextManager[None]]
        self._relaxed = getattr(database, "relaxed", database.transaction)
        self._execute_relaxed: Callable[[str, Sequence[Any]], int]
        self._execute_relaxed = getattr(database, "execute_relaxed", self._execute)

    def relaxed(self) -> AbstractContextManager[None]:
        """A transaction for places: should it be lost with the power, events come again."""
        return self._relaxed()

    def _execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        with self._database.transaction():
            return self._database.execute(sql, parameters)

    def read(self) -> Standing:
        """Who is in step, who is behind, and how far they have come."""
        members, seq, last, waiting = "", 0, 0, {}
        for row in self._database.query(_READ):
            if row["plugin"]:
                waiting[row["plugin"]] = int(row["seq"])
            else:
                members, seq, last = row["members"], int(row["seq"]), int(row["last"] or 0)
        return Standing(members, seq, last, waiting)

    def types(self, after: int, before: int) -> list[str]:
        """The types of the events between two."""
        rows = self._database.query(
            "SELECT DISTINCT type FROM event WHERE seq > ? AND seq < ?", [after, before]
        )
        return [row["type"] for row in rows]

    def regroup(self, standing: Standing, names: Sequence[str], last: int) -> Standing:
        """Note, in a transaction, that other plugins than before have handlers and are on.

        Args:
            standing: As it is.
            names: The plugins that are on and have handlers, sorted.
            last: The last event that is no news for a plugin that has no place yet.

        Returns:
            As it is now: one that is off keeps its place; one that comes back goes on from there.
        """
        waiting = dict(standing.waiting)
        before = standing.members.split()
        seq = standing.seq if before else last
        for name in before:
            if name not in names:
                self.put(f"{name}/", seq)
        came = [name for name in names if name not in before and name not in waiting]
        known = self._rows([f"{name}/" for name in came])
        for name in came:
            come = int(known[f"{name}/"]["seq"]) if f"{name}/" in known else last
            if come != seq:
                waiting[name] = come
                self._set_waiting(name, come)
        self._forget([f"{name}/" for name in came if name not in waiting and f"{name}/" in known])
        members = " ".join(name for name in names if name not in waiting)
        self._set_members(members, seq)
        return Standing(members, seq, standing.last, waiting)

    def _set_waiting(self, plugin: str, seq: int) -> None:
        self._database.execute(
            "INSERT INTO waiting (plugin, seq) VALUES (?, ?)"
            " ON CONFLICT (plugin) DO UPDATE SET seq = excluded.seq",
            [plugin, seq],
        )

    def _set_members(self, members: str, seq: int) -> None:
        self._database.execute(
            "INSERT INTO delivery (consumer, seq, members) VALUES ('/', ?, ?)"
            " ON CONFLICT (consumer) DO UPDATE SET seq = excluded.seq, members = excluded.members",
            [seq, members],
        )

    def settle(self, members: str, seq: int, *, all_done: bool) -> bool:
        """Note how far those in step have come.

        Gives False, and notes nothing, if others are in step meanwhile, or if they were to be
        `all_done` and more has come.
        """
        if all_done:
            return bool(self._execute_relaxed(_SETTLE_ALL, [seq, members, seq]))
        return bool(self._execute_relaxed(_SETTLE, [seq, members]))

    def leave(self, plugin: str, seq: int, handlers: Mapping[str, Failed | None], now: str) -> None:
        """Note, in a transaction, that a plugin is behind from now on.

        Args:
            plugin: Its name.
            seq: The last event that those in step have dealt with.
            handlers: Its handlers, and those that failed; none where the plugin could not be asked.
            now: The present instant.
        """
        standing = self.read()
        members = " ".join(name for name in standing.members.split() if name != plugin)
        self._set_members(members, standing.seq)
        failed = [each.seq for each in handlers.values() if each is not None]
        self._set_waiting(plugin, min(failed, default=seq))
        for consumer, failure in handlers.items():
            self.put(consumer, seq if failure is None else failure.seq)
            if failure is not None:
                self.fail(consumer, failure, 0, now)

    def of(self, consumers: Iterable[str]) -> dict[str, Row]:
        """The places of handlers whose plugin is behind."""
        return self._rows(list(consumers))

    def _rows(self, consumers: Sequence[str]) -> dict[str, Row]:
        if not consumers:
            return {}
        marks = ", ".join("?" * len(consumers))
        rows = self._database.query(
            f"SELECT * FROM delivery WHERE consumer IN ({marks})", consumers
        )
        return {row["consumer"]: row for row in rows}

    def put(self, consumer: str, seq: int) -> None:
        """Note how far a handler has come, and that nothing is wrong with it."""
        self._database.execute(
            "INSERT INTO delivery (consumer, seq) VALUES (?, ?)"
            " ON CONFLICT (consumer) DO UPDATE SET seq = excluded.seq, failures = 0,"
            " retry_at = NULL, error = NULL",
            [consumer, seq],
        )

    def fail(self, consumer: str, failure: Failed, failures: int, now: str) -> None:
        """Note that a handler failed once more, and let it pause."""
        pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
        retry_at = parse_instant(pause, now=datetime.fromisoformat(now))
        self._database.execute(
            "UPDATE delivery SET seq = ?, failures = ?, retry_at = ?, error = ? WHERE consumer = ?",
            [failure.seq, failures + 1, retry_at, failure.cause, consumer],
        )

    def caught_up(self, plugin: str, consumers: Sequence[str]) -> bool:
        """Note that a plugin is behind no more, if all its handlers have dealt with everything."""
        with self._relaxed():
            last = self._store.last_seq()
            rows = self._rows(consumers)
            if any(int(rows[each]["seq"]) < last for each in consumers):
                return False
            self._forget(consumers)
            self.put(f"{plugin}/", last)
            self._database.execute("DELETE FROM waiting WHERE plugin = ?", [plugin])
        return True

    def _forget(self, consumers: Sequence[str]) -> None:
        for consumer in consumers:
            self._database.execute("DELETE FROM delivery WHERE consumer = ?", [consumer])
