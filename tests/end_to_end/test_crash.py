"""What kills, full disks and missing files leave behind: all of a write, or nothing of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core.errors import DatabaseError
from tm_core.manager import TaskManager
from tm_core.testing import Process

HARNESS = Path(__file__).parents[1] / "benchmarks" / "crash.py"
unix = pytest.mark.skipif(sys.platform == "win32", reason="needs process groups and limits")


@unix
def test_killed_at_random_moments(tmp_path: Path) -> None:
    """A short run of the harness; `python tests/benchmarks/crash.py --runs 500` is a long one."""
    told = tmp_path / "crash.json"
    command = [sys.executable, str(HARNESS), "--runs", "12", "--json", str(told)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done
    rows = json.loads(told.read_text())["rows"]
    assert sum(row.get("kills", 0) for row in rows) == 12
    assert not any(row.get("violations") for row in rows)


def content(folder: Path) -> list[str]:
    """All that is in a store."""
    connection = sqlite3.connect(folder / ".task-orchestrator" / "tasks.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    lines = list(connection.iterdump())
    connection.close()
    return lines


def limited(room: int) -> Callable[[], None]:
    """Sets how large a file may become, which is to a program what a full disk is."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    return limit


@unix
@pytest.mark.parametrize("command", ["import", "batch"])
def test_a_disk_that_fills_up_while_much_is_written(command: str, tm_process: Process) -> None:
    tm_process("init")
    before = content(tm_process.folder)
    records: list[dict[str, Any]] = [
        {"title": f"Task {number} " + "x" * 400} for number in range(3000)
    ]
    if command == "batch":
        records = [{"command": "add", "args": each} for each in records]
    path = tm_process.folder / "tasks.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    done = tm_process(command, str(path), code=4, prepare=limited(1_000_000))
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert "full" in done.err
    assert content(tm_process.folder) == before
    tm_process(command, str(path))
    assert len(tm_process("list", "--limit", "0").out.splitlines()) == 3000


@unix
def test_a_disk_that_is_full_when_a_store_is_made(tm_process: Process) -> None:
    done = tm_process("init", code=4, prepare=limited(20_000))
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert "full" in done.err
    tm_process("init")
    assert tm_process("add", "x").out


@unix
@pytest.mark.parametrize("how", ["deleted", "replaced", "with its folder"])
def test_a_store_that_goes_away_while_it_is_open(how: str, tm_process: Process) -> None:
    tm_process("init")
    tm_process("add", "x")
    folder = tm_process.folder / ".task-orchestrator"
    with TaskManager.open(str(tm_process.folder)) as manager:
        if how == "with its folder":
            shutil.rmtree(folder)
        else:
            for path in folder.glob("tasks.db*"):
                path.unlink()
        if how == "replaced":
            tm_process("init")
        with pytest.raises(DatabaseError) as caught:
            manager.add("y")
    assert str(folder / "tasks.db") in caught.value.message
    if how != "replaced":
        for arguments in (["list"], ["add", "z"]):
            done = tm_process(*arguments, code=7)
            assert (done.out, done.err.count("\n")) == ("", 1)
        tm_process("init")
    assert tm_process("list").out == ""
