"""The lock file: what it pins, and what is said when something differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tm_core.testing import Cli


@pytest.fixture
def lock_file(tm_cli: Cli) -> Path:
    tm_cli("plugins", "lock")
    return tm_cli.folder / ".task-orchestrator" / "plugins.lock"


def change(path: Path, name: str, **values: str) -> None:
    content = json.loads(path.read_text())
    for row in content["plugins"]:
        if row["name"] == name:
            row.update(values)
    path.write_text(json.dumps(content))


def test_what_was_just_locked_is_as_it_was_locked(tm_cli: Cli, lock_file: Path) -> None:
    assert tm_cli("plugins", "check").out == ""
    rows = json.loads(lock_file.read_text())["plugins"]
    names = {row["name"] for row in tm_cli("plugins", "--json").json if row["state"] == "on"}
    assert {row["name"] for row in rows} == names
    assert all(len(row["digest"]) == 64 and row["version"] and row["api"] for row in rows)
    assert tm_cli("add", "x").err == "Task created\n"


def test_another_version_is_said_before_anything_runs(tm_cli: Cli, lock_file: Path) -> None:
    change(lock_file, "tags", version="9.9")
    done = tm_cli("add", "x")
    assert "not as in plugins.lock: 'tags'" in done.err.splitlines()[0]
    (row,) = tm_cli("plugins", "check", "--json", code=8).json
    assert (row["plugin"], row["locked"]["version"]) == ("tags", "9.9")
    assert "pip install task-orchestrator==9.9" in tm_cli("plugins", "sync").out
    command = tm_cli("plugins", "sync", "--uv", "--json").json["command"]
    assert (command[:3], command[-1]) == (["uv", "pip", "install"], "task-orchestrator==9.9")


def test_other_contents_are_found_by_check(tm_cli: Cli, lock_file: Path) -> None:
    change(lock_file, "tags", digest="0" * 64)
    assert tm_cli("add", "x").err == "Task created\n"
    assert "tags\thas other files" in tm_cli("plugins", "check", code=8).out


def test_a_feature_more_or_less_is_a_difference(tm_cli: Cli, lock_file: Path) -> None:
    tm_cli("config", "disable", "tags")
    assert "tags\tis locked, but not" in tm_cli("plugins", "check", code=8).out
    tm_cli("config", "enable", "tags", "telemetry")
    assert "telemetry\tis on" in tm_cli("plugins", "check", code=8).out
    tm_cli("plugins", "lock")
    tm_cli("plugins", "check")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "plugins": [{}]}'])
def test_a_file_that_is_no_lock_file(tm_cli: Cli, text: str) -> None:
    path = tm_cli.folder / ".task-orchestrator" / "plugins.lock"
    path.write_text(text)
    assert "not a lock file" in tm_cli("add", "x", code=1).err
    tm_cli("--safe", "plugins", "lock")  # which makes it anew
    path.write_text(text)
    path.unlink()
    tm_cli("add", "x")


def test_a_dry_run_writes_nothing(tm_cli: Cli) -> None:
    tm_cli("plugins", "lock", "--dry-run")
    assert not (tm_cli.folder / ".task-orchestrator" / "plugins.lock").exists()
    assert "there is no plugins.lock here" in tm_cli("plugins", "check", code=1).err
    assert "there is no plugins.lock here" in tm_cli("plugins", "sync", code=1).err
