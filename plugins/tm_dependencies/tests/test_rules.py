"""The rules about edges and statuses, against a model of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tm_core import TaskManager
from tm_core.api import Conflict, ValidationError

OPEN = ("pending", "in_progress", "blocked")


class Model:
    """What the feature promises, in a few lines."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.edges: set[tuple[str, str]] = set()

    def waits_for(self, task: str) -> set[str]:
        return {b for a, b in self.edges if a == task and self.status[b] in OPEN}

    def reaches(self, start: str, end: str) -> bool:
        level, seen = {start}, {start}
        while level:
            level = {b for a, b in self.edges if a in level} - seen
            seen |= level
        return end in seen

    def unblocks(self, task: str) -> int:
        """The open tasks that wait for it, in any number of steps over open tasks."""
        level, seen = {task}, {task}
        while level:
            level = {a for a, b in self.edges if b in level and self.status[a] in OPEN} - seen
            seen |= level
        return len(seen) - 1

    def settle(self) -> None:
        for task, status in self.status.items():
            if status in OPEN:
                if self.waits_for(task):
                    self.status[task] = "blocked"
                elif status == "blocked":
                    self.status[task] = "pending"


def machine(new_store: Callable[[], TaskManager]) -> type[RuleBasedStateMachine]:
    """A state machine over stores that `new_store` makes."""
    picks = st.integers(0, 1_000)

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.tm = new_store()
            self.model = Model()
            self.past: list[Model] = []

        def teardown(self) -> None:
            self.tm.close()

        def pick(self, number: int) -> str:
            ids = list(self.model.status)
            return ids[number % len(ids)]

        def about_to_change(self) -> None:
            self.past.append(deepcopy(self.model))

        @initialize()
        def begin(self) -> None:
            for _ in range(3):
                self.add([])

        @rule(numbers=st.lists(picks, max_size=3))
        def add(self, numbers: list[int]) -> None:
            others = [self.pick(number) for number in numbers]
            if any(self.model.status[other] == "deleted" for other in others):
                with pytest.raises(ValidationError):
                    self.tm.add("task", depends_on=others)
                return
            self.about_to_change()
            task = self.tm.add("task", depends_on=others)
            self.model.status[task.id] = "pending"
            self.model.edges |= {(task.id, other) for other in others}
            self.model.settle()

        @rule(one=picks, two=picks)
        def add_edge(self, one: int, two: int) -> None:
            a, b = self.pick(one), self.pick(two)
            if self.model.status[b] == "deleted" or self.model.reaches(b, a):
                with pytest.raises(ValidationError):
                    self.tm.dependencies_add(a, b)
            elif (a, b) in self.model.edges:
                self.tm.dependencies_add(a, b)
            else:
                self.about_to_change()
                self.tm.update(a, depends_on=[b])
                self.model.edges.add((a, b))
                self.model.settle()

        @precondition(lambda self: self.model.edges)
        @rule(number=picks)
        def remove_edge(self, number: int) -> None:
            place = {task: number for number, task in enumerate(self.model.status)}
            edges = sorted(self.model.edges, key=lambda edge: (place[edge[0]], place[edge[1]]))
            a, b = edges[number % len(edges)]  # ids are random, their places are not
            self.about_to_change()
            self.tm.dependencies_remove(a, b)
            self.model.edges.remove((a, b))
            self.model.settle()

        @rule(number=picks, status=st.sampled_from(["completed", "cancelled"]))
        def finish(self, number: int, status: str) -> None:
            task = self.pick(number)
            must_wait = status == "completed" and self.model.waits_for(task)
            if self.model.status[task] not in OPEN or must_wait:
                if self.model.status[task] != status or status == "completed":
                    with pytest.raises((ValidationError, Conflict)):
                        self.tm.update(task, status=status)
                return
            self.about_to_change()
            self.tm.update(task, status=status)
            self.model.status[task] = status
            self.model.settle()

        @rule(number=picks)
        def start(self, number: int) -> None:
            task = self.pick(number)
            if self.model.waits_for(task) or self.model.status[task] == "deleted":
                with pytest.raises(ValidationError):
                    self.tm.update(task, status="in_progress")
            elif self.model.status[task] != "in_progress":
                self.about_to_change()
                self.tm.update(task, status="in_progress")
                self.model.status[task] = "in_progress"
                self.model.settle()

        @rule(number=picks)
        def reopen(self, number: int) -> None:
            task = self.pick(number)
            if self.model.status[task] in OPEN:
                return
            self.about_to_change()
            self.tm.update(task, status="pending")
            self.model.status[task] = "pending"
            self.model.settle()

        @rule(number=picks)
        def delete(self, number: int) -> None:
            task = self.pick(number)
            if self.model.status[task] == "deleted":
                return
            needed = any(b == task and self.model.status[a] in OPEN for a, b in self.model.edges)
            if needed:
                with pytest.raises(ValidationError):
                    self.tm.delete(task)
            self.about_to_change()
            self.tm.delete(task, force=needed)
            self.model.status[task] = "deleted"
            self.model.settle()

        @precondition(lambda self: len(self.past) > 3)
        @rule()
        def undo(self) -> None:
            self.tm.undo()
            self.model = self.past.pop()

        @invariant()
        def what_each_unblocks_is_counted(self) -> None:
            rows = self.tm.database.query("SELECT task_id, unblocks FROM dependencies_weight")
            assert {row["task_id"]: row["unblocks"] for row in rows} == {
                task: count
                for task, status in self.model.status.items()
                if status == "pending" and (count := self.model.unblocks(task))
            }

        @invariant()
        def the_store_is_as_the_model_says(self) -> None:
            if not self.model.status:
                return
            rows = self.tm.database.query("SELECT id, status FROM task")
            assert {row["id"]: row["status"] for row in rows} == self.model.status
            rows = self.tm.database.query("SELECT task_id, depends_on FROM dependencies_edge")
            assert {(row["task_id"], row["depends_on"]) for row in rows} == self.model.edges
            assert not any(self.model.reaches(b, a) for a, b in self.model.edges)
            pending = {task for task, status in self.model.status.items() if status == "pending"}
            assert {task.id for task in self.tm.ready(limit=0).tasks} == pending
            for task in self.tm.blocked(limit=0):
                assert {each["id"] for each in task["waits_for"]} == self.model.waits_for(
                    task["id"]
                )
            assert [finding.level for finding in self.tm.health()] == ["ok"]

    return Machine


@pytest.fixture
def new_store(tm_environ: Path) -> Callable[[], TaskManager]:
    numbers = itertools.count()

    def make() -> TaskManager:
        folder = tm_environ / str(next(numbers))
        folder.mkdir()
        fast = ["store.synchronous=normal", "plugins.only=dependencies"]
        return TaskManager.open(str(folder), create=True, settings=fast)

    return make


def test_statuses_follow_the_edges(new_store: Callable[[], TaskManager]) -> None:
    run_state_machine_as_test(
        machine(new_store),
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[*HealthCheck],
        ),
    )


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(length=st.integers(1, 12), data=st.data())
def test_a_cycle_of_any_length_is_refused_by_its_last_edge(
    new_store: Callable[[], TaskManager], length: int, data: st.DataObject
) -> None:
    with new_store() as tm:
        ids = [tm.add(str(number)).id for number in range(length)]
        ring = data.draw(st.permutations([(i, (i + 1) % length) for i in range(length)]))
        for one, two in ring[:-1]:
            tm.dependencies_add(ids[one], ids[two])
        one, two = ring[-1]
        with pytest.raises(ValidationError, match="would be a cycle") as refused:
            tm.dependencies_add(ids[one], ids[two])
        assert refused.value.exit_code == 5
        if length < 10:
            named = [part.split()[0] for part in refused.value.message.split(" -> ")]
            assert named == [ids[(one + step) % length] for step in range(length + 1)]
        count = tm.database.query("SELECT count(*) AS n FROM dependencies_edge")[0]["n"]
        assert count == length - 1
