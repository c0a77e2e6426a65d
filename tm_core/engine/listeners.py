"""Which handlers want an event: their plugins are asked once, and from then on its type tells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from tm_core.plugin_host.calls import Turn
from tm_core.plugin_host.host import Host
from tm_core.record import Record

if TYPE_CHECKING:
    from tm_core.context import Context, Event

_HOOK = "event_handlers"


class Listener(Record):
    """One handler of an enabled plugin."""

    consumer: str
    """Its name in `delivery`: that of the plugin, a slash, its own."""
    pattern: str
    turn: Turn


class Listeners:
    """The enabled plugins' handlers; a plugin is loaded for the first event that concerns it."""

    def __init__(self, host: Host, context: Callable[[str], Context]) -> None:
        self._host = host
        self._context = context
        self._names: tuple[str, ...] = ()
        self._members = ""
        self._declaring: Any = None
        self._known: dict[str, tuple[Listener, ...]] = {}
        self._concerned: dict[str, frozenset[str]] = {}
        self._wanting: dict[tuple[str, str], Wanting] = {}

    def members(self, waiting: Collection[str] = ()) -> str:
        """Those that are not behind: their names, with blanks between."""
        names = self.names()
        if not waiting:
            return self._members
        return " ".join(name for name in names if name not in waiting)

    def names(self) -> tuple[str, ...]:
        """The enabled plugins that offer handlers, sorted; loads none."""
        declaring = self._host.declaring(_HOOK)
        if declaring is not self._declaring:  # a plugin was dropped
            self._declaring = declaring
            self._names = tuple(sorted(declaring))
            self._members = " ".join(self._names)
            self._concerned.clear()
            self._wanting.clear()
        return self._names

    def concerned(self, event_type: str) -> frozenset[str]:
        """The plugins whose manifest says that they care for such events."""
        found = self._concerned.get(event_type)
        if found is None:
            import fnmatch

            found = self._concerned[event_type] = frozenset(
                name
                for name, (_, hook) in self._host.declaring(_HOOK).items()
                if not hook.when or any(fnmatch.fnmatchcase(event_type, each) for each in hook.when)
            )
        return found

    def load(self, plugins: Iterable[str]) -> set[str]:
        """Ask plugins for their handlers; gives those that cannot tell now, as was said."""
        missing = [name for name in plugins if name not in self._known]
        if not missing:
            return set()
        found: dict[str, list[Listener]] = {name: [] for name in missing}
        given = self._host.collect(_HOOK, self._context, only=set(missing), committed=True)
        for plugin, handler in given:
            try:
                name = handler.name
                turn = Turn(plugin, f"handler '{name}'", handler.handle)
                each = Listener(f"{plugin.name}/{name}", str(handler.pattern), turn)
            except Exception as error:
                self._host.blame(plugin, _HOOK, error, committed=True)
                continue
            found[plugin.name].append(each)
        silent = {each.plugin for each in self._host.failures if each.where == _HOOK}
        silent |= {one.name for one in self._host.unusable(_HOOK)}
        failed = {name for name in missing if not found[name] and name in silent}
        self._known |= {name: tuple(found[name]) for name in missing if name not in failed}
        return failed

    def of(self, plugin: str) -> tuple[Listener, ...]:
        """The handlers of a plugin that is loaded."""
        return self._known.get(plugin, ())

    def wanting(self, event: Event, members: str) -> Wanting | None:
        """Who of some plugins is to get such an event; None if one of them is not loaded yet.

        Args:
            event: The event.
            members: The plugins' names, with blanks between.
        """
        kind = event["type"]
        found = self._wanting.get((kind, members))
        if found is not None:
            return found
        some = self.concerned(kind).intersection(members.split())
        if not some <= self._known.keys():
            return None
        import fnmatch

        found = self._wanting[kind, members] = Wanting(
            listener
            for name in self._host.declaring(_HOOK)  # in their order
            if name in some
            for listener in self._known[name]
            if fnmatch.fnmatchcase(kind, listener.pattern)
        )
        return found


class Wanting:
    """Those who want an event."""

    __slots__ = ("listeners", "turns")

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self.listeners = tuple(listeners)
        self.turns = tuple(listener.turn for listener in self.listeners)
