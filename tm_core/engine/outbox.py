"""Hands committed events to handlers, and remembers how far each has come.

Most often nothing waits for a plugin's handlers but the events of one's own transaction. Then the
plugin is claimed as a whole and all its handlers are served together: fifty cost hardly more than
one. If anything waits already, or a handler fails, each handler has its own place and its own
pauses, as follows.

Each handler has a row in `delivery` with the last event it has dealt with. A process claims the row
before it delivers and lets go in the same transaction in which it finds nothing more to do, so that
an event committed meanwhile is seen by one side or the other. The transaction that writes an event
also notes, in `waiting`, whose handlers it waits for: so it is handed out even if its process dies
at once, and a command that concerns no handler imports none.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tm_core.language.when import instant_now, parse_instant
from tm_core.plugin_host.host import Host
from tm_core.plugin_host.registry import Installed, describe
from tm_core.storage.store import Store

from .privacy import readable

if TYPE_CHECKING:
    from tm_core.context import Context, Event, Row

_CLAIM = "10m"
_BATCH = 200
_BUDGET = 10.0
"""Seconds after which one command leaves the rest to the next: slow handlers hold nobody up."""
_PAUSES = ("1m", "10m", "1h", "6h")
_OWN_EFFECTS = 100
"""So many events that handlers bring about are handed out at once; the rest, by a later command."""


class Outbox:
    """Delivers what the log holds to the enabled plugins' handlers."""

    def __init__(
        self,
        store: Store,
        host: Host,
        context: Callable[[str], Context],
        session: str,
        clock: Callable[[], str] = instant_now,
    ) -> None:
        self._store = store
        self._host = host
        self._context = context
        self._session = session
        self._clock = clock
        self._own: dict[str, int] = {}
        """Plugins for which nothing waits but the last transaction, and the event before that."""

    def note(self, first: int) -> None:
        """Note whose handlers the events from `first` on wait for, in their transaction."""
        patterns = {
            name: hook.when or ("*",)
            for name, (_, hook) in self._host.declaring("event_handlers").items()
        }
        self._own = {}
        if not patterns:
            return
        database = self._store.database
        rows = database.query("SELECT DISTINCT type FROM event WHERE seq >= ?", [first])
        for name, wanted in patterns.items():
            if any(fnmatch.fnmatchcase(row["type"], each) for row in rows for each in wanted):
                new = database.execute(
                    "INSERT INTO waiting (plugin, seq) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    [name, first - 1],
                )
                if new:
                    self._own[name] = first - 1

    def deliver(self) -> None:
        """Hand out what waits. Never raises for what a handler does."""
        own, self._own = self._own, {}
        rows = self._store.database.query("SELECT plugin, seq FROM waiting")
        waiting = {row["plugin"]: int(row["seq"]) for row in rows}
        if not waiting:
            return
        found: dict[str, list[tuple[Installed, str, str, Any]]] = {}
        collected = self._host.collect(
            "event_handlers", self._context, only=waiting, committed=True
        )
        for plugin, handler in collected:
            try:
                each = (plugin, f"{plugin.name}/{handler.name}", str(handler.pattern), handler)
            except Exception as error:
                self._host.blame(plugin, "event_handlers", error, committed=True)
                continue
            found.setdefault(plugin.name, []).append(each)
        failed = {failure.plugin for failure in self._host.failures}
        for name in waiting.keys() & self._host.enabled.keys() - found.keys() - failed:
            self._forget(name)  # it has no handlers any more
        own = {name: seq for name, seq in own.items() if name in found and waiting[name] == seq}
        for name, seq in self._claim_whole(own).items():
            self._serve_all(name, found.pop(name), seq)
        for name, handlers in found.items():
            consumers = [consumer for _, consumer, _, _ in handlers]
            for plugin, consumer, pattern, handler in handlers:
                row = self._claim(name, consumer, waiting[name])
                if row is not None:
                    self._serve(plugin, consumer, pattern, handler, row, consumers)

    def _claim_whole(self, own: Mapping[str, int]) -> dict[str, int]:
        """Claim plugins for all their handlers; gives the event after which each is to begin.

        One that another process is busy with since the transaction is left out.
        """
        if not own:
            return {}
        database = self._store.database
        begin: dict[str, int] = {}
        now, until = self._clock(), self._after(_CLAIM)
        with self._relaxed():
            for name, seq in own.items():
                rows = database.query(
                    "SELECT consumer, seq, claimed_until FROM delivery WHERE consumer LIKE ?",
                    [f"{name}/%"],
                )
                still = database.query("SELECT seq FROM waiting WHERE plugin = ?", [name])
                if not still or any((row["claimed_until"] or "") > now for row in rows):
                    continue
                come = [int(row["seq"]) for row in rows if row["consumer"] == _whole(name)]
                begin[name] = come[0] if come else seq
                self._put_whole(name, begin[name], until)
        return begin

    def _put_whole(self, name: str, seq: int, claimed_until: str | None = None) -> None:
        """Note how far all handlers of a plugin have come at least."""
        self._store.database.execute(
            "INSERT INTO delivery (consumer, seq, claimed_until) VALUES (?, ?, ?)"
            " ON CONFLICT (consumer) DO UPDATE SET seq = excluded.seq,"
            " claimed_until = excluded.claimed_until",
            [_whole(name), seq, claimed_until],
        )

    def _relaxed(self) -> AbstractContextManager[None]:
        """A transaction for places: should it be lost with the power, events come again."""
        database = self._store.database
        # `Relaxed` is a protocol, whose definition would cost more than the question.
        begin: Callable[[], AbstractContextManager[None]]
        begin = getattr(database, "relaxed", database.transaction)
        return begin()

    def _serve_all(
        self, name: str, handlers: Sequence[tuple[Installed, str, str, Any]], seq: int
    ) -> None:
        """Serve a plugin that is claimed as a whole, beginning after event `seq`."""
        failed: dict[str, tuple[int, Exception]] = {}
        until = time.monotonic() + _BUDGET
        begun, effects = self._store.last_seq(), 0
        while True:
            for event in list(self._store.events("seq > ?", [seq], limit=_BATCH)):
                if event["seq"] > begun and event["session"] == self._session:
                    effects += 1
                if effects > _OWN_EFFECTS:
                    self._end_whole(name, handlers, seq, failed, done=False)
                    return
                for plugin, consumer, pattern, handler in handlers:
                    if consumer not in failed:
                        error = self._hand(plugin, pattern, handler, event)
                        if error is not None:
                            failed[consumer] = (seq, error)
                seq = event["seq"]
                if time.monotonic() > until:
                    self._end_whole(name, handlers, seq, failed, done=False)
                    return
            if self._end_whole(name, handlers, seq, failed, done=True):
                return

    def _end_whole(
        self,
        name: str,
        handlers: Sequence[tuple[Installed, str, str, Any]],
        seq: int,
        failed: Mapping[str, tuple[int, Exception]],
        *,
        done: bool,
    ) -> bool:
        """End the claim, unless all was `done` and more has come; True when it has ended."""
        database = self._store.database
        with self._relaxed():
            if done and self._store.last_seq() > seq:
                return False
            least = min([seq, *(come for come, _ in failed.values())])
            self._put_whole(name, least)
            if done and not failed:
                database.execute("DELETE FROM waiting WHERE plugin = ?", [name])
                return True
            for _, consumer, _, _ in handlers if failed else ():
                come = failed[consumer][0] if consumer in failed else seq
                database.execute(
                    "INSERT INTO delivery (consumer, seq) VALUES (?, ?)"
                    " ON CONFLICT (consumer) DO UPDATE SET seq = excluded.seq, failures = 0,"
                    " retry_at = NULL, error = NULL, claimed_until = NULL",
                    [consumer, come],
                )
            for consumer, (come, error) in failed.items():
                self._fail(consumer, come, 0, error)
            database.execute("UPDATE waiting SET seq = ? WHERE plugin = ?", [least, name])
        return True

    def _hand(
        self, plugin: Installed, pattern: str, handler: Any, event: Event
    ) -> Exception | None:
        """Hand one event to a handler if it matches; gives what it raised, said already."""
        # The history that comes with an imported task happened elsewhere: it is no news.
        if "imported" in event["data"] or not fnmatch.fnmatchcase(event["type"], pattern):
            return None
        where = f"handler '{handler.name}'"
        try:
            self._host.calls.call(plugin, where, handler.handle, _public(event))
        except Exception as error:
            self._host.blame(plugin, where, error, committed=True)
            return error
        return None

    def _serve(
        self,
        plugin: Installed,
        consumer: str,
        pattern: str,
        handler: Any,
        row: Row,
        consumers: Sequence[str],
    ) -> None:
        seq = int(row["seq"])
        until = time.monotonic() + _BUDGET
        begun, effects = self._store.last_seq(), 0
        while True:
            events = list(self._store.events("seq > ?", [seq], limit=_BATCH))
            for event in events:
                if event["seq"] > begun and event["session"] == self._session:
                    effects += 1
                if effects > _OWN_EFFECTS:
                    self._release(consumer, seq)
                    return
                error = self._hand(plugin, pattern, handler, event)
                if error is not None:
                    self._fail(consumer, seq, int(row["failures"]), error)
                    return
                seq = event["seq"]
                if time.monotonic() > until:
                    self._release(consumer, seq)
                    return
            if not events and self._release_if_done(plugin.name, consumer, seq, consumers):
                return

    def _claim(self, plugin: str, consumer: str, since: int) -> Row | None:
        """Take the handler's row, unless another process has it or it is paused.

        A handler that was never served begins after event `since`.
        """
        database = self._store.database
        now = self._clock()
        with database.transaction():
            every = database.query(
                "SELECT * FROM delivery WHERE consumer IN (?, ?)", [consumer, _whole(plugin)]
            )
            rows = [row for row in every if row["consumer"] == consumer]
            whole = [row for row in every if row["consumer"] != consumer]
            if any((row["claimed_until"] or "") > now for row in whole):
                return None
            if not rows:
                database.execute(
                    "INSERT INTO delivery (consumer, seq, claimed_until) VALUES (?, ?, ?)",
                    [consumer, since, self._after(_CLAIM)],
                )
                return {"seq": since, "failures": 0}
            row = rows[0]
            if (row["claimed_until"] or "") > now or (row["retry_at"] or "") > now:
                return None
            database.execute(
                "UPDATE delivery SET claimed_until = ? WHERE consumer = ?",
                [self._after(_CLAIM), consumer],
            )
            come = max(int(each["seq"]) for each in (row, *whole))
            return {**row, "seq": come}

    def _release_if_done(
        self, plugin: str, consumer: str, seq: int, consumers: Sequence[str]
    ) -> bool:
        """Let go, unless more has come; True when let go."""
        database = self._store.database
        with database.transaction():
            if self._store.last_seq() > seq:
                return False
            self._release(consumer, seq)
            served = database.query(
                "SELECT count(*) AS n FROM delivery WHERE seq >= ? AND consumer IN"
                f" ({', '.join('?' * len(consumers))})",
                [seq, *consumers],
            )
            if served[0]["n"] == len(consumers):
                self._put_whole(plugin, seq)
                self._forget(plugin)
        return True

    def _forget(self, plugin: str) -> None:
        with self._store.database.transaction():
            self._store.database.execute("DELETE FROM waiting WHERE plugin = ?", [plugin])

    def _release(self, consumer: str, seq: int) -> None:
        with self._store.database.transaction():
            self._store.database.execute(
                "UPDATE delivery SET seq = ?, failures = 0, retry_at = NULL, error = NULL,"
                " claimed_until = NULL WHERE consumer = ?",
                [seq, consumer],
            )

    def _fail(self, consumer: str, seq: int, failures: int, error: BaseException) -> None:
        pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
        with self._store.database.transaction():
            self._store.database.execute(
                "UPDATE delivery SET seq = ?, failures = failures + 1, retry_at = ?, error = ?,"
                " claimed_until = NULL WHERE consumer = ?",
                [seq, self._after(pause), describe(error), consumer],
            )

    def _after(self, distance: str) -> str:
        return parse_instant(distance, now=datetime.fromisoformat(self._clock()))


def _whole(plugin: str) -> str:
    """Stands for all handlers of a plugin together; no handler's own name is empty."""
    return f"{plugin}/"


def _public(event: Event) -> Event:
    """What a handler may pass on to anybody."""
    return {**event, "data": readable(event["data"], None)}
