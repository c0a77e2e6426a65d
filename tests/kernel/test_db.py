"""The embedded engine: locks, transactions, savepoints, and errors that a person understands."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tm_core.errors import DatabaseBusy, DatabaseError, NoStore
from tm_core.storage.sqlite import SQLite, SQLiteBackend
from tm_core.testing import Cli, Process

SETTINGS = {"store.busy_timeout": 0.2, "store.synchronous": "full"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[[], SQLite]]:
    """Opens a database with one small table, waiting for 0.2 seconds at most."""
    made: list[SQLite] = []

    def make() -> SQLite:
        database = SQLite(str(path), busy_timeout=0.2, durable=True, create=not path.exists())
        database.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY NOT NULL)")
        made.append(database)
        return database

    yield make
    for database in made:
        database.close()


@pytest.fixture
def database(opened: Callable[[], SQLite]) -> SQLite:
    return opened()


def numbers(database: SQLite) -> list[int]:
    return [row["n"] for row in database.query("SELECT n FROM t ORDER BY n")]


def insert(database: SQLite, number: int) -> None:
    database.execute("INSERT INTO t VALUES (?)", [number])


# Transactions


def put_off(database: SQLite, *numbers: int) -> None:
    for number in numbers:
        database.insert_later("INSERT INTO t VALUES (?)", [number])


def test_rows_that_are_put_off_are_there_when_somebody_looks(database: SQLite) -> None:
    with database.transaction():
        put_off(database, 1, 2)
        assert numbers(database) == [1, 2]
        with suppress(ZeroDivisionError), database.savepoint():
            put_off(database, 3)
            raise ZeroDivisionError
        with database.savepoint():
            put_off(database, 4)
            with suppress(ZeroDivisionError), database.savepoint():
                put_off(database, 5)
                assert numbers(database) == [1, 2, 4, 5]
                put_off(database, 6)
                raise ZeroDivisionError
            put_off(database, 7)
    assert numbers(database) == [1, 2, 4, 7]


def test_a_row_that_is_put_off_and_cannot_be_written_undoes_all(database: SQLite) -> None:
    insert(database, 1)
    with pytest.raises(DatabaseError), database.transaction():  # noqa: PT012
        put_off(database, 2, 1)
        with suppress(DatabaseError):
            numbers(database)
        put_off(database, 3)
    assert numbers(database) == [1]
    with database.transaction():
        put_off(database, 4)
    assert numbers(database) == [1, 4]


def test_a_transaction_is_kept_or_undone_whole(database: SQLite) -> None:
    def half() -> None:
        with database.transaction():
            insert(database, 2)
            raise RuntimeError

    with database.transaction():
        insert(database, 1)
    with pytest.raises(RuntimeError):
        half()
    assert numbers(database) == [1]
    with database.transaction():
        insert(database, 3)
    assert numbers(database) == [1, 3]


def test_an_inner_transaction_joins_the_outer_one(database: SQLite) -> None:
    def half() -> None:
        with database.transaction():
            with database.transaction():
                insert(database, 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert numbers(database) == []


def test_an_error_in_the_database_undoes_the_transaction(database: SQLite) -> None:
    def twice() -> None:
        with database.transaction():
            insert(database, 2)
            insert(database, 1)

    insert(database, 1)
    with pytest.raises(DatabaseError):
        twice()
    assert numbers(database) == [1]


def test_a_savepoint_undoes_its_own_part(database: SQLite) -> None:
    def half() -> None:
        with database.savepoint():
            insert(database, 2)
            with database.savepoint():
                insert(database, 3)
            raise RuntimeError

    def twice() -> None:
        with database.savepoint():
            insert(database, 5)
            insert(database, 1)

    with database.transaction():
        insert(database, 1)
        with pytest.raises(RuntimeError):
            half()
        with database.savepoint():
            insert(database, 4)
            with pytest.raises(DatabaseError):
                twice()
    assert numbers(database) == [1, 4]


def test_a_snapshot_does_not_change(opened: Callable[[], SQLite]) -> None:
    reader, writer = opened(), opened()
    insert(writer, 1)
    with reader.snapshot():
        assert numbers(reader) == [1]
        insert(writer, 2)
        assert numbers(reader) == [1]
        with reader.snapshot():
            assert numbers(reader) == [1]
    assert numbers(reader) == [1, 2]


def test_readers_do_not_wait_for_a_writer(opened: Callable[[], SQLite]) -> None:
    reader, writer = opened(), opened()
    with writer.transaction():
        insert(writer, 1)
        assert numbers(reader) == []
    assert numbers(reader) == [1]


# Waiting for each other


HOLDER = """
import sys
from tm_core.storage.sqlite import SQLite
database = SQLite(sys.argv[1], busy_timeout=5, durable=True, create=False)
with database.transaction():
    database.execute("INSERT INTO t VALUES (99)")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(database: SQLite, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, in the middle of a transaction until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.stdin.close()
    process.wait(30)
    process.stdout.close()


def test_a_store_that_another_process_holds_is_busy(
    database: SQLite, holder: subprocess.Popen[bytes]
) -> None:
    message = r"busy: other processes have held it for 0\.2 s"
    with pytest.raises(DatabaseBusy, match=message), database.transaction():
        pytest.fail("it is held")
    assert numbers(database) == []
    assert holder.stdin is not None
    holder.stdin.close()
    holder.wait(30)
    with database.transaction():
        insert(database, 1)
    assert numbers(database) == [1, 99]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_holder_leaves_nothing_behind(
    database: SQLite, holder: subprocess.Popen[bytes]
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait(30)
    with database.transaction():
        insert(database, 1)
    assert numbers(database) == [1]


def test_a_waiting_writer_goes_on_when_it_can(opened: Callable[[], SQLite], path: Path) -> None:
    first = opened()
    inside, leave = threading.Event(), threading.Event()

    def write() -> None:
        other = SQLite(str(path), busy_timeout=30, durable=True, create=False)
        with other.transaction():
            insert(other, 1)
            inside.set()
            leave.wait(30)
        other.close()

    thread = threading.Thread(target=write)
    thread.start()
    assert inside.wait(30)
    patient = SQLite(str(path), busy_timeout=30, durable=True, create=False)
    threading.Timer(0.05, leave.set).start()
    with patient.transaction():
        insert(patient, 2)
    thread.join(30)
    patient.close()
    assert numbers(first) == [1, 2]


def test_a_program_that_knows_nothing_of_the_queue_is_waited_for_too(
    database: SQLite, path: Path
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    message = r"busy: another process has held it for 0\.2 s"
    with pytest.raises(DatabaseBusy, match=message), database.transaction():
        pytest.fail("it is held")
    other.execute("ROLLBACK")
    other.close()
    with database.transaction():
        insert(database, 1)
    assert numbers(database) == [1]


def test_a_busy_store_is_exit_code_4(
    tm_cli: Cli, tm_process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    tm_cli.add("x")
    other = sqlite3.connect(tm_cli.folder / ".task-orchestrator" / "tasks.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    done = tm_process("-c", "store.busy_timeout=0.1", "add", "y", code=4)
    assert done.err.count("\n") == 1
    assert "busy" in done.err
    assert "store.busy_timeout" in done.err
    assert tm_process("list").out.count("\n") == 1  # reading is possible all the time
    other.close()
    assert tm_process("list").out.count("\n") == 1


# Errors


def test_a_missing_file_is_no_store(path: Path) -> None:
    with pytest.raises(NoStore, match="no task store"):
        SQLiteBackend().open(str(path), create=False, settings=SETTINGS)
    assert not path.exists()


@pytest.mark.parametrize("name", ["a b.db", "a%20b.db", "a?b#c.db", "ä🎉.db", "'\"; --.db"])
def test_any_name_of_a_file_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    backend = SQLiteBackend()
    for create in (True, False):
        opened = backend.open(str(path), create=create, settings=SETTINGS)
        assert opened.columns("nothing") == set()
        opened.close()
    names = {each.name for each in tmp_path.iterdir()}
    assert names <= {name, name + "-lock"}


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT * FROM missing", "no such table"),
        ("SELEKT", "syntax error"),
        ("INSERT INTO t VALUES ('text')", "refused"),
    ],
)
def test_what_sqlite_refuses_is_our_error(database: SQLite, sql: str, says: str) -> None:
    with pytest.raises(DatabaseError, match=says) as caught:
        database.execute(sql)
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 4


def test_every_way_to_ask_translates_errors(database: SQLite) -> None:
    for attempt in (
        lambda: database.query("SELECT * FROM missing"),
        lambda: list(database.stream("SELECT * FROM missing")),
        lambda: database.execute("DELETE FROM missing"),
        lambda: database.execute_many("INSERT INTO missing VALUES (?)", [[1]]),
        lambda: database.insert_returning("INSERT INTO missing VALUES (1)", [], "n"),
    ):
        call: Callable[[], object] = attempt
        with pytest.raises(DatabaseError, match="no such table"):
            call()


def test_check_finds_what_is_broken(database: SQLite, path: Path) -> None:
    assert database.check() == []
    database.execute("CREATE TABLE child (n REFERENCES t(n))")
    database.execute("PRAGMA foreign_keys = OFF")
    database.execute("INSERT INTO child VALUES (77)")
    assert database.check() == ["a row of child belongs to no t"]


def test_a_backup_is_a_whole_store(database: SQLite) -> None:
    with database.transaction():
        insert(database, 1)
    with database.transaction():
        insert(database, 2)
        copy = database.backup("test")
    with sqlite3.connect(copy) as connection:
        rows = connection.execute("SELECT n FROM t").fetchall()
    connection.close()
    assert rows == [(1,)]
    assert os.path.basename(os.path.dirname(copy)) == "backups"


# A full disk


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
@pytest.mark.parametrize("room", [0, 20_000, 60_000])
def test_a_full_disk_is_one_line_and_half_writes_nothing(
    tm_cli: Cli, tm_process: Process, room: int
) -> None:
    import resource

    tm_cli.add("x")
    path = tm_cli.folder / ".task-orchestrator" / "tasks.db"

    def content() -> list[str]:
        with sqlite3.connect(path) as connection:
            lines = list(connection.iterdump())
        connection.close()
        return lines

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    before = content()
    for arguments in (
        ["add", "y", "--description", "z" * 100_000],
        ["add", "y" * 400, "-d", "z" * 90_000],
    ):
        done = tm_process(*arguments, code=4, prepare=limit)
        assert done.out == ""
        assert done.err.count("\n") == 1
        assert "full" in done.err
        assert content() == before
    tm_cli("doctor")
    tm_cli.add("z" * 100)
