"""Stores on a real server: what is particular about this engine, and what must not differ."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import BadStatement, Conflict, Database, DatabaseBusy, DatabaseError, NoStore
from tm_core.testing import Cli, Process

pytestmark = [pytest.mark.every_backend, pytest.mark.only_backend("postgresql")]
Open = Callable[..., TaskManager]


@pytest.fixture
def database(tm_store: TaskManager) -> Iterator[Database]:
    """A store with one small table more."""
    tm_store.database.execute("CREATE TABLE t (n BIGINT PRIMARY KEY NOT NULL)")
    yield tm_store.database
    tm_store.database.execute("DROP TABLE t")


def numbers(database: Database) -> list[int]:
    return [row["n"] for row in database.query("SELECT n FROM t ORDER BY n")]


def insert(database: Database, number: int) -> None:
    database.execute("INSERT INTO t VALUES (?)", [number])


# Transactions


def test_a_statement_that_fails_in_a_savepoint_spoils_no_more(database: Database) -> None:
    def half(sql: str) -> None:
        with database.savepoint():
            insert(database, 2)
            database.execute(sql)

    with database.transaction():
        insert(database, 1)
        for sql in ("SELECT * FROM missing", "INSERT INTO t VALUES (1)"):
            with pytest.raises(BadStatement):
                half(sql)
        with database.savepoint():
            insert(database, 3)
    assert numbers(database) == [1, 3]


def test_what_a_savepoint_takes_back_last_is_taken_back(database: Database) -> None:
    def fail() -> None:
        with database.savepoint():
            insert(database, 2)
            raise RuntimeError

    with database.transaction():
        insert(database, 1)
        with pytest.raises(RuntimeError):
            fail()
    assert numbers(database) == [1]


def test_nothing_can_be_written_within_a_snapshot(database: Database) -> None:
    with database.snapshot():
        with pytest.raises(BadStatement, match="snapshot"), database.transaction():
            pytest.fail("it began")
        assert numbers(database) == []
    insert(database, 1)
    assert numbers(database) == [1]


def test_a_snapshot_does_not_change(database: Database, tm_open: Open) -> None:
    writer = tm_open().database
    with database.snapshot():
        assert numbers(database) == []
        insert(writer, 1)
        assert numbers(database) == []
    assert numbers(database) == [1]


def test_readers_do_not_wait_and_writers_do(database: Database, tm_open: Open) -> None:
    other = tm_open(settings=["store.busy_timeout=0.2"]).database
    with database.transaction():
        insert(database, 1)
        assert numbers(other) == []
        message = r"busy: others have held it for 0\.2 s"
        with pytest.raises(DatabaseBusy, match=message), other.transaction():
            pytest.fail("it is held")
        assert numbers(other) == []
    with other.transaction():
        insert(other, 2)
    assert numbers(database) == [1, 2]


def test_projects_do_not_wait_for_each_other(
    tm_store: TaskManager, tm_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = tm_postgres + ("&" if "?" in tm_postgres else "?") + "schema=t_elsewhere"
    with TaskManager.open(url, create=True) as other:
        with tm_store.transaction():
            tm_store.add("here")
            other.add("there")
        assert other.count() == 1
        with other.database.transaction():
            other.database.execute("DROP SCHEMA t_elsewhere CASCADE")
    assert tm_store.count() == 1


def test_no_reader_of_the_log_passes_by_an_event(tm_open: Open, tm_store: TaskManager) -> None:
    """Numbers become visible in their order, whoever writes."""
    done = threading.Event()

    def write(number: int) -> None:
        manager = managers[number]
        for _ in range(15):
            manager.add("x")

    managers = [tm_open() for _ in range(4)]
    threads = [threading.Thread(target=write, args=[n]) for n in range(4)]
    seen: list[int] = []

    def follow() -> None:
        while True:
            last = done.is_set()
            after = seen[-1] if seen else 0
            seen.extend(event["seq"] for event in reader.log(after=after))
            if last:
                return

    reader = tm_open()
    follower = threading.Thread(target=follow)
    follower.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    done.set()
    follower.join(60)
    assert seen == [event["seq"] for event in tm_store.log()]
    assert len(seen) == 60


# Reading


def test_a_stream_may_be_written_into(database: Database) -> None:
    with database.transaction():
        database.execute_many("INSERT INTO t VALUES (?)", ([n] for n in range(2500)))
    stream = database.stream("SELECT n FROM t WHERE n >= ? ORDER BY n", [10])
    assert next(stream)["n"] == 10
    with database.transaction():
        database.execute("DELETE FROM t WHERE n > ?", [20])
    assert len(list(stream)) == 2489  # as it was when it began
    assert len(list(database.stream("SELECT n FROM t"))) == 21


def test_values_are_those_of_sqlite(database: Database) -> None:
    (row,) = database.query(
        "SELECT sum(n) AS total, avg(n) AS mean, count(*) AS many, 1 < 2 AS yes, 7 / 2 AS half,"
        " CAST(? AS TEXT) AS said FROM (SELECT CAST(1 AS BIGINT) AS n UNION ALL SELECT 4) AS q",
        ["100 % ?"],
    )
    assert row == {
        "total": 5, "mean": 2.5, "many": 2, "yes": 1, "half": 3, "said": "100 % ?",
    }  # fmt: skip
    assert [type(value) for value in row.values()] == [int, float, int, int, int, str]


# The connection


def end_connection(database: Any, other: Any) -> None:
    (row,) = database.query("SELECT pg_backend_pid() AS n")
    other.query("SELECT pg_terminate_backend(CAST(? AS integer), 5000)", [row["n"]])


def test_a_lost_connection_is_made_again(tm_store: TaskManager, tm_open: Open) -> None:
    other = tm_open().database
    tm_store.add("x")
    end_connection(tm_store.database, other)
    assert tm_store.count() == 1
    end_connection(tm_store.database, other)
    tm_store.add("y")
    end_connection(tm_store.database, other)
    with tm_store.database.snapshot():
        assert tm_store.count() == 2


def test_a_connection_lost_within_a_transaction_writes_nothing(
    tm_store: TaskManager, tm_open: Open
) -> None:
    other = tm_open().database

    def write() -> None:
        with tm_store.transaction():
            tm_store.add("x")
            end_connection(tm_store.database, other)
            tm_store.add("y")

    with pytest.raises(DatabaseError, match=r"lost; nothing was written"):
        write()
    assert tm_store.count() == 0
    tm_store.add("z")
    assert tm_store.count() == 1


def test_a_connection_lost_while_committing_leaves_it_open(
    tm_store: TaskManager, tm_open: Open
) -> None:
    other = tm_open().database

    def write() -> None:
        with (
            tm_store.database.transaction()
        ):  # the engine's own: nothing is asked before the commit
            tm_store.database.execute("INSERT INTO migration_held (owner) VALUES ('x')")
            end_connection(tm_store.database, other)

    with pytest.raises(DatabaseError, match="may be written or not"):
        write()
    assert tm_store.database.query("SELECT owner FROM migration_held") == []


def test_a_server_that_was_restarted(
    tm_postgres_server: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tm_cache: object
) -> None:
    server = tm_postgres_server()
    with TaskManager.open(server.url, create=True) as manager:
        task = manager.add("kept")
        server.stop()
        with pytest.raises(DatabaseError, match="cannot be reached"):
            manager.count()
        server.start()
        assert manager.get(task.id) == task
        server.kill()
        server.start()
        assert manager.get(task.id) == task
        manager.add("more")


# The store


def test_a_shared_store_is_changed_only_on_request(
    tm_store: TaskManager, tm_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tm_store.database.transaction():
        tm_store.database.execute("DELETE FROM migration WHERE owner = 'feedback'")
        tm_store.database.execute("DELETE FROM schema_fingerprint")
        tm_store.database.execute("DROP TABLE feedback_review CASCADE")
    monkeypatch.delenv("TM_POSTGRES_SOLE_USER")
    with pytest.raises(Conflict, match=r"lacks 1 migration") as caught:
        TaskManager.open(str(tm_cli.folder))
    assert "tm migrate --apply" in caught.value.hint
    assert tm_cli("init", code=6).out == ""
    monkeypatch.setenv("TM_POSTGRES_SOLE_USER", "true")
    with TaskManager.open(str(tm_cli.folder)) as manager:
        assert manager.migrated == ["feedback:0001_review.sql"]


def test_init_makes_the_schema_once(
    tm_process: Process, tm_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = tm_postgres + ("&" if "?" in tm_postgres else "?") + "schema=t_new"
    monkeypatch.setenv("TM_DB_PATH", url)
    monkeypatch.delenv("TM_POSTGRES_SOLE_USER")
    missing = tm_process("list", code=7)
    assert "there is no task store at" in missing.err
    assert "tm init" in missing.err
    assert "initialized" in tm_process("init").err
    assert "already" in tm_process("init").err
    tm_process("add", "x")
    assert "x" in tm_process("list").out
    with TaskManager.open(url) as manager, manager.database.transaction():
        manager.database.execute("DROP SCHEMA t_new CASCADE")
    with pytest.raises(NoStore):
        TaskManager.open(url)


def test_the_store_stays_open_in_minimal_mode(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    assert task in tm_cli("-c", "minimal_mode=true", "list").out
    assert task in tm_cli("--safe", "list").out
    refused = tm_cli("-c", "plugins.disable=postgres", "list", code=7)
    assert "no plugin opens stores of the kind 'postgresql:'" in refused.err


def test_doctor_looks_at_the_structure(tm_cli: Cli, tm_store: TaskManager) -> None:
    assert "structure sound" in tm_cli("doctor").out
    tm_store.database.execute('CREATE TABLE t (x VARCHAR COLLATE "ucs_basic")')
    assert "t.x sorts by" in tm_cli("doctor", code=None).out
    tm_store.database.execute("DROP TABLE t")


def test_the_log_only_grows(tm_store: TaskManager) -> None:
    tm_store.add("x")
    for sql in ("UPDATE event SET actor = 'y'", "DELETE FROM event", "TRUNCATE event"):
        with pytest.raises(DatabaseError, match="append-only"), tm_store.database.transaction():
            tm_store.database.execute(sql)


# A pool


def test_threads_share_the_connections_of_a_pool(
    tm_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TM_POSTGRES_POOL", "2")
    first = TaskManager.open(str(tm_cli.folder))
    first.add("first")
    first.close()
    failed: list[BaseException] = []
    processes: list[int] = []

    def work() -> None:
        try:
            with TaskManager.open(str(tm_cli.folder), like=first) as manager:
                manager.add("x")
                processes.append(manager.database.query("SELECT pg_backend_pid() AS n")[0]["n"])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    with TaskManager.open(str(tm_cli.folder), like=first) as manager:
        assert manager.count() == 7
        assert len(set(processes)) <= 2
        # Of these connections only: other tests share the server.
        (row,) = manager.database.query(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'idle in transaction'"
            f" AND pid <> pg_backend_pid() AND pid IN ({', '.join('?' * len(processes))})",
            processes,
        )
        assert row["n"] == 0
    backend: Any = first.workspace.backend
    backend.close()
