"""`tm migrate`, `MigrationManager`, and migrations and rollbacks that are killed in the middle."""

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import (
    BlankStore,
    Conflict,
    Database,
    DatabaseError,
    Field,
    MigrationSet,
    NoStore,
    Plugin,
    Workspace,
    applied_migrations,
    apply_migrations,
    kernel_migrations,
    undo_migrations,
)
from tm_core.testing import Cli, run_readme
from tm_migrations.manager import MigrationManager
from tm_migrations.reversal import losses, undoing

START = f"kernel:{kernel_migrations().names[-1]}"

SIZE = Plugin("size", "How big", fields=(Field("size", "int", indexed=True), Field("area", "str")))
FEW = ["-c", "plugins.only=feedback,time-tracking,schema-migrations,doctor"]


@pytest.fixture
def few(tm_environ: Path) -> Callable[..., Any]:
    """The command line with few features, whose migrations are soon done."""
    cli = Cli(tm_environ)

    def run(*arguments: str, code: int | None = 0) -> Any:
        return cli(*FEW, *arguments, code=code)

    return run


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_status_names_what_is_applied_and_pending(tm_environ: Path) -> None:
    cli = Cli(tm_environ)
    cli("-p", "no:progress", "init")
    result = cli("migrate", "--status", "--json").json
    assert START in [one["migration"] for one in result["applied"]]
    assert result["pending"] == ["progress:0001_entry.sql"]
    assert "pending\tprogress:0001_entry.sql" in cli("migrate").out
    assert cli("migrate", "--check", code=1) == (1, "", "1 migration is pending\n")

    dry = cli("migrate", "--dry-run")
    assert "CREATE TABLE progress_entry" in dry.out
    assert "1 migration would be applied" in dry.err
    assert cli("migrate", "--status", "--json").json == result  # only looked
    assert cli("migrate", "--apply") == (0, "", "1 migration was applied\n")
    assert cli("migrate", "--apply") == (0, "", "The store is already up to date\n")
    assert cli("migrate", "--check").code == 0


def test_it_works_in_minimal_mode(tm_cli: Cli) -> None:
    tm_cli("config", "minimal-mode", "on")
    assert START in tm_cli("migrate").out
    assert "already up to date" in tm_cli("migrate", "--apply").err
    assert "made the store itself" in tm_cli("migrate", "--rollback", "--yes", code=6).err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--status", "--apply"], 2, "exclude each other"),
        (["--rollback"], 6, "made the store itself"),
        (["--to", "nobody:nothing"], 6, "is not applied"),
        (["--to", ""], 6, "made the store itself"),
        (["--bogus"], 2, "no option"),
        (["--to", START], 2, "nothing was done (--yes"),
    ],
)
def test_bad_input(few: Callable[..., Any], arguments: list[str], code: int, said: str) -> None:
    few("init")
    few("add", "x", "--estimated-hours", "3")
    before = few("migrate", "--status").out
    assert said in few("migrate", *arguments, code=code).err
    assert few("migrate", "--status").out == before


def test_without_a_store(tm_environ: Path) -> None:
    assert "tm init" in Cli(tm_environ)("migrate", code=7).err
    assert list(tm_environ.iterdir()) == []


def test_rollback_tells_what_it_loses_and_the_feature_waits(
    few: Callable[..., Any], tm_environ: Path
) -> None:
    few("init")
    task = few("add", "x", "--estimated-hours", "3").out.strip()
    few("complete", task)
    few("feedback", task, "--quality", "4")

    dry = few("migrate", "--to", START, "--dry-run")
    assert "Would undo feedback:0001_review.sql, which loses 1 row(s) of feedback_review" in dry.err
    assert "loses 1 value(s) of task.estimated_hours" in dry.err
    assert 'DROP TABLE IF EXISTS "feedback_review";' in dry.out
    planned = few("migrate", "--to", START, "--dry-run", "--json").json
    assert "1 row(s) of feedback_review" in [loss for step in planned for loss in step["losses"]]
    assert few("show", task, "--json").json["feedback"]

    rolled = few("migrate", "--to", START, "--yes")
    assert rolled.out == ""
    assert "Off until tm migrate --apply: feedback, time-tracking" in rolled.err
    [copy] = (tm_environ / ".task-orchestrator/backups").iterdir()
    assert str(copy) in rolled.err
    assert sqlite3.connect(copy).execute("SELECT quality FROM feedback_review").fetchall() == [(4,)]
    if os.name == "posix":
        assert copy.stat().st_mode & 0o077 == 0

    listed = few("list")
    assert task in listed.out or "No tasks" in listed.err
    assert "feature 'feedback' is off: its schema was rolled back" in listed.err
    assert "tm migrate --apply" in few("feedback", task, "--quality", "1", code=8).err
    assert "rolled back\tfeedback:0001_review.sql" in few("migrate").out
    assert "nothing was applied after" in few("migrate", "--to", START, "--yes", code=6).err

    few("migrate", "--apply")
    assert "feedback" not in few("show", task, "--json").json
    few("feedback", task, "--quality", "1")


def test_a_rollback_that_loses_nothing_needs_no_yes(few: Callable[..., Any]) -> None:
    few("init")
    assert "rolled back" in few("migrate", "--to", START).err


def test_declared_columns_go_and_come_back(tm_environ: Path) -> None:
    TaskManager.open(str(tm_environ), create=True).close()
    with TaskManager.open(str(tm_environ), plugins=[SIZE]) as tm:
        task = tm.add("x", size=3)
    manager = MigrationManager(Workspace(str(tm_environ), plugins=[SIZE], report=print))
    assert [step.migration for step in manager.plan()] == ["size:field:area", "size:field:size"]
    assert manager.plan()[1].losses == ("1 value(s) of task.size",)
    assert manager.rollback()
    assert manager.get_status()["rolled_back"] == ["size"]
    assert manager.get_status()["pending"] == ["size:field:size", "size:field:area"]
    assert manager.apply_migrations()
    assert manager.create_backup().is_file()
    manager.close()
    with TaskManager.open(str(tm_environ), plugins=[SIZE]) as tm:
        assert tm.get(task.id)["size"] is None


def test_what_undoes_a_feature_that_is_off_is_not_known(few: Callable[..., Any]) -> None:
    few("init")
    error = few("-p", "no:time-tracking", "migrate", "--to", START, "--yes", code=8).err
    assert "tm config enable time-tracking" in error


TEXTS = {
    "1.sql": "CREATE TABLE mine_a (x TEXT);\nINSERT INTO mine_a VALUES ('1');\n"
    "-- down\nDROP TABLE mine_a;\nDELETE FROM task;\n",
    "2.sql": "CREATE TABLE mine_b (x TEXT);\nUPDATE task SET version = version;\n",
    "3.sql": "-- Its own.\nCREATE TABLE mine_c (x TEXT);\nINSERT INTO mine_c VALUES ('1');\n",
}


def test_a_step_says_how_it_is_undone(tm_store: TaskManager) -> None:
    database: Database = tm_store.database
    steps = MigrationSet("mine", tuple(TEXTS), TEXTS.__getitem__)
    apply_migrations(database, [steps], lambda owner, error: pytest.fail(owner))
    assert database.query("SELECT x FROM mine_a") == [{"x": "1"}]
    undo = undoing(database, steps, "1.sql")
    assert undo == ["DROP TABLE mine_a;", "DELETE FROM task;"]
    told = list(losses(database, undo))
    assert told == ["1 row(s) of mine_a", "what this changes: DELETE FROM task;"]
    assert undoing(database, steps, "2.sql") is None
    assert undoing(database, steps, "3.sql") == ['DROP TABLE IF EXISTS "mine_c"']
    undo_migrations(database, [("mine", "1.sql", undo)])
    with pytest.raises(Conflict):
        undo_migrations(database, [("mine", "1.sql", undo)])
    # One that fails undoes nothing.
    with pytest.raises(DatabaseError):
        undo_migrations(database, [("mine", "2.sql", ["DROP TABLE mine_b", "nonsense"])])
    assert database.columns("mine_b")
    assert "2.sql" in {row["name"] for row in applied_migrations(database)}


@pytest.mark.every_backend
def test_every_migration_of_ours_can_be_undone(tm_cli: Cli) -> None:
    tm_cli("migrate", "--to", "kernel", "--dry-run")
    before = tm_cli("migrate", "--status", "--json").json["applied"]
    tm_cli("migrate", "--to", START, "--yes")
    left = tm_cli("migrate", "--status", "--json").json["applied"]
    assert {one["migration"].partition(":")[0] for one in left} == {"kernel"}
    assert "already up to date" not in tm_cli("migrate", "--apply").err
    after = tm_cli("migrate", "--status", "--json").json["applied"]
    assert {one["migration"] for one in after} == {one["migration"] for one in before}
    assert "structure sound" in tm_cli("doctor").out


@pytest.mark.every_backend
def test_the_chain_of_events_can_be_undone_and_begins_anew(tm_cli: Cli) -> None:
    task = tm_cli.add("one")
    asked = tm_cli("migrate", "--to", "kernel:0001_initial.sql", code=2).err
    assert "which loses 1 value(s) of event.digest" in asked
    tm_cli("migrate", "--to", "kernel:0001_initial.sql", "--yes")
    applied = tm_cli("migrate", "--status", "--json").json["applied"]
    assert [one["migration"] for one in applied] == ["kernel:0001_initial.sql"]
    tm_cli("migrate", "--apply")
    tm_cli("update", task, "--title", "two")
    assert "1 event is from before digests were kept" in tm_cli("verify").err
    tm_store = TaskManager.open(str(tm_cli.folder))
    with pytest.raises(DatabaseError):  # the log only grows, as before
        tm_store.database.execute("DELETE FROM event")
    tm_store.close()


def test_an_empty_file_is_no_store(tm_environ: Path) -> None:
    (tm_environ / ".task-orchestrator").mkdir()
    (tm_environ / ".task-orchestrator/tasks.db").touch()
    with pytest.raises(BlankStore):
        MigrationManager.open(str(tm_environ))
    with pytest.raises(NoStore):
        MigrationManager.open(str(tm_environ / "x.db"))


def killed_at(statement: int, folder: Path, *command: str) -> bool:
    """Run tm in a process that is killed before a statement; whether it came so far."""
    child = os.fork()
    if child == 0:
        left = statement
        connect = sqlite3.connect

        def count(text: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def counting(*arguments: Any, **named: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, **named)
            connection.set_trace_callback(count)
            return connection

        sqlite3.connect = counting  # type: ignore[assignment]
        code = 99
        try:
            code = Cli(folder)(*command, code=None).code
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


posix = pytest.mark.skipif(sys.platform == "win32", reason="there is neither fork nor SIGKILL")


def each_kill(folder: Path, *command: str) -> Iterator[int]:
    """Kill a command before each of its statements in turn, each time on the same store."""
    original = folder.parent / "original"
    shutil.copytree(folder, original)
    statement = 0
    while killed_at(statement, folder, *command):
        yield statement
        shutil.rmtree(folder)
        shutil.copytree(original, folder)
        statement += 1


@posix
def test_a_migration_killed_at_any_statement_is_completed_at_the_next_start(
    few: Callable[..., Any], tm_environ: Path
) -> None:
    cli = Cli(tm_environ)
    cli("-c", "plugins.only=schema-migrations", "init")
    task = cli("-c", "plugins.only=schema-migrations", "add", "x").out.strip()
    kills = 0
    for _ in each_kill(tm_environ, *FEW, "list"):
        kills += 1
        assert task in few("list").out
        assert "already up to date" in few("migrate", "--apply").err
        assert "structure sound" in few("doctor").out
    assert kills > 30


@posix
def test_a_store_whose_making_was_killed_is_made_again(
    few: Callable[..., Any], tm_environ: Path
) -> None:
    kills = 0
    for _ in each_kill(tm_environ, *FEW, "init"):
        kills += 1
        few("init")
        assert few("add", "x").out
    assert kills > 10


@posix
def test_a_rollback_killed_at_any_statement_did_nothing_or_all(
    few: Callable[..., Any], tm_environ: Path
) -> None:
    few("init")
    task = few("add", "x", "--estimated-hours", "3").out.strip()
    kills = 0
    for _ in each_kill(tm_environ, *FEW, "migrate", "--to", START, "--yes"):
        kills += 1
        pending = few("migrate", "--status", "--json").json["pending"]
        shown = few("show", task, "--json").json
        assert (shown.get("estimated_hours") == 3) is (pending == [])
    assert kills > 20
