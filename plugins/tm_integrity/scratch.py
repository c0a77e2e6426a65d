"""What a replay knows so far, in a temporary database: a log of any length needs little memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE digest (task TEXT PRIMARY KEY, digest TEXT) WITHOUT ROWID;
CREATE TABLE task (id TEXT PRIMARY KEY, state TEXT, event INTEGER) WITHOUT ROWID;
CREATE TABLE kept (
    place TEXT, key TEXT, state TEXT, event INTEGER, task TEXT, PRIMARY KEY (place, key)
) WITHOUT ROWID;
CREATE TABLE owner (task TEXT, place TEXT, key TEXT, PRIMARY KEY (task, place, key)) WITHOUT ROWID;
"""


class Kept(NamedTuple):
    """A row of a plugin's table as the log gives it."""

    table: str
    key: dict[str, Any]
    values: dict[str, Any]
    event: int
    task: str | None


class Scratch:
    """Tasks, plugins' rows and digests by name. SQLite keeps what is much on the disk."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.executescript(_SCHEMA)
        self._connection.execute("BEGIN")  # and never an end: one transaction is half the time

    def close(self) -> None:
        """Throw it all away."""
        self._connection.close()

    def clear(self) -> None:
        """Know nothing any more."""
        for table in ("digest", "task", "kept", "owner"):
            self._connection.execute(f"DELETE FROM {table}")

    def _one(self, sql: str, *parameters: Any) -> Any:
        return self._connection.execute(sql, parameters).fetchone()

    def last_digest(self, task_id: str) -> str:
        """The digest of the last event about a task; empty if there was none."""
        row = self._one("SELECT digest FROM digest WHERE task = ?", task_id)
        return str(row[0]) if row else ""

    def keep_digest(self, task_id: str, digest: str) -> None:
        """Take it as the last one."""
        self._connection.execute("REPLACE INTO digest VALUES (?, ?)", (task_id, digest))

    def task(self, task_id: str) -> tuple[dict[str, Any], int] | None:
        """A task's values and the last event that changed them."""
        row = self._one("SELECT state, event FROM task WHERE id = ?", task_id)
        return (json.loads(row[0]), row[1]) if row else None

    def keep_task(self, task_id: str, values: Mapping[str, Any], event: int) -> None:
        """Take these as the task's values."""
        self._connection.execute(
            "REPLACE INTO task VALUES (?, ?, ?)", (task_id, json.dumps(values), event)
        )

    def forget_task(self, task_id: str) -> None:
        """The task is no more, and with it the rows that belong to it."""
        self.drop_task(task_id)
        self._connection.execute(
            "DELETE FROM kept WHERE (place, key) IN (SELECT place, key FROM owner WHERE task = ?)",
            (task_id,),
        )
        self._connection.execute("DELETE FROM owner WHERE task = ?", (task_id,))

    def drop_task(self, task_id: str) -> None:
        """The task was dealt with."""
        self._connection.execute("DELETE FROM task WHERE id = ?", (task_id,))

    def tasks(self) -> Iterator[tuple[str, int]]:
        """Ids and last events of the tasks that are left."""
        yield from self._connection.execute("SELECT id, event FROM task")

    def row(self, table: str, key: Mapping[str, Any]) -> Kept | None:
        """A row of a plugin's table."""
        found = self._one(
            "SELECT state, event, task FROM kept WHERE place = ? AND key = ?", table, _text(key)
        )
        if found is None:
            return None
        return Kept(table, dict(key), json.loads(found[0]), found[1], found[2])

    def keep_row(self, row: Kept, owners: Iterable[str]) -> None:
        """Take a row in; it goes with any of the tasks that it belongs to."""
        key = _text(row.key)
        self._connection.execute(
            "REPLACE INTO kept VALUES (?, ?, ?, ?, ?)",
            (row.table, key, json.dumps(row.values), row.event, row.task),
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO owner VALUES (?, ?, ?)",
            ((task, row.table, key) for task in owners),
        )

    def forget_row(self, table: str, key: Mapping[str, Any]) -> None:
        """The row is no more, or was dealt with."""
        self._connection.execute(
            "DELETE FROM kept WHERE place = ? AND key = ?", (table, _text(key))
        )

    def rows(self) -> Iterator[Kept]:
        """The rows that are left."""
        for place, key, state, event, task in self._connection.execute("SELECT * FROM kept"):
            yield Kept(place, json.loads(key), json.loads(state), event, task)


def _text(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True)
