"""The embedded engine: SQLite connections, transactions that queue, and SQLite's SQL."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TYPE_CHECKING, Any

from tm_core.errors import BadStatement, DamagedStore, DatabaseBusy, DatabaseError, NoStore

from .ahead import Ahead, PutOff
from .statements import refuse_control, with_guards

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

    def skip_locked(self) -> str:
        return ""

    def schema(self, text: str) -> str:
        return with_guards(text.replace("{serial}", "INTEGER PRIMARY KEY AUTOINCREMENT"), _guard)


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
        self._lock = FileLock(path + "-lock", busy_timeout)
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
        self._identity = _identity(self._place)

    def _connect(self, path: str, create: bool) -> sqlite3.Connection:
        mode = "rwc" if create else "rw"
        folder = os.path.dirname(os.path.abspath(path))
        usable = os.access(folder, os.W_OK) or os.path.exists(path + "-shm")
        if not create and not (usable and os.access(path, os.W_OK)):
            mode = "ro"
            # A reader would make a log and a shared-memory file beside the store, which its owner
            # could not write. While there is no log, all is in the file, to be taken as it is.
            if not _size(path + "-wal"):
                mode = "ro&immutable=1"
        location = os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        connection = sqlite3.connect(
            f"file:{location}?mode={mode}", uri=True, isolation_level=None, timeout=0
        )
        # The file lock makes writers queue; this covers programs that do not use it.
        connection.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")
        # SQLite's own know ASCII only.
        connection.create_function("unicode_lower", 1, _lower, deterministic=True)
        connection.create_function("unicode_upper", 1, _upper, deterministic=True)
        connection.create_aggregate("spread", 1, _Spread)
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
        text = str(error)
        if _is_damage(error):
            return DamagedStore(
                f"{self.url} is not a usable task store: {text}",
                "restore a backup, or move the file away and run tm init",
            )
        if "locked" in text or "busy" in text:
            return DatabaseBusy(
                f"the store is busy: another process has held it for {self._busy_timeout:g} s",
                "try again, or raise store.busy_timeout",
            )
        if "readonly" in text:
            return DatabaseError(
                f"the store {self.url} is read-only", "check the permissions of file and folder"
            )
        if "full" in text:
            return DatabaseError("the disk is full; nothing was written", "free some space")
        if "disk I/O" in text:
            return DatabaseError(
                "the disk is full or failing; nothing was written", "look at its space and health"
            )
        if "unable to open" in text:
            return DatabaseError(
                f"the store {self.url} cannot be opened", "check the path and its permissions"
            )
        return BadStatement(f"the store refused: {text}", "tm doctor")

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
            if _identity(self._place) != self._identity:
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
            raise _unwritable(self.url + "-outbox", error) from error
        try:
            mine = _lock(file, wait=False)
            if mine:
                os.utime(file)
            else:
                mine = time.time() - os.fstat(file).st_mtime > _HANGS
            yield mine
        finally:
            _unlock(file)  # a process that a handler has forked holds it open
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
        found = [str(row["quick_check"]) for row in self.query("PRAGMA quick_check(10)")]
        orphans = self.query("PRAGMA foreign_key_check")
        found += [f"a row of {row['table']} belongs to no {row['parent']}" for row in orphans[:10]]
        return [line for line in found if line != "ok"]

    def backup(self, reason: str) -> str:
        folder = os.path.join(os.path.dirname(os.path.abspath(self.url)), "backups")
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            path = os.path.join(folder, f"{_stamp()}-{reason}-{os.urandom(2).hex()}.db")
            self.backup_to(path + ".tmp")
            os.replace(path + ".tmp", path)
        except OSError as error:
            raise _unwritable(folder, error) from error
        return path

    def backup_to(self, path: str) -> None:
        """Copy by SQLite's own backup, which is safe while others write."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            # A connection of its own: within a transaction SQLite would wait for itself.
            with (
                closing(self._connect(self.url, create=False)) as source,
                closing(sqlite3.connect(path)) as target,
            ):
                self._copy(source, target)
                # One file that can be moved: without this it would want a log beside it.
                target.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            os.unlink(path)
            raise self._explain(error) from error

    def restore_from(self, path: str, *, set_aside: bool = False) -> str:
        if self._depth:
            raise RuntimeError("a store cannot be restored inside a transaction")
        with self._lock:
            if not set_aside:
                try:
                    with closing(sqlite3.connect(path)) as source:
                        _keep_counters(self._connection, source)
                        # As one transaction: whoever has the store open sees the old content or
                        # the new.
                        self._copy(source, self._connection)
                    return ""
                except sqlite3.Error as error:
                    if not _is_damage(error):
                        raise self._explain(error) from error
            return self._set_aside(path)

    def _copy(self, source: sqlite3.Connection, target: sqlite3.Connection) -> None:
        deadline = time.monotonic() + self._busy_timeout

        def progress(status: int, remaining: int, total: int) -> None:
            # Python would try for ever while another program holds the file.
            waits = status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if waits and time.monotonic() > deadline:
                raise sqlite3.OperationalError("database is locked")

        source.backup(target, progress=progress)

    def _set_aside(self, path: str) -> str:
        """Put a file in the place of a damaged store, which is kept under another name."""
        import shutil

        self._connection.close()
        aside = f"{self.url}.{_stamp()}-damaged"
        try:
            shutil.copyfile(path, self.url + ".tmp")
            with open(self.url + ".tmp", "r+b") as copy:
                os.fsync(copy.fileno())
            os.chmod(self.url + ".tmp", 0o600)
            for ending in ("-wal", "-shm", ""):
                if os.path.exists(self.url + ending):
                    os.replace(self.url + ending, aside + ending)
            os.replace(self.url + ".tmp", self.url)
        except OSError as error:
            raise _unwritable(self.url, error) from error
        self._open(create=False)
        self._run("PRAGMA journal_mode = WAL")
        return aside

    def statistics(self) -> dict[str, Any]:
        def pragma(name: str) -> int:
            return int(self.query(f"PRAGMA {name}")[0][name])

        page = pragma("page_size")
        return {
            "engine": f"SQLite {sqlite3.sqlite_version}",
            "bytes": pragma("page_count") * page,
            "free_bytes": pragma("freelist_count") * page,
            "log_bytes": _size(self.url + "-wal"),
        }

    def vacuum(self) -> None:
        with self._lock:
            self._run("VACUUM")
            self._run("PRAGMA wal_checkpoint(TRUNCATE)")

    def analyze(self) -> None:
        with self._lock:
            self._run("ANALYZE")

    def cascades(self, table: str) -> set[str]:
        keys = self.query(
            "SELECT * FROM pragma_foreign_key_list(?) WHERE on_delete = 'CASCADE'", [table]
        )
        return {key["from"] for key in keys if key["table"] == "task"}

    def tables(self) -> dict[str, TableShape]:
        found = self.query(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite@_%'"
            " ESCAPE '@'"
        )
        return {row["name"]: self._shape(row["name"]) for row in found}

    def _shape(self, table: str) -> TableShape:
        key = self.query("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", [table])
        others = self.query("SELECT * FROM pragma_foreign_key_list(?)", [table])
        from .backend import TableShape

        return TableShape(
            tuple(row["name"] for row in key), frozenset(row["table"] for row in others)
        )

    def count_on(self, table: str) -> None:
        """SQLite does so by itself."""

    def close(self) -> None:
        self._connection.close()


class FileLock:
    """Writers' queue: the operating system wakes waiters in turn, where SQLite's back-off does not.

    The lock goes with the process, so a killed writer never leaves it behind.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._file: int | None = None

    def __enter__(self) -> None:
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            store = self._path.removesuffix("-lock")
            raise DatabaseError(
                f"the store {store} is read-only: {error.strerror}",
                "check the permissions of file and folder",
            ) from error
        if not _lock(file, wait=False):
            self._wait(file)
        self._file = file

    def _wait(self, file: int) -> None:
        state = {"abandoned": False}
        guard = threading.Lock()
        got = threading.Event()

        def take() -> None:
            _lock(file, wait=True)
            with guard:
                if state["abandoned"]:
                    os.close(file)
                else:
                    got.set()

        threading.Thread(target=take, daemon=True).start()
        got.wait(self._timeout)
        with guard:
            if not got.is_set():
                state["abandoned"] = True
                raise DatabaseBusy(
                    f"the store is busy: other processes have held it for {self._timeout:g} s",
                    "try again, or raise store.busy_timeout",
                )

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int, *, wait: bool) -> bool:
        """Take the lock; Windows has no call that waits without end."""
        while True:
            try:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
                return True
            except OSError:
                if not wait:
                    return False
                time.sleep(0.005)

    def _unlock(file: int) -> None:
        """Windows lets go with the file."""

else:
    import fcntl

    def _lock(file: int, *, wait: bool) -> bool:
        """Take the lock; waiting ones are woken in turn."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: int) -> None:
        """Let go of a lock that this process holds."""
        fcntl.flock(file, fcntl.LOCK_UN)


def _keep_counters(live: sqlite3.Connection, source: sqlite3.Connection) -> None:
    """Let numbers go on where the live store is: readers remember how far they have read."""
    has_any = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
    if not live.execute(has_any).fetchall() or not source.execute(has_any).fetchall():
        return
    for name, last in live.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
        known = source.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", [name]).fetchone()
        if known is None:
            source.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [name, last])
        elif known[0] < last:
            source.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", [last, name])
    source.commit()


def _is_damage(error: sqlite3.Error) -> bool:
    return "not a database" in str(error) or "malformed" in str(error)


def _unwritable(path: str, error: OSError) -> DatabaseError:
    return DatabaseError(
        f"{path} cannot be written: {error.strerror}", "check the folder and the disk"
    )


def _stamp() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


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


def _identity(path: str) -> tuple[int, int]:
    """Which file has this name; zeros for none."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _upper(text: Any) -> Any:
    return text.upper() if isinstance(text, str) else text


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(value: Any) -> str:
    """JSON as it is stored: compact, with letters as they are."""
    return _encode(value)
