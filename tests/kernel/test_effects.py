"""What plugins do in consequence of a change, and in consequence of an undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tm_core.api import Change, Context, Hook, Plugin, hookimpl
from tm_core.manager import TaskManager

pytestmark = pytest.mark.every_backend


def renaming(fails: bool = False) -> Plugin:
    """A plugin that renames the task which a completed one names as its assignee."""

    @hookimpl
    def task_write(ctx: Context, change: Change) -> None:
        if change.completes and change.after.assignee:
            ctx.update(change.after.assignee, title="renamed")
            if fails:
                raise RuntimeError("too late")

    @hookimpl
    def task_undone(ctx: Context, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.before is not None and change.before.status == "completed":
                ctx.update(change.after.id, description="was completed once")
        if fails:
            raise RuntimeError("too late")

    target = SimpleNamespace(task_write=task_write, task_undone=task_undone)
    hooks = {
        "task_write": Hook(target, when=("task.completed",)),
        "task_undone": Hook(target),
    }
    return Plugin(name="renaming", summary="For a test", hooks=hooks)


def test_an_effect_follows_its_cause_in_the_log(tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open(plugins=[renaming()])
    other = tm.add("other").id
    cause = tm.add("cause", assignee=other).id
    tm.complete(cause)
    assert [(event["type"], event["task_id"]) for event in tm.log()][-2:] == [
        ("task.completed", cause),
        ("task.updated", other),
    ]


def test_a_failing_plugin_leaves_no_effect_and_no_event(
    tm_open: Callable[..., TaskManager],
) -> None:
    said: list[str] = []
    tm = tm_open(plugins=[renaming(fails=True)], report=said.append)
    other = tm.add("other").id
    cause = tm.add("cause", assignee=other).id
    tm.complete(cause)
    assert tm.get(other).title == "other"
    assert [event["type"] for event in tm.log()][-1] == "task.completed"
    tm.undo()
    assert tm.get(cause).description is None
    assert [event["type"] for event in tm.log()][-1] == "task.undone"
    assert ["task_write" in line or "task_undone" in line for line in said] == [True, True]


def test_an_undo_lets_plugins_settle(tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open(plugins=[renaming()])
    cause = tm.add("cause").id
    tm.complete(cause)
    tm.undo()
    task = tm.get(cause)
    assert (task.status, task.description) == ("pending", "was completed once")


def test_a_key_counts_for_changes_of_tasks_too(tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open()
    task = tm.add("once").id
    results: list[Any] = [tm.once("k", "complete", task) for _ in range(2)]
    assert [found.id for found in results] == [task, task]
    tm.update(task, title="and then")
    assert tm.get(task).title == "and then"
