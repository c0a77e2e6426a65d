"""Hands committed events to handlers: each at least once, in order, one process at a time.

The log itself is what is handed out; see `places` for how far each handler has come. Most often
nothing waits but the events of one's own transaction, for handlers that are all in step: then they
are served together, and it costs one row in that transaction, a lock that nobody waits for, and one
small transaction after it, however many there are.

A process that finds another one serving leaves its events to it, and that one looks again when it
has let go. A process that dies leaves its row: the next command hands out what it tells of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from tm_core.language.when import instant_now
from tm_core.plugin_host.host import Host
from tm_core.plugin_host.registry import describe
from tm_core.storage.store import Store

from .listeners import Listener, Listeners
from .places import IN_STEP, Failed, Places, Standing
from .privacy import readable

if TYPE_CHECKING:
    from tm_core.context import Context, Event

_BATCH = 200
_BUDGET = 10.0
"""Seconds after which one command leaves the rest to the next: slow handlers hold nobody up."""
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
        self._session = session
        self._clock = clock
        self._places = Places(store)
        self._listeners = Listeners(host, context)
        database = store.database
        # Asked by name: the definition of the protocol `Exclusive` would cost more at each start.
        self._exclusive: Callable[[], AbstractContextManager[bool]]
        self._exclusive = getattr(database, "serving", lambda: nullcontext(True))
        self._serving = False
        self._due = False

    def note(self, first: int) -> None:
        """Note in their transaction whether the events from `first` on wait for handlers."""
        standing = self._settled(self._places.read(), first - 1)
        self._due = bool(standing.waiting)
        if not standing.members or IN_STEP in standing.waiting:
            return
        rows = self._store.database.query("SELECT DISTINCT type FROM event WHERE seq >= ?", [first])
        members = set(standing.members.split())
        if any(not members.isdisjoint(self._listeners.concerned(row["type"])) for row in rows):
            self._places.wait(first - 1)
            self._due = True

    def deliver_noted(self) -> None:
        """Hand out what waits, if anything did when the last transaction was noted."""
        if self._due:
            self.deliver()

    def _settled(self, standing: Standing, last: int) -> Standing:
        """Let the places tell of the plugins that are on; in a transaction."""
        names = self._listeners.names()
        if standing.members == _members(names, standing.waiting):
            return standing
        return self._places.regroup(standing, names, last)

    def deliver(self) -> None:
        """Hand out what waits. Never raises for what a handler does."""
        if self._serving:  # a handler has written something: it is seen when that one is done
            return
        self._serving = True
        try:
            more = True
            while more:
                with self._exclusive() as mine:
                    if not mine:
                        return
                    left = self._serve()
                # Whoever committed meanwhile, and was not let in, relies on this look.
                more = not self._places.read().waiting.keys() <= left
        finally:
            self._serving = False

    def _serve(self) -> set[str]:
        """Serve all for whom something waits; gives those of `waiting` that wait on."""
        standing = self._places.read()
        if not standing.waiting:
            return set()
        names = self._listeners.names()
        if standing.members != _members(names, standing.waiting):
            with self._store.database.transaction():
                standing = self._settled(self._places.read(), self._store.last_seq())
        left: set[str] = set()
        for name, seq in standing.waiting.items():
            if name == IN_STEP:
                left |= self._serve_in_step(standing.members, seq)
            elif name not in names or not self._catch_up(name, seq):
                left.add(name)
        return left

    def _serve_in_step(self, members: str, seq: int) -> set[str]:
        """Serve those in step, from after event `seq`; gives who waits on."""
        allowance = _Allowance(self._store.last_seq(), self._session)
        behind: set[str] = set()
        while True:
            for event in list(self._store.events("seq > ?", [seq], limit=_BATCH)):
                if not allowance.covers(event):
                    self._places.settle(seq, done=False)
                    return behind | {IN_STEP}
                gone = self._hand(event, members, seq)
                if gone:
                    behind |= gone.keys()
                    members = " ".join(name for name in members.split() if name not in gone)
                    self._part(gone, seq, event["seq"])
                seq = event["seq"]
            if self._places.settle(seq, done=True):
                return behind

    def _hand(self, event: Event, members: str, before: int) -> dict[str, dict[str, Failed | None]]:
        """Hand an event to those in step who want it.

        Returns:
            The plugins that did not take it, with their handlers, and how these failed.
        """
        # The history that comes with an imported task happened elsewhere: it is no news.
        if "imported" in event["data"]:
            return {}
        concerned = self._listeners.concerned(event["type"]).intersection(members.split())
        gone: dict[str, dict[str, Failed | None]] = {
            name: {} for name in self._listeners.load(concerned)
        }
        wanting = self._listeners.wanting(event, members)
        for number, error in self._call(wanting, event).items():
            plugin = wanting[number].turn.plugin.name
            handlers = gone.setdefault(
                plugin, dict.fromkeys(each.consumer for each in self._listeners.of(plugin))
            )
            handlers[wanting[number].consumer] = Failed(before, describe(error))
        return gone

    def _call(self, listeners: tuple[Listener, ...], event: Event) -> Mapping[int, Exception]:
        """Call handlers with an event; gives what they raised, said already."""
        # What a handler gets it may pass on to anybody.
        given = {**event, "data": readable(event["data"], None)}
        failed = self._host.calls.in_turn([each.turn for each in listeners], given)
        for number, error in failed.items():
            plugin, where, _ = listeners[number].turn
            self._host.blame(plugin, where, error, committed=True)
        return failed

    def _part(self, gone: Mapping[str, Mapping[str, Failed | None]], before: int, seq: int) -> None:
        """Let plugins go on by themselves that did not take event `seq`, the one after `before`."""
        with self._places.relaxed():
            for plugin, handlers in gone.items():
                come = seq if handlers else before
                self._places.leave(plugin, come, handlers, self._clock())

    def _catch_up(self, plugin: str, since: int) -> bool:
        """Serve the handlers of a plugin that is behind; True when it is not any more."""
        if self._listeners.load([plugin]):
            return False
        listeners = self._listeners.of(plugin)
        consumers = [each.consumer for each in listeners]
        allowance = _Allowance(self._store.last_seq(), self._session)
        while True:
            places = self._places.of(consumers)
            well = True
            for each in listeners:
                row = places.get(each.consumer) or {"seq": since, "retry_at": None, "failures": 0}
                paused = (row["retry_at"] or "") > self._clock()
                come, failures = int(row["seq"]), int(row["failures"])
                well &= not paused and self._serve_one(each, come, failures, allowance)
            if not well:
                return False
            if self._places.caught_up(plugin, consumers):
                return True

    def _serve_one(
        self, listener: Listener, seq: int, failures: int, allowance: _Allowance
    ) -> bool:
        """Serve one handler from after event `seq`; False if it did not come to the end."""
        consumer, name = listener.consumer, listener.turn.plugin.name
        failed, well = None, True
        while well and failed is None:
            events = list(self._store.events("seq > ?", [seq], limit=_BATCH))
            if not events:
                break
            for event in events:
                if not allowance.covers(event):
                    well = False
                    break
                wanting = self._listeners.wanting(event, name)
                if listener in wanting and "imported" not in event["data"]:
                    for error in self._call((listener,), event).values():
                        failed = Failed(seq, describe(error))
                if failed is not None:
                    break
                seq = event["seq"]
        with self._places.relaxed():
            if failed is None:
                self._places.put(consumer, seq)
                return well
            if consumer not in self._places.of([consumer]):
                self._places.put(consumer, failed.seq)
            self._places.fail(consumer, failed, failures, self._clock())
        return False


def _members(names: Collection[str], waiting: Collection[str]) -> str:
    """Who is to be in step: all who are not behind."""
    return " ".join(name for name in names if name not in waiting) if waiting else " ".join(names)


class _Allowance:
    """How long one command may hand out events, and how many that handlers bring about."""

    def __init__(self, begun: int, session: str) -> None:
        self._begun = begun
        self._session = session
        self._until = time.monotonic() + _BUDGET
        self._effects = 0
        self._first = True

    def covers(self, event: Event) -> bool:
        """Whether this event is still handed out; the first one always is."""
        if event["seq"] > self._begun and event["session"] == self._session:
            self._effects += 1
        first, self._first = self._first, False
        return self._effects <= _OWN_EFFECTS and (first or time.monotonic() < self._until)
