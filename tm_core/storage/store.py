"""Tasks and the event log, in SQL. No other module writes SQL about them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from tm_core.errors import Conflict, NotFound
from tm_core.language import values
from tm_core.model import Field, Task

from .chain import LINKED, encode, link
from .known import Known, Savepoint

if TYPE_CHECKING:
    from tm_core.context import Event
    from tm_core.language.checkers import Checker
    from tm_core.language.expressions import Column

    from .backend import Database, Row

_BATCH = 500
_CHANCE = 5
_ABOUT = itemgetter(*LINKED[:-1])
"""All of an event but what happened, which is told last."""


def new_task_id() -> str:
    """8 hex digits; the primary key catches the rare pair."""
    return os.urandom(4).hex()


def new_event_id(chance: bytes = b"") -> str:
    """Unique everywhere, and in order of time, so that its index grows at one end.

    `chance` is five random bytes, if there are any at hand.
    """
    return f"{time.time_ns() // 1_000_000:012x}{(chance or os.urandom(_CHANCE)).hex()}"


class _Checkers(dict[str, "Checker"]):
    """Checks by name of field, each made when it is first wanted: most commands want none."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        super().__init__()
        self._fields = fields

    def __missing__(self, name: str) -> Checker:
        from tm_core.language.checkers import checker

        self[name] = found = checker(self._fields[name])
        return found


class Store:
    """The tables `task` and `event` of one database, with the columns of the enabled fields."""

    def __init__(self, database: Database, fields: Sequence[Field]) -> None:
        self.database = database
        self._latest: tuple[int, Sequence[Any]] = (0, ())
        # Of a PuttingOff; asking whether it is one would import all protocols.
        self._later: Callable[[str, Sequence[Any]], None] | None = getattr(
            database, "insert_later", None
        )
        self._sha256: Callable[[bytes], Any] | None = None
        self.known = Known()
        """What the running transaction need not ask for."""
        self.declare(fields)

    def declare(self, fields: Sequence[Field]) -> None:
        """Take these fields as the columns."""
        self.fields = {field.name: field for field in fields}
        self.defaults = {f.name: f.default for f in fields if f.default is not None}
        self._values = itemgetter(*self.fields)
        self._places = {name: place for place, name in enumerate(self.fields)}
        self.blank = dict.fromkeys(self.fields) | self.defaults
        """The values of a task of which nothing is known."""
        self.checkers = _Checkers(self.fields)
        """The check of each field, for use in bulk."""
        self._insert = _insertion("task", self.fields)
        self._encoded = [
            (field.name, field) for field in fields if field.type in values.ENCODED_TYPES
        ]
        self._encoded_places = [(self._places[name], field) for name, field in self._encoded]
        self._default_places = [self._places[name] for name in self.defaults]
        self.encoded = [name for name, _ in self._encoded]
        """The fields whose values can be changed in place, such as lists."""
        self._columns = ", ".join(f"task.{_quoted(name)}" for name in self.fields)

    @property
    def columns(self) -> dict[str, Column]:
        """The names that filters may use."""
        from tm_core.language.expressions import Column

        return {name: Column(f"task.{_quoted(name)}", field) for name, field in self.fields.items()}

    def _task(self, row: Row) -> Task:
        for name, field in self._encoded:
            row[name] = values.from_column(field, row[name])
        return Task(row)

    def get(self, task_id: str) -> Task | None:
        """The task with exactly this id."""
        rows = self.database.query(f"SELECT {self._columns} FROM task WHERE id = ?", [task_id])
        return self._task(rows[0]) if rows else None

    def many(self, ids: Sequence[str]) -> Iterator[Task]:
        """The tasks with exactly these ids, in any order."""
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            yield from self.select(f"id IN ({', '.join('?' * len(batch))})", batch, "id")

    def resolve(self, prefix: str) -> str:
        """The only id that is or begins with `prefix`. Raises NotFound, naming the candidates."""
        rows = self.database.query(
            "SELECT id, title FROM task WHERE id >= ? AND id < ? ORDER BY id LIMIT 6",
            [prefix, prefix + "\U0010ffff"],
        )
        if rows and prefix and (rows[0]["id"] == prefix or len(rows) == 1):
            return str(rows[0]["id"])
        shown = values.visible(prefix[:70])
        if not rows or not prefix:
            raise NotFound(f"no task has the id '{shown}'", "tm list shows the ids")
        candidates = [row["id"] for row in rows]
        some = ", ".join(candidates[:5]) + (", ..." if len(candidates) > 5 else "")
        raise NotFound(
            f"the id '{shown}' begins more than one: {some}",
            "give more of it",
            candidates=candidates[:5],
        )

    def select(
        self, where: str, parameters: Sequence[Any], order: str, limit: int = 0, offset: int = 0
    ) -> Iterator[Task]:
        """Tasks one at a time; `where` and `order` are SQL, made by `expressions`."""
        sql = f"SELECT {self._columns} FROM task WHERE {where} ORDER BY {order}"
        if limit:
            sql += f" LIMIT {int(limit)} OFFSET {int(offset)}"
        for row in self.database.stream(sql, parameters):
            yield self._task(row)

    def count(self, where: str, parameters: Sequence[Any]) -> int:
        """How many tasks match."""
        rows = self.database.query(f"SELECT count(*) AS n FROM task WHERE {where}", parameters)
        return int(rows[0]["n"])

    def foresee(self, ids: Iterable[str], new: int = 0) -> None:
        """Read at once what the store has of tasks that are about to be inserted.

        In the running transaction those that are not there, and their events, are then written
        without asking for each, and together.

        Args:
            ids: Their ids.
            new: So many more come, whose ids `spare_id` gives.
        """
        if self._sha256 is None:
            import hashlib  # which takes long to load and little to use

            self._sha256 = hashlib.sha256
        known, query = self.known, self.database.query
        known.forget()
        given = set(ids)
        spare = {new_task_id() for _ in range(new)} - given
        wanted = [*given, *spare]
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            places = ", ".join("?" * len(batch))
            rows = query(f"SELECT id FROM task WHERE id IN ({places})", batch)
            known.free.update(batch)
            known.free.difference_update(row["id"] for row in rows)
            known.tails.update(dict.fromkeys(batch, ""))
            for sql in (
                f"SELECT task_id, digest FROM event_tail WHERE task_id IN ({places})",
                "SELECT task_id, digest FROM event WHERE seq IN (SELECT max(seq) FROM event"
                f" WHERE task_id IN ({places}) GROUP BY task_id)",
            ):
                for row in query(sql, batch):
                    if row["digest"]:
                        known.tails[row["task_id"]] = row["digest"]
        # Asking the system for each event's would take longer than all the rest of its id.
        some = os.urandom(_CHANCE * len(wanted))
        known.chances = [some[start : start + _CHANCE] for start in range(0, len(some), _CHANCE)]
        known.spare = [each for each in wanted if each in spare and each in known.free]

    def event_id(self) -> str:
        """A new event's id."""
        return new_event_id(self.known.chances.pop() if self.known.chances else b"")

    def spare_id(self) -> str:
        """An id that no task has, of those that were foreseen; empty when there is none left."""
        return self.known.spare.pop() if self.known.spare else ""

    def savepoint(self) -> Savepoint:
        """A part of the transaction that is undone alone when it raises."""
        return Savepoint(self.known, self.database.savepoint())

    def insert(self, task: Task) -> None:
        """Write a new task. Raises Conflict when the id is taken."""
        row = list(self._values(dict(task.items())))
        for place, field in self._encoded_places:
            if row[place] is not None:
                row[place] = values.to_column(field, row[place])
        whole = None not in [row[place] for place in self._default_places]
        if whole and self.known.use(task.id) and self._later is not None:
            self._later(self._insert, row)
            return
        # What has no value yet has the default of its column, which may be younger than the value.
        given = [name for name in self.fields if row[self._places[name]] is not None]
        sql = f"{_insertion('task', given)} ON CONFLICT (id) DO NOTHING"
        if self.database.execute(sql, [row[self._places[name]] for name in given]) != 1:
            raise Conflict(f"the id '{task.id}' is taken", "give another, or update that task")

    def update(self, before: Task, after: Task, names: Iterable[str]) -> None:
        """Write the named fields if the row still has `before`'s version. Raises Conflict."""
        written = [name for name in names if name in self.fields]
        sql = f"UPDATE task SET {', '.join(f'{_quoted(name)} = ?' for name in written)}"
        row = [values.to_column(self.fields[name], after[name]) for name in written]
        touched = self.database.execute(
            sql + " WHERE id = ? AND version = ?", [*row, before.id, before.version]
        )
        if touched != 1:
            raise Conflict(f"task {before.id} was changed meanwhile", "look at it and try again")

    def purge(self, task_id: str) -> None:
        """Take the row away for good; plugins' rows go with it. The log stays."""
        self.database.execute("DELETE FROM task WHERE id = ?", [task_id])

    def append(self, event: Mapping[str, Any]) -> int:
        """Add one event to the log and give its sequence number."""
        row = self._linked(event)
        seq = int(self.database.insert_returning(_APPEND, row, "seq"))
        self._latest = (seq, row)
        return seq

    def written(self, seq: int) -> Event | None:
        """An event as it is in the log, if it is the one that was appended last here."""
        if self._latest[0] != seq:
            return None
        row: dict[str, Any] = dict(zip((*LINKED, "digest"), self._latest[1], strict=True))
        row["data"] = json.loads(row["data"])
        return {"seq": seq, **row}  # type: ignore[return-value]

    def append_later(self, event: Mapping[str, Any]) -> None:
        """Add one event to the log, if the task was foreseen together with others."""
        foreseen = event["task_id"] in self.known.tails
        row = self._linked(event)
        if foreseen and self._later is not None:
            self._later(_APPEND, row)
        else:
            self.database.execute(_APPEND, row)

    def _linked(self, event: Mapping[str, Any]) -> tuple[Any, ...]:
        """An event as a row, with its digest."""
        task_id = event["task_id"]
        previous = self.known.tails.get(task_id)
        if previous is None:
            previous = self.last_digest(task_id)
        row = (*_ABOUT(event), encode(event["data"]))
        digest = link(row, previous) if self._sha256 is None else link(row, previous, self._sha256)
        self.known.note(task_id, digest)
        return (*row, digest)

    def last_digest(self, task_id: str | None) -> str:
        """The digest that the next event about a task, or about none, goes on from."""
        which, parameters = ("= ?", [task_id]) if task_id is not None else ("IS NULL", [])
        rows = self.database.query(
            f"SELECT coalesce((SELECT digest FROM event WHERE task_id {which}"
            " ORDER BY seq DESC LIMIT 1),"
            " (SELECT digest FROM event_tail WHERE task_id = ?)) AS digest",
            [*parameters, task_id or ""],
        )
        return str(rows[0]["digest"] or "")

    def events(
        self,
        where: str = "1 = 1",
        parameters: Sequence[Any] = (),
        *,
        limit: int = 0,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events that match, one at a time; `where` is SQL over the columns of `event`."""
        order = "DESC" if newest_first else "ASC"
        sql = f"SELECT * FROM event WHERE {where} ORDER BY seq {order}"
        if limit:
            sql += f" LIMIT {int(limit)}"
        for row in self.database.stream(sql, parameters):
            row["data"] = json.loads(row["data"])
            yield cast("Event", row)

    def history(self) -> Iterator[Row]:
        """All events in their order, one at a time, as the log holds them: `data` is text."""
        yield from self.database.stream("SELECT * FROM event ORDER BY seq")

    def archived_up_to(self) -> int:
        """The last event that was taken out of the log into an archive; 0 if none was."""
        rows = self.database.query("SELECT max(last_seq) AS last FROM event_archive")
        return int(rows[0]["last"] or 0)

    def last_seq(self) -> int:
        """The sequence number of the newest event, 0 for an empty log."""
        rows = self.database.query("SELECT seq FROM event ORDER BY seq DESC LIMIT 1")
        return int(rows[0]["seq"]) if rows else 0

    def read_rows(self, table: str, key: Mapping[str, Any]) -> list[Row]:
        """Rows of a plugin's table with these key values."""
        condition = " AND ".join(f"{_quoted(name)} = ?" for name in key)
        return self.database.query(
            f"SELECT * FROM {_quoted(table)} WHERE {condition}", list(key.values())
        )

    def write_row(
        self, table: str, key: Mapping[str, Any], row: Mapping[str, Any] | None, *, exists: bool
    ) -> None:
        """Insert, update or delete (None) the row of a plugin's table with this key."""
        condition = " AND ".join(f"{_quoted(name)} = ?" for name in key)
        if row is None:
            sql = f"DELETE FROM {_quoted(table)} WHERE {condition}"
            self.database.execute(sql, list(key.values()))
        elif exists:
            if row:
                assignments = ", ".join(f"{_quoted(name)} = ?" for name in row)
                self.database.execute(
                    f"UPDATE {_quoted(table)} SET {assignments} WHERE {condition}",
                    [*row.values(), *key.values()],
                )
        else:
            whole = {**key, **row}
            self.database.execute(
                f"INSERT INTO {_quoted(table)} ({', '.join(map(_quoted, whole))})"
                f" VALUES ({', '.join('?' * len(whole))})",
                list(whole.values()),
            )

    def rows_for(self, task_ids: Sequence[str], sql: str, order: str = "") -> list[Row]:
        """Rows of a SELECT over one table with a `task_id`, for many tasks in few queries."""
        found: list[Row] = []
        for start in range(0, len(task_ids), _BATCH):
            batch = task_ids[start : start + _BATCH]
            condition = f" WHERE task_id IN ({', '.join('?' * len(batch))})"
            found += self.database.query(
                sql + condition + (f" ORDER BY {order}" if order else ""), batch
            )
        return found

    def find_request(self, key: str) -> Row | None:
        """What an idempotency key has done: its action and transaction."""
        rows = self.database.query("SELECT * FROM request WHERE key = ?", [key])
        return rows[0] if rows else None

    def keep_request(self, key: str, action: str, transaction_id: str, at: str) -> None:
        """Remember that an idempotency key has been used."""
        self.database.execute(
            "INSERT INTO request (key, action, transaction_id, at) VALUES (?, ?, ?, ?)",
            [key, action, transaction_id, at],
        )

    def keep_result(self, key: str, result: str) -> None:
        """Remember what came of the write that an idempotency key stands for."""
        self.database.execute("UPDATE request SET result = ? WHERE key = ?", [result, key])


def _insertion(table: str, columns: Iterable[str]) -> str:
    names = list(map(_quoted, columns))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


def _quoted(name: str) -> str:
    """A column or table name, which never comes from a user but from a manifest or a plugin."""
    if not name.replace("_", "").isalnum():
        raise ValueError(f"not a name for a column or table: {name!r}")
    return f'"{name}"'


_APPEND = _insertion("event", (*LINKED, "digest"))
