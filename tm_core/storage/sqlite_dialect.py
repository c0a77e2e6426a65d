"""SQLite's own SQL, and the functions that it lacks."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from .statements import with_guards

if TYPE_CHECKING:
    import sqlite3


class SQLiteDialect:
    """SQL text where engines differ."""

    def contains(self, haystack: str, needle: str) -> str:
        return f"(instr({haystack}, {needle}) > 0)"

    def list_contains(self, column: str, item: str) -> str:
        return f"EXISTS (SELECT 1 FROM json_each({column}) AS item WHERE item.value = {item})"

    def lower(self, text: str) -> str:
        return f"unicode_lower({text})"

    def upper(self, text: str) -> str:
        return f"unicode_upper({text})"

    def list_items(self, column: str) -> str:
        return f"json_each({column})"

    def hours_between(self, start: str, end: str) -> str:
        return f"((julianday({end}) - julianday({start})) * 24.0)"

    def spread(self, value: str) -> str:
        return f"spread({value})"

    def json_part(self, column: str, *path: str) -> str:
        steps = "".join(f'."{step}"' for step in path)
        return f"json_extract({column}, '${steps}')"

    def schema(self, text: str) -> str:
        return with_guards(text.replace("{serial}", "INTEGER PRIMARY KEY AUTOINCREMENT"), _guard)


def add_functions(connection: sqlite3.Connection) -> None:
    """Give a connection what the dialect uses."""
    # SQLite's own know ASCII only.
    connection.create_function("unicode_lower", 1, _lower, deterministic=True)
    connection.create_function("unicode_upper", 1, _upper, deterministic=True)
    connection.create_aggregate("spread", 1, _Spread)


class _Spread:
    """The aggregate `spread`. Sorting here takes half the time of SQLite's window functions."""

    def __init__(self) -> None:
        self._values: list[float | None] = []
        # No method of ours in between: it runs once for each row.
        self.step = self._values.append

    def finalize(self) -> Any:
        values = sorted(value for value in self._values if value is not None)
        last = len(values)
        points = [values[max((last * p + 99) // 100, 1) - 1] for p in range(101)] if last else []
        return json.dumps([last, math.fsum(values), points])


def _guard(table: str, other: str, column: str, again: bool) -> str:
    """The triggers that keep a table's rows as they are."""
    refuse = f"BEGIN SELECT RAISE(ABORT, 'the {table} log is append-only'); END;"
    if other:
        return (
            f"DROP TRIGGER {table}_no_delete;\n"
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}\n"
            f"WHEN OLD.seq > (SELECT COALESCE(MAX({column}), 0) FROM {other})\n{refuse}"
        )
    if again:
        return (
            f"DROP TRIGGER {table}_no_delete;\n"
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}\n{refuse}"
        )
    # The third is for REPLACE, which deletes without asking the second.
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}\n{refuse}\n"
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}\n{refuse}\n"
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}\n"
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE seq = NEW.seq OR id = NEW.id)\n{refuse}"
    )


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _upper(text: Any) -> Any:
    return text.upper() if isinstance(text, str) else text
