"""What the running transaction knows already, so as not to ask for each task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType


class Known:
    """Of tasks that are about to be written, which ids are free and what their events go on from.

    It is kept right where savepoints are taken back.
    """

    __slots__ = (
        "_journal",
        "_round",
        "_savepoints",
        "chances",
        "free",
        "passed",
        "remembered",
        "spare",
        "tails",
    )

    def __init__(self) -> None:
        self.free: set[str] = set()
        """Ids that no task has."""
        self.tails: dict[str | None, str] = {}
        """By id, the digest that the task's next event goes on from."""
        self.spare: list[str] = []
        """New ids, all of them free."""
        self.chances: list[bytes] = []
        """Random bytes for the ids of events. They end with the transaction, so that a process that
        was copied never gives the same ones."""
        self.remembered: dict[str, dict[str, Any]] = {}
        """What plugins want to know again, by plugin."""
        self.passed: dict[str, frozenset[str]] = {}
        """Occasions at which a plugin needs not take part, by plugin."""
        self._savepoints = 0
        self._round = 0
        self._journal: list[tuple[str, str | None]] = []
        """What was known before, in the savepoints that are open; None for a free id."""

    def clear(self) -> None:
        """Know nothing any more: the transaction has ended."""
        self.remembered.clear()
        self.passed.clear()
        self.forget()

    def forget(self) -> None:
        """Know nothing of tasks any more."""
        self.free.clear()
        self.tails.clear()
        self.spare.clear()
        self.chances.clear()
        self._journal.clear()
        self._round += 1

    def use(self, task_id: str) -> bool:
        """A task is inserted; gives whether its id is known to be free."""
        if task_id not in self.free:
            return False
        self.free.discard(task_id)
        if self._savepoints:
            self._journal.append((task_id, None))
        return True

    def note(self, task_id: str | None, digest: str) -> None:
        """An event is written."""
        before = self.tails.get(task_id)
        if task_id is None or before is None:
            return
        if self._savepoints:
            self._journal.append((task_id, before))
        self.tails[task_id] = digest

    def enter(self) -> tuple[int, int]:
        """A savepoint begins; gives what `take_back` wants."""
        self._savepoints += 1
        return self._round, len(self._journal)

    def leave(self) -> None:
        """A savepoint ends."""
        self._savepoints -= 1
        if not self._savepoints:
            self._journal.clear()

    def take_back(self, mark: tuple[int, int]) -> None:
        """A savepoint failed: what was written since is not there."""
        known, since = mark
        self.remembered.clear()
        self.passed.clear()
        if known != self._round:  # read inside of it
            self.forget()
            return
        for task_id, before in reversed(self._journal[since:]):
            if before is None:
                self.free.add(task_id)
            else:
                self.tails[task_id] = before
        del self._journal[since:]


class Savepoint:
    """A savepoint of the database, with which goes what was learned inside when it is undone.

    Written out, for there are several in each change: as a generator it takes twice as long.
    """

    __slots__ = ("_block", "_known", "_mark")

    def __init__(self, known: Known, block: AbstractContextManager[None]) -> None:
        self._known = known
        self._block = block

    def __enter__(self) -> None:
        self._mark = self._known.enter()
        self._block.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._block.__exit__(kind, error, trace)
        except BaseException:
            kind = kind or BaseException
            raise
        finally:
            if kind is not None:
                self._known.take_back(self._mark)
            self._known.leave()
