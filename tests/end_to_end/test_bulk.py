"""Changing all that match, from the command line."""

import os
import pty
import subprocess
import sys

import pytest

from tm_core.testing import Cli


def statuses(cli: Cli) -> list[str]:
    return [task["status"] for task in cli("list", "--sort", "created_at", "--json").json]


def test_a_script_must_say_yes_and_sees_what_would_be_changed(tm_cli: Cli) -> None:
    ids = [tm_cli.add(f"task {number}", "-p", "low") for number in range(12)]
    other = tm_cli.add("other", "-p", "high")
    command = ("update", "--where", "priority == 'low'", "--assignee", "ann")
    refused = tm_cli(*command, code=2)
    assert len(refused.out.splitlines()) == 10
    assert "... and 2 more" in refused.err
    assert "Update 12 task(s)? Nothing was done (--yes does it" in refused.err
    assert "Dry run" in tm_cli(*command, "--dry-run").err
    assert {tm_cli.show(each)["assignee"] for each in ids} == {None}

    result = tm_cli(*command, "--yes", "--json").json
    assert (result["matched"], result["done"], len(result["tasks"])) == (12, True, 10)
    assert {tm_cli.show(each)["assignee"] for each in ids} == {"ann"}
    assert tm_cli.show(other)["assignee"] is None
    events = tm_cli("log", "--type", "task.updated", "--limit", "0", "--json").json
    assert len(events) == 12
    assert len({event["transaction_id"] for event in events}) == 1
    tm_cli("undo")
    assert {tm_cli.show(each)["assignee"] for each in ids} == {None}


def test_one_that_is_refused_refuses_all(tm_cli: Cli) -> None:
    tm_cli.add("fine")
    first = tm_cli.add("first", "-p", "high")
    tm_cli.add("waits", "--depends-on", first)
    refused = tm_cli("complete", "--where", "priority == 'medium'", "--yes", code=5)
    assert "waits for" in refused.err
    assert statuses(tm_cli) == ["pending", "pending", "blocked"]
    assert "3 task(s) completed" in tm_cli("complete", "--where", "title != ''", "--yes").err
    assert "No tasks found" in tm_cli("complete", "--where", "title != ''").err


def test_deleting_what_depends_on_each_other(tm_cli: Cli) -> None:
    first = tm_cli.add("first")
    tm_cli.add("waits", "--depends-on", first)
    tm_cli("delete", "--where", "title != ''", "--yes")
    assert statuses(tm_cli) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["update", "-p", "low"], 2, "which task?"),
        (["complete"], 2, "which task?"),
        (["delete"], 2, "which task?"),
        (["update", "ID", "--where", "title == 'x'", "-p", "low"], 2, "which task?"),
        (["update", "--where", "title == 'x'"], 2, "nothing to change"),
        (["update", "--where", "title == 'x'", "-p", "low", "--if-version", "1"], 2, "single task"),
        (["update", "--where", "nope == 1", "-p", "low", "--yes"], 5, "nope"),
        (["update", "--where", "title == 'x'", "-p", "lowest", "--yes"], 5, "lowest"),
    ],
)
def test_bad_input(tm_cli: Cli, arguments: list[str], code: int, said: str) -> None:
    task = tm_cli.add("x")
    result = tm_cli(*[task if word == "ID" else word for word in arguments], code=code)
    assert said in result.err
    assert tm_cli.show(task)["version"] == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
@pytest.mark.parametrize(("answer", "priority"), [(b"y\n", "low"), (b"n\n", "medium")])
def test_a_person_is_asked(tm_cli: Cli, answer: bytes, priority: str) -> None:
    task = tm_cli.add("x")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tm_core", "update", "--where", "title == 'x'", "-p", "low"],
        cwd=tm_cli.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    while b"Update 1 task(s)? [y/N]" not in said:
        said += os.read(ours, 1000)
    os.write(ours, answer)
    try:
        while os.read(ours, 1000):
            pass
    except OSError:  # so a terminal ends
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert tm_cli.show(task)["priority"] == priority
