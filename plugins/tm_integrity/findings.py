"""What is wrong, one finding for each difference; only so many are kept in memory."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """One thing that is not as it was written."""

    kind: str
    """`event`, `anchor`, `archive`, `log`, `task` or `row`."""
    message: str
    task: str | None = None
    event: int | None = None
    """The number of the event that tells it, or that is wrong itself."""
    field: str | None = None
    """The task's field, or the column of a plugin's table."""
    table: str | None = None


class Differences:
    """Collects differences: counts all, keeps the first ones."""

    def __init__(self, keep: int) -> None:
        self.kept: list[Difference] = []
        self.count = 0
        self._keep = keep

    def add(self, difference: Difference) -> None:
        """Take one in."""
        self.count += 1
        if not self._keep or len(self.kept) < self._keep:
            self.kept.append(difference)
