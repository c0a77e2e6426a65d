"""What an import did, and what it could not carry over: each thing with a count and examples."""

from __future__ import annotations

from typing import Any

_EXAMPLES = 3
_MOST = 500


class Report:
    """Counts while an import runs."""

    def __init__(self) -> None:
        self.created = 0
        self._skipped: dict[tuple[str, str], list[Any]] = {}
        self._dangling: dict[tuple[str, str], list[Any]] = {}
        self._lost: dict[tuple[str, str], list[Any]] = {}

    def skip(self, why: str, example: str) -> None:
        """A task is not brought in."""
        _count(self._skipped, why, "", example)

    def dangle(self, what: str, example: str) -> None:
        """A reference leads nowhere and is left out."""
        _count(self._dangling, what, "", example)

    def lose(self, what: str, example: str, instead: str = "") -> None:
        """A field or value is not carried over as it was; `instead` is what became of it."""
        _count(self._lost, what, instead, example)

    def as_dict(self, *, dry_run: bool) -> dict[str, Any]:
        """The report as data."""
        return {
            "created": self.created,
            "skipped": _listed(self._skipped),
            "dangling": _listed(self._dangling),
            "lost": _listed(self._lost),
            "dry_run": dry_run,
        }


def _count(table: dict[tuple[str, str], list[Any]], what: str, instead: str, example: str) -> None:
    key = (what, instead)
    if key not in table and len(table) >= _MOST:
        key = ("further kinds of values, not listed one by one", "")
    entry = table.setdefault(key, [0, []])
    entry[0] += 1
    if example and len(entry[1]) < _EXAMPLES and example not in entry[1]:
        entry[1].append(example)


def _listed(table: dict[tuple[str, str], list[Any]]) -> list[dict[str, Any]]:
    rows = [
        {"what": what, "instead": instead, "count": count, "examples": examples}
        for (what, instead), (count, examples) in table.items()
    ]
    return sorted(rows, key=lambda row: -int(row["count"]))
