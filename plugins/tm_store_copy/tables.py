"""Which tables are carried over, in which order, and the rows of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tm_core.api import DatabaseError, Portable, TableShape

STATE = "store_copy_state"
_OWN = {"migration", "schema_fingerprint", STATE}
"""Tables that each store fills by itself."""
_REPEATED = {"delivery", "waiting", "request"}
"""Small tables that change without an event: a copy that goes on takes them anew."""


class Table(NamedTuple):
    """One table of the source."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The columns that order its rows."""
    whole: bool
    """It has no key to go on from, or may have changed: it is copied in one piece."""

    @property
    def order(self) -> str:
        """The body of ORDER BY."""
        return ", ".join(f'"{name}"' for name in self.key)

    @property
    def listed(self) -> str:
        """Its columns, for SELECT and INSERT."""
        return ", ".join(f'"{name}"' for name in self.columns)


def to_copy(source: Portable) -> list[Table]:
    """The source's tables; what is referred to comes before what refers to it."""
    shapes = {name: shape for name, shape in source.tables().items() if name not in _OWN}
    found = []
    for name in _ordered(shapes):
        columns = tuple(sorted(source.columns(name)))
        key = shapes[name].key
        found.append(Table(name, columns, key or columns, not key or name in _REPEATED))
    return found


def _ordered(shapes: Mapping[str, TableShape]) -> Iterator[str]:
    left = dict(sorted(shapes.items()))
    while left:
        ready = [name for name, shape in left.items() if not (shape.refers_to - {name}) & {*left}]
        for name in ready or [next(iter(left))]:  # tables that refer to each other: any of them
            del left[name]
            yield name


def check_columns(tables: Sequence[Table], target: Portable) -> None:
    """Raise DatabaseError where the target has no place for something."""
    for table in tables:
        missing = set(table.columns) - target.columns(table.name)
        if missing:
            names = ", ".join(sorted(missing))
            raise DatabaseError(
                f"the target has no place for {table.name}: {names}",
                "install the plugin that it belongs to, in the version that the source has",
            )


def rows_after(source: Portable, table: Table, last: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Rows in the order of the key, from the one after `last` on."""
    condition = ""
    if last:
        condition = f" WHERE ({table.order}) > ({', '.join('?' * len(last))})"
    sql = f'SELECT {table.listed} FROM "{table.name}"{condition} ORDER BY {table.order}'
    return source.stream(sql, last)


def last_key(target: Portable, table: Table) -> list[Any]:
    """The key of the last row that has arrived."""
    order = ", ".join(f'"{name}" DESC' for name in table.key)
    rows = target.query(f'SELECT {table.order} FROM "{table.name}" ORDER BY {order} LIMIT 1')
    return [rows[0][name] for name in table.key] if rows else []


def count(database: Portable, table: Table) -> int:
    """How many rows there are."""
    return int(database.query(f'SELECT count(*) AS n FROM "{table.name}"')[0]["n"])


def digest(database: Portable, table: Table) -> tuple[int, str]:
    """The number of rows, and the SHA-256 of all of them in the order of their keys."""
    hashed, number = hashlib.sha256(), 0
    for row in rows_after(database, table, ()):
        values = [row[name] for name in table.columns]
        hashed.update(json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        number += 1
    return number, hashed.hexdigest()
