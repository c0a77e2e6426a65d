"""Many tasks in one transaction: cheaper when they are foreseen, and nothing different."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import Change, Conflict, Context, Plugin, Problem, TmError, ValidationError

Open = Callable[..., TaskManager]
Make = Callable[..., Plugin]


def titles(tm: TaskManager) -> list[str]:
    return sorted(task.title for task in tm.find())


def assert_sound(tm: TaskManager) -> None:
    """Each event goes on from the one before it, and the log leads to the rows."""
    assert tm.verify().differences == []


def written_to(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def test_a_record_that_is_refused_in_the_middle_leaves_nothing_behind(
    tm_store: TaskManager,
) -> None:
    past = {"type": "task.noted", "at": "2025-01-01", "actor": "ann", "session": "s", "data": {}}
    with tm_store.transaction():
        tm_store.foresee(["a", "b", "c"])
        tm_store.restore({"id": "a", "title": "first"}, [past])
        with pytest.raises(ValidationError):
            tm_store.restore({"id": "b", "title": " "}, [past])
        tm_store.restore({"id": "c", "title": "third"}, [past])
        tm_store.restore({"id": "b", "title": "second, mended"}, [past])
    assert titles(tm_store) == ["first", "second, mended", "third"]
    for task_id in "abc":
        assert [e["type"] for e in tm_store.log(task_id)] == ["task.noted", "task.imported"]
    assert_sound(tm_store)


def test_an_import_with_a_wrong_line_brings_in_nothing(
    make: Make, tm_open: Open, tmp_path: Path
) -> None:
    def task_validate(ctx: Context, change: Change) -> Iterator[Problem]:
        if change.after.title == "task 7":
            yield Problem("not this one")

    tm = tm_open(plugins=[make(task_validate=task_validate)])
    path = written_to(tmp_path / "t.jsonl", [{"title": f"task {number}"} for number in range(20)])
    with pytest.raises(ValidationError) as refused:
        tm.import_(path)
    assert refused.value.message == "line 8: not this one"
    assert tm.find() == []
    assert list(tm.log()) == []
    with pytest.raises(ValidationError, match="not this one"):
        tm.import_(path, batch=5)  # what was committed stays
    assert len(tm.find()) == 5
    assert_sound(tm)


def test_a_hook_that_rejects_one_task_rejects_no_other(tm_open: Open, make: Make) -> None:
    asked: list[str] = []

    def task_validate(ctx: Context, change: Change) -> Iterator[Problem]:
        asked.append(change.after.title)
        if "bad" in change.after.title:
            yield Problem("it is bad")

    tm = tm_open(plugins=[make(task_validate=task_validate)])
    names = ["one", "bad two", "three", "bad four"]
    refused = []
    with tm.transaction():
        tm.foresee(new=len(names))
        for name in names:
            try:
                tm.restore({"title": name})
            except ValidationError as error:
                refused.append(error.message)
    assert asked == names
    assert refused == ["it is bad", "it is bad"]
    assert titles(tm) == ["one", "three"]
    assert len(list(tm.log())) == 2
    assert_sound(tm)


def test_a_hook_sees_the_tasks_before_its_own(tm_open: Open, make: Make) -> None:
    seen: list[tuple[int, int]] = []

    def task_write(ctx: Context, change: Change) -> None:
        tasks = ctx.query("SELECT count(*) AS n FROM task")[0]["n"]
        seen.append((tasks, len(ctx.find("title == 'a task'"))))

    tm = tm_open(plugins=[make(task_write=task_write)])
    with tm.transaction():
        tm.foresee(new=3)
        for _ in range(3):
            tm.add("a task")
    assert seen == [(1, 1), (2, 2), (3, 3)]


def test_an_id_that_comes_twice_is_taken(tm_store: TaskManager) -> None:
    with tm_store.transaction():
        tm_store.foresee(["a", "a", "b"])
        tm_store.restore({"id": "a", "title": "first"})
        with pytest.raises(Conflict, match="'a' is taken"):
            tm_store.restore({"id": "a", "title": "second"})
        tm_store.restore({"id": "b", "title": "other"})
    assert titles(tm_store) == ["first", "other"]
    assert_sound(tm_store)


def test_what_is_there_is_taken(tm_store: TaskManager) -> None:
    tm_store.restore({"id": "a", "title": "first"})
    with tm_store.transaction():
        tm_store.foresee(["a"])
        with pytest.raises(Conflict):
            tm_store.restore({"id": "a", "title": "second"})
    assert titles(tm_store) == ["first"]


def test_a_participant_that_fails_for_one_task_loses_its_share_of_that_one_only(
    tm_open: Open, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    def task_write(ctx: Context, change: Change) -> None:
        if change.caused or change.after.id == "board":
            return
        ctx.update("board", description=change.after.title)
        change.data["probe"] = {"noted": change.after.title}
        if change.after.title == "bad":
            raise ValueError("cannot note this")

    tm = tm_open(plugins=[make(task_write=task_write)])
    tm.restore({"id": "board", "title": "board", "description": "-"})
    with tm.transaction():
        tm.foresee(["a", "b", "c"])
        for task_id, title in (("a", "good"), ("b", "bad"), ("c", "fine")):
            tm.restore({"id": task_id, "title": title})
    assert titles(tm) == ["bad", "board", "fine", "good"]
    changes = [event["data"]["after"] for event in tm.log("board") if event["data"]["before"]]
    assert [each["description"] for each in changes] == ["good", "fine"]
    shares = [next(tm.log(task_id))["data"].get("plugins") for task_id in "abc"]
    assert shares == [{"probe": {"noted": "good"}}, None, {"probe": {"noted": "fine"}}]
    assert capsys.readouterr().err.count("cannot note this") == 1
    assert_sound(tm)


def test_the_log_of_a_task_that_was_purged_goes_on(tm_store: TaskManager) -> None:
    tm_store.restore({"id": "a", "title": "first"})
    tm_store.delete("a", purge=True)
    with tm_store.transaction():
        tm_store.foresee(["a", "b"])
        tm_store.restore({"id": "b", "title": "other"})
        tm_store.restore({"id": "a", "title": "again"})
        tm_store.update("a", title="and again")
    kinds = [event["type"] for event in tm_store.log() if event["task_id"] == "a"]
    assert kinds[-3:] == ["task.purged", "task.imported", "task.updated"]
    assert_sound(tm_store)


def test_what_is_foreseen_inside_a_part_is_forgotten_with_it(tm_store: TaskManager) -> None:
    with tm_store.transaction():
        tm_store.restore({"id": "x", "title": "x"})
        with suppress(RuntimeError), tm_store.transaction():
            tm_store.restore({"id": "a", "title": "a"})
            tm_store.foresee(["a", "b"])
            tm_store.restore({"id": "b", "title": "b"})
            raise RuntimeError
        for task_id in ("a", "b"):
            tm_store.restore({"id": task_id, "title": task_id})
    assert titles(tm_store) == ["a", "b", "x"]
    assert_sound(tm_store)


def test_a_circle_inside_an_import_is_opened(tm_store: TaskManager, tmp_path: Path) -> None:
    rows = [
        {"id": "a", "title": "a", "depends_on": ["c"]},
        {"id": "b", "title": "b", "depends_on": ["a"]},
        {"id": "c", "title": "c", "depends_on": ["b"]},
        {"id": "d", "title": "d", "depends_on": ["c", "later"]},
    ]
    report = tm_store.import_(written_to(tmp_path / "t.jsonl", rows))
    told = {each["what"]: each["count"] for each in report["dangling"]}
    assert report["created"] == 4
    assert told["a dependency closes a circle"] == 1
    tm_store.import_(written_to(tmp_path / "u.jsonl", [{"id": "later", "title": "later"}]))
    edges = tm_store.database.query("SELECT * FROM dependencies_edge")
    assert {(row["task_id"], row["depends_on"]) for row in edges} == {
        ("b", "a"),
        ("c", "b"),
        ("d", "c"),
        ("d", "later"),
    }
    assert_sound(tm_store)


def test_a_dry_run_of_a_batch_writes_nothing(tm_store: TaskManager, tmp_path: Path) -> None:
    path = written_to(tmp_path / "t.jsonl", [{"title": str(number)} for number in range(9)])
    with tm_store.options(dry_run=True):
        assert tm_store.import_(path)["created"] == 9
    assert (tm_store.find(), list(tm_store.log())) == ([], [])


_STEP = st.tuples(
    st.sampled_from(["restore", "update", "delete", "purge", "refused", "taken back"]),
    st.sampled_from("abcd"),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_STEP, max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_foreseeing_changes_nothing(
    tm_store: TaskManager, steps: list[tuple[str, str]], looks: list[int]
) -> None:
    def history(foreseen: bool) -> tuple[list[Any], list[Any]]:
        for task in tm_store.find(status=["pending", "deleted"]):
            tm_store.delete(task.id, purge=True)
        begun = tm_store.store.last_seq()
        with tm_store.transaction():
            for number, (what, task_id) in enumerate(steps):
                if foreseen and number in looks:
                    tm_store.foresee("abcd")
                try:
                    run(what, task_id, number)
                except (TmError, KeyError):
                    continue
        assert_sound(tm_store)
        events = [(e["type"], e["task_id"]) for e in tm_store.log(after=begun)]
        return events, [(t.id, t.title, t.status) for t in tm_store.find(sort="id")]

    def run(what: str, task_id: str, number: int) -> None:
        if what == "restore":
            tm_store.restore({"id": task_id, "title": f"{number}"})
        elif what == "update":
            tm_store.update(task_id, title=f"{number}")
        elif what == "refused":
            tm_store.restore({"id": task_id, "title": ""})
        elif what == "taken back":
            with tm_store.transaction():
                tm_store.restore({"id": task_id, "title": f"{number}"})
                raise KeyError
        else:
            tm_store.delete(task_id, purge=what == "purge")

    assert history(foreseen=False) == history(foreseen=True)


def test_a_plugin_that_passes_over_an_occasion_comes_back_when_it_must(
    tm_open: Open, make: Make
) -> None:
    seen: list[str] = []

    def task_write(ctx: Context, change: Change) -> None:
        seen.append(change.after.title)
        ctx.pass_over("task.imported")

    plugin = make(task_write=task_write, when=("task.imported", "assignee"))
    tm = tm_open(plugins=[plugin])
    for _ in range(2):
        with tm.transaction():
            tm.restore({"title": "first"})
            tm.restore({"title": "passed over"})
            tm.restore({"title": "for another reason", "assignee": "ann"})
            with suppress(ValidationError):
                tm.restore({"title": ""}, [])
            with suppress(RuntimeError), tm.transaction():
                raise RuntimeError
            tm.restore({"title": "after a part was taken back"})
    assert seen == ["first", "for another reason", "after a part was taken back"] * 2
