from __future__ import annotations

import hashlib
import json
import os
import select
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import DatabaseError
from tm_core.testing import Cli, Process, run_readme

Make = Callable[..., Path]


@pytest.fixture
def tm(tm_environ: Path) -> Cli:
    """The command line in a folder without a store of ours."""
    return Cli(tm_environ)


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def rows_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
        return {
            name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
            for (name,) in names.fetchall()
        }


@pytest.mark.parametrize(
    "command", [("list",), ("add", "x"), ("show", "aaaa0001"), ("metrics",), ("export",)]
)
def test_every_command_says_what_to_do(
    command: tuple[str, ...], tm: Cli, earlier_tool: Make
) -> None:
    path = earlier_tool("oldest")
    before = path.read_bytes()
    told = tm(*command, code=4)
    assert told.out == ""
    assert told.err.splitlines() == [
        f"tm: {path} belongs to the earlier task tool (2 tasks) (tm import-legacy)"
    ]
    assert path.read_bytes() == before


def test_python_does_not_make_a_store_of_it(earlier_tool: Make) -> None:
    path = earlier_tool()
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match="earlier task tool"):
        TaskManager.open(str(path.parents[1]), create=True, report=print)
    assert path.read_bytes() == before


@pytest.mark.parametrize("generation", ["oldest", "middle", "newest"])
def test_every_row_is_accounted_for(generation: str, tm: Cli, earlier_tool: Make) -> None:
    original = rows_of(earlier_tool(generation))
    report = tm("import-legacy", "--json").json
    assert {name: len(rows) for name, rows in original.items()} == {
        name: table["rows"] for name, table in report["tables"].items()
    }
    for name, table in report["tables"].items():
        states = [table[state] for state in ("carried", "history", "kept", "dropped")]
        assert sum(states) == table["rows"], name
        if name != "schema_migrations":
            assert table["dropped"] == 0, name


@pytest.mark.parametrize("generation", ["oldest", "middle", "newest"])
def test_every_row_can_be_found_again(generation: str, tm: Cli, earlier_tool: Make) -> None:
    original = rows_of(earlier_tool(generation))
    report = tm("import-legacy", "--json").json
    events = tm("log", "--limit", "0", "--json").json
    known = [event["data"].get("imported", {}).get("legacy") for event in events]
    if report["kept"]:
        known += [each["row"] for each in json.loads(Path(report["kept"]).read_text())]
    word_for_word = {_key(row) for row in known if row}
    carried = report["tables"]
    for name, rows in original.items():
        missing = [row for row in rows if _key(row) not in word_for_word]
        if name in ("dependencies", "participants", "phases", "phase_dependencies", "phase_gates"):
            assert len(missing) == carried[name]["carried"], (name, missing)
        else:
            assert missing == [], name


def _key(row: dict[str, Any]) -> str:
    plain = {
        name: str(value)
        if isinstance(value, float) and abs(value) == float("inf")
        else {"base64": "AP8="}
        if isinstance(value, bytes)
        else value
        for name, value in row.items()
        if value is not None
    }
    return json.dumps(plain, sort_keys=True)


def test_a_task_keeps_all_that_it_had(tm: Cli, earlier_tool: Make) -> None:
    earlier_tool()
    tm("import-legacy", "--json")
    tm("config", "enable", "feedback")  # which their configuration has off
    task = tm.show("aaaa0001")
    assert task["title"] == "Design the schema"
    assert task["description"].endswith("Meta: db, core")
    assert task["status"] == "completed"
    assert task["priority"] == "high"
    assert task["tags"] == ["db", "core"]
    assert task["estimated_hours"] == 8
    assert task["actual_hours"] == 6.5
    assert task["completion_summary"] == "Three tables"
    assert task["success_criteria"][0]["measurable"] == "tests.failed == 0"
    (review,) = task["feedback"]
    assert (review["reviewer"], review["quality"], review["timeliness"], review["note"]) == (
        *("unknown", 5, 4),
        "Clean work",
    )
    assert [each["message"] for each in task["progress"]] == ["60 %"]
    assert tm.show("aaaa0002")["depends_on"] == ["aaaa0001"]
    assert tm.show("aaaa0002")["priority"] == "medium"


def test_what_cannot_be_a_value_is_told(tm: Cli, earlier_tool: Make) -> None:
    earlier_tool()
    report = tm("import-legacy", "--json").json
    told = {change["what"] for change in report["changes"]}
    assert told >= {
        "no title: '(no title)'",
        "the status 'done': pending",
        "the priority 'urgent': medium",
        "completed without a time: that of its last change",
        "success criteria that are no JSON",
        "feedback_quality is not from 1 to 5",
        "a deadline that is no date or time",
    }
    assert tm.show("aaaa0004")["completed_at"] == tm.show("aaaa0004")["updated_at"]


def test_what_has_a_home_here_is_carried(tm: Cli, earlier_tool: Make) -> None:
    earlier_tool()
    report = tm("import-legacy", "--json").json
    task = tm.show("aaaa0001")
    assert [each["actor"] for each in task["participants"]] == ["ada", "bea"]
    assert [each["kind"] for each in task["contributions"]] == ["update", "discovery", "sync"]
    assert task["file_refs"] == ["src/schema.py:10:20", "docs/schema.md"]
    assert task["context"] == "The billing service needs it"
    assert task["phase"] == "ph1"
    (gate,) = tm("phases", "show", "ph1", "--json").json["gates"]
    assert (gate["status"], gate["reason"]) == ("overridden", "on holiday")
    assert [each["id"] for each in tm("phases", "show", "ph2", "--json").json["depends_on"]] == [
        "ph1"
    ]
    assert [each["id"] for each in tm("agents", "list", "--json").json] == ["ada"]
    notes = tm("context", "aaaa0001", "--json", "--actor", "ada").json["notes"]
    assert [each["message"] for each in notes] == ["Mind the index", "And it"]
    (archived,) = tm("context", "aaaa0001", "--json", "--actor", "bea").json["notes"]
    assert archived["message"] == "Archived thought"
    assert report["notes"]["entries"] == 4
    assert "Mind the index" not in tm("log", "aaaa0001", "--json", "--actor", "cy").out


def test_of_a_circle_one_dependency_is_left_out(tm: Cli, earlier_tool: Make) -> None:
    earlier_tool()
    tm("import-legacy")
    assert tm.show("aaaa0004")["depends_on"] == ["aaaa0005"]
    circle = [tm.show(task)["depends_on"] for task in ("aaaa0005", "aaaa0006")]
    assert sorted(map(len, circle)) == [0, 1]


def test_a_long_chain_is_no_trouble(tm: Cli, earlier_tool: Make) -> None:
    path = earlier_tool("oldest")
    ids = [f"dd{number:06x}" for number in range(1100)]
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO tasks (id, title) VALUES (?, 'link')", [(each,) for each in ids]
        )
        connection.executemany("INSERT INTO dependencies VALUES (?, ?)", pairwise(ids))
        connection.commit()
    report = tm("import-legacy", "--dry-run", "--json").json
    assert report["tables"]["dependencies"]["carried"] == 1100


def test_events_keep_their_number_and_key(tm: Cli, earlier_tool: Make) -> None:
    earlier_tool()
    tm("import-legacy")
    events = tm("log", "aaaa0001", "--json").json
    shared = next(event for event in events if event["type"] == "collaboration.shared")
    row = shared["data"]["imported"]["legacy"]
    assert (row["seq"], row["request_id"], row["content"]) == (1, "r1", "Half done")
    assert shared["actor"] == "ada"


def test_the_original_is_kept_byte_for_byte(tm: Cli, earlier_tool: Make) -> None:
    path = earlier_tool()
    before = digests(path.parent)
    report = tm("import-legacy", "--json").json
    after = digests(path.parent)
    original = Path(report["original"]).relative_to(path.parent)
    assert after[str(original)] == before.pop("tasks.db")
    assert after["earlier-tool/logs/errors.log"] == before.pop("logs/errors.log")
    assert before.items() <= after.items(), "nothing else is touched"
    with closing(sqlite3.connect(report["backup"])) as backup:
        assert backup.execute("SELECT count(*) FROM tasks").fetchone() == (6,)


def test_a_dry_run_changes_nothing(tm: Cli, earlier_tool: Make) -> None:
    path = earlier_tool()
    before = digests(path.parent)
    for command in (("import-legacy", "--dry-run"), ("init", "--dry-run")):
        told = tm(*command)
        assert "6 tasks would be carried over; nothing was changed" in told.err
        assert digests(path.parent) == before


def test_init_carries_over(tm: Cli, earlier_tool: Make) -> None:
    earlier_tool("oldest")
    tm("init")
    assert {task["id"] for task in tm("list", "--json").json} == {"bbbb0001", "bbbb0002"}
    assert tm("init").err.startswith("There is a task store")
    refused = tm("import-legacy", code=2)
    assert "carried over already" in refused.err


def test_a_write_ahead_log_counts_and_is_kept(tm: Cli, earlier_tool: Make) -> None:
    path = earlier_tool("oldest", wal=True)
    before = digests(path.parent)
    assert "tasks.db-wal" in before
    tm("import-legacy")
    assert tm.show("cccc0001")["title"] == "In the log alone"
    after = digests(path.parent)
    assert after["earlier-tool/tasks.db"] == before["tasks.db"]
    assert after["earlier-tool/tasks.db-wal"] == before["tasks.db-wal"]


def test_a_run_that_was_stopped_can_be_done_again(tm: Cli, earlier_tool: Make) -> None:
    path = earlier_tool("oldest", wal=True)
    kept = path.parent / "earlier-tool"
    kept.mkdir()
    os.link(path, kept / "tasks.db")
    os.replace(f"{path}-wal", kept / "tasks.db-wal")
    tm("import-legacy")
    assert tm.show("cccc0001")["title"] == "In the log alone"
    assert len(tm("list", "--json").json) == 3


def test_local_times_are_read_as_local(tm_process: Process, earlier_tool: Make) -> None:
    earlier_tool("oldest")
    report = tm_process("import-legacy", "--json", TZ="America/New_York").json
    task = tm_process("show", "bbbb0001", "--json").json
    assert task["created_at"] == "2024-01-01T13:00:00.000000Z"
    assert report["zone"]["name"] == "America/New_York"
    (event,) = tm_process("log", "bbbb0001", "--type", "legacy.tasks", "--json").json
    assert event["data"]["imported"]["zone"]["name"] == "America/New_York"
    assert event["data"]["imported"]["legacy"]["created_at"] == "2024-01-01T08:00:00"


def test_another_folder_is_added_to_the_store(
    tm_cli: Cli, earlier_tool: Make, tmp_path: Path
) -> None:
    path = earlier_tool("oldest", tmp_path / "elsewhere")
    mine = tm_cli.add("Mine")
    before = digests(path.parent)
    assert "2 tasks would be" in tm_cli("import-legacy", str(path.parents[1]), "--dry-run").err
    assert len(tm_cli("list", "--json").json) == 1
    tm_cli("import-legacy", str(path.parents[1]))
    assert digests(path.parent) == before
    assert {task["id"] for task in tm_cli("list", "--json").json} == {mine, "bbbb0001", "bbbb0002"}
    again = tm_cli("import-legacy", str(path), "--json").json
    assert again["tables"]["tasks"]["kept"] == 2
    assert Path(again["kept"]).name == "kept-2.json"
    assert Path(again["kept"]).with_name("report.json").exists()


def test_what_is_no_folder_of_it_is_said(tm_cli: Cli, tmp_path: Path) -> None:
    assert (
        "no folder of the earlier task tool"
        in tm_cli("import-legacy", str(tmp_path / "none"), code=3).err
    )
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE tasks (name TEXT)")
    assert "no database of the earlier" in tm_cli("import-legacy", str(other), code=2).err


def test_a_damaged_database_is_told(tm: Cli, earlier_tool: Make) -> None:
    path = earlier_tool("oldest")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)
    path.write_bytes(bytes(content))
    told = tm("import-legacy", code=None)
    assert told.code in (2, 4)
    assert len(told.err.splitlines()) == 1
    assert path.read_bytes() == bytes(content)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_on_a_terminal_it_asks(
    answer: bytes, code: int, earlier_tool: Make, tm_environ: Path
) -> None:
    import pty

    path = earlier_tool("oldest")
    before = path.read_bytes()
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    done = subprocess.run(
        [sys.executable, "-m", "tm_core", "init"],
        cwd=tm_environ,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
    )
    said = ""
    while select.select([ours], [], [], 0)[0]:  # what it wrote is there by now
        said += os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert done.returncode == code
    assert "Carry them over?" in said
    assert (path.read_bytes() == before) is bool(code)


def test_the_readme_is_a_run(tm: Cli, earlier_tool: Make) -> None:
    earlier_tool("oldest")
    run_readme(Path(__file__).parents[1] / "README.md", tm)
