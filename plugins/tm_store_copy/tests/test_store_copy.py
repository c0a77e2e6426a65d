"""A whole store, carried from engine to engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Conflict, DatabaseError, NoStore
from tm_core.testing import Cli, run_readme

Place = Callable[[str], str]


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest, tm_environ: Path) -> Place:
    """A place for a store of an engine, which is there only when something is copied to it."""

    def make(engine: str) -> str:
        if engine == "sqlite":
            return str(tmp_path / "other.db")
        return str(request.getfixturevalue("tm_url_postgresql_new"))

    return make


@pytest.fixture
def full(tm_store: TaskManager) -> TaskManager:
    """A store in which every kind of thing has happened."""
    tm = tm_store
    first = tm.add("Größe 100 % ? 'x'", priority="high", tags=["ä", "b"], estimated_hours=1.5)
    second = tm.add("second", depends_on=[first.id], description='a\nb\t"c" \\ 🎉')
    tm.update(first.id, status="in_progress")
    tm.progress(first.id, "half", percent=50)
    tm.once("key-1", "add", "once")
    tm.complete(first.id, actual_hours=2.25)
    tm.feedback(first.id, quality=4, note="ok")
    tm.delete(tm.add("gone").id)
    tm.delete(tm.add("purged").id, purge=True)
    tm.update(second.id, title="renamed")
    tm.undo()
    return tm


def state(tm: TaskManager) -> dict[str, Any]:
    return {
        "tasks": [task.as_dict() for task in tm.find(sort="id", details=True)],
        "log": list(tm.log()),
        "requests": tm.database.query("SELECT * FROM request ORDER BY key"),
        "delivery": tm.database.query("SELECT * FROM delivery ORDER BY consumer"),
    }


@pytest.mark.every_backend
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_everything_arrives_and_work_goes_on(
    full: TaskManager, place: Place, engine: str, tm_store: TaskManager
) -> None:
    before, target = state(full), place(engine)
    source = os.environ.get("TM_DB_PATH") or full.database.url
    planned = tm_store.store_copy(source, target, dry_run=True)
    assert planned.dry_run
    with pytest.raises(NoStore):
        TaskManager.open(target)
    report = tm_store.store_copy(source, target)
    assert (report.resumed, report.written_meanwhile) == (False, 0)
    assert report.rows == planned.rows
    assert report.rows["task"] == 5 - 1
    assert set(report.digests) == set(report.rows)
    assert state(full) == before
    with TaskManager.open(target) as copied:
        assert state(copied) == before
        assert copied.once("key-1", "add", "once").title == "once"
        more = copied.add("more")
        assert [event["seq"] for event in copied.log(more.id)] == [before["log"][-1]["seq"] + 1]
        copied.undo()
    with pytest.raises(Conflict, match="is not empty"):
        tm_store.store_copy(source, target)


@pytest.mark.every_backend
def test_a_copy_that_was_killed_goes_on(
    tm_store: TaskManager, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tm_store.transaction():
        for number in range(2500):
            tm_store.add(f"t{number}")
    source, target = os.environ.get("TM_DB_PATH") or tm_store.database.url, place("sqlite")
    script = """
import os, signal, sys
from tm_core import TaskManager
tm = TaskManager.open(sys.argv[1])
import tm_store_copy.actions as actions
calls = []
def kill(here, table, last, batches=actions._batches):
    for batch in batches(here, table, last):
        yield batch
        calls.append(table)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
actions._batches = kill
tm.store_copy(sys.argv[1], sys.argv[2])
"""
    killed = subprocess.run([sys.executable, "-c", script, source, target], timeout=120)
    assert killed.returncode == -signal.SIGKILL
    with TaskManager.open(target) as half:
        there = half.count() + sum(1 for _ in half.log())
        assert 0 < there < 5000
    report = tm_store.store_copy(source, target)
    assert report.resumed
    with TaskManager.open(target) as copied:
        assert state(copied) == state(tm_store)


def test_a_source_that_changed_is_not_gone_on_with(
    full: TaskManager, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tm_store_copy.actions as actions

    def fail(*_: Any) -> None:
        raise DatabaseError("a cable was pulled")

    target = place("sqlite")
    with monkeypatch.context() as patch:
        patch.setattr(actions, "_verified", fail)
        with pytest.raises(DatabaseError, match="cable"):
            full.store_copy(full.database.url, target)
    full.add("later")
    with pytest.raises(Conflict, match="has changed since"):
        full.store_copy(full.database.url, target)


def test_what_did_not_arrive_is_found(full: TaskManager, place: Place) -> None:
    import tm_store_copy.actions as actions
    from tm_store_copy.tables import to_copy

    target = place("sqlite")
    full.store_copy(full.database.url, target)
    with TaskManager.open(target) as copied:
        with copied.database.transaction():
            copied.database.execute("UPDATE task SET title = 'other' WHERE title = 'second'")
        here: Any = full.database
        there: Any = copied.database
        with pytest.raises(DatabaseError, match="task did not arrive as it is"):
            actions._verified(here, there, to_copy(here))


def test_what_the_source_gets_meanwhile_is_told(
    full: TaskManager, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tm_store_copy.actions as actions

    def write(*arguments: Any, verified: Any = actions._verified) -> Any:
        full.add("meanwhile")
        return verified(*arguments)

    monkeypatch.setattr(actions, "_verified", write)
    assert full.store_copy(full.database.url, place("sqlite")).written_meanwhile == 1


def test_tables_of_a_plugin_that_is_off_are_taken_along(tm_cli: Cli, tmp_path: Path) -> None:
    task = tm_cli.add("x", "--estimated-hours", "2")
    tm_cli("complete", task)
    tm_cli("feedback", task, "--quality", "4")
    tm_cli("config", "disable", "feedback")
    tm_cli("store", "copy", ".", str(tmp_path / "off.db"))
    tm_cli("config", "enable", "feedback")
    shown = tm_cli("--store", str(tmp_path / "off.db"), "show", task, "--json").json
    assert shown["feedback"][0]["quality"] == 4


def test_the_command(tm_cli: Cli, tmp_path: Path) -> None:
    tm_cli.add("x")
    assert "no task store" in tm_cli("store", "copy", "../nowhere", "../b.db", code=7).err
    target = str(tmp_path / "b.db")
    planned = tm_cli("store", "copy", ".", target, "--dry-run")
    assert "would be copied" in planned.err
    assert not os.path.exists(target)
    done = tm_cli("store", "copy", ".", target, "--json").json
    assert done["rows"]["task"] == 1
    assert len(done["digests"]["task"]) == 64
    assert "is not empty" in tm_cli("store", "copy", ".", target, code=6).err
    assert "is not empty" in tm_cli("store", "copy", ".", ".", code=6).err


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_a_folder_is_what_it_is_for_every_command(tm_cli: Cli, tmp_path: Path) -> None:
    task = tm_cli("add", "one").out.strip()
    project, bare = str(tmp_path / "project-2"), str(tmp_path / "bare")
    tm_cli("store", "copy", ".", project)
    assert task in tm_cli("--store", project, "list").out
    assert task in tm_cli("--store", f"{project}/.task-orchestrator", "list").out
    tm_cli("--store", bare, "init")
    other = tm_cli("--store", bare, "add", "two").out.strip()
    assert "is not empty" in tm_cli("store", "copy", project, bare, code=6).err
    third = str(tmp_path / "third" / ".task-orchestrator")
    tm_cli("store", "copy", bare, third)
    assert other in tm_cli("--store", third, "list").out
    assert (tmp_path / "third/.task-orchestrator/tasks.db").exists()


@pytest.mark.parametrize("source", ["typo", "typo.db", ""])
def test_a_source_that_is_not_there_stands_for_no_other_store(
    source: str, tm_cli: Cli, tmp_path: Path
) -> None:
    tm_cli("add", "one")
    assert tm_cli("store", "copy", source, str(tmp_path / "new"), code=None).code in (2, 7)
    assert not (tmp_path / "new").exists()


@pytest.mark.every_backend
def test_the_folder_where_it_runs_needs_no_store(
    full: TaskManager, tm_environ: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = os.environ.get("TM_DB_PATH", str(tm_environ))
    (tmp_path / "empty").mkdir()
    monkeypatch.delenv("TM_DB_PATH", raising=False)
    cli = Cli(tmp_path / "empty")
    cli("store", "copy", source, "new")
    assert len(cli("--store", "new", "list", "--json").json) == len(full.find())
    assert "no task store" in cli("list", code=7).err
