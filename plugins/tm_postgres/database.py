"""One connection to a store in PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import psycopg
from psycopg.pq import TransactionStatus

from tm_core.api import BadStatement, Row, SQLDialect, TableShape

from . import failures
from .address import Address
from .dialect import PostgresDialect
from .statements import is_recursive, limit_of, numbered

Connection: TypeAlias = psycopg.Connection[Row]
_BATCH = 1000
"""Rows that a stream fetches at a time; also the most that are asked for without a cursor."""
_HANGS = (
    "SELECT 1 AS found FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.objsubid = 1"
    " AND (l.classid::bigint << 32 | l.objid::bigint) = {key}"
    " AND a.query_start < now() - interval '10 minutes'"
)
"""Whoever serves handlers and has asked the server nothing for so long is no more waited for."""
_REMEMBERED = 500
"""Statements whose placeholders are remembered as numbered."""


class Postgres:
    """Implements `tm_core.api.Database`. Not to be shared between threads; open one for each.

    **Writers queue.** A transaction begins with an advisory lock of the project, which the server
    hands on in order of arrival, and lets go of it when it is committed. So it reads what nobody
    can change before it writes, as under SQLite's BEGIN IMMEDIATE, and numbers in the event log
    become visible in their order: a reader of the log never passes by one that comes later.
    SERIALIZABLE would promise the first as well, but by refusing: what was read and decided in
    Python would have to be done again, up to a tenth of the rate when 16 write at once.

    **Durability.** The lock is not kept while the disk is waited for: the commit itself is
    asynchronous, and an empty one after it waits until all before it are on the disk. Whoever is
    told that a write is done can rely on it, and waiting for the disk is shared by all writers.
    """

    dialect: SQLDialect = PostgresDialect()

    def __init__(
        self,
        address: Address,
        connection: Connection,
        connect: Callable[[], Connection],
        let_go: Callable[[Connection], None],
        *,
        busy_timeout: float,
        durable: bool,
        self_migrating: bool,
    ) -> None:
        self.url = address.shown
        self.self_migrating = self_migrating
        self._address = address
        self._connect = connect
        self._let_go = let_go
        self._busy_timeout = busy_timeout
        self._durable = durable
        self._depth = 0
        self._savepoints = 0
        self._cursors = 0
        self._ahead: list[str] = []
        """Statements about savepoints that are sent along with the next one."""
        self._wrote = False
        self._listens = False
        self._texts: dict[str, str] = {}
        self._connection = connection

    # One statement

    def _text(self, sql: str, parameters: Sequence[Any] = ()) -> str:
        if is_recursive(sql):
            return numbered(sql, [isinstance(value, str) for value in parameters])
        text = self._texts.get(sql)
        if text is None:
            if len(self._texts) >= _REMEMBERED:
                self._texts.clear()
            text = self._texts[sql] = numbered(sql)
        return text

    def _run(self, sql: str, parameters: Sequence[Any] = (), *, again: bool = False) -> Any:
        """Run one statement; `again`: it may be repeated on a new connection if this one broke."""
        text = self._text(sql, parameters)
        try:
            if self._ahead:
                ahead = "; ".join(self._ahead)
                self._ahead.clear()
                self._connection.execute(ahead, prepare=False)
            return self._connection.execute(text, parameters)
        except psycopg.Error as error:
            if self._depth or not again or not self._renewed(error):
                raise self._explain(error) from error
        try:
            return self._connection.execute(text, parameters)
        except psycopg.Error as error:
            raise self._explain(error) from error

    def _control(self, sql: str, *, again: bool = False) -> None:
        """Run statements that begin or end something, in one round trip."""
        try:
            self._connection.execute(sql, prepare=False)
        except psycopg.Error as error:
            if not again or not self._renewed(error):
                raise
            self._connection.execute(sql, prepare=False)

    def _renewed(self, error: psycopg.Error) -> bool:
        """Connect anew where the old connection is of no use any more; False where it is well."""
        stale = isinstance(error, psycopg.errors.FeatureNotSupported) and "cached plan" in str(
            error
        )
        if not stale and not self._connection.closed:
            return False
        self._renew()
        return True

    def _renew(self) -> None:
        self._let_go(self._connection)
        self._listens = False
        self._connection = self._connect()

    def _explain(self, error: psycopg.Error) -> Exception:
        if self._connection.closed:
            return failures.lost(self._address, committing=False)
        return failures.explained(error, self._address, waited=self._busy_timeout)

    @property
    def _status(self) -> TransactionStatus:
        return self._connection.info.transaction_status

    # Reading

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        rows: list[Row] = self._run(sql, parameters, again=True).fetchall()
        return rows

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        if 0 < limit_of(sql) <= _BATCH:
            yield from self.query(sql, parameters)
            return
        self._cursors += 1
        name = f"c{self._cursors}"
        # WITH HOLD: the server keeps the rest, so that whoever reads may write in between.
        self._run(f"DECLARE {name} NO SCROLL CURSOR WITH HOLD FOR {sql}", parameters, again=True)
        connection, more = self._connection, True
        try:
            while more:
                try:
                    rows = connection.execute(f"FETCH {_BATCH} FROM {name}").fetchall()
                except psycopg.Error as error:
                    raise self._explain(error) from error
                more = len(rows) == _BATCH
                yield from rows
        finally:
            if connection is self._connection and not connection.broken:
                with suppress(psycopg.Error):
                    self._close_cursor(name)

    def _close_cursor(self, name: str) -> None:
        if self._status != TransactionStatus.INERROR:  # its savepoint's end takes it along
            self._connection.execute(f"CLOSE {name}")

    # Writing

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        self._wrote = True
        count: int = self._run(sql, parameters).rowcount
        return count

    def execute_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        self._wrote = True
        with self.savepoint():
            self._run("SELECT 1")  # sends what is due before
            try:
                with self._connection.cursor() as cursor:
                    cursor.executemany(self._text(sql), parameters)
            except psycopg.Error as error:
                raise self._explain(error) from error

    def insert_returning(self, sql: str, parameters: Sequence[Any], column: str) -> Any:
        self._wrote = True
        row = self._run(f'{sql} RETURNING "{column}"', parameters).fetchone()
        return row[column] if row else None

    # Transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        self._begin()
        self._depth, self._wrote = 1, False
        try:
            yield
            self._commit()
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._depth = 0
            self._ahead.clear()

    def _begin(self) -> None:
        if self._status == TransactionStatus.INTRANS:
            raise BadStatement("the store refused: nothing can be written within a snapshot")
        wait = int(self._busy_timeout * 1000) or 1
        try:
            self._control(
                "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
                f" SET LOCAL lock_timeout = {wait}; SET LOCAL synchronous_commit TO OFF;"
                f" SELECT pg_advisory_xact_lock({self._key})",
                again=True,
            )
        except psycopg.Error as error:
            explained = self._explain(error)
            self._roll_back()
            raise explained from error

    @property
    def _key(self) -> str:
        return f"hashtextextended('tm writers of {self._address.schema}', 0)"

    def _commit(self) -> None:
        steps = [*self._ahead]
        if self._wrote:
            steps.append(f"SELECT pg_notify('{self._channel}', '')")
        steps.append("COMMIT")
        if self._wrote and self._durable:
            steps.append("SELECT pg_logical_emit_message(true, 'tm', '')")
        try:
            self._connection.execute("; ".join(steps), prepare=False)
        except psycopg.Error as error:
            if self._connection.closed:
                raise failures.lost(self._address, committing=True) from error
            raise self._explain(error) from error

    def _roll_back(self) -> None:
        self._ahead.clear()
        with suppress(psycopg.Error):  # the server takes back what a lost connection has begun
            self._connection.execute("ROLLBACK", prepare=False)

    @contextmanager
    def serving(self) -> Iterator[bool]:
        key = f"hashtextextended('tm outbox of {self._address.schema}', 0)"
        mine = self.query(f"SELECT pg_try_advisory_lock({key}) AS mine")[0]["mine"]
        connection = self._connection
        try:
            yield bool(mine or self.query(_HANGS.format(key=key)))
        finally:
            if mine and connection is self._connection and not connection.closed:
                self.query(f"SELECT pg_advisory_unlock({key})")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        if not self._depth:
            with self.transaction():
                yield
            return
        self._savepoints += 1
        name = f"s{self._savepoints}"
        begin = f"SAVEPOINT {name}"
        self._ahead.append(begin)  # sent only if a statement follows
        try:
            yield
        except BaseException:
            if begin in self._ahead:
                del self._ahead[self._ahead.index(begin) :]
            else:
                self._ahead[:] = [f"ROLLBACK TO {name}", f"RELEASE {name}"]
            raise
        if begin in self._ahead:
            del self._ahead[self._ahead.index(begin) :]
        else:
            self._ahead.append(f"RELEASE {name}")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        if self._status == TransactionStatus.INTRANS:
            yield
            return
        try:
            self._control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", again=True)
        except psycopg.Error as error:
            raise self._explain(error) from error
        try:
            yield
        finally:
            with suppress(psycopg.Error):
                self._connection.execute("COMMIT", prepare=False)

    # Waiting for others

    @property
    def _channel(self) -> str:
        return f"tm_{self._address.schema}"

    def wait_for_events(self, after: int, timeout: float) -> bool:
        end = time.monotonic() + timeout
        while True:
            if not self._listens:
                # Before the log is looked at, so that nothing is missed in between.
                self._run(f'LISTEN "{self._channel}"', again=True)
                self._listens = True
            if self.query("SELECT 1 AS found FROM event WHERE seq > ? LIMIT 1", [after]):
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            if not self._listens:  # the connection is a new one
                continue
            try:
                for _ in self._connection.notifies(timeout=left, stop_after=1):
                    pass
            except psycopg.Error as error:
                if not self._renewed(error):
                    raise self._explain(error) from error

    # The store itself

    def is_blank(self) -> bool:
        return not self.query(
            "SELECT 1 AS found FROM pg_tables WHERE schemaname = ? LIMIT 1", [self._address.schema]
        )

    def columns(self, table: str) -> set[str]:
        rows = self.query(
            "SELECT a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = ?"
            " AND c.relname = ? AND a.attnum > 0 AND NOT a.attisdropped",
            [self._address.schema, table],
        )
        return {row["attname"] for row in rows}

    def check(self) -> list[str]:
        schema = self._address.schema
        found = [
            f"the index {row['name']} is not valid"
            for row in self.query(
                "SELECT c.relname AS name FROM pg_index AS i JOIN pg_class AS c"
                " ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
                " WHERE n.nspname = ? AND NOT i.indisvalid ORDER BY c.relname",
                [schema],
            )
        ]
        found += [
            f"{row['name']} may not be relied on: its rows were never checked"
            for row in self.query(
                "SELECT k.conname AS name FROM pg_constraint AS k JOIN pg_namespace AS n"
                " ON n.oid = k.connamespace WHERE n.nspname = ? AND NOT k.convalidated"
                " ORDER BY k.conname",
                [schema],
            )
        ]
        found += [
            f"{row['name']} sorts by the rules of a language, not as the rest does"
            for row in self.query(
                "SELECT c.relname || '.' || a.attname AS name FROM pg_attribute AS a"
                " JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'"
                " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
                " JOIN pg_collation AS l ON l.oid = a.attcollation"
                " WHERE n.nspname = ? AND l.collname <> 'C' AND a.attnum > 0 ORDER BY 1",
                [schema],
            )
        ]
        return found

    def tables(self) -> dict[str, TableShape]:
        schema = self._address.schema
        keys: dict[str, list[str]] = {
            row["name"]: []
            for row in self.query(
                "SELECT tablename AS name FROM pg_tables WHERE schemaname = ?", [schema]
            )
        }
        for row in self.query(
            "SELECT c.relname AS name, a.attname AS key FROM pg_index AS i"
            " JOIN pg_class AS c ON c.oid = i.indrelid"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)"
            " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum"
            " WHERE n.nspname = ? AND i.indisprimary ORDER BY c.relname, k.place",
            [schema],
        ):
            keys[row["name"]].append(row["key"])
        others: dict[str, set[str]] = {name: set() for name in keys}
        for row in self.query(
            "SELECT c.relname AS name, o.relname AS other FROM pg_constraint AS k"
            " JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_class AS o ON o.oid = k.confrelid"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname = ? AND k.contype = 'f'",
            [schema],
        ):
            others[row["name"]].add(row["other"])
        return {name: TableShape(tuple(key), frozenset(others[name])) for name, key in keys.items()}

    def count_on(self, table: str) -> None:
        for row in self.query(
            "SELECT a.attname AS name FROM pg_attribute AS a WHERE a.attidentity <> ''"
            " AND a.attrelid = CAST(? AS regclass)",
            [f'"{table}"'],
        ):
            # Parameters are text here; the names come from the catalogue.
            self.query(
                f'SELECT setval(pg_get_serial_sequence(?, ?), greatest(max("{row["name"]}"), 1),'
                f' max("{row["name"]}") IS NOT NULL) FROM "{table}"',
                [f'"{table}"', row["name"]],
            )

    def statistics(self) -> dict[str, Any]:
        (row,) = self.query(
            "SELECT current_setting('server_version') AS version,"
            " COALESCE(sum(pg_total_relation_size(c.oid)), 0) AS bytes"
            " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname = ? AND c.relkind = 'r'",
            [self._address.schema],
        )
        return {"engine": f"PostgreSQL {row['version'].split()[0]}", "bytes": row["bytes"]}

    def vacuum(self) -> None:
        for table in sorted(self.tables()):
            self._run(f'VACUUM "{table}"')

    def analyze(self) -> None:
        for table in sorted(self.tables()):
            self._run(f'ANALYZE "{table}"')

    def cascades(self, table: str) -> set[str]:
        rows = self.query(
            "SELECT a.attname AS name FROM pg_constraint AS k"
            " JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY(k.conkey)"
            " WHERE k.contype = 'f' AND k.confdeltype = 'c'"
            " AND k.conrelid = CAST(? AS regclass) AND k.confrelid = CAST('task' AS regclass)",
            [f'"{table}"'],
        )
        return {row["name"] for row in rows}

    def backup(self, reason: str) -> str:
        return ""  # pg_dump and the server's own archive do this better

    def close(self) -> None:
        self._let_go(self._connection)
