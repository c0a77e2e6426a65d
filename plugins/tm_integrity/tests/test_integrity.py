"""What `tm verify` finds, and that nothing that `tm` itself does is found."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tm_core import TaskManager
from tm_core.api import Conflict, NotFound, ValidationError, instant_now
from tm_core.testing import Cli, run_readme

README = Path(__file__).parents[1] / "README.md"
CRITERIA = [{"criterion": "no test fails", "measurable": "tests.failed == 0"}]
Break = Callable[..., None]


@pytest.fixture
def busy(tm_store: TaskManager) -> TaskManager:
    """A store in which about everything has happened."""
    tm = tm_store
    first = tm.add("first", tags=["a", "b"], success_criteria=CRITERIA, deadline="2030-01-01")
    second = tm.add("second", depends_on=[first.id], estimated_hours=2)
    third = tm.add("third", depends_on=[second.id])
    tm.progress(first.id, "half", percent=50)
    tm.complete(first.id, force=True, actual_hours=1.5)
    tm.feedback(first.id, quality=4)
    tm.update(second.id, title="zwei", assignee="ann")
    tm.undo()
    tm.undo(tm.store.last_seq())
    tm.delete(third.id)
    tm.delete(third.id, purge=True)
    record = tm.get(first.id).as_dict() | {"id": "imported1"}
    tm.restore(record, [event for event in tm.log(first.id) if event["type"] == "task.created"])
    with tm.transaction():
        tm.add("x")
        tm.add("y")
    tm.undo()
    return tm


@pytest.fixture
def break_(tm_environ: Path) -> Break:
    """Changes the store as no rule allows."""

    def run(*statements: str) -> None:
        connection = sqlite3.connect(tm_environ / ".task-orchestrator" / "tasks.db")
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
        connection.commit()
        connection.close()

    return run


def verify(tm: TaskManager, **options: Any) -> list[dict[str, Any]]:
    result = tm.verify(limit=0, **options)
    assert result.found == len(result.differences)
    assert (result.failure is not None) == bool(result.found)
    return [difference._asdict() for difference in result.differences]


def test_what_tm_does_is_what_was_written(busy: TaskManager) -> None:
    assert verify(busy) == []
    report = busy.verify()
    assert report.events == report.seq == busy.store.last_seq()
    assert (report.tasks, report.unlinked) == (3, 0)
    assert report.rows > 2


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("UPDATE task SET title = 'other' WHERE title = 'zwei'", "title"),
        ("UPDATE task SET estimated_hours = 3 WHERE title = 'zwei'", "estimated_hours"),
        ("UPDATE task SET tags = '[\"a\"]' WHERE tags IS NOT NULL", "tags"),
        ("UPDATE task SET status = 'completed' WHERE title = 'zwei'", "status"),
        ("UPDATE task SET assignee = NULL WHERE assignee = 'ann'", "assignee"),
        ("UPDATE task SET description = '' WHERE title = 'zwei'", "description"),
    ],
)
def test_a_changed_task_is_told_with_field_and_event(
    statement: str, field: str, busy: TaskManager, break_: Break
) -> None:
    break_(statement)
    found = verify(busy)
    assert found
    for difference in found:
        assert (difference["kind"], difference["field"]) == ("task", field)
        event = next(e for e in busy.log() if e["seq"] == difference["event"])
        assert event["task_id"] == difference["task"]


def test_tasks_that_come_and_go_are_told(busy: TaskManager, break_: Break) -> None:
    break_(
        "INSERT INTO task (id, title, status, priority, created_by, created_at, updated_at,"
        " version) VALUES ('smuggled', 'x', 'pending', 'low', 'me', '', '', 1)",
        "DELETE FROM task WHERE id = 'imported1'",
    )
    messages = [difference["message"] for difference in verify(busy)]
    assert any("task smuggled is not in the log" in message for message in messages)
    assert any("task imported1 is gone" in message for message in messages)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE progress_entry SET percent = 99", "percent in the row"),
        ("DELETE FROM dependencies_edge", "is gone"),
        ("DELETE FROM progress_entry", "is gone"),
        ("DROP TABLE progress_entry", "is gone"),
    ],
)
def test_a_changed_row_of_a_feature_is_told(
    statement: str, told: str, busy: TaskManager, break_: Break
) -> None:
    if statement.startswith("DROP"):
        busy.database.execute(statement)
    else:
        break_(statement)
    found = verify(busy)
    assert found
    assert all(told in each["message"] and each["kind"] == "row" for each in found)
    assert all(each["table"] and each["event"] for each in found)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET actor = 'mallory' WHERE seq = 4",
        "UPDATE event SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 4",
        "UPDATE event SET data = data || ' ' WHERE seq = 4",
        "UPDATE event SET digest = substr(digest, 2) || '0' WHERE seq = 4",
        "UPDATE event SET digest = NULL WHERE seq = 4",
        "DELETE FROM event WHERE seq = 4",
        "UPDATE event SET seq = -seq WHERE seq IN (4, 5)",
    ],
)
def test_a_changed_event_breaks_the_chain(statement: str, busy: TaskManager, break_: Break) -> None:
    break_(statement)
    assert "event" in {difference["kind"] for difference in verify(busy)}


def forge(path: Path) -> None:
    """Change an event and compute all digests anew, as whoever can write the file can."""
    from tm_core.api import event_digest

    connection = sqlite3.connect(path)
    for name in ("event_no_update", "event_no_delete", "event_no_replace"):
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE event SET actor = 'mallory' WHERE seq = 1")
    connection.row_factory = sqlite3.Row
    last: dict[str | None, str] = {}
    for row in connection.execute("SELECT * FROM event ORDER BY seq").fetchall():
        last[row["task_id"]] = event_digest(dict(row), last.get(row["task_id"], ""))
        connection.execute(
            "UPDATE event SET digest = ? WHERE seq = ?", (last[row["task_id"]], row["seq"])
        )
    connection.commit()
    connection.close()


def test_only_an_anchor_shows_a_careful_forgery(busy: TaskManager, tm_environ: Path) -> None:
    anchor = str(tm_environ / "anchor.json")
    made = busy.verify(anchor=anchor)
    assert made.anchor["state"] == "made"
    busy.add("later")
    assert busy.verify(anchor=anchor).anchor["state"] == "kept"
    forge(tm_environ / ".task-orchestrator" / "tasks.db")
    assert verify(busy) == []  # the chain alone is silent, as the README says
    (found,) = verify(busy, anchor=anchor)
    assert (found["kind"], found["event"]) == ("anchor", made.seq)
    kept = Path(anchor).read_text()
    busy.verify(anchor=anchor, renew=True)
    assert Path(anchor).read_text() == kept  # what is wrong is vouched for by nobody
    other = tm_environ / "other.json"
    busy.verify(anchor=str(other))
    assert json.loads(other.read_text())["seq"] == busy.store.last_seq()


def test_an_anchor_shows_events_cut_off_at_the_end(
    busy: TaskManager, break_: Break, tm_environ: Path
) -> None:
    task = busy.add("last")
    anchor = str(tm_environ / "anchor.json")
    seq = busy.verify(anchor=anchor).seq
    break_(f"DELETE FROM event WHERE seq = {seq}", f"DELETE FROM task WHERE id = '{task.id}'")
    assert verify(busy) == []
    (found,) = verify(busy, anchor=anchor)
    assert found["message"].startswith(f"event {seq} is gone")


def test_renewing_an_anchor(busy: TaskManager, tm_environ: Path) -> None:
    anchor = tm_environ / "anchor.json"
    first = busy.verify(anchor=str(anchor)).seq
    busy.add("later")
    busy.verify(anchor=str(anchor))
    assert json.loads(anchor.read_text())["seq"] == first
    assert busy.verify(anchor=str(anchor), renew=True).anchor["state"] == "renewed"
    assert json.loads(anchor.read_text())["seq"] == busy.store.last_seq()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "task-orchestrator anchor 1"}', "\0"])
def test_another_file_is_no_anchor_and_stays(text: str, tm_cli: Cli) -> None:
    file = tm_cli.folder / "precious"
    file.write_text(text)
    refused = tm_cli("verify", "--anchor", "precious", "--renew", code=5)
    assert refused.err == "tm: precious is no anchor (name a new file to make one)\n"
    assert file.read_text() == text
    assert tm_cli("verify", "--renew", code=2).err
    assert tm_cli("verify", "--anchor", "no/folder", code=1).err.startswith(
        "tm: there is no folder"
    )


def test_events_from_before_digests_are_counted_and_anchored(
    busy: TaskManager, break_: Break, tm_environ: Path
) -> None:
    break_("UPDATE event SET digest = NULL")
    task = busy.add("new")
    busy.update(task.id, title="newer")
    anchor = str(tm_environ / "anchor.json")
    report = busy.verify(anchor=anchor)
    assert (report.found, report.unlinked) == (0, report.events - 2)
    busy.database.execute("UPDATE event SET actor = 'mallory' WHERE seq = 1")
    assert [found["kind"] for found in verify(busy, anchor=anchor)] == ["anchor"]


@pytest.fixture
def archived(busy: TaskManager) -> tuple[TaskManager, list[Path]]:
    """A store with three archives, after each of which its tasks went on."""
    files = []
    (first,) = busy.find("title == 'zwei'")
    for number in range(3):
        busy.update(first.id, title=f"state {number}")
        busy.progress(first.id, f"entry {number}", percent=number)
        made = busy.store_archive(before=instant_now())
        assert made is not None
        files.append(Path(busy.workspace.folder) / made["file"])
    busy.update(first.id, title="now", description="and here")
    busy.add("late")
    return busy, files


@pytest.mark.parametrize("gone", [[0], [1], [2], [0, 2], [0, 1, 2]])
def test_without_an_archive_the_rest_is_verified(
    gone: list[int], archived: tuple[TaskManager, list[Path]], break_: Break
) -> None:
    tm, files = archived
    whole = tm.verify()
    assert whole.found == 0
    for number in gone:
        files[number].unlink()
    found = verify(tm)
    assert [difference["kind"] for difference in found] == ["archive"] * len(gone)
    for number, difference in zip(gone, found, strict=True):
        assert files[number].name in difference["message"]
    result = tm.verify()
    assert (result.head, result.seq) == (whole.head, whole.seq)
    assert result.failure is not None
    assert "the rest is what was written" in result.failure.message

    break_(
        "UPDATE task SET title = 'changed' WHERE title = 'late'",
        "UPDATE event SET actor = 'mallory' WHERE seq = (SELECT max(seq) FROM event)",
    )
    worse = verify(tm)[len(gone) :]
    assert {difference["kind"] for difference in worse} == {"event", "task"}


def test_an_anchor_within_an_archive_that_is_gone(busy: TaskManager, tm_environ: Path) -> None:
    anchor = str(tm_environ / "anchor")
    assert busy.verify(anchor=anchor).found == 0
    vouched = busy.store.last_seq()
    busy.add("one more")
    made = busy.store_archive(before=instant_now())
    assert made is not None
    assert verify(busy, anchor=anchor) == []
    (Path(busy.workspace.folder) / made["file"]).unlink()
    kinds = [difference["kind"] for difference in verify(busy, anchor=anchor)]
    assert kinds == ["archive", "anchor"]
    assert f"event {vouched} cannot be read" in verify(busy, anchor=anchor)[1]["message"]
    assert busy.verify(anchor=anchor, renew=True).anchor["state"] == "kept"


def test_features_that_are_off_take_nothing_away(busy: TaskManager, tm_open: Any) -> None:
    busy.close()
    off = tm_open(settings=["plugins.disable=tags,progress,dependencies,deadlines,time-tracking"])
    off.update("imported1", title="without them")
    off.add("y")
    assert verify(off) == []
    off.close()
    assert verify(tm_open()) == []


def test_the_report_has_a_limit(busy: TaskManager, break_: Break) -> None:
    break_("UPDATE event SET actor = 'mallory'")
    report = busy.verify(limit=2)
    assert len(report.differences) == 2 < report.found
    assert report.failure is not None


def test_the_command(tm_cli: Cli) -> None:
    task_id = tm_cli.add("\x1b[31mred")
    assert json.loads(tm_cli("verify", "--json").out)["ok"] is True
    connection = sqlite3.connect(tm_cli.folder / ".task-orchestrator" / "tasks.db")
    connection.execute("UPDATE task SET title = 'blue'")
    connection.commit()
    wrong = tm_cli("verify", code=5)
    assert wrong.out.startswith(f'task\ttitle of task {task_id} is "blue", but event 1 left it')
    assert "\x1b" not in wrong.out
    assert "the store is not what was written: 1 difference(s)" in wrong.err
    told = tm_cli("verify", "--json", code=5)
    (found,) = told.json["differences"]
    assert (found["task"], found["field"], found["event"]) == (task_id, "title", 1)


def test_another_program_verifies_it_by_the_readme(busy: TaskManager, tm_environ: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    store = str(tm_environ / ".task-orchestrator" / "tasks.db")
    done = subprocess.run(
        [sys.executable, "-c", program, store], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == busy.verify().head


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(README, tm_cli)


class Anything(RuleBasedStateMachine):
    """Whatever is done through the API, the store is what was written."""

    tasks = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        environ = {"HOME": self.folder.name, "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"]}
        store = os.path.join(self.folder.name, "t.db")
        self.tm = TaskManager.open(store, create=True, environ=environ)

    def teardown(self) -> None:
        self.tm.close()
        self.folder.cleanup()

    def attempt(self, action: Callable[..., object], *arguments: Any, **named: Any) -> None:
        with contextlib.suppress(Conflict, NotFound, ValidationError):
            action(*arguments, **named)

    @rule(target=tasks, hours=st.sampled_from([None, 1, 2.5]), tags=st.sampled_from([None, ["a"]]))
    def add(self, hours: float | None, tags: list[str] | None) -> str:
        return self.tm.add("x", estimated_hours=hours, tags=tags).id

    @rule(task=tasks, other=tasks)
    def depend(self, task: str, other: str) -> None:
        self.attempt(self.tm.dependencies_add, task, other)

    @rule(task=tasks)
    def tell(self, task: str) -> None:
        self.attempt(self.tm.progress, task, "news", percent=10)

    @rule(task=tasks, force=st.booleans())
    def complete(self, task: str, force: bool) -> None:
        self.attempt(self.tm.complete, task, force=force)

    @rule(task=consumes(tasks))
    def purge(self, task: str) -> None:
        self.attempt(self.tm.delete, task, purge=True, force=True)

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        last = self.tm.store.last_seq()
        if last:
            self.attempt(self.tm.undo, data.draw(st.sampled_from([None, *range(1, last + 1)])))

    @rule(target=tasks, task=tasks)
    def import_again(self, task: str) -> str:
        found = self.tm.find(f"id == '{task}'", details=True)
        if not found:
            return self.tm.add("instead").id
        record = {**found[0].as_dict(), "id": None, "parent": None}
        try:
            return self.tm.restore(record, list(self.tm.log(task))).id
        except (Conflict, ValidationError):
            return task

    @invariant()
    def it_is_what_was_written(self) -> None:
        assert verify(self.tm) == []


def test_whatever_is_done_is_verified(tm_environ: Path) -> None:
    run_state_machine_as_test(
        Anything, settings=settings(max_examples=15, stateful_step_count=15, deadline=None)
    )
