"""What is put off until a statement needs it: savepoints, and rows that are written together.

Plugins are called in a savepoint each, and most of them write nothing then: a savepoint that no
statement follows need never be made. A row that nobody reads soon is cheaper with others like it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from tm_core.errors import DatabaseError

Rows = dict[str, "list[Sequence[Any]]"]
"""Rows by the statement that inserts them."""

_MOST = 1000
"""So many rows wait at most."""


class Ahead:
    """The savepoints and rows of one transaction that its engine does not know of yet, in order.

    Rows between two savepoints are ordered by their statements, in the order in which those came
    first.
    """

    __slots__ = ("entries", "lost", "rows")

    def __init__(self) -> None:
        self.entries: list[str | Rows] = []
        """Names of savepoints, and rows."""
        self.rows = 0
        """How many rows wait."""
        self.lost: DatabaseError | None = None
        """Why rows could not be written; the transaction must not be committed then."""

    def begin(self, name: str) -> None:
        """A savepoint begins."""
        self.entries.append(name)

    def put(self, sql: str, row: Sequence[Any]) -> bool:
        """A row is to be inserted; True when it is time to write those that wait."""
        last = self.entries[-1] if self.entries else ""
        if isinstance(last, str):
            last = {}
            self.entries.append(last)
        rows = last.get(sql)
        if rows is None:
            last[sql] = [row]
        else:
            rows.append(row)
        self.rows += 1
        return self.rows >= _MOST

    def release(self, name: str) -> bool:
        """A savepoint ends well; False when the engine knows of it, and must be told."""
        if name not in self.entries:
            return False
        place = self.entries.index(name)
        after = self.entries[place + 1 :]
        del self.entries[place:]
        for entry in after:
            before = self.entries[-1] if self.entries else ""
            if isinstance(entry, str) or isinstance(before, str):
                self.entries.append(entry)
                continue
            for sql, rows in entry.items():
                before.setdefault(sql, []).extend(rows)
        return True

    def take_back(self, name: str) -> bool:
        """A savepoint fails; False when the engine knows of it, and must be told."""
        known = name not in self.entries
        # Where the engine knows of it, all that waits came later.
        del self.entries[0 if known else self.entries.index(name) :]
        self.rows = sum(
            len(rows) for each in self.entries if isinstance(each, dict) for rows in each.values()
        )
        return not known

    def take(self) -> list[str | Rows]:
        """What is to be done now."""
        entries, self.entries, self.rows = self.entries, [], 0
        return entries

    def clear(self) -> None:
        """The transaction has ended."""
        self.entries, self.rows, self.lost = [], 0, None


class End(Protocol):
    """Ends a savepoint that the engine knows of."""

    def __call__(self, name: str, *, undo: bool) -> None:
        """Release it; with `undo`, take back what was done in it."""


class PutOff:
    """A savepoint that is made only once a statement follows."""

    __slots__ = ("_ahead", "_end", "_name")

    def __init__(self, ahead: Ahead, name: str, end: End) -> None:
        self._ahead = ahead
        self._name = name
        self._end = end

    def __enter__(self) -> None:
        self._ahead.begin(self._name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            if not self._ahead.release(self._name):
                self._end(self._name, undo=False)
        elif not self._ahead.take_back(self._name):
            self._end(self._name, undo=True)
