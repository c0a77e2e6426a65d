"""`tm migrate`, `MigrationManager`, and migrations that are killed in the middle."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tm_core.api import Conflict, Field, Plugin
from tm_core.db import SQLiteBackend
from tm_core.errors import DatabaseError, NoStore, PluginError
from tm_core.manager import TaskManager
from tm_core.migrate import MigrationSet, applied, apply, down, kernel_migrations, losses, undo, up
from tm_core.schema import MigrationManager
from tm_core.testing import Cli
from tm_core.workspace import Workspace

SIZE = Plugin("size", "How big", fields=(Field("size", "int", indexed=True), Field("area", "str")))
SETTINGS = {"store.busy_timeout": 1.0, "store.synchronous": "normal"}


def test_status_names_what_is_applied_and_pending(tm_cli: Cli) -> None:
    tm_cli("config", "disable", "feedback")
    os.remove(tm_cli.folder / ".task-orchestrator/tasks.db")
    tm_cli("init")
    tm_cli("config", "enable", "feedback")
    result = tm_cli("migrate", "--status", "--json").json
    assert result["applied"][0]["migration"] == "kernel:0001_initial.sql"
    assert result["pending"] == ["feedback:0001_review.sql"]
    assert "pending\tfeedback:0001_review.sql" in tm_cli("migrate").out

    dry = tm_cli("migrate", "--dry-run")
    assert "CREATE TABLE feedback_review" in dry.out
    assert tm_cli("migrate", "--status", "--json").json == result  # only looked
    assert tm_cli("migrate", "--apply") == (0, "", "1 migration(s) applied\n")
    assert tm_cli("migrate", "--apply") == (0, "", "Already up to date\n")


def test_it_works_with_all_features_off(tm_cli: Cli) -> None:
    tm_cli("config", "minimal-mode", "on")
    assert "kernel:0001_initial.sql" in tm_cli("migrate").out
    assert tm_cli("migrate", "--apply").err == "Already up to date\n"
    assert "made the store itself" in tm_cli("migrate", "--rollback", "--yes", code=6).err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--status", "--apply"], 2, "exclude each other"),
        (["--rollback"], 6, "made the store itself"),
        (["--to", "nobody:nothing"], 6, "is not applied"),
        (["--bogus"], 2, "no option"),
        (["--to", "kernel:0001_initial.sql"], 2, "nothing was done (--yes"),
    ],
)
def test_bad_input(tm_cli: Cli, arguments: list[str], code: int, said: str) -> None:
    tm_cli("feedback", (task := tm_cli.add("x")), "--quality", "3", code=None)
    tm_cli("complete", task)
    tm_cli("feedback", task, "--quality", "3")
    before = tm_cli("migrate", "--status").out
    assert said in tm_cli("migrate", *arguments, code=code).err
    assert tm_cli("migrate", "--status").out == before


def test_without_a_store(tm_environ: Path) -> None:
    assert "tm init" in Cli(tm_environ)("migrate", code=7).err


def test_rollback_tells_what_it_loses_and_the_feature_waits(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--estimated-hours", "3")
    tm_cli("complete", task)
    tm_cli("feedback", task, "--quality", "4")
    everything = ["migrate", "--to", "kernel:0001_initial.sql"]

    dry = tm_cli(*everything, "--dry-run")
    assert "Would undo feedback:0001_review.sql, which loses 1 row(s) of feedback_review" in dry.err
    assert "loses 1 value(s) of task.estimated_hours" in dry.err
    assert 'DROP TABLE IF EXISTS "feedback_review";' in dry.out
    assert tm_cli.show(task)["feedback"]

    rolled = tm_cli(*everything, "--yes")
    assert rolled.out == ""
    assert "off until tm migrate --apply" in rolled.err
    [copy] = (tm_cli.folder / ".task-orchestrator/backups").iterdir()
    assert sqlite3.connect(copy).execute("SELECT quality FROM feedback_review").fetchall() == [(4,)]
    assert copy.stat().st_mode & 0o077 == 0

    listed = tm_cli("list")
    assert task in listed.out
    assert "feature 'feedback' is off: its schema was rolled back" in listed.err
    assert "tm migrate --apply" in tm_cli("feedback", task, "--quality", "1", code=8).err
    assert "off: its schema was rolled back" in tm_cli("doctor").out
    assert "nothing was applied after" in tm_cli(*everything, "--yes", code=6).err

    tm_cli("migrate", "--apply")
    assert "feedback" not in tm_cli.show(task)
    assert tm_cli("feedback", task, "--quality", "1").err == "Feedback recorded\n"


def test_a_rollback_that_loses_nothing_needs_no_yes(tm_cli: Cli) -> None:
    assert "rolled back" in tm_cli("migrate", "--to", "kernel:0001_initial.sql").err


def test_declared_columns_go_and_come_back(tm_environ: Path) -> None:
    workspace = Workspace(str(tm_environ), plugins=[SIZE], report=print)
    TaskManager.open(str(tm_environ), create=True).close()
    with TaskManager.open(str(tm_environ), plugins=[SIZE]) as tm:
        task = tm.add("x", size=3)
    workspace = Workspace(str(tm_environ), plugins=[SIZE], report=print)
    manager = MigrationManager(workspace)
    assert [step.migration for step in manager.plan()] == ["size:field:area", "size:field:size"]
    assert manager.plan()[1].losses == ("1 value(s) of task.size",)
    assert manager.rollback()
    assert manager.get_status()["rolled_back"] == ["size"]
    assert manager.get_status()["pending"] == ["size:field:size", "size:field:area"]
    assert manager.apply_migrations()
    assert manager.create_backup().is_file()
    workspace.close()
    with TaskManager.open(str(tm_environ), plugins=[SIZE]) as tm:
        assert tm.get(task.id)["size"] is None


def test_what_undoes_a_feature_that_is_off_is_not_known(tm_cli: Cli) -> None:
    tm_cli("config", "disable", "time-tracking")
    error = tm_cli("migrate", "--to", "kernel:0001_initial.sql", "--yes", code=8).err
    assert "tm config enable time-tracking" in error
    with pytest.raises(PluginError):
        MigrationManager.open(str(tm_cli.folder)).plan("kernel:0001_initial.sql")


def test_a_step_says_how_it_is_undone(tmp_path: Path) -> None:
    texts = {
        "1.sql": "CREATE TABLE a (x TEXT);\nINSERT INTO a VALUES ('1');\n"
        "-- down\nDROP TABLE a;\nDELETE FROM task;\n",
        "2.sql": "CREATE TABLE b (x TEXT);\nUPDATE b SET x = 1;\n",
    }
    steps = MigrationSet("mine", tuple(texts), texts.__getitem__)
    database = SQLiteBackend().open(str(tmp_path / "x.db"), create=True, settings=SETTINGS)
    apply(database, [kernel_migrations(), steps], lambda owner, error: pytest.fail(owner))
    assert up(database, steps, "1.sql")[1] == "INSERT INTO a VALUES ('1');"
    undoing = down(database, steps, "1.sql")
    assert undoing == ["DROP TABLE a;", "DELETE FROM task;"]
    assert losses(database, undoing) == ["1 row(s) of a", "what this changes: DELETE FROM task;"]
    assert down(database, steps, "2.sql") is None
    undo(database, [("mine", "1.sql", undoing)])
    with pytest.raises(Conflict):
        undo(database, [("mine", "1.sql", undoing)])
    # One that fails undoes nothing.
    with pytest.raises(DatabaseError):
        undo(database, [("mine", "2.sql", ["DROP TABLE b", "nonsense"])])
    assert database.columns("b")
    assert "2.sql" in {row["name"] for row in applied(database)}


KILLED = """
import os, signal, sqlite3, sys

real, left = sqlite3.connect, [int(sys.argv[1])]

def count(statement):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)

def connect(*arguments, **named):
    connection = real(*arguments, **named)
    connection.set_trace_callback(count)
    return connection

sqlite3.connect = connect
from tm_core.cli import main
sys.argv = ["tm", *sys.argv[2:]]
main()
"""


def killed_after(statements: int, folder: Path, *command: str) -> bool:
    """Run tm in a process that is killed at a statement; whether it came so far."""
    arguments = [sys.executable, "-c", KILLED, str(statements), *command]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_migration_killed_at_any_statement_is_completed_at_the_next_start(tm_cli: Cli) -> None:
    tm_cli("config", "minimal-mode", "on")
    os.remove(tm_cli.folder / ".task-orchestrator/tasks.db")
    tm_cli("init")
    task = tm_cli.add("x")
    tm_cli("config", "minimal-mode", "off")
    blank = tm_cli.folder.parent / "blank"
    shutil.copytree(tm_cli.folder, blank)
    statement, kills = 3, 0
    while killed_after(statement, tm_cli.folder, "list"):
        kills += 1
        assert task in tm_cli("list").out
        assert tm_cli("migrate", "--apply").err == "Already up to date\n"
        assert "structure sound" in tm_cli("doctor").out
        shutil.rmtree(tm_cli.folder)
        shutil.copytree(blank, tm_cli.folder)
        statement += 11
    assert kills > 5


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_store_whose_making_was_killed_is_made_again(tm_environ: Path) -> None:
    statement, kills = 1, 0
    cli = Cli(tm_environ)
    while killed_after(statement, tm_environ, "init"):
        kills += 1
        cli("init")
        assert cli.show(cli.add("x"))["title"] == "x"
        shutil.rmtree(tm_environ / ".task-orchestrator")
        statement += 13
    assert kills > 3


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_rollback_killed_at_any_statement_did_nothing_or_all(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--estimated-hours", "3")
    blank = tm_cli.folder.parent / "blank"
    shutil.copytree(tm_cli.folder, blank)
    statement, kills = 3, 0
    rollback = ["migrate", "--to", "kernel:0001_initial.sql", "--yes"]
    while killed_after(statement, tm_cli.folder, *rollback):
        kills += 1
        pending = tm_cli("migrate", "--status", "--json").json["pending"]
        columns = tm_cli.show(task)
        assert (columns.get("estimated_hours") == 3) is (pending == [])
        shutil.rmtree(tm_cli.folder)
        shutil.copytree(blank, tm_cli.folder)
        statement += 17
    assert kills > 3


def test_an_empty_file_is_no_store(tm_environ: Path) -> None:
    (tm_environ / ".task-orchestrator").mkdir()
    (tm_environ / ".task-orchestrator/tasks.db").touch()
    assert "tm init" in Cli(tm_environ)("list", code=7).err
    with pytest.raises(NoStore):
        MigrationManager.open(str(tm_environ))
    Cli(tm_environ)("init")
    assert Cli(tm_environ)("list").code == 0
