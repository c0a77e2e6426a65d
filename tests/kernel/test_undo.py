"""Undo: the actor's last transaction, or a chosen one, with all that belonged to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Change, Conflict, Context, Field, NotFound, Plugin
from tm_core.errors import FeatureDisabled

pytestmark = pytest.mark.every_backend

Make = Callable[..., Plugin]
Open = Callable[..., TaskManager]


@pytest.fixture
def noting(make: Make, store: Open) -> Iterator[TaskManager]:
    """A store with a plugin that keeps a row for each task that has a size."""

    def task_write(ctx: Context, change: Change) -> None:
        key = {"task_id": change.after.id}
        if change.after["size"] is None:
            ctx.put("probe_row", key, None)
        else:
            ctx.put("probe_row", key, {"size": change.after["size"]})

    tm = store(make(fields=(Field("size", "int"),), task_write=task_write), actor="ann")
    tm.database.execute(
        "CREATE TABLE probe_row (task_id TEXT PRIMARY KEY NOT NULL"
        " REFERENCES task(id) ON DELETE CASCADE, size BIGINT)"
    )
    return tm


def kept(tm: TaskManager) -> list[tuple[str, int]]:
    return [(row["task_id"], row["size"]) for row in tm.database.query("SELECT * FROM probe_row")]


def values(tm: TaskManager, task_id: str) -> dict[str, Any]:
    task = tm.get(task_id)
    return {name: task[name] for name in task if name not in ("version", "updated_at")}


def test_an_update_is_taken_back_with_the_plugins_rows(noting: TaskManager) -> None:
    task = noting.add("x", size=1)
    before = values(noting, task.id)
    noting.update(task.id, title="y", size=2)
    assert kept(noting) == [(task.id, 2)]
    (undone,) = noting.undo()
    assert undone["type"] == "task.updated"
    assert values(noting, task.id) == before
    assert kept(noting) == [(task.id, 1)]
    assert noting.get(task.id).version == 3  # what was read before the undo is stale now


def test_an_addition_is_taken_back(noting: TaskManager) -> None:
    task = noting.add("x", size=1)
    noting.undo()
    assert (noting.find(), kept(noting)) == ([], [])
    with pytest.raises(NotFound):
        noting.get(task.id)
    assert [event["type"] for event in noting.log()] == ["task.created", "task.undone"]


def test_an_undone_addition_can_be_brought_back(noting: TaskManager) -> None:
    task = noting.add("x", size=1)
    before = noting.get(task.id)
    noting.undo()
    (*_, undo) = noting.log()
    noting.undo(undo["seq"])
    assert noting.get(task.id) == before
    assert kept(noting) == [(task.id, 1)]


@pytest.mark.parametrize("verb", ["complete", "delete"])
def test_completion_and_deletion_are_taken_back(verb: str, noting: TaskManager) -> None:
    task = noting.add("x")
    before = values(noting, task.id)
    getattr(noting, verb)(task.id)
    assert values(noting, task.id) != before
    noting.undo()
    assert values(noting, task.id) == before


def test_undo_goes_back_step_by_step(noting: TaskManager) -> None:
    task = noting.add("x")
    noting.update(task.id, title="y")
    noting.update(task.id, title="z")
    noting.undo()
    assert noting.get(task.id).title == "y"
    noting.undo()
    assert noting.get(task.id).title == "x"
    noting.undo()
    assert noting.find() == []
    with pytest.raises(NotFound, match="nothing that ann could undo"):
        noting.undo()


def test_an_undo_is_undone_by_its_number(noting: TaskManager) -> None:
    task = noting.add("x")
    noting.update(task.id, title="y")
    noting.undo()
    (*_, undo) = noting.log()
    noting.undo(undo["seq"])
    assert noting.get(task.id).title == "y"
    noting.undo()  # the update counts again, and so it is the last thing done
    assert noting.get(task.id).title == "x"


def test_a_transaction_is_taken_back_whole(noting: TaskManager) -> None:
    first = noting.add("x")
    with noting.transaction():
        noting.update(first.id, title="y")
        second = noting.add("second", size=2)
        noting.update(second.id, size=3)
    assert len(noting.undo()) == 3
    assert [task.title for task in noting.find()] == ["x"]
    assert kept(noting) == []
    assert len({event["transaction_id"] for event in noting.log(event_type="task.undone")}) == 1


def test_each_actor_takes_back_what_is_theirs(noting: TaskManager, store: Open) -> None:
    mine = noting.add("mine")
    bob = store(actor="bob")
    theirs = bob.add("theirs")
    noting.undo()
    assert [task.id for task in noting.find()] == [theirs.id]
    with pytest.raises(NotFound):
        noting.get(mine.id)
    with pytest.raises(NotFound, match="nothing that ann could undo"):
        noting.undo()
    (*_, undo) = noting.log()
    assert undo["actor"] == "ann"


def refused(tm: TaskManager, seq: int | None, message: str) -> None:
    """Undoing is a Conflict that says so and changes nothing."""
    before = [tm.database.query(f"SELECT * FROM {name}") for name in ("task", "event", "probe_row")]
    with pytest.raises(Conflict, match=message) as caught:
        tm.undo(seq)
    assert caught.value.exit_code == 6
    now = [tm.database.query(f"SELECT * FROM {name}") for name in ("task", "event", "probe_row")]
    assert now == before


def test_what_was_changed_since_is_not_overwritten(noting: TaskManager) -> None:
    task = noting.add("x", size=1)
    noting.update(task.id, title="y")
    noting.update(task.id, title="z")
    refused(noting, 2, f"event 2 cannot be undone: task {task.id} was changed afterwards")
    refused(noting, 1, f"event 1 cannot be undone: task {task.id} was changed afterwards")
    assert noting.get(task.id).title == "z"


def test_what_others_did_not_touch_can_be_taken_back(noting: TaskManager) -> None:
    task = noting.add("x")
    noting.update(task.id, title="y")
    noting.update(task.id, assignee="bob")
    noting.undo(2)
    assert (noting.get(task.id).title, noting.get(task.id).assignee) == ("x", "bob")


def test_a_plugins_row_that_was_changed_since_is_not_overwritten(noting: TaskManager) -> None:
    task = noting.add("x", size=1)
    noting.update(task.id, size=2)
    noting.update(task.id, size=3)
    refused(noting, 2, "was changed afterwards")
    assert kept(noting) == [(task.id, 3)]


def test_what_is_undone_is_not_undone_again(noting: TaskManager) -> None:
    noting.add("x")
    noting.undo()
    refused(noting, 1, "event 1 was undone already, by event 2")


def test_a_purge_is_for_good(noting: TaskManager) -> None:
    task = noting.add("x", size=1)
    noting.delete(task.id, purge=True)
    with pytest.raises(Conflict):
        noting.undo()
    assert kept(noting) == []


@pytest.mark.parametrize(("seq", "message"), [(99, "no event 99"), (0, "no event 0")])
def test_an_event_that_is_not_there(seq: int, message: str, noting: TaskManager) -> None:
    noting.add("x")
    with pytest.raises(NotFound, match=message):
        noting.undo(seq)


def test_an_event_that_changed_nothing(noting: TaskManager) -> None:
    with noting.changes.event("probe.looked", None, {"at": "it"}):
        pass
    with pytest.raises(NotFound, match="event 1 changed nothing"):
        noting.undo(1)


def test_a_part_that_cannot_be_undone_keeps_the_whole(noting: TaskManager) -> None:
    with noting.transaction():
        first, second = noting.add("first"), noting.add("second")
    noting.update(first.id, title="changed")
    refused(noting, 2, "was changed afterwards")
    assert {task.id for task in noting.find()} == {first.id, second.id}


def test_nothing_is_taken_back_in_part_when_a_plugin_is_off(
    noting: TaskManager, store: Open
) -> None:
    """A field that is off cannot be written back, so that the rest stays, too."""
    task = noting.add("x", size=1)
    noting.update(task.id, title="y", size=2)
    off = store(noting.host.manifest("probe")._replace(enabled=False), actor="ann")
    with pytest.raises(FeatureDisabled, match="feature 'probe' is disabled"):
        off.undo()
    gone = store(actor="ann")
    with pytest.raises(Conflict, match="no installed feature has the field 'size'"):
        gone.undo()
    assert (noting.get(task.id)["size"], kept(noting)) == (2, [(task.id, 2)])
    noting.update(task.id, title="z")
    gone.undo()  # this one is not about the field
    assert noting.get(task.id).title == "y"


def test_an_addition_is_taken_back_whole_when_a_plugin_is_off(
    noting: TaskManager, store: Open
) -> None:
    task = noting.add("x", size=1)
    store(actor="ann").undo()
    assert (noting.find(), kept(noting)) == ([], [])
    (*_, undo) = noting.log()
    with pytest.raises(Conflict, match="'size'"):
        store(actor="ann").undo(undo["seq"])
    noting.undo(undo["seq"])
    assert noting.get(task.id)["size"] == 1


def test_after_a_purge_undo_says_so_and_what_can_be_undone(tm_store: TaskManager) -> None:
    """Nobody who wants a purge back should find an older change undone instead."""
    kept = tm_store.add("kept")
    task = tm_store.add("x")
    tm_store.delete(task.id)
    tm_store.delete(task.id, purge=True)
    before = list(tm_store.log())
    with pytest.raises(Conflict, match=f"task {task.id} was purged for good") as refused:
        tm_store.undo()
    assert refused.value.hint.startswith("tm undo 1 ")
    for event in before[1:]:
        with pytest.raises((Conflict, NotFound)):
            tm_store.undo(event["seq"])
    assert list(tm_store.log()) == before
    tm_store.undo(1)
    with pytest.raises(NotFound):
        tm_store.get(kept.id)


def test_undo_redo_undo_knows_what_is_taken_back(tm_store: TaskManager) -> None:
    task = tm_store.add("a")
    tm_store.update(task.id, title="b")
    tm_store.undo()
    redo = tm_store.undo(tm_store.store.last_seq())
    assert redo[0]["type"] == "task.undone"
    assert tm_store.get(task.id).title == "b"
    assert tm_store.undo()[0]["seq"] == 2
    assert tm_store.get(task.id).title == "a"
    with pytest.raises(Conflict, match="undone already, by event 5"):
        tm_store.undo(2)


@pytest.mark.only_backend("sqlite")  # it looks into its connection
def test_undo_reads_the_undo_events_once(tm_store: TaskManager) -> None:
    """Taking back a great import leaves an undo event for each task."""
    with tm_store.transaction():
        for number in range(200):
            tm_store.add(f"t{number}")
    tm_store.undo()
    for _ in range(3):
        tm_store.add("x")
    statements: list[str] = []
    connection = tm_store.database._connection  # type: ignore[attr-defined]
    connection.set_trace_callback(statements.append)
    tm_store.undo()
    connection.set_trace_callback(None)
    assert sum("task.undone'" in each and each.startswith("SELECT") for each in statements) <= 4
