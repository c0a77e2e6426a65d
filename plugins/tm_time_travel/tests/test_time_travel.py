"""The state of any time is what was recorded at that time."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule, run_state_machine_as_test

from tm_core import TaskManager
from tm_core.api import Action, Conflict, Context, NotFound, Plugin, ValidationError, instant_now
from tm_core.testing import Cli, run_readme
from tm_time_travel.past import past

pytestmark = pytest.mark.every_backend
README = Path(__file__).parents[1] / "README.md"


def peek(ctx: Context) -> Any:
    """Give the context itself."""
    return ctx


PROBE = Plugin("probe", "", actions={"peek": Action(peek, "")})


def state(tm: TaskManager) -> list[dict[str, Any]]:
    tasks = tm.find(status=[*tm.field("status").choices], sort="id", details=True)
    return [task.as_dict() for task in tasks]


@pytest.fixture
def tm(tm_open: Callable[..., TaskManager]) -> TaskManager:
    return tm_open(plugins=[PROBE])


def test_all_of_a_task_is_as_it_was(tm: TaskManager) -> None:
    first = tm.add("first", tags=["a"])
    second = tm.add("second", depends_on=[first.id], estimated_hours=2)
    tm.progress(first.id, "begun")
    then, at = state(tm), instant_now()
    tm.complete(first.id)
    tm.progress(second.id, "late")
    tm.update(second.id, title="zwei", tags=["b"], estimated_hours=None)
    tm.delete(first.id, purge=True, force=True)
    tm.add("third")
    now = state(tm)
    with past(tm.peek(), at):
        assert state(tm) == then
        assert [task.title for task in tm.find("estimated_hours > 1")] == ["second"]
        assert [task.title for task in tm.find("tags is None or 'a' in tags")] == [
            "second",
            "first",
        ]
    assert state(tm) == now
    with past(tm.peek(), at, first.id[:5]):
        assert tm.get(first.id[:5]).as_dict() == next(t for t in then if t["id"] == first.id)


@pytest.mark.only_backend("sqlite")  # looks at SQLite's own list of temporary tables
def test_nothing_of_it_stays_after_an_error(tm: TaskManager) -> None:
    task = tm.add("x")
    at = instant_now()
    tm.update(task.id, title="y")
    before = state(tm)
    with pytest.raises(NotFound), past(tm.peek(), at):
        tm.get("nothing")
    assert state(tm) == before
    assert tm.database.query("SELECT name FROM sqlite_temp_master") == []
    assert tm.verify().found == 0


def test_a_field_that_came_later_has_its_default(
    tm: TaskManager, tm_open: Callable[..., TaskManager]
) -> None:
    tm.close()
    without = tm_open(settings=["plugins.disable=types-and-parents"])
    task = without.add("x")
    at = instant_now()
    without.close()
    again = tm_open(plugins=[PROBE])
    again.update(task.id, type="bug")
    with past(again.peek(), at):
        assert again.get(task.id)["type"] == "task"


def test_clocks_that_differ_leave_no_gap(tm: TaskManager) -> None:
    """A writer with a fast clock, then one with a slow: what was based on the first shows it."""
    task = tm.add("x")
    record = {"type": "task.updated", "actor": "a", "session": "s", "task_id": task.id}
    for seconds, title in (("05", "fast"), ("03", "slow")):
        data = {"before": {"title": "x"}, "after": {"title": title}}
        at = f"2099-01-01T00:00:{seconds}.000000Z"
        event = {**record, "id": title, "transaction_id": title, "at": at, "data": data}
        tm.store.append(event)
    with past(tm.peek(), "2099-01-01T00:00:04.000000Z"):
        assert tm.get(task.id).title == "slow"
    with past(tm.peek(), "2099-01-01T00:00:02.000000Z"):
        assert tm.get(task.id).title == "x"


def test_a_history_that_was_imported_counts(tm: TaskManager) -> None:
    born = {"title": "old", "status": "pending", "created_at": "2020-01-01T00:00:00.000000Z"}
    data: list[Any] = [
        {"after": {**born, "version": 1, "nonsense": [1]}},
        {"before": {"title": "old"}, "after": {"title": "older"}},
        "nonsense",
    ]
    common = {"actor": "a", "session": "s", "type": "task.updated"}
    events = [
        {**common, "at": f"2020-01-0{day}T00:00:00.000000Z", "data": each}
        for day, each in enumerate(data, 1)
    ]
    task = tm.restore({"title": "now"}, events)
    for at, title in (("2020-01-01T12", "old"), ("2020-01-05T12", "older")):
        with past(tm.peek(), f"{at}:00:00.000000Z"):
            assert tm.get(task.id).title == title
    with past(tm.peek(), instant_now()):
        assert state(tm) == [tm.get(task.id).as_dict()]


def test_the_commands(tm_cli: Cli) -> None:
    task_id = tm_cli.add("one")
    at = instant_now()
    tm_cli("update", task_id, "--title", "uno")
    assert tm_cli("list", "--at", at).out == f"[{task_id}] one - pending\n"
    assert tm_cli("list", "--at", at, "--where", "title == 'uno'").out == ""
    assert tm_cli("show", task_id[:6], "--at", at, "--json").json["title"] == "one"
    assert tm_cli("ready", "--at", at).out.startswith(f"[{task_id}] one")
    assert "--at" in tm_cli("blocked", "--help").out
    assert tm_cli("show", task_id, "--at", "2020-01-01", code=3).err
    assert tm_cli("update", task_id, "--at", at, "--title", "x", code=2).err
    assert tm_cli("list", "--at", "", code=5).err.startswith("tm: --at is wrong")
    off = tm_cli("-p", "no:time-travel", "list", "--at", at, code=8)
    assert "feature 'time-travel' is disabled" in off.err


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(README, tm_cli)


class History(RuleBasedStateMachine):
    """Every state that was recorded is told again."""

    tasks = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        environ = {"HOME": self.folder.name, "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"]}
        store = os.path.join(self.folder.name, "t.db")
        self.tm = TaskManager.open(store, create=True, environ=environ, plugins=[PROBE])
        self.recorded: list[tuple[str, list[dict[str, Any]]]] = []

    def teardown(self) -> None:
        context = self.tm.peek()
        for at, then in self.recorded:
            with past(context, at):
                assert state(self.tm) == then
            for task in then[:1]:
                with past(context, at, task["id"]):
                    assert self.tm.get(task["id"]).as_dict() == task
        self.tm.close()
        self.folder.cleanup()

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        with contextlib.suppress(Conflict, NotFound, ValidationError):
            yield
        self.recorded.append((instant_now(), state(self.tm)))

    @rule(target=tasks, hours=st.sampled_from([None, 2.5]), tags=st.sampled_from([None, ["a"]]))
    def add(self, hours: float | None, tags: list[str] | None) -> str:
        with self.recording():
            task = self.tm.add("x", estimated_hours=hours, tags=tags)
        return task.id

    @rule(task=tasks, title=st.sampled_from("abc"), other=tasks)
    def update(self, task: str, title: str, other: str) -> None:
        with self.recording():
            self.tm.update(task, title=title, parent=other)

    @rule(task=tasks, other=tasks)
    def depend(self, task: str, other: str) -> None:
        with self.recording():
            self.tm.dependencies_add(task, other)

    @rule(task=tasks)
    def tell(self, task: str) -> None:
        with self.recording():
            self.tm.progress(task, "news", percent=10)

    @rule(task=tasks)
    def complete(self, task: str) -> None:
        with self.recording():
            self.tm.complete(task, force=True)

    @rule(task=tasks, purge=st.booleans())
    def delete(self, task: str, purge: bool) -> None:
        with self.recording():
            self.tm.delete(task, purge=purge, force=True)

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        last = self.tm.store.last_seq()
        if last:
            with self.recording():
                self.tm.undo(data.draw(st.sampled_from([None, *range(1, last + 1)])))


def test_every_recorded_state_is_told_again(tm_environ: Path) -> None:
    run_state_machine_as_test(
        History, settings=settings(max_examples=15, stateful_step_count=12, deadline=None)
    )
