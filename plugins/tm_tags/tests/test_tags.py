"""Tags, through the command line and the facade."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import UsageError, ValidationError
from tm_core.testing import Cli, run_readme

pytestmark = pytest.mark.every_backend

_TAGS = st.lists(st.sampled_from(["ui", "UI", "api", "größe", "p:1", "x'y", '"q"']), max_size=4)


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=_TAGS, steps=st.lists(st.tuples(st.booleans(), _TAGS), max_size=4))
def test_tags_are_a_set(
    tm_store: TaskManager, first: list[str], steps: list[tuple[bool, list[str]]]
) -> None:
    task = tm_store.add("x", tags=first)
    model = set(first)
    for adds, tags in steps:
        if adds:
            tm_store.update(task.id, add_tags=tags)
            model |= set(tags)
        else:
            tm_store.update(task.id, remove_tags=tags)
            model -= set(tags)
    kept = tm_store.get(task.id)["tags"]
    assert kept != []
    assert len(kept or ()) == len(model)
    assert set(kept or ()) == model
    for tag in ("ui", "UI", "x'y", '"q"'):
        found = tm_store.find(f"{tag!r} in tags and id == '{task.id}'")
        assert bool(found) == (tag in model)


@pytest.mark.parametrize("wrong", ["a b", "a,b", "a\tb", "a\x1b[2J", "a\u202eb", "a\u00a0b", " "])
def test_a_tag_is_one_word(tm_cli: Cli, wrong: str) -> None:
    refused = tm_cli("add", "x", "--tag", wrong, code=5)
    assert "\x1b" not in refused.err
    task = tm_cli.add("x")
    for command in (("tag", task, wrong), ("update", task, "--tag", wrong)):
        tm_cli(*command, code=5)
    assert tm_cli.show(task)["tags"] is None


def test_a_tag_has_at_most_100_characters(tm_cli: Cli) -> None:
    refused = tm_cli("add", "x", "--tag", "t" * 10_000, code=5)
    assert "10000 characters, and at most 100" in refused.err
    assert len(refused.err) < 200
    task = tm_cli.add("x", "--tag", "t" * 100)
    tm_cli("tag", task, "t" * 101, code=5)


def test_the_same_tag_cannot_come_and_go(tm_store: TaskManager) -> None:
    task = tm_store.add("x", tags=["a"])
    with pytest.raises(ValidationError, match="both added and removed"):
        tm_store.update(task.id, add_tags=["b"], remove_tags=["b"])
    assert tm_store.get(task.id)["tags"] == ["a"]


def test_tag_and_untag(tm_cli: Cli, tm_open: Callable[..., TaskManager]) -> None:
    task = tm_cli.add("x", "--tag", "a")
    assert tm_cli("tag", task, "b", "a").out == ""
    assert tm_cli("untag", task[:6], "b", "--json").json["tags"] == ["a"]
    assert "has no tag 'nope'" in tm_cli("untag", task, "nope").err
    tm_cli("untag", task, "--all")
    assert tm_cli.show(task)["tags"] is None
    assert "no tag is given" in tm_cli("tag", task, code=2).err
    tm_cli("tag", "nothing", "a", code=3)
    with pytest.raises(UsageError):
        tm_open().untag(task)


def test_nothing_changes_when_nothing_is_new(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--tag", "a")
    version = tm_cli.show(task)["version"]
    tm_cli("tag", task, "a")
    assert tm_cli.show(task)["version"] == version


def test_list_wants_every_tag(tm_cli: Cli) -> None:
    both, one, none = (
        tm_cli.add("1", "--tag=a", "--tag=b"),
        tm_cli.add("2", "--tag=a"),
        tm_cli.add("3"),
    )

    def ids(*options: str) -> set[str]:
        return {task["id"] for task in tm_cli("list", "--json", *options).json}

    assert ids("--tag", "a") == {both, one}
    assert ids("--tag", "a", "--tag", "b") == {both}
    assert ids("--tag", "A") == set()
    assert ids("--tag", "") == {none}


def test_the_tags_in_use_are_counted(tm_cli: Cli) -> None:
    assert "No task has a tag" in tm_cli("tags").err
    tm_cli.add("1", "--tag", "b", "--tag", "a")
    tm_cli("complete", tm_cli.add("2", "--tag", "b"))
    tm_cli("delete", tm_cli.add("3", "--tag", "c"))
    assert tm_cli("tags", "--json").json == [
        {"tag": "a", "open": 1, "all": 1},
        {"tag": "b", "open": 1, "all": 2},
    ]


@pytest.mark.only_backend("sqlite")  # processes, whatever the engine
def test_tags_added_at_once_are_all_there(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    command = [sys.executable, "-m", "tm_core", "tag", task]
    running = [
        subprocess.Popen([*command, f"t{n}"], cwd=tm_cli.folder, env=dict(os.environ))
        for n in range(6)
    ]
    assert [each.wait(60) for each in running] == [0] * 6
    assert sorted(tm_cli.show(task)["tags"]) == [f"t{n}" for n in range(6)]


def test_undo(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--tag", "a")
    tm_cli("tag", task, "b")
    tm_cli("undo")
    assert tm_cli.show(task)["tags"] == ["a"]


def test_off_and_on_again(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--tag", "a")
    tm_cli("config", "disable", "tags")
    assert "feature 'tags' is disabled" in tm_cli("tag", task, "b", code=8).err
    assert "feature 'tags' is disabled" in tm_cli("list", "--tag", "a", code=8).err
    tm_cli("config", "enable", "tags")
    assert tm_cli.show(task)["tags"] == ["a"]


def test_exported_tags_come_back_and_bad_ones_do_not(tm_store: TaskManager) -> None:
    record = tm_store.add("x", tags=["a", "b"]).as_dict()
    tm_store.delete(record["id"], purge=True)
    assert tm_store.restore(record)["tags"] == ["a", "b"]
    with pytest.raises(ValidationError, match="has a space"):
        tm_store.restore({"id": "11111111", "title": "y", "tags": ["a b"]})


@pytest.mark.only_backend("sqlite")  # processes, whatever the engine
def test_a_bare_add_imports_nothing_of_it(tm_cli: Cli) -> None:
    program = (
        "import sys; from tm_core.command_line.cli import run; run(['add', 'x']);"
        "print([m for m in sys.modules if m.startswith(('tm_tags', 'tm_types', 'tm_deadlines'))])"
    )
    tm_cli("list")  # makes the index
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tm_cli.folder, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done
