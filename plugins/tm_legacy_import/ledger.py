"""Accounts for every row of every table: what became of it, and what was changed on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from .reading import Rows

CARRIED, HISTORY, KEPT, DROPPED = "carried", "history", "kept", "dropped"
STATES = (CARRIED, HISTORY, KEPT, DROPPED)
_EXAMPLES = 3


class Ledger:
    """What became of each row. A row has one state:

    - `carried`: it is where it belongs, as a task, a field, or a part of one.
    - `history`: it has no place of its own, and is in the history of its task, word for word.
    - `kept`: it belongs to no task, and is in the file beside the store, word for word.
    - `dropped`: it is of no use any more; for the record it is in that file all the same.
    """

    def __init__(self, tables: Mapping[str, Rows]) -> None:
        self._rows = {name: len(rows) for name, rows in tables.items()}
        self._states: dict[str, Counter[str]] = {name: Counter() for name in tables}
        self._why: dict[tuple[str, str, str], int] = {}
        self._changes: dict[str, tuple[int, list[str]]] = {}
        self.kept: list[dict[str, Any]] = []
        """What the file beside the store is to hold."""

    def count(self, table: str, state: str, why: str = "", rows: int = 1) -> None:
        """So many rows of a table have a state; `why` says where they are, or why not."""
        if rows:
            self._states[table][state] += rows
            key = (table, state, why)
            self._why[key] = self._why.get(key, 0) + rows

    def keep(self, table: str, rows: Iterable[Mapping[str, Any]], why: str) -> None:
        """These rows go to the file beside the store."""
        for row in rows:
            self.kept.append({"table": table, "why": why, "row": dict(row)})
            self.count(table, KEPT, why)

    def also_keep(self, table: str, rows: Iterable[Mapping[str, Any]], why: str) -> None:
        """These rows go to the file as well, for what their place here does not take of them."""
        self.kept.extend({"table": table, "why": why, "row": dict(row)} for row in rows)

    def change(self, what: str, example: str) -> None:
        """A value is not as it was; the row as it was is in the history of its task."""
        count, examples = self._changes.get(what, (0, []))
        if len(examples) < _EXAMPLES and example not in examples:
            examples = [*examples, example]
        self._changes[what] = (count + 1, examples)

    def as_dict(self) -> dict[str, Any]:
        """The report.

        Raises:
            RuntimeError: A row is not accounted for, or more than once; nothing may be kept then.
        """
        tables = {}
        for name, rows in self._rows.items():
            states = self._states[name]
            if states.total() != rows:
                raise RuntimeError(f"{rows} rows of {name}, {states.total()} accounted for")
            why = [
                {"state": state, "why": text, "rows": count}
                for (table, state, text), count in self._why.items()
                if table == name and text
            ]
            tables[name] = {"rows": rows, **{s: states[s] for s in STATES}, "where": why}
        changes = [
            {"what": what, "count": count, "examples": examples}
            for what, (count, examples) in sorted(self._changes.items())
        ]
        return {"tables": tables, "changes": changes}
