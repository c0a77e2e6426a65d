"""Reads all rows of all tables of the earlier tool's database, whatever its version made of it."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from tm_core.api import DatabaseError

from .recognition import is_theirs, read_only

Rows = list[dict[str, Any]]


def read_tables(path: str) -> dict[str, Rows]:
    """Every row of every table, in the order of writing, as values that JSON can hold.

    Raises:
        DatabaseError: It is not the earlier tool's database, or cannot be read.
    """
    try:
        with closing(sqlite3.connect(read_only(path), uri=True)) as connection:
            connection.text_factory = _text
            if not is_theirs(connection):
                raise DatabaseError(f"{path} is not a database of the earlier task tool")
            names = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
                " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
            ).fetchall()
            return {name: _rows(connection, name) for (name,) in names}
    except sqlite3.Error as error:
        raise DatabaseError(f"{path} cannot be read: {error}") from error


def _rows(connection: sqlite3.Connection, table: str) -> Rows:
    quoted = '"' + table.replace('"', '""') + '"'
    cursor = connection.execute(f"SELECT * FROM {quoted}")
    names = [column[0] for column in cursor.description]
    return [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in cursor]


def _text(raw: bytes) -> str:
    """Text as it is; bytes that are no UTF-8 are written out, so that they can be told."""
    return raw.decode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, float) and not abs(value) < float("inf"):
        return str(value)
    return value


def by_task(rows: Rows, known: Callable[[str], bool]) -> tuple[dict[str, Rows], Rows]:
    """Rows by the task that they belong to, and those that belong to no known task."""
    found: dict[str, Rows] = {}
    orphans: Rows = []
    for row in rows:
        task_id = row.get("task_id")
        if isinstance(task_id, str) and known(task_id):
            found.setdefault(task_id, []).append(row)
        else:
            orphans.append(row)
    return found, orphans
