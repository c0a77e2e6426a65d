"""Hands committed events to handlers: each at least once, in order, one process at a time.

The log itself is what is handed out; see `places` for how far each handler has come. Most often
nothing waits but the events of one's own transaction, for handlers that are all in step. Then it
costs a look in that transaction, a lock that nobody waits for, and one row that is updated when all
is done, however many handlers there are. Events that concern nobody are passed by now and then.

A process that finds another one serving leaves its events to it, and that one looks again when it
has let go. A process that dies has not moved the place: the next command goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from tm_core.language.when import instant_now
from tm_core.plugin_host.host import Host
from tm_core.plugin_host.registry import describe
from tm_core.storage.store import Store

from .listeners import Listener, Listeners, Wanting
from .places import Failed, Places, Standing
from .privacy import readable

if TYPE_CHECKING:
    from tm_core.context import Context, Event

_BATCH = 200
_IN_STEP = "/"
"""Stands for those in step among the names of plugins."""
_LAG = 50
"""So many events that concern nobody are passed by without a note."""
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
        self._own: Standing | None = None
        """As the last transaction left it, if it concerns those in step and nobody is behind."""
        self._skipped = 0
        """The last event that these need not see then."""
        self._only: Event | None = None
        """That transaction's event, if it was one."""
        self._seen = 0
        """The last event that was there when this process served."""

    def note(self, first: int, types: Mapping[str, int]) -> None:
        """Note in their transaction who is on when these events happen, and whether they wait.

        Args:
            first: The number of the first one.
            types: How many there are of each type.
        """
        self._own = self._only = None
        standing, skipped = self._settled(self._places.read(), first)
        members = standing.members
        concerned = bool(members) and any(self._concerned(members, each) for each in types)
        far = standing.last - standing.seq > _LAG
        self._due = bool(standing.waiting) or (
            bool(members) and (concerned or far or skipped < first - 1)
        )
        if concerned and not standing.waiting:
            self._own, self._skipped = standing, skipped
            if skipped == first - 1 and sum(types.values()) == 1:
                self._only = self._store.written(first)

    def _concerned(self, members: str, event_type: str) -> bool:
        concerned = self._listeners.concerned(event_type)
        return bool(concerned) and not concerned.isdisjoint(members.split())

    def _settled(self, standing: Standing, first: int) -> tuple[Standing, int]:
        """Let the places tell of the plugins that are on, in a transaction.

        Gives them, and after which event those in step begin: what nobody wants is passed by.

        Args:
            standing: As it was.
            first: The first event that is news for a plugin that has no place yet.
        """
        begin, members, names = standing.seq, standing.members, self._listeners.names()
        # Of one that is off here it is not known what concerns it.
        if members and begin < first - 1 and set(members.split()) <= set(names):
            between = self._places.types(begin, first)
            if not any(self._concerned(members, each) for each in between):
                begin = first - 1
        if members != self._listeners.members(standing.waiting):
            standing = self._places.regroup(standing._replace(seq=begin), names, first - 1)
            begin = standing.seq
        return standing, begin

    def deliver_noted(self) -> None:
        """Hand out what waits, if anything did when the last transaction was noted."""
        if self._due:
            self.deliver()

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
                    stopped = _IN_STEP in self._serve()
                # Whoever committed meanwhile, and was not let in, relies on this look.
                more = not stopped and self._store.last_seq() > self._seen
        finally:
            self._serving = False

    def _serve(self) -> set[str]:
        """Serve all for whom something waits; gives who waits on."""
        standing, own, only = self._places.read(), self._own, self._only
        self._seen = standing.last or self._store.last_seq()
        self._own = self._only = None
        if own is not None and own == standing:
            return self._serve_in_step(standing, self._skipped, only)
        if standing.members != self._listeners.members(standing.waiting):
            with self._store.database.transaction():
                now = self._places.read()
                standing, _ = self._settled(now, self._store.last_seq() + 1)
        left: set[str] = set()
        if standing.members and standing.last > standing.seq:
            left = self._serve_in_step(standing, standing.seq)
        names = self._listeners.names()
        for name, seq in standing.waiting.items():
            if name not in names or not self._catch_up(name, seq):
                left.add(name)
        return left

    def _serve_in_step(self, standing: Standing, seq: int, known: Event | None = None) -> set[str]:
        """Serve those in step; gives who waits on.

        Args:
            standing: Who they are, and the last event that there is.
            seq: The last event that they have dealt with.
            known: The next one, if it is at hand.
        """
        members = standing.members
        allowance = _Allowance(standing.last, self._session)
        behind: set[str] = set()
        events = self._after(seq) if known is None else [known]
        while True:
            for event in events:
                if not allowance.covers(event):
                    self._places.settle(members, seq, all_done=False)
                    return behind | {_IN_STEP}
                gone = self._hand(event, members, seq)
                if gone:
                    behind |= gone.keys()
                    members = " ".join(name for name in members.split() if name not in gone)
                    self._part(gone, seq, event["seq"])
                seq = event["seq"]
            if self._places.settle(members, seq, all_done=True):
                self._seen = seq
                return behind
            if self._places.read().members != members:
                return behind  # and begin anew with those who are in step now
            events = self._after(seq)

    def _after(self, seq: int) -> list[Event]:
        return list(self._store.events("seq > ?", [seq], limit=_BATCH))

    def _hand(self, event: Event, members: str, before: int) -> dict[str, dict[str, Failed | None]]:
        """Hand an event to those in step who want it.

        Returns:
            The plugins that did not take it, with their handlers, and how these failed.
        """
        # The history that comes with an imported task happened elsewhere: it is no news.
        if "imported" in event["data"]:
            return {}
        gone: dict[str, dict[str, Failed | None]] = {}
        wanting = self._listeners.wanting(event, members)
        if wanting is None:
            concerned = self._listeners.concerned(event["type"]).intersection(members.split())
            gone = {name: {} for name in self._listeners.load(concerned)}
            well = " ".join(name for name in members.split() if name not in gone)
            wanting = self._listeners.wanting(event, well) or Wanting(())
        for listener, error in self._call(wanting, event):
            plugin = listener.turn.plugin.name
            every = (each.consumer for each in self._listeners.of(plugin))
            gone.setdefault(plugin, dict.fromkeys(every))[listener.consumer] = Failed(
                before, describe(error)
            )
        return gone

    def _call(self, wanting: Wanting, event: Event) -> Iterator[tuple[Listener, Exception]]:
        """Call handlers with an event; gives what they raised, said already."""
        # What a handler gets it may pass on to anybody.
        given = {**event, "data": readable(event["data"], None)}
        for number, error in self._host.calls.in_turn(wanting.turns, given).items():
            listener = wanting.listeners[number]
            self._host.blame(listener.turn.plugin, listener.turn.where, error, committed=True)
            yield listener, error

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
            events = self._after(seq)
            if not events:
                break
            for event in events:
                if not allowance.covers(event):
                    well = False
                    break
                wanting = self._listeners.wanting(event, name)
                wants = wanting is not None and listener in wanting.listeners
                if wants and "imported" not in event["data"]:
                    for _, error in self._call(Wanting([listener]), event):
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
