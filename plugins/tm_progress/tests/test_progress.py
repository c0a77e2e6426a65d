import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import ValidationError
from tm_core.testing import Cli, run_readme

pytestmark = pytest.mark.every_backend


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_an_entry_is_told_by_show_and_by_the_log(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    result = tm_cli("--actor", "bea", "progress", task[:5], "half way", "--percent", "50")
    assert (result.out, result.err) == ("", "Progress update added\n")
    tm_cli("progress", task, "nearly there")

    first, second = tm_cli.show(task)["progress"]
    assert (first["author"], first["message"], first["percent"]) == ("bea", "half way", 50)
    assert (second["author"], second["percent"]) == ("tester", None)
    assert tm_cli("progress", task, "--json").json == [first, second]
    assert tm_cli.show(task)["status"] == "pending"
    event = tm_cli("log", task, "--type", "progress.*", "--json").json[-1]
    assert (event["type"], event["data"]["message"]) == ("progress.added", "half way")


def test_a_task_without_news_says_so(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    assert tm_cli("progress", task).out == ""
    assert tm_cli("progress", task, "--json").json == []
    assert "progress" not in tm_cli.show(task)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["progress", "ffffffff", "x"], 3, "no task has the id"),
        (["progress", "ffffffff"], 3, "no task has the id"),
        (["progress"], 2, "needs TASK"),
        (["progress", "ID", ""], 5, "the message is empty"),
        (["progress", "ID", " \n"], 5, "the message is empty"),
        (["progress", "ID", "x" * 10_001], 5, "too long"),
        (["progress", "ID", "a\0b"], 5, "NUL"),
        (["progress", "ID", "x", "--percent", "101"], 5, "from 0 to 100"),
        (["progress", "ID", "x", "--percent", "-1"], 5, "from 0 to 100"),
        (["progress", "ID", "x", "--percent", "1.5"], 5, "whole number"),
        (["progress", "ID", "--percent", "5"], 2, "needs a message"),
        (["progress", "ID", "two", "words"], 2, "unexpected extra argument"),
    ],
)
def test_bad_input_writes_nothing(tm_cli: Cli, arguments: list[str], code: int, said: str) -> None:
    task = tm_cli.add("x")
    result = tm_cli(*[task if word == "ID" else word for word in arguments], code=code)
    assert said in result.err
    assert result.out == ""
    assert "progress" not in tm_cli.show(task)


def test_the_longest_message_is_taken(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("progress", task, "x" * 10_000)
    assert len(tm_cli.show(task)["progress"][0]["message"]) == 10_000


def test_a_deleted_task_takes_none_but_a_finished_one_does(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("complete", task)
    tm_cli("progress", task, "released")
    tm_cli("delete", task)
    assert "is deleted" in tm_cli("progress", task, "more", code=5).err


def test_text_cannot_drive_the_terminal(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("progress", task, "\x1b[2Jgone\nnext")
    assert "\\x1b[2Jgone\\nnext" in tm_cli("progress", task).out
    assert "\x1b" not in tm_cli("show", task).out


def test_a_setting_starts_pending_tasks_and_no_others(tm_cli: Cli) -> None:
    tm_cli("config", "set", "progress.start_on_progress", "true")
    pending, blocked = tm_cli.add("x"), tm_cli.add("y")
    tm_cli("update", blocked, "--status", "blocked")
    tm_cli("progress", pending, "begun")
    tm_cli("progress", blocked, "waiting")
    assert tm_cli.show(pending)["status"] == "in_progress"
    assert tm_cli.show(blocked)["status"] == "blocked"
    tm_cli("undo")
    tm_cli("undo")
    assert tm_cli.show(pending)["status"] == "pending"
    assert "progress" not in tm_cli.show(pending)


def test_undo_takes_the_entry_back(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("progress", task, "one")
    tm_cli("progress", task, "two")
    tm_cli("undo")
    assert [entry["message"] for entry in tm_cli.show(task)["progress"]] == ["one"]


def test_dry_run_and_key(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    assert "nothing was written" in tm_cli("progress", task, "one", "--dry-run").err
    for _ in range(2):
        tm_cli("progress", task, "two", "--key", "k1")
    assert [entry["message"] for entry in tm_cli.show(task)["progress"]] == ["two"]


def test_off_and_on_again(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("progress", task, "one")
    tm_cli("config", "disable", "progress")
    assert "feature 'progress' is disabled" in tm_cli("progress", task, "two", code=8).err
    assert "progress" not in tm_cli.show(task)
    tm_cli("config", "enable", "progress")
    assert [entry["message"] for entry in tm_cli.show(task)["progress"]] == ["one"]


def test_an_export_comes_back_with_its_times_and_authors(
    tm_open: Callable[..., TaskManager],
) -> None:
    tm = tm_open(actor="bea")
    task = tm.add("x")
    for number in range(3):
        tm.progress(task.id, f"step {number}", percent=number)
    record = json.loads(json.dumps(tm.get(task.id).as_dict()))
    tm.delete(task.id, purge=True)
    assert tm.database.query("SELECT * FROM progress_entry") == []

    restored = tm_open(actor="other").restore(record)
    assert tm.get(restored.id).details["progress"] == record["progress"]
    tm.progress(task.id, "after")
    assert [e["message"] for e in tm.progress(task.id)][-1] == "after"


@pytest.mark.parametrize(
    "part",
    [
        "text",
        [1],
        [{"message": "x"}],
        [{"at": "never", "author": "a", "message": "x"}],
        [{"at": "2025-03-01", "author": "a", "message": "x", "percent": 200}],
    ],
)
def test_a_broken_export_is_refused_whole(tm_store: TaskManager, part: object) -> None:
    with pytest.raises(ValidationError, match="progress"):
        tm_store.restore({"title": "x", "progress": part})
    assert tm_store.count() == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
            ).filter(str.strip),
            st.none() | st.integers(0, 100),
        ),
        max_size=5,
    )
)
def test_entries_come_back_in_order_as_given(
    tm_store: TaskManager, told: list[tuple[str, int | None]]
) -> None:
    task = tm_store.add("x").id
    with tm_store.transaction():  # one instant for all
        for message, percent in told:
            tm_store.progress(task, message, percent=percent)
    assert [(e["message"], e["percent"]) for e in tm_store.progress(task)] == told
