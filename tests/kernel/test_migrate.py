"""A store is brought up to date once, whole, by whoever opens it; data outlives every toggle."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Field, Plugin, TmError
from tm_core.storage.migrate import MigrationSet, apply, is_current, pending, statements
from tm_core.storage.sqlite import SQLite

Make = Callable[..., Plugin]
Open = Callable[..., TaskManager]

MANIFEST = """
from tm_core.api import Field, Hook, Plugin
plugin = Plugin(
    "probe", "", migrations="migrations", fields=(Field("size", "int", indexed=True),),
    hooks={"task_write": Hook("tp_probe.hooks")},
)
"""
HOOKS = """
from tm_core.api import hookimpl

@hookimpl
def task_write(ctx, change):
    ctx.put("probe_row", {"task_id": change.after.id}, {"title": change.after.title})
"""
TABLE = (
    "CREATE TABLE probe_row (task_id TEXT PRIMARY KEY NOT NULL"
    " REFERENCES task(id) ON DELETE CASCADE, title TEXT);\n"
)


def install(site: Any, **steps: str) -> None:
    site.install("probe", MANIFEST, hooks=HOOKS)
    for name, text in steps.items():
        site.write(f"tp_probe/migrations/{name}.sql", text)


def query(folder: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(folder / ".task-orchestrator" / "tasks.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def backups(folder: Path) -> list[Path]:
    return sorted((folder / ".task-orchestrator").glob("backups/*.db"))


def test_opening_again_does_nothing(store: Open, make: Make) -> None:
    plugin = make(fields=(Field("size", "int"),))
    first = store(plugin)
    assert "kernel:0001_initial.sql" in first.migrated
    assert "probe:field:size" in first.migrated
    schema = first.database.query("SELECT sql FROM sqlite_master ORDER BY name")
    again = store(plugin)
    assert again.migrated == []
    assert again.database.query("SELECT sql FROM sqlite_master ORDER BY name") == schema


@pytest.fixture
def database(tmp_path: Path) -> Any:
    opened = SQLite(str(tmp_path / "t.db"), busy_timeout=1, durable=True, create=True)
    yield opened
    opened.close()


def steps(owner: str, **texts: str) -> MigrationSet:
    return MigrationSet(owner, tuple(texts), lambda name: texts[name])


def never(owner: str, error: TmError) -> None:
    raise AssertionError(f"{owner}: {error}")


def test_sets_of_steps_are_done_in_order_and_once(database: SQLite) -> None:
    first = steps(
        "probe", a="CREATE TABLE probe_x (n BIGINT);", b="INSERT INTO probe_x VALUES (1);"
    )
    assert apply(database, [first], never) == ["probe:a", "probe:b"]
    assert apply(database, [first], never) == []
    assert is_current(database, [first])
    more = steps(
        "probe",
        a="CREATE TABLE probe_x (n BIGINT);",
        b="INSERT INTO probe_x VALUES (1);",
        c="UPDATE probe_x SET n = n + 1;",
    )
    assert not is_current(database, [more])
    assert [name for _, name in pending(database, [more])] == ["c"]
    assert apply(database, [more], never) == ["probe:c"]
    assert database.query("SELECT n FROM probe_x") == [{"n": 2}]


def test_a_step_is_whole_or_not_at_all(database: SQLite) -> None:
    blamed: list[tuple[str, str]] = []
    bad = steps(
        "bad", a="CREATE TABLE bad_x (n BIGINT);\nnonsense;", b="CREATE TABLE bad_y (n BIGINT);"
    )
    good = steps("good", a="CREATE TABLE good_z (n BIGINT);")
    done = apply(database, [bad, good], lambda owner, error: blamed.append((owner, error.message)))
    assert done == ["good:a"]
    assert [owner for owner, _ in blamed] == ["bad"]
    assert "migration a of 'bad' failed" in blamed[0][1]
    assert (
        database.columns("bad_x") == database.columns("bad_y") == set()
    )  # nor what comes after it
    assert database.columns("good_z") == {"n"}


def test_the_kernels_own_failing_step_stops(database: SQLite) -> None:
    with pytest.raises(TmError, match="migration a of 'kernel' failed"):
        apply(database, [steps("kernel", a="nonsense;")], never)


def test_semicolons_inside_a_trigger_do_not_end_it() -> None:
    text = (
        "-- a comment; with one\n"
        "CREATE TABLE x (n BIGINT);\n"
        "CREATE TRIGGER t BEFORE DELETE ON x\nBEGIN\n    SELECT 1;\n    SELECT 2;\nEND;\n"
        "INSERT INTO x VALUES (1)"
    )
    found = statements(text)
    assert [part.split()[1] for part in found] == ["TABLE", "TRIGGER", "INTO"]


def test_two_processes_may_open_at_once(tm: Any, site: Any) -> None:
    tm("init")
    tm("add", "x")
    install(site, **{"0001_row": TABLE})
    both = [tm.start("-m", "tm_core", "add", str(n)) for n in range(4)]
    assert [tm.finish(process).err for process in both] == ["Task created\n"] * 4
    done = query(tm.folder, "SELECT owner, name FROM migration WHERE owner = 'probe'")
    assert sorted(done) == [("probe", "0001_row.sql"), ("probe", "field:size")]
    assert query(tm.folder, "SELECT count(*) FROM probe_row") == [(4,)]


def test_init_in_a_file_of_nothing_makes_a_store(tm: Any) -> None:
    file = tm.folder / "other.db"
    file.write_bytes(b"")
    tm("--store", str(file), "init")
    assert tm("--store", str(file), "add", "x").out


def test_init_leaves_what_is_not_ours_alone(tm: Any) -> None:
    file = tm.folder / "other.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE theirs (n)")
    connection.close()
    before = file.read_bytes()
    assert "is not a task store" in tm("--store", str(file), "init", code=4).err
    assert file.read_bytes() == before


def test_two_processes_may_make_the_store_at_once(tm: Any) -> None:
    both = [tm.start("-m", "tm_core", "init") for _ in range(4)]
    assert [tm.finish(process).code for process in both] == [0] * 4
    tm("add", "x")


@pytest.mark.parametrize(
    "step", ["CREATE TABLE x (n BIGINT);\nnonsense;", "CREATE TABLE task (n BIGINT);"]
)
def test_a_plugin_whose_migration_fails_is_blamed_and_left_out(
    step: str, tm: Any, site: Any
) -> None:
    tm("init")
    tm("add", "before")
    install(site, **{"0001_row": step})
    for _ in range(2):  # each time: it is not forgotten, and nothing builds up
        result = tm("-q", "add", "x")
        assert len(result.err.splitlines()) == 1
        assert result.err.startswith(
            "tm: plugin 'probe' (tm-probe 1.2): migration: migration 0001_row.sql of 'probe' failed"
        )
        assert len(result.out.strip()) == 8
    assert query(tm.folder, "SELECT name FROM sqlite_master WHERE name = 'x'") == []
    assert len(tm("-q", "list").out.splitlines()) == 3
    assert len(backups(tm.folder)) == 1  # of the step that worked: its field
    doctor = json.loads(tm("doctor", "--json", code=1).out)
    assert [each["level"] for each in doctor if each["subject"] == "plugin probe"] == ["error"]
    install(site, **{"0001_row": TABLE})
    assert tm("add", "mended").err == "Task created\n"
    assert query(tm.folder, "SELECT title FROM probe_row") == [("mended",)]


def test_a_field_whose_column_cannot_be_made_is_left_out(
    store: Open, make: Make, said: list[str]
) -> None:
    """The plugin is off for this command, with its fields, and the core goes on."""
    store().database.execute('ALTER TABLE task ADD COLUMN "size" TEXT')
    tm = store(make(fields=(Field("size", "int"),)))
    assert tm.get(tm.add("x").id).title == "x"
    assert "size" not in tm.store.fields
    assert len(said) == 1
    assert said[0].startswith("plugin 'probe' (made in code): migration: ")


def test_a_required_plugin_whose_migration_fails_stops(tm: Any, site: Any) -> None:
    tm("init")
    install(site, **{"0001_row": "nonsense;"})
    result = tm("-c", "plugins.required=probe", "add", "x", code=8)
    assert result.err.startswith("tm: required plugin 'probe' (tm-probe 1.2): migration: ")
    assert query(tm.folder, "SELECT * FROM task") == []


def test_a_store_of_a_newer_kernel_is_refused(tm: Any) -> None:
    tm("init")
    tm("add", "x")
    connection = sqlite3.connect(tm.folder / ".task-orchestrator" / "tasks.db")
    connection.execute("INSERT INTO migration VALUES ('kernel', '9999_future.sql', '')")
    connection.execute("DELETE FROM schema_fingerprint")
    connection.commit()
    connection.close()
    before = query(tm.folder, "SELECT * FROM task")
    for command in (["add", "y"], ["list"]):
        result = tm(*command, code=4)
        assert "written by a newer version of tm (it has 9999_future.sql)" in result.err
        assert "pip install --upgrade" in result.err
        assert result.out == ""
    assert query(tm.folder, "SELECT * FROM task") == before
    assert backups(tm.folder) == []


def test_the_store_is_copied_before_it_is_changed(tm: Any, site: Any) -> None:
    tm("init")
    task_id = tm("add", "x").out.strip()
    assert backups(tm.folder) == []  # no tasks were there when it was made
    install(site, **{"0001_row": TABLE})
    tm("list")
    (copy,) = backups(tm.folder)
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT id FROM task").fetchall() == [(task_id,)]
    columns = [row[1] for row in connection.execute("PRAGMA table_info(task)")]
    assert "size" not in columns
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    tm("list")
    assert backups(tm.folder) == [copy]


def test_data_outlives_a_toggle(tm: Any, site: Any) -> None:
    install(site, **{"0001_row": TABLE})
    tm("init")
    task_id = tm("add", "x", "--size", "5").out.strip()
    tm("config", "disable", "probe")
    assert "size" not in tm("show", task_id, "--json").json
    assert "feature 'probe' is disabled" in tm("update", task_id, "--size", "6", code=8).err
    tm("update", task_id, "--title", "y")
    tm("config", "enable", "probe")
    shown = tm("show", task_id, "--json").json
    assert (shown["size"], shown["title"]) == (5, "y")
    assert query(tm.folder, "SELECT title FROM probe_row") == [("x",)]
    assert tm("list", "--where", "size == 5").out == f"[{task_id}] y - pending\n"


def test_a_step_waits_for_the_feature_that_it_needs(tm: Any, site: Any) -> None:
    joint = "CREATE TABLE probe_joint AS SELECT task_id FROM feedback_review;"
    install(site, **{"0001_row": TABLE, "0002_joint@feedback": joint})
    tm("-c", "plugins.only=probe", "init")
    assert query(tm.folder, "SELECT name FROM sqlite_master WHERE name = 'probe_joint'") == []
    tm("list")  # with all features
    assert query(tm.folder, "SELECT count(*) FROM probe_joint") == [(0,)]
    tm("config", "disable", "feedback")
    assert tm("list").err == "No tasks found\n"


def test_a_new_field_and_a_new_step_of_a_known_plugin(tm: Any, site: Any) -> None:
    install(site, **{"0001_row": TABLE})
    tm("init")
    tm("add", "x", "--size", "5")
    site.write("tp_probe/migrations/0002_more.sql", "ALTER TABLE probe_row ADD COLUMN more TEXT;\n")
    site.write(
        "tp_probe/__init__.py",
        MANIFEST.replace("indexed=True),)", 'indexed=True), Field("color", "str"))'),
    )
    tm("add", "y", "--color", "red")
    assert query(tm.folder, "SELECT size, color FROM task ORDER BY created_at") == [
        (5, None),
        (None, "red"),
    ]
    assert query(tm.folder, "SELECT title, more FROM probe_row ORDER BY rowid") == [
        ("x", None),
        ("y", None),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"no database at all, but long enough to be looked at" * 20, "not a usable task store"),
    ],
)
def test_what_is_no_store_is_left_alone(content: bytes, message: str, tm: Any) -> None:
    file = tm.folder / "other.db"
    file.write_bytes(content)
    result = tm("--store", str(file), "add", "x", code=4)
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert file.read_bytes() == content
