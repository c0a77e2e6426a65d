"""Calls plugins' code so that its mistakes do no harm: isolated, timed, taken back if need be."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from tm_core.hook_data import Failure
from tm_core.record import Record

from .registry import Installed


class Call(Record):
    """One call of a plugin's code, for whoever watches."""

    plugin: str
    where: str
    """The hook, or the handler or provider."""
    seconds: float
    result: Any
    """What it gave; None where it raised."""
    error: Exception | None


class Turn(Record):
    """One function of a plugin that is to be called, among others."""

    plugin: Installed
    where: str
    """What it is called for, for messages."""
    function: Callable[[Any], Any]


class guarded:  # noqa: N801  # used as a function; a generator would take twice as long
    """Around a plugin's code: what it prints goes to stderr, and it cannot end the process."""

    __slots__ = ("_streams",)

    def __enter__(self) -> None:
        self._streams = sys.stdout, sys.stderr
        sys.stdout = sys.stderr

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.stdout, sys.stderr = self._streams
        if error is not None and not isinstance(error, (Exception, KeyboardInterrupt)):
            raise _ordinary(error) from error


def _ordinary(error: BaseException) -> Exception:
    """What a plugin raised, as something that ends neither process nor event loop."""
    if isinstance(error, Exception):
        return error
    if isinstance(error, SystemExit):
        return RuntimeError(f"it called sys.exit({error.code!r})")
    return RuntimeError(f"it raised {type(error).__name__}")


class Opened:
    """A block such as a transaction that a plugin enters, and may forget to leave."""

    def __init__(self, opened: list[Opened], block: AbstractContextManager[None]) -> None:
        """Keep track of a block in `opened` while somebody is in it."""
        self._opened = opened
        self._block = block

    def __enter__(self) -> None:
        self._block.__enter__()
        self._opened.append(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if self not in self._opened:
            return None  # it was taken back meanwhile
        self._opened.remove(self)
        return self._block.__exit__(kind, error, trace)

    def take_back(self) -> None:
        """Leave it as if what is inside had failed."""
        error = RuntimeError("left open")
        with contextlib.suppress(RuntimeError):
            self.__exit__(RuntimeError, error, None)


class Calls:
    """The calls of plugins' code in one process."""

    def __init__(self, budget: float, report: Callable[[str], None]) -> None:
        """Begin.

        Args:
            budget: Seconds that one call may take before it is named; 0 for any.
            report: Takes one line about something that is not as it should be.
        """
        self._budget = budget or float("inf")
        self._report = report
        self.slow: dict[Failure, int] = {}
        """Calls that took longer than they may, and how often."""
        self.watch: Callable[[Call], None] | None = None
        """Is told of each call."""
        self._opened: list[Opened] = []

    def entering(self, block: AbstractContextManager[None]) -> Opened:
        """A block that is taken back at the end of the call in which it is entered, if not left."""
        return Opened(self._opened, block)

    @property
    def mark(self) -> int:
        """Stands for the blocks that are open now, for `leave_opened`."""
        return len(self._opened)

    def call(
        self,
        plugin: Installed,
        where: str,
        function: Callable[..., Any],
        *arguments: Any,
        **named: Any,
    ) -> Any:
        """Call a plugin's code: what it prints goes to stderr, it can neither end the process nor
        leave a transaction open, and one that takes long is named.

        Args:
            plugin: Whose code it is.
            where: The hook, or what else it is called for.
            function: A generator that it gives is run to its end.
            arguments: For the function.
            named: For the function.
        """
        mark = self.mark
        result, failure = None, None
        begun = time.perf_counter()
        try:
            with guarded():
                result = function(*arguments, **named)
                if result is not None and isinstance(result, Iterator):
                    result = list(result)
            if self.leave_opened(mark):
                raise RuntimeError("it left a transaction open")
            return result
        except Exception as error:
            failure = error
            self.leave_opened(mark)
            raise
        finally:
            seconds = time.perf_counter() - begun
            if seconds > self._budget and where != "evidence":  # that one may run programs
                self._note_slow(plugin, where, seconds)
            if self.watch is not None:
                self.watch(Call(plugin.name, where, seconds, result, failure))

    def in_turn(self, turns: Sequence[Turn], given: Mapping[str, Any]) -> dict[int, Exception]:
        """Call functions one after the other, each with a copy of what is given; as `call` does.

        What `call` does around a function costs more than most handlers, so it is done around all.

        Returns:
            What they raised, by their place in `turns`.
        """
        failed: dict[int, Exception] = {}
        if self.watch is not None:
            for number, turn in enumerate(turns):
                try:
                    self.call(turn.plugin, turn.where, turn.function, {**given})
                except Exception as error:
                    failed[number] = error
            return failed
        mark, clock, budget = self.mark, time.perf_counter, self._budget
        with guarded():
            begun = clock()
            for number, (plugin, where, function) in enumerate(turns):
                try:
                    result = function({**given})
                    if result is not None and isinstance(result, Iterator):
                        list(result)
                    if self._opened and self.leave_opened(mark):
                        raise RuntimeError("it left a transaction open")
                except KeyboardInterrupt:
                    raise
                except BaseException as error:
                    self.leave_opened(mark)
                    failed[number] = _ordinary(error)
                ended = clock()
                if ended - begun > budget:
                    self._note_slow(plugin, where, ended - begun)
                begun = ended
        return failed

    def leave_opened(self, mark: int) -> bool:
        """Take back what was entered since the mark and not left; gives whether there was any."""
        left = self._opened[mark:]
        for each in reversed(left):
            each.take_back()
        return bool(left)

    def _note_slow(self, plugin: Installed, where: str, seconds: float) -> None:
        known = any(each[:3] == (plugin.name, plugin.source, where) for each in self.slow)
        text = f"took {seconds:.2f} s, longer than plugins.time_budget"
        slow = Failure(plugin.name, plugin.source, where, text)
        self.slow[slow] = self.slow.get(slow, 0) + 1
        if not known:
            self._report(f"plugin '{plugin.name}' ({plugin.source}): {where} {text}")
