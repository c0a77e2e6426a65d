"""The embedded engine: SQLite connections, and transactions that queue."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TYPE_CHECKING, Any

from tm_core.errors import DamagedStore, DatabaseError, NoStore

from . import sqlite_file
from .ahead import Ahead, PutOff
from .sqlite_dialect import SQLiteDialect, add_functions
from .statements import refuse_control

if TYPE_CHECKING:
    from .backend import Database, Row, SQLDialect, TableShape

_PAUSE = 0.05
"""Seconds between two looks for what others have written."""
_CACHE = 64 * 1024
"""KiB of pages that a connection keeps at most; SQLite's own 2 MB hold the indexes of few tasks."""
_FRUGAL_CACHE = 2 * 1024
"""KiB of pages for reading a whole store once."""
_HANGS = 600
"""Seconds after which whoever serves handlers is no more waited for."""


class SQLiteBackend:
    """Opens files; the scheme is `sqlite:`, or none."""

    def open(self, url: str, *, create: bool, settings: Mapping[str, Any]) -> Database:
        """Connect to the file; raises NoStore where there is none and `create` is not set."""
        path = url.removeprefix("sqlite://")
        if not create and not os.path.exists(path):
            raise NoStore(f"there is no task store at {path}", "tm init")
        return SQLite(
            path,
            busy_timeout=settings["store.busy_timeout"],
            durable=settings["store.synchronous"] == "full",
            create=create,
        )


class SQLite:
    """One connection. Not to be shared between threads; open one for each."""

    self_migrating = True
    dialect: SQLDialect = SQLiteDialect()

    def __init__(self, path: str, *, busy_timeout: float, durable: bool, create: bool) -> None:
        self.url = path
        self._lock = sqlite_file.FileLock(path + "-lock", busy_timeout)
        self._busy_timeout = busy_timeout
        self._durable = durable
        self._depth = 0
        self._savepoints = 0
        self._ahead = Ahead()
        self._open(create)

    def _open(self, create: bool) -> None:
        try:
            self._connection = self._connect(self.url, create)
        except sqlite3.Error as error:
            raise self._explain(error) from error
        try:
            self._run(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
            self._run("PRAGMA foreign_keys = ON")
            self._run(f"PRAGMA cache_size = {-_CACHE}")
            if create and self.is_blank():  # a file that is not ours must stay as it is
                self._run("PRAGMA journal_mode = WAL")
        except DamagedStore:
            pass  # whatever reads it says so; what restores it must get this far
        except DatabaseError:
            self._connection.close()
            raise
        self._place = os.path.abspath(self.url)
        self._identity = sqlite_file.identity(self._place)

    def _connect(self, path: str, create: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(
            sqlite_file.location(path, create), uri=True, isolation_level=None, timeout=0
        )
        # The file lock makes writers queue; this covers programs that do not use it.
        connection.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")
        add_functions(connection)
        return connection

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        ahead = self._ahead
        # A savepoint matters to what is read no more than to what was never written.
        if ahead.entries and (ahead.rows or not sql.startswith("SELECT")):
            self._catch_up()
        try:
            return self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def _catch_up(self) -> None:
        """Do what was put off."""
        try:
            for entry in self._ahead.take():
                if isinstance(entry, str):
                    self._connection.execute(f"SAVEPOINT {entry}")
                else:
                    for sql, rows in entry.items():
                        self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            found = self._explain(error)
            # Whoever sees this has not done it, and rows of others are lost with it.
            self._ahead.lost = DatabaseError(found.message, found.hint)
            raise self._ahead.lost from error

    def _explain(self, error: sqlite3.Error) -> DatabaseError:
        from .sqlite_errors import explained

        return explained(error, self.url, self._busy_timeout)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        refuse_control(sql)
        cursor = self._run(sql, parameters)
        try:
            rows = cursor.fetchall()
        except sqlite3.Error as error:
            raise self._explain(error) from error
        if not rows:
            return []
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        refuse_control(sql)
        cursor = self._run(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        try:
            for row in cursor:
                yield dict(zip(names, row, strict=True))
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        refuse_control(sql)
        return self._run(sql, parameters).rowcount

    def execute_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        refuse_control(sql)
        self._catch_up()
        try:
            self._connection.executemany(sql, parameters)
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def insert_returning(self, sql: str, parameters: Sequence[Any], column: str) -> Any:
        refuse_control(sql)
        return self._run(sql, parameters).lastrowid

    def insert_later(self, sql: str, parameters: Sequence[Any]) -> None:
        if not self._depth:
            raise RuntimeError("a row can be put off within a transaction only")
        if self._ahead.put(sql, parameters):
            self._catch_up()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        with self._lock:
            # What is written into a file that has no name any more is lost with its last reader.
            if sqlite_file.identity(self._place) != self._identity:
                raise DatabaseError(
                    f"the store {self.url} was removed or replaced while it was open;"
                    " nothing was written",
                    "open it again",
                )
            self._run("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
                self._catch_up()
                if self._ahead.lost is not None:
                    raise self._ahead.lost
                self._run("COMMIT")
            except BaseException:
                self._ahead.clear()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0
                self._ahead.clear()

    @contextmanager
    def relaxed(self) -> Iterator[None]:
        if self._depth or not self._durable:
            with self.transaction():
                yield
            return
        self._run("PRAGMA synchronous = NORMAL")
        try:
            with self.transaction():
                yield
        finally:
            self._run("PRAGMA synchronous = FULL")

    @contextmanager
    def frugal(self) -> Iterator[None]:
        self._run(f"PRAGMA cache_size = {-_FRUGAL_CACHE}")
        try:
            yield
        finally:
            self._run(f"PRAGMA cache_size = {-_CACHE}")

    def execute_relaxed(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        if self._depth:
            return self.execute(sql, parameters)
        with self._lock:
            if not self._durable:
                return self.execute(sql, parameters)
            self._run("PRAGMA synchronous = NORMAL")
            try:
                return self.execute(sql, parameters)
            finally:
                self._run("PRAGMA synchronous = FULL")

    @contextmanager
    def serving(self) -> Iterator[bool]:
        try:
            file = os.open(self.url + "-outbox", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            from .sqlite_errors import unwritable

            raise unwritable(self.url + "-outbox", error) from error
        try:
            mine = sqlite_file.lock_file(file, wait=False)
            if mine:
                os.utime(file)
            else:
                mine = time.time() - os.fstat(file).st_mtime > _HANGS
            yield mine
        finally:
            sqlite_file.unlock_file(file)  # a process that a handler has forked holds it open
            os.close(file)

    def savepoint(self) -> AbstractContextManager[None]:
        self._savepoints += 1
        name = f"s{self._savepoints}"
        if self._depth:
            return PutOff(self._ahead, name, self._end_savepoint)
        return self._savepoint_now(name)

    @contextmanager
    def _savepoint_now(self, name: str) -> Iterator[None]:
        self._run(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            self._end_savepoint(name, undo=True)
            raise
        self._end_savepoint(name, undo=False)

    def _end_savepoint(self, name: str, *, undo: bool) -> None:
        """End one that the engine knows of. Rows that are put off yet belong to what is around."""
        if undo and not self._connection.in_transaction:
            return  # it is lost as a whole
        try:
            if undo:
                self._connection.execute(f"ROLLBACK TO {name}")
            self._connection.execute(f"RELEASE {name}")
        except sqlite3.Error as error:
            raise self._explain(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        if self._depth or self._connection.in_transaction:
            yield
            return
        self._run("BEGIN")
        try:
            yield
        finally:
            self._run("COMMIT")

    def wait_for_events(self, after: int, timeout: float) -> bool:
        import time

        end = time.monotonic() + timeout
        version = None
        while True:
            # It changes with each commit of another connection, and costs no look at a table.
            now = self.query("PRAGMA data_version")[0]["data_version"]
            if now != version:
                version = now
                if self.query("SELECT 1 AS found FROM event WHERE seq > ? LIMIT 1", [after]):
                    return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_PAUSE, left))

    def is_blank(self) -> bool:
        return not self.query("SELECT 1 AS found FROM sqlite_master LIMIT 1")

    def columns(self, table: str) -> set[str]:
        return {row["name"] for row in self.query("SELECT name FROM pragma_table_info(?)", [table])}

    def check(self) -> list[str]:
        from .sqlite_shape import faults

        return faults(self)

    def backup(self, reason: str) -> str:
        from .sqlite_copies import place_beside

        return place_beside(self.url, reason, self.backup_to)

    def backup_to(self, path: str) -> None:
        """Copy by SQLite's own backup, which is safe while others write."""
        from .sqlite_copies import copy_to

        try:
            # A connection of its own: within a transaction SQLite would wait for itself.
            with closing(self._connect(self.url, create=False)) as source:
                copy_to(path, source, self._busy_timeout)
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def restore_from(self, path: str, *, set_aside: bool = False) -> str:
        from . import sqlite_copies
        from .sqlite_errors import is_damage

        if self._depth:
            raise RuntimeError("a store cannot be restored inside a transaction")
        with self._lock:
            if not set_aside:
                try:
                    sqlite_copies.copy_from(path, self._connection, self._busy_timeout)
                    return ""
                except sqlite3.Error as error:
                    if not is_damage(error):
                        raise self._explain(error) from error
            self._connection.close()
            aside = sqlite_copies.set_aside(path, self.url)
            self._open(create=False)
            self._run("PRAGMA journal_mode = WAL")
            return aside

    def statistics(self) -> dict[str, Any]:
        from .sqlite_shape import statistics

        return statistics(self, sqlite_file.size(self.url + "-wal"))

    def vacuum(self) -> None:
        with self._lock:
            self._run("VACUUM")
            self._run("PRAGMA wal_checkpoint(TRUNCATE)")

    def analyze(self) -> None:
        with self._lock:
            self._run("ANALYZE")

    def cascades(self, table: str) -> set[str]:
        from .sqlite_shape import cascades

        return cascades(self, table)

    def tables(self) -> dict[str, TableShape]:
        from .sqlite_shape import tables

        return tables(self)

    def count_on(self, table: str) -> None:
        """SQLite does so by itself."""

    def close(self) -> None:
        self._connection.close()
