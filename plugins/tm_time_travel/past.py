"""Puts temporary tables, filled from the log, before those of the store.

A name without a schema means a temporary table first, in SQLite as in PostgreSQL. So whatever a
command reads while they are there is read as it was: fields, filters, orders, and the details that
features keep in tables of their own, without their knowing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tm_core.api import Context, Database, DatabaseError, Row, Upkeep, format_local

from .selection import Selection


class _Done(Exception):
    """Takes the temporary tables away."""


@contextmanager
def past(ctx: Context, at: str, begun: str = "") -> Iterator[None]:
    """Within the block the store is read as it was at an instant.

    Args:
        ctx: The store.
        at: The instant, canonical.
        begun: The beginning of an id: only that task is asked for, and what it has to do with.
    """
    with _aside(ctx.database):
        selection = Selection(ctx, at, begun)
        tables = _Tables(ctx)
        tables.cover("task", "id")
        for event in selection.later():
            for table, *_ in json.loads(event["data"]).get("rows", ()):
                tables.cover(table, "")
        first = ""
        for event in selection.until():
            first = first or event["at"]
            tables.play(event)
        tables.settle()
        if not first:
            ctx.warn(f"the log holds nothing from before {format_local(at)}")
        yield


@contextmanager
def _aside(database: Database) -> Iterator[None]:
    """One state of the store, beside which tables can be made that are gone afterwards.

    They are rolled back rather than dropped: so nothing but what was made here can go. Where an
    engine's snapshots take no tables, it is a transaction that is taken back, and writers wait.
    """
    state = database.snapshot
    try:
        with state(), database.savepoint():
            database.execute("CREATE TEMPORARY TABLE past_probe (probe BIGINT)")
            raise _Done
    except _Done:
        pass
    except DatabaseError:
        state = database.transaction
    with suppress(_Done), state(), database.savepoint():
        yield
        raise _Done


class _Tables:
    """The temporary tables, and events written into them."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._database = ctx.database
        self._columns: dict[str, set[str]] = {}
        self._cascades: dict[str, set[str]] = {}

    def cover(self, table: str, key: str) -> bool:
        """Put an empty table before the store's; False where the store has none."""
        if table not in self._columns:
            columns = self._database.columns(table)
            self._columns[table] = columns
            if columns:
                database = self._database
                self._cascades[table] = (
                    database.cascades(table)
                    if isinstance(database, Upkeep)
                    else columns & {"task_id"}
                )
                # The names come from manifests, which were checked; the kernel quotes them so, too.
                self._database.execute(
                    f'CREATE TEMPORARY TABLE "{table}" AS SELECT * FROM "{table}" WHERE 1 = 0'
                )
                if key:
                    self._database.execute(f'CREATE INDEX "past_{table}" ON "{table}" ("{key}")')
        return bool(self._columns[table])

    def play(self, event: Row) -> None:
        """Write one event's effect."""
        data, task_id = json.loads(event["data"]), event["task_id"]
        foreign = "imported" in data  # the history that came with an import
        data = data["imported"] if foreign else data
        if not isinstance(data, dict):
            return
        for table, key, _, after in () if foreign else data.get("rows", ()):
            if self.cover(table, next(iter(key))):
                self._put(table, key, after)
        if task_id is None:
            return
        if event["type"] == "task.purged" or ("after" in data and data["after"] is None):
            self._purge(task_id)
        elif isinstance(data.get("after"), dict):
            if data.get("before") is None:
                self._database.execute("DELETE FROM task WHERE id = ?", [task_id])
                self._insert("task", {"id": task_id} | self._task(data["after"]))
            else:
                self._change(task_id, self._task(data["after"]))

    def _task(self, after: dict[str, Any]) -> dict[str, Any]:
        return {
            name: _stored(value)
            for name, value in after.items()
            if name in self._columns["task"] and name != "id"
        }

    def _change(self, task_id: str, after: dict[str, Any]) -> None:
        if after:
            places = ", ".join(f'"{name}" = ?' for name in after)
            self._database.execute(
                f"UPDATE task SET {places} WHERE id = ?", [*after.values(), task_id]
            )

    def _put(self, table: str, key: dict[str, Any], after: dict[str, Any] | None) -> None:
        known = self._columns[table]
        condition = " AND ".join(f'"{name}" = ?' for name in key)
        self._database.execute(f'DELETE FROM "{table}" WHERE {condition}', list(key.values()))
        if after is not None:
            whole = {**key, **after}
            self._insert(table, {n: v for n, v in whole.items() if n in known})

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        self._database.execute(
            f'INSERT INTO "{table}" ({names}) VALUES ({", ".join("?" * len(row))})',
            list(row.values()),
        )

    def _purge(self, task_id: str) -> None:
        self._database.execute("DELETE FROM task WHERE id = ?", [task_id])
        for table, names in self._cascades.items():
            for name in names:
                self._database.execute(f'DELETE FROM "{table}" WHERE "{name}" = ?', [task_id])

    def settle(self) -> None:
        """Give tasks what they have without any event, and leave out those half told."""
        for name, field in self._ctx.fields.items():
            if field.default is not None and name in self._columns["task"]:
                self._database.execute(
                    f'UPDATE task SET "{name}" = ? WHERE "{name}" IS NULL', [_stored(field.default)]
                )
        # A history that was imported may begin anywhere.
        self._database.execute(
            "DELETE FROM task WHERE title IS NULL OR created_at IS NULL OR version IS NULL"
        )


def _stored(value: Any) -> Any:
    """A value as a column holds it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value
