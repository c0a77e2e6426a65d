"""Every hook: its effect, what its failure does, and that a plugin that is off is left alone.

The three tests of each hook are named `test_<hook>_works`, `test_<hook>_raises` and
`test_a_plugin_that_is_off_is_not_touched[<hook>]`; `test_every_hook_is_tested` looks for them.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import (
    Action,
    Availability,
    Change,
    Conflict,
    Context,
    DatabaseError,
    Event,
    Field,
    Finding,
    Foreign,
    Hook,
    NotFound,
    Plugin,
    PluginError,
    Problem,
    Setting,
    Task,
    TaskId,
    TmError,
    ValidationError,
    hookimpl,
)
from tm_core.command_line.invocation import Invocation
from tm_core.hook_data import CommandEnd
from tm_core.hookspecs import HOOKS
from tm_core.storage.sqlite import SQLiteBackend
from tm_core.testing import Cli

pytestmark = pytest.mark.every_backend

Make = Callable[..., Plugin]
Open = Callable[..., TaskManager]


def boom(*_: object) -> Any:
    raise ValueError("bad\nday")


BOOM = "ValueError: bad day"


def asker(hook: str) -> Plugin:
    """A plugin that asks all others for what they offer through a collecting hook."""

    def ask(ctx: Context) -> list[Any]:
        """Ask."""
        return ctx.collect(hook)

    def ask_about(ctx: Context, task: TaskId) -> None:
        """Record something about a task, beside changing it."""
        with ctx.event("probe.asked", task):
            pass

    actions = {"ask": Action(ask, "Ask"), "ask about": Action(ask_about, "Ask")}
    hooks = {"task_validate": Hook(Gate)} if hook == "task_refused" else {}
    return Plugin("asker", "Asks", actions=actions, hooks=hooks)


class Gate:
    """Lets no task be completed."""

    @staticmethod
    @hookimpl
    def task_validate(change: Change) -> list[Problem]:
        return [Problem("never", overridable=True)] if change.completes else []


def blamed(where: str, cause: str = BOOM, plugin: str = "probe") -> list[str]:
    return [f"plugin '{plugin}' (made in code): {where}: {cause}"]


# task_draft


def test_task_draft_works(make: Make, store: Open) -> None:
    def task_draft(draft: Change) -> None:
        draft.after["priority"] = "critical"

    tm = store(make(task_draft=task_draft))
    task = tm.add("x")
    assert task.priority == "critical"
    assert tm.get(task.id).priority == "critical"
    assert next(tm.log(task.id))["data"]["after"]["priority"] == "critical"


def test_task_draft_raises(make: Make, store: Open, said: list[str]) -> None:
    def task_draft(draft: Change) -> None:
        draft.after["title"] = "spoilt"
        boom()

    tm = store(make(task_draft=task_draft))
    assert tm.get(tm.add("x").id).title == "x"
    assert said == blamed("task_draft")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda draft: draft.after.__setitem__("priority", "extreme"),
        lambda draft: draft.after.__setitem__("title", 5),
        lambda draft: draft.after.__setitem__("unknown", 1),
        lambda draft: draft.after.__delitem__("title"),
        lambda draft: setattr(draft, "after", {}),
    ],
)
def test_a_draft_that_cannot_be_written_is_restored(
    spoil: Callable[[Change], None], make: Make, store: Open, said: list[str]
) -> None:
    def task_draft(draft: Change) -> None:
        spoil(draft)

    tm = store(make(task_draft=task_draft))
    assert tm.get(tm.add("x").id).priority == "medium"
    assert len(said) == 1
    assert said[0].startswith("plugin 'probe' (made in code): task_draft: ")


def test_a_draft_cannot_turn_a_task_into_another(make: Make, store: Open, said: list[str]) -> None:
    def task_draft(draft: Change) -> None:
        if draft.before is not None:
            draft.after["id"] = "other"

    tm = store(make(task_draft=task_draft))
    task = tm.add("x")
    assert tm.update(task.id, title="y").id == task.id
    assert said == blamed("task_draft", "ValueError: the id of a task stays")


# task_validate


def test_task_validate_works(make: Make, store: Open) -> None:
    def task_validate(change: Change) -> Iterator[Problem]:
        if change.after.title == "no":
            yield Problem("never say no", field="title")
            yield Problem("never ever")

    tm = store(make(task_validate=task_validate))
    with pytest.raises(ValidationError) as caught:
        tm.add("no")
    assert caught.value.exit_code == 5
    assert caught.value.message == "never say no; never ever"
    assert caught.value.problems[0]["field"] == "title"
    assert tm.find() == []
    assert tm.add("yes").title == "yes"


def test_an_overridable_problem_is_forced_and_recorded(make: Make, store: Open) -> None:
    def task_validate(change: Change) -> list[Problem]:
        return [Problem("too early", overridable=True)] if change.completes else []

    tm = store(make(task_validate=task_validate))
    task = tm.add("x")
    with pytest.raises(ValidationError, match="too early") as caught:
        tm.complete(task.id)
    assert "--force" in caught.value.hint
    assert tm.get(task.id).status == "pending"
    tm.complete(task.id, force=True)
    (event,) = tm.log(task.id, event_type="task.completed")
    assert event["data"]["forced"] == ["too early"]


def test_task_validate_raises(make: Make, store: Open, said: list[str]) -> None:
    tm = store(make(when=("status",), task_validate=lambda change: change.completes and boom()))
    task = tm.add("x")
    with pytest.raises(ValidationError, match="'probe' could not check the change") as caught:
        tm.complete(task.id)
    assert "tm config disable probe" in caught.value.hint
    assert said == blamed("task_validate")
    assert tm.get(task.id).status == "pending"
    tm.complete(task.id, force=True)


def test_a_gate_that_cannot_be_loaded_refuses_what_it_was_asked_for(
    store: Open, said: list[str]
) -> None:
    """`--validate` must not pass because the checking module is broken; a plain change goes on."""
    gate = Plugin(
        "probe",
        "A gate",
        fields=(Field("check", "bool", on=("complete",), stored=False),),
        hooks={"task_validate": Hook("no_such_module_of_probe")},
    )
    tm = store(gate)
    asked, plain = tm.add("x"), tm.add("y")
    with pytest.raises(ValidationError, match="could not check"):
        tm.complete(asked.id, check=True)
    assert tm.complete(plain.id).status == "completed"
    assert len(said) == 1
    assert "no_such_module_of_probe" in said[0]


def test_what_is_written_is_what_was_checked(make: Make, store: Open) -> None:
    def spoil(change: Change) -> None:
        change.after["title"] = "spoilt"

    tm = store(make(task_validate=spoil, task_write=spoil))
    task = tm.add("x")
    assert (task.title, tm.get(task.id).title) == ("x", "x")
    assert next(tm.log(task.id))["data"]["after"]["title"] == "x"


# task_refused


def noting(change: Change, problems: Sequence[Problem], ctx: Context) -> None:
    with ctx.event("probe.refused", change.after.id, why=[each.message for each in problems]):
        pass


def gated(store: Open, plugin: Plugin, **options: Any) -> TaskManager:
    return store(asker("task_refused"), plugin, **options)


def types(tm: TaskManager, task_id: str = "") -> list[str]:
    return [event["type"] for event in tm.log(task_id)]


def test_task_refused_works(make: Make, store: Open) -> None:
    tm = gated(store, make(task_refused=noting))
    task = refused(tm)
    assert (tm.get(task.id).status, tm.get(task.id).version) == ("pending", 1)
    assert types(tm, task.id) == ["task.created", "probe.refused"]
    assert list(tm.log(task.id))[-1]["data"] == {"why": ["never"]}
    tm.complete(task.id, force=True)
    assert types(tm, task.id)[2:] == ["task.completed"], "forced, it is not refused"


def test_a_refusal_is_told_when_the_outermost_transaction_is_over(make: Make, store: Open) -> None:
    """Caught within, the rest is written; not caught, nothing is: it is recorded in both cases."""
    tm = gated(store, make(task_refused=noting))
    task = tm.add("x")

    def attempt() -> None:
        tm.update(task.id, title="y")
        tm.complete(task.id)

    with pytest.raises(ValidationError), tm.transaction():
        attempt()
    assert types(tm, task.id) == ["task.created", "probe.refused"]
    with tm.transaction():
        with pytest.raises(ValidationError):
            attempt()
        tm.update(task.id, title="z")
    assert types(tm, task.id)[2:] == ["task.updated", "task.updated", "probe.refused"]


def test_a_refusal_of_what_is_gone_or_was_only_tried_is_not_told(make: Make, store: Open) -> None:
    tm = gated(store, make(task_refused=noting))
    with pytest.raises(ValidationError), tm.transaction():
        tm.complete(tm.add("x").id)
    task = tm.add("y")
    with tm.options(dry_run=True), pytest.raises(ValidationError):
        tm.complete(task.id)
    assert types(tm) == ["task.created"]


def test_what_is_refused_while_a_refusal_is_told_is_not_told(make: Make, store: Open) -> None:
    calls: list[str] = []

    def task_refused(ctx: Context, change: Change) -> None:
        calls.append(change.after.id)
        ctx.tasks.complete(change.after.id)

    tm = gated(store, make(task_refused=task_refused))
    tasks = [refused(tm), refused(tm)]
    assert calls == [task.id for task in tasks]


def test_a_refusal_is_no_change_that_is_undone_or_stands_in_the_way(
    make: Make, store: Open
) -> None:
    tm = gated(store, make(task_refused=noting))
    task = refused(tm)
    (event,) = tm.log(event_type="probe.refused")
    with pytest.raises(NotFound, match="changed nothing"):
        tm.undo(event["seq"])
    assert [each["type"] for each in tm.undo()] == ["task.created"]
    with pytest.raises(NotFound):
        tm.get(task.id)


def test_task_refused_raises(make: Make, store: Open, said: list[str]) -> None:
    tm = gated(store, make(task_refused=boom), settings=["plugins.required=probe"])
    assert tm.get(refused(tm).id).status == "pending"
    assert said == blamed("task_refused")


def test_a_refusal_to_record_a_refusal_is_not_said(
    make: Make, store: Open, said: list[str]
) -> None:
    def task_refused() -> None:
        raise Conflict("not now")

    refused(gated(store, make(task_refused=task_refused)))
    assert said == []


# task_write


def notes(folder: Path, body: str) -> None:
    """Write a plugin with a table; `body` is what its `task_write` does after writing."""
    package = folder / "tp_notes"
    (package / "migrations").mkdir(parents=True)
    (package / "migrations" / "0001_notes.sql").write_text(
        "CREATE TABLE notes_note (task_id TEXT PRIMARY KEY NOT NULL"
        " REFERENCES task(id) ON DELETE CASCADE, text TEXT);\n"
    )
    (package / "__init__.py").write_text(
        "from tm_core.api import Hook, Plugin\n"
        "plugin = Plugin('notes', 'Notes', migrations='migrations',\n"
        "    hooks={'task_write': Hook('tp_notes.hooks')})\n"
    )
    (package / "hooks.py").write_text(
        "from tm_core.api import *\nfrom tm_core.api import hookimpl\n@hookimpl\n"
        "def task_write(ctx, change):\n"
        "    ctx.put('notes_note', {'task_id': change.after.id}, {'text': change.after.title})\n"
        f"    {body}\n"
    )


@pytest.fixture
def cli_with_notes(
    tmp_path: Path, tm_environ: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Cli]]:
    """Installs a plugin with a table for this process, and gives the command line."""

    def install(body: str) -> Cli:
        folder = tmp_path / "site"
        notes(folder, body)
        info = folder / "tm_notes-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tm-notes\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text("[tm.plugins]\nnotes = tp_notes:plugin\n")
        # Not the first folder of the path: that is the script's own, and no index looks there.
        monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
        cli = Cli(tm_environ)
        cli("init")
        return cli

    yield install
    for name in [name for name in sys.modules if name.partition(".")[0] == "tp_notes"]:
        del sys.modules[name]


def rows(cli: Cli, sql: str) -> list[tuple[Any, ...]]:
    with TaskManager.open(str(cli.folder)) as manager:
        return [tuple(row.values()) for row in manager.database.query(sql)]


def test_task_write_works(cli_with_notes: Callable[[str], Cli]) -> None:
    cli = cli_with_notes("pass")
    task_id = cli.add("x")
    assert rows(cli, "SELECT * FROM notes_note") == [(task_id, "x")]
    (event,) = cli("log", task_id, "--json").json
    assert event["data"]["rows"] == [["notes_note", {"task_id": task_id}, None, {"text": "x"}]]
    cli("undo")
    assert rows(cli, "SELECT * FROM notes_note") == []


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("raise ValueError('bad day')", BOOM),
        ("ctx.query('SELECT * FROM nowhere')", "the store refused: "),
        (
            "ctx.put('notes_note', {'task_id': 'nobody'}, {'text': ''})",
            "the store refused: ",
        ),
        (
            "ctx.put('task', {'id': change.after.id}, {'title': ''})",
            "ValueError: plugin 'notes' may write to notes_*, not to task",
        ),
        (
            "ctx.put('notes_note', {'task_id': change.after.id}, {'text': b'no JSON'})",
            "TypeError: Object of type bytes is not JSON serializable",
        ),
        (
            "change.data['notes'] = object()",
            "TypeError: Object of type object is not JSON serializable",
        ),
        ("import sys; sys.exit(3)", "RuntimeError: it called sys.exit(3)"),
    ],
)
def test_task_write_raises(cli_with_notes: Callable[[str], Cli], body: str, cause: str) -> None:
    """Its share is rolled back and said; the task is there, and the event knows of no share."""
    cli = cli_with_notes(body)
    result = cli("add", "x")
    said, done = result.err.splitlines()
    assert said.startswith(f"tm: plugin 'notes' (tm-notes 1.2): task_write: {cause}")
    assert done == "Task created"
    task_id = result.out.strip()
    assert rows(cli, "SELECT * FROM notes_note") == []
    (event,) = cli("log", task_id, "--json").json
    assert "rows" not in event["data"]


def test_task_write_refuses_deliberately(cli_with_notes: Callable[[str], Cli]) -> None:
    cli = cli_with_notes("from tm_core.api import Conflict; raise Conflict('not now', 'later')")
    result = cli("add", "x", code=6)
    assert (result.out, result.err) == ("", "tm: not now (later)\n")
    assert rows(cli, "SELECT * FROM task") == []
    assert rows(cli, "SELECT * FROM event") == []


def test_a_required_plugin_rolls_back_everything(cli_with_notes: Callable[[str], Cli]) -> None:
    cli = cli_with_notes("raise ValueError('bad day')")
    result = cli("-c", "plugins.required=notes", "add", "x", code=8)
    expected = f"tm: required plugin 'notes' (tm-notes 1.2): task_write: {BOOM}\n"
    assert (result.out, result.err) == ("", expected)
    assert rows(cli, "SELECT * FROM task") == []
    assert rows(cli, "SELECT * FROM event") == []


def test_a_part_that_a_plugin_gives_up_leaves_nothing(
    cli_with_notes: Callable[[str], Cli],
) -> None:
    """What it caught itself is rolled back all the same, as the event does not tell of it."""
    cli = cli_with_notes(
        "\n    try:\n"
        "        with ctx.event('notes.more', change.after.id):\n"
        "            ctx.put('notes_note', {'task_id': change.after.id}, {'text': 'more'})\n"
        "            raise ValueError\n"
        "    except ValueError:\n        pass\n"
    )
    task_id = cli.add("x")
    assert rows(cli, "SELECT text FROM notes_note") == [("x",)]
    (event,) = cli("log", task_id, "--json").json
    assert event["data"]["rows"] == [["notes_note", {"task_id": task_id}, None, {"text": "x"}]]


def test_changes_that_bring_each_other_about_without_end(
    make: Make, store: Open, said: list[str]
) -> None:
    def task_write(ctx: Context, change: Change) -> None:
        ctx.update(change.after.id, description=f"{change.after['description']}!")

    tm = store(make(task_write=task_write))
    task = tm.get(tm.add("x").id)
    assert (task.description, task.version) == (None, 1)
    assert len(list(tm.log())) == 1
    assert len(said) == 1
    assert "task_write" in said[0]
    assert "40 deep" in said[0]


def test_a_function_that_calls_itself_without_end(make: Make, store: Open, said: list[str]) -> None:
    def task_write(change: Change) -> None:
        task_write(change)

    tm = store(make(task_write=task_write))
    assert tm.get(tm.add("x").id).title == "x"
    assert len(said) == 1
    assert "RecursionError" in said[0]


# task_undone


def test_task_undone_works(make: Make, store: Open) -> None:
    seen: list[tuple[str, str, str]] = []

    def task_undone(ctx: Context, changes: Sequence[Change]) -> None:
        for change in changes:
            assert change.before is not None
            seen.append((change.action, change.before.title, change.after.title))
            ctx.update(change.after.id, description="looked after")

    tm = store(make(task_undone=task_undone))
    task = tm.add("x")
    tm.update(task.id, title="y")
    tm.undo()
    assert seen == [("undo", "y", "x")]
    assert tm.get(task.id)["description"] == "looked after"
    undone, followed = list(tm.log())[-2:]
    assert undone["transaction_id"] == followed["transaction_id"]


def test_task_undone_raises(make: Make, store: Open, said: list[str]) -> None:
    def task_undone(ctx: Context, changes: Sequence[Change]) -> None:
        ctx.update(changes[0].after.id, description="half")
        boom()

    tm = store(make(task_undone=task_undone))
    task = tm.add("x")
    tm.update(task.id, title="y")
    tm.undo()
    assert (tm.get(task.id).title, tm.get(task.id)["description"]) == ("x", None)
    assert said == blamed("task_undone")
    assert [event["type"] for event in tm.log()][-1] == "task.undone"


def test_task_undone_refuses_deliberately(make: Make, store: Open) -> None:
    def task_undone() -> None:
        raise ValidationError("not this one")

    tm = store(make(task_undone=task_undone))
    task = tm.add("x")
    tm.update(task.id, title="y")
    with pytest.raises(ValidationError, match="not this one"):
        tm.undo()
    assert tm.get(task.id).title == "y"


# task_details


def test_task_details_works(make: Make, store: Open) -> None:
    asked: list[int] = []

    def task_details(tasks: Sequence[Task]) -> Mapping[str, Mapping[str, Any]]:
        asked.append(len(tasks))
        return {"length": {task.id: len(task.title) for task in tasks if task.title != "none"}}

    tm = store(make(task_details=task_details))
    first = tm.add("four")
    tm.add("none")
    assert tm.get(first.id).details == {"length": 4}
    assert tm.get(first.id).as_dict()["length"] == 4
    assert {task.title: task.details for task in tm.find(details=True)} == {
        "four": {"length": 4},
        "none": {},
    }
    assert asked == [1, 1, 2]  # once for many


def test_task_details_raises(make: Make, store: Open, said: list[str]) -> None:
    good = make("good", task_details=lambda tasks: {"part": {task.id: 1 for task in tasks}})
    tm = store(make(task_details=boom), good)
    assert tm.get(tm.add("x").id).details == {"part": 1}
    assert said == blamed("task_details")


@pytest.mark.parametrize(
    "wrong", [5, "text", {"part": 5}, {"title": {}}, {"good": {}}, [("a", "b", "c")]]
)
def test_details_of_a_wrong_shape_are_left_out(
    wrong: object, make: Make, store: Open, said: list[str]
) -> None:
    good = make("good", task_details=lambda tasks: {"good": {task.id: 1 for task in tasks}})
    tm = store(good, make(task_details=lambda tasks: wrong))
    shown = tm.get(tm.add("x").id)
    assert (shown.title, shown.details) == ("x", {"good": 1})
    assert len(said) == 1
    assert said[0].startswith("plugin 'probe' (made in code): task_details: ")


# criterion_validators


class Signed:
    def get_name(self) -> str:
        return "signed"

    def validate(self, criterion: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
        return bool(context.get("signed_by"))


def test_criterion_validators_works(make: Make, store: Open) -> None:
    tm = store(make(criterion_validators=lambda: [Signed()]), asker("criterion_validators"))
    assert "signed" in [each.get_name() for each in tm.ask()]


def test_criterion_validators_raises(make: Make, store: Open, said: list[str]) -> None:
    good = make("good", criterion_validators=lambda: [Signed()])
    tm = store(make(criterion_validators=boom), good, asker("criterion_validators"))
    assert "signed" in [each.get_name() for each in tm.ask()]
    assert said == blamed("criterion_validators")


def test_a_generator_that_raises_half_way_gives_nothing(
    make: Make, store: Open, said: list[str]
) -> None:
    def criterion_validators() -> Iterator[Signed]:
        yield Signed()
        boom()

    tm = store(make(criterion_validators=criterion_validators), asker("criterion_validators"))
    assert not [each for each in tm.ask() if isinstance(each, Signed)]
    assert said == blamed("criterion_validators")


# evidence


def test_evidence_works(make: Make, store: Open) -> None:
    seen: list[dict[str, Any]] = []

    def task_validate(change: Change) -> None:
        seen.append(change.evidence)

    gate = make("gate", task_validate=task_validate, when=("status",))
    tm = store(make(evidence=lambda task: {"tests": {"failed": len(task.title)}}), gate)
    task = tm.add("abc")
    tm.complete(task.id)
    assert seen[-1]["tests"] == {"failed": 3}


@pytest.mark.parametrize("wrong", [boom, lambda: 5, lambda: "text"])
def test_evidence_raises(
    wrong: Callable[[], object], make: Make, store: Open, said: list[str]
) -> None:
    seen: list[dict[str, Any]] = []
    gate = make("gate", task_validate=lambda change: seen.append(change.evidence))
    good = make("good", evidence=lambda: {"size": 1})
    tm = store(make(evidence=wrong), good, gate)
    task = tm.add("x")
    assert tm.complete(task.id).status == "completed"
    assert seen[-1]["size"] == 1
    assert len(said) == 1
    assert said[0].startswith("plugin 'probe' (made in code): evidence: ")


# metric_calculators


class Answer:
    name = "answer"

    def calculate(self, tasks: Any) -> Mapping[str, Any]:
        return {"count": tasks.query("SELECT count(*) AS n FROM task")[0]["n"]}


class Broken(Answer):
    name = "broken"

    def calculate(self, tasks: Any) -> Mapping[str, Any]:
        raise ValueError("bad day")


def test_metric_calculators_works(make: Make, store: Open) -> None:
    tm = store(make(metric_calculators=lambda: [Answer()]))
    tm.add("x")
    assert tm.metrics("answer") == {"answer": {"count": 1}}


def test_metric_calculators_raises(make: Make, store: Open, said: list[str]) -> None:
    tm = store(
        make(metric_calculators=boom),
        make("good", metric_calculators=lambda: [Broken(), Answer()]),
    )
    assert tm.metrics("answer", "broken") == {"answer": {"count": 0}, "broken": {"error": BOOM}}
    assert said == blamed("metric_calculators")


# event_validate


def refusing_notes(ctx: Context, event_type: str, task_id: str) -> None:
    raise Conflict(f"no {event_type} for {ctx.get(task_id).title}")


def test_event_validate_works(make: Make, store: Open) -> None:
    tm = store(asker("event_validate"), make("gate", event_validate=refusing_notes))
    task = tm.add("x")  # a change is none of its business
    with pytest.raises(Conflict, match=r"no probe\.asked for x"):
        tm.ask_about(task.id)
    assert [event["type"] for event in tm.log()] == ["task.created"]


def test_event_validate_raises(make: Make, store: Open, said: list[str]) -> None:
    """The gate fails closed, and force opens it."""
    tm = store(asker("event_validate"), make(event_validate=boom))
    task = tm.add("x")
    with pytest.raises(ValidationError, match="'probe' could not check"):
        tm.ask_about(task.id)
    assert said == blamed("event_validate")
    with tm.options(force=True):
        tm.ask_about(task.id)
    assert [event["type"] for event in tm.log()] == ["task.created", "probe.asked"]


def test_event_validate_is_not_asked_about_what_another_change_brings_about(
    make: Make, store: Open
) -> None:
    def note(ctx: Context, change: Change) -> None:
        with ctx.event("probe.noted", change.after.id):
            pass

    tm = store(make(event_validate=refusing_notes, task_write=note))
    tm.add("x")
    assert [event["type"] for event in tm.log()] == ["task.created", "probe.noted"]


# task_availability


def test_task_availability_works(make: Make, store: Open) -> None:
    one = Availability(held="task.title = 'later'")
    tm = store(asker("task_availability"), make(task_availability=lambda: [one]))
    assert tm.ask() == [one]


def test_task_availability_raises(make: Make, store: Open, said: list[str]) -> None:
    tm = store(asker("task_availability"), make(task_availability=boom))
    assert tm.ask() == []
    assert said == blamed("task_availability")


# event_handlers


class Listener:
    name = "listener"
    pattern = "task.*"

    def __init__(self, heard: list[str]) -> None:
        self._heard = heard

    def handle(self, event: Event) -> None:
        self._heard.append(event["type"])


class Deaf(Listener):
    name = "deaf"

    def handle(self, event: Event) -> None:
        raise ValueError("bad day")


def test_event_handlers_works(make: Make, store: Open) -> None:
    heard: list[str] = []
    tm = store(make(event_handlers=lambda: [Listener(heard)]))
    task = tm.add("x")
    tm.complete(task.id)
    assert heard == ["task.created", "task.completed"]


def test_event_handlers_raises(make: Make, store: Open, said: list[str]) -> None:
    """The command succeeds, even where the plugin is required: the change is committed."""
    heard: list[str] = []
    tm = store(
        make("first", event_handlers=boom),
        make("second", event_handlers=lambda: [Deaf(heard), object(), Listener(heard)]),
        settings=["plugins.required=first,second"],
    )
    task = tm.add("x")
    assert tm.get(task.id).title == "x"
    assert heard == ["task.created"]
    wrong = "AttributeError: 'object' object has no attribute 'name'"
    assert said == [
        *blamed("event_handlers", plugin="first"),
        *blamed("event_handlers", wrong, plugin="second"),
        *blamed("handler 'deaf'", plugin="second"),
    ]
    (row,) = tm.database.query("SELECT * FROM delivery WHERE failures > 0")
    assert (row["consumer"], row["error"]) == ("second/deaf", BOOM)


# config_providers


class Provider:
    name = "somewhere"

    def __init__(self, values: Any) -> None:
        self._values = values

    def get_config(self) -> Any:
        return boom() if self._values is boom else self._values

    def set_config(self, config: Mapping[str, Any]) -> None:
        raise NotImplementedError


def test_config_providers_works(make: Make, store: Open) -> None:
    plugin = make(
        config_providers=lambda: [Provider({"list": {"limit": 7}, "probe": {"depth": 3}})],
        manifest={"config": {"depth": Setting("int", 1, "Depth")}},
    )
    tm = store(plugin)
    assert tm.workspace.config.get("list.limit") == 7
    assert tm.workspace.config.explain("list.limit")[-1][:2] == ("providers", "probe/somewhere")
    assert tm.host.settings("probe") == {"depth": 3}


@pytest.mark.parametrize(
    "values",
    [
        boom,
        None,
        [1],
        {"plugins": {"disable": ["good"]}},
        {"store": {"url": "elsewhere.db"}},
        {"minimal_mode": True},
        {"list": {"limit": "many"}},
        {"list": {"depth": 1}},
        {"nonsense": 1},
    ],
)
def test_config_providers_raises(values: object, make: Make, store: Open, said: list[str]) -> None:
    """A layer that cannot be had, or that nobody could use, is skipped; the others count."""
    good = make("good", config_providers=lambda: [Provider({"list": {"limit": 7}})])
    tm = store(make(config_providers=lambda: [Provider(values)]), good)
    assert tm.workspace.config.get("list.limit") == 7
    assert tm.add("x").title == "x"
    assert len(said) == 1
    assert said[0].startswith("plugin 'probe' (made in code): config_providers: ")


# health_checks


def test_health_checks_works(make: Make, store: Open) -> None:
    finding = Finding("warning", "probe", "is tired", "rest")
    assert finding in store(make(health_checks=lambda: [finding])).health()


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        (boom, BOOM),
        (lambda: ["fine"], "TypeError: health_checks gave str, not a Finding"),
        (lambda: 5, "TypeError: 'int' object is not iterable"),
    ],
)
def test_health_checks_raises(
    wrong: Callable[[], object], cause: str, make: Make, store: Open
) -> None:
    found = list(store(make(health_checks=wrong)).health())
    assert Finding("error", "plugin probe", f"health check: {cause}") in found


# storage_backends


class Elsewhere(SQLiteBackend):
    """Opens `elsewhere://PATH` as a file."""

    def open(self, url: str, *, create: bool, settings: Mapping[str, Any]) -> Any:
        path = url.removeprefix("elsewhere://")
        return super().open(path, create=create, settings=settings)


def test_storage_backends_works(make: Make, tm_environ: Path) -> None:
    plugin = make(storage_backends=lambda: {"elsewhere": Elsewhere()})
    url = f"elsewhere://{tm_environ}/other"
    with TaskManager.open(url, create=True, plugins=[plugin]) as tm:
        tm.add("x")
    assert (tm_environ / "other").exists()
    with TaskManager.open(url, plugins=[plugin]) as tm:
        assert [task.title for task in tm.find()] == ["x"]


def test_storage_backends_raises(make: Make, tm_environ: Path) -> None:
    with pytest.raises(PluginError) as caught:
        TaskManager.open("elsewhere://x", plugins=[make(storage_backends=boom)])
    assert caught.value.exit_code == 8
    assert caught.value.message == (
        f"plugin 'probe' (made in code) cannot offer its storage: {BOOM}"
    )


def test_an_unknown_kind_of_store_names_the_known(make: Make, tm_environ: Path) -> None:
    plugin = make(storage_backends=lambda: {"elsewhere": Elsewhere()})
    with pytest.raises(TmError, match=r"'nowhere:'.*known: sqlite, .*elsewhere"):
        TaskManager.open("nowhere://x", plugins=[plugin])


# foreign_store


def open_foreign(*plugins: Plugin, **options: Any) -> None:
    """Open a database with a table that is not ours, in the current test's folder."""
    path = Path(os.environ["HOME"]) / "theirs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS theirs (id TEXT)")
    TaskManager.open(str(path), plugins=plugins, **options)


def test_foreign_store_works(make: Make, tm_environ: Path) -> None:
    plugin = make(foreign_store=lambda path: Foreign("is theirs", "take-over"))
    with pytest.raises(DatabaseError, match=r"theirs\.db is theirs$") as caught:
        open_foreign(plugin)
    assert caught.value.hint == "tm take-over"
    with pytest.raises(DatabaseError, match="is not a task store"):
        open_foreign(make(foreign_store=lambda path: None))


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [(boom, BOOM), (lambda path: "it", "TypeError: foreign_store gave str, not a Foreign")],
)
def test_foreign_store_raises(
    wrong: Callable[[str], Any], cause: str, make: Make, tm_environ: Path
) -> None:
    said: list[str] = []
    with pytest.raises(DatabaseError, match="is not a task store"):
        open_foreign(make(foreign_store=wrong), report=said.append)
    assert said == blamed("foreign_store", cause)


def test_a_database_of_others_is_not_written(make: Make, tm_environ: Path) -> None:
    with pytest.raises(DatabaseError, match="is not a task store"):
        open_foreign()
    path = Path(os.environ["HOME"]) / "theirs.db"
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match="is not a task store"):
        open_foreign(create=True)
    assert path.read_bytes() == before


def in_code_of(tm: TaskManager) -> list[Plugin]:
    made = (one for one in tm.host.installed if not one.distribution)
    return [one.manifest for one in made if one.manifest is not None]


# Off


def refused(tm: TaskManager) -> Task:
    """Have the completion of a new task refused."""
    task = tm.add("x")
    with pytest.raises(ValidationError, match="never"):
        tm.complete(task.id)
    return task


EXERCISES: dict[str, Callable[[TaskManager], object]] = {
    "task_draft": lambda tm: tm.add("x"),
    "task_validate": lambda tm: tm.add("x"),
    "task_refused": lambda tm: refused(tm),
    "task_write": lambda tm: tm.add("x"),
    "task_undone": lambda tm: (tm.add("x"), tm.undo()),
    "task_details": lambda tm: tm.get(tm.add("x").id),
    "event_validate": lambda tm: tm.ask_about(tm.add("x").id),
    "task_availability": lambda tm: tm.ask(),
    "criterion_validators": lambda tm: tm.ask(),
    "evidence": lambda tm: tm.complete(tm.add("x").id),
    "task_reading": lambda tm: tm.ask(as_of="x"),
    "metric_calculators": lambda tm: tm.ask(),
    "event_handlers": lambda tm: tm.add("x"),
    "command_ended": lambda tm: Invocation(as_json=False, workspace=tm.workspace).end(),
    "config_providers": lambda tm: None,  # opening the store asks for them
    "health_checks": lambda tm: list(tm.health()),
    "storage_backends": lambda tm: TaskManager.open(
        "elsewhere://x", plugins=[one.manifest for one in tm.host.installed[-1:] if one.manifest]
    ),
    "foreign_store": lambda tm: open_foreign(*in_code_of(tm)),
}
"""What makes the kernel call each hook."""

AS_OF = Field("as_of", "str", on=("ask",), stored=False)
NEEDS: dict[str, Any] = {"task_reading": {"fields": (AS_OF,), "when": ("as_of",)}}
"""What a plugin must declare besides, so that the kernel calls the hook."""


@pytest.mark.parametrize("hook", HOOKS)
def test_a_plugin_that_is_off_is_not_touched(
    hook: str, store: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """Off, its module is not even imported; on, it is, which shows that the test would see it."""
    name = f"module_of_{hook}"
    (tmp_path / f"{name}.py").write_text(
        f"from tm_core.api import hookimpl\n@hookimpl\ndef {hook}():\n    return ()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    needs = NEEDS.get(hook, {"fields": (), "when": ()})
    hooks = {hook: Hook(name, needs["when"])}
    off = Plugin("probe", "Probe", fields=needs["fields"], hooks=hooks, enabled=False)

    def exercise(plugin: Plugin) -> None:
        try:
            EXERCISES[hook](store(asker(hook), plugin))
        except TmError:
            # Nobody offers this kind of store, or option, or knows it.
            assert hook in ("storage_backends", "foreign_store", "task_reading")

    exercise(off)
    assert name not in sys.modules
    exercise(off._replace(enabled=True))
    assert name in sys.modules
    del sys.modules[name]
    assert said == []


def test_every_hook_is_tested() -> None:
    for hook in HOOKS:
        assert f"test_{hook}_works" in globals(), f"no test shows the effect of {hook}"
        assert f"test_{hook}_raises" in globals(), f"no test lets {hook} raise"
        assert hook in EXERCISES, f"no test leaves {hook} off"


def test_every_hook_is_documented() -> None:
    from tm_core.hookspecs import Hooks

    for hook in HOOKS:
        assert "Runs" in (getattr(Hooks, hook).__doc__ or "") or hook == "event_handlers", hook


# command_ended


def test_command_ended_works(make: Make, store: Open) -> None:
    ends: list[CommandEnd] = []
    tm = store(make(command_ended=lambda end: ends.append(end)))
    run = Invocation(as_json=False, workspace=tm.workspace)
    run.error = NotFound("no such task")
    run.end()
    (end,) = ends
    assert end.error is run.error
    assert end.failures == ()


def test_command_ended_is_called_for_the_ends_that_it_names(make: Make, store: Open) -> None:
    ends: list[CommandEnd] = []
    tm = store(make(when=("failed",), command_ended=lambda end: ends.append(end)))
    for error in (None, NotFound("no such task"), OSError("broken")):
        run = Invocation(as_json=False, workspace=tm.workspace)
        run.error = error
        run.end()
    assert [str(end.error) for end in ends] == ["broken"]


def test_command_ended_raises(
    make: Make, store: Open, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A line says so; the command is done, so that nothing can stop it any more."""
    tm = store(make(command_ended=boom))
    Invocation(as_json=False, workspace=tm.workspace).end()
    assert said == blamed("command_ended")
    assert capsys.readouterr().out == ""


# task_reading


def test_task_reading_works(make: Make, store: Open) -> None:
    seen: list[Any] = []

    @contextmanager
    def other(ctx: Context) -> Iterator[None]:
        """Read another table in place of the store's."""
        database = ctx.database
        database.execute("CREATE TEMPORARY TABLE task AS SELECT * FROM task")
        database.execute("UPDATE task SET title = 'as it was'")
        yield
        database.execute("DROP TABLE task")  # the temporary one, which hides the store's
        seen.append("left")

    def task_reading(ctx: Context, options: Any, given: Any) -> Any:
        seen.append((dict(options), dict(given)))
        return other(ctx)

    def titles(ctx: Context, extra: int = 0) -> list[str]:
        """Look."""
        return [task.title for task in ctx.find()]

    looks = Plugin("looks", "", actions={"ask": Action(titles, "")})
    tm = store(make(**NEEDS["task_reading"], task_reading=task_reading), looks)
    tm.add("as it is")
    assert tm.ask(extra=3, as_of="y") == ["as it was"]
    assert seen == [({"as_of": "y"}, {"extra": 3}), "left"]
    assert tm.ask() == ["as it is"]
    assert len(seen) == 2


def test_task_reading_raises(make: Make, store: Open) -> None:
    tm = store(make(**NEEDS["task_reading"], task_reading=boom), asker("task_reading"))
    with pytest.raises(PluginError, match=f"plugin 'probe'.*{BOOM[:5]}"):
        tm.ask(as_of="y")
    tm.ask()


# How plugins are called


def test_a_hook_takes_fewer_arguments(make: Make, store: Open) -> None:
    called: list[int] = []

    def task_write() -> None:
        called.append(1)

    store(make(task_write=task_write)).add("x")
    assert called == [1]


def test_an_unknown_hook_in_a_manifest_is_refused(store: Open) -> None:
    with pytest.raises(PluginError, match="plugin 'probe': there is no hook 'task_wrote'"):
        store(Plugin("probe", "", hooks={"task_wrote": Hook("x")}))


class WrongArguments:
    @hookimpl
    def task_write(self, ctx: Context, tesk: Task) -> None:
        """Takes what no hook gives."""


class UnknownHook:
    @hookimpl
    def task_write(self) -> None:
        """A hook."""

    @hookimpl
    def task_wrote(self) -> None:
        """None of ours."""


class NotMarked:
    def task_write(self) -> None:
        """Not marked with `@hookimpl`."""


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        (WrongArguments(), "tesk"),
        (UnknownHook(), "task_wrote"),
        (NotMarked(), "has no @hookimpl function 'task_write'"),
        ("tm_no_such_module", "No module named 'tm_no_such_module'"),
        ("tm_core.errors:nothing", "has no attribute 'nothing'"),
    ],
)
def test_hooks_that_do_not_fit_are_said_once(
    target: object, cause: str, store: Open, said: list[str]
) -> None:
    hooks = dict.fromkeys(("task_write", "task_draft"), Hook(target))
    if isinstance(target, NotMarked):
        del hooks["task_draft"]
    tm = store(Plugin("probe", "", hooks=hooks))
    tm.add("x")
    assert tm.complete(tm.add("y").id).status == "completed"
    assert len(said) == 1, said
    assert said[0].startswith("plugin 'probe' (made in code): task_")
    assert cause in said[0]
    assert "\n" not in said[0]


def test_a_module_keeps_the_hooks_that_it_has(make: Make, store: Open, said: list[str]) -> None:
    called: list[str] = []
    plugin = make(task_write=lambda: called.append("write"))
    target = plugin.hooks["task_write"].target
    plugin = plugin._replace(hooks={"task_write": Hook(target), "task_draft": Hook(target)})
    store(plugin).add("x")
    assert called == ["write"]
    assert len(said) == 1
    assert "no @hookimpl function 'task_draft'" in said[0]


def test_only_the_declared_module_is_called_for_a_hook(store: Open) -> None:
    called: list[str] = []

    class First:
        @hookimpl
        def task_draft(self) -> None:
            called.append("draft")

        @hookimpl
        def task_write(self) -> None:
            called.append("not declared")

    class Second:
        @hookimpl
        def task_write(self) -> None:
            called.append("write")

    hooks = {"task_draft": Hook(First()), "task_write": Hook(Second())}
    store(Plugin("probe", "", hooks=hooks)).add("x")
    assert called == ["draft", "write"]


@pytest.mark.parametrize("wrong", ["no", 5, [5], ["no"], {"a": 1}])
def test_a_validator_of_the_wrong_type_refuses(
    wrong: object, make: Make, store: Open, said: list[str]
) -> None:
    tm = store(make(task_validate=lambda: wrong))
    with pytest.raises(ValidationError, match="could not check"):
        tm.add("x")
    assert len(said) == 1
    assert "TypeError" in said[0]


def test_a_validator_that_raises_half_way_refuses_whole(
    make: Make, store: Open, said: list[str]
) -> None:
    def task_validate() -> Iterator[Problem]:
        yield Problem("this one was found", overridable=True)
        boom()

    with pytest.raises(ValidationError) as caught:
        store(make(task_validate=task_validate)).add("x")
    assert [p["message"] for p in caught.value.problems] == ["'probe' could not check the change"]
    assert said == blamed("task_validate")


class Loud:
    """Prints wherever the kernel calls it."""

    name = "loud"
    pattern = "*"

    def handle(self, event: Event) -> None:
        print("handler")

    def get_config(self) -> dict[str, Any]:
        print("provider")
        return {}


def test_what_a_hook_prints_goes_to_stderr(
    make: Make, store: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    def task_validate() -> Iterator[Problem]:
        print("generator")
        yield from ()

    def offer() -> Iterable[Loud]:
        print("hook")
        return (made() for made in [lazy])

    def lazy() -> Loud:
        print("lazy")
        return Loud()

    tm = store(make(task_validate=task_validate, event_handlers=offer, config_providers=offer))
    tm.add("x")
    printed = capsys.readouterr()
    assert printed.out == ""
    expected = ["hook", "lazy", "provider", "generator", "hook", "lazy", "handler"]
    assert printed.err.split() == expected


def test_sys_exit_in_a_hook_does_not_end_the_process(
    make: Make, store: Open, said: list[str]
) -> None:
    class Quitter(Loud):
        def handle(self, event: Event) -> None:
            sys.exit(0)

    def task_details() -> Iterator[None]:
        yield None
        sys.exit("bye")

    plugin = make(
        task_draft=lambda: sys.exit(), task_details=task_details, event_handlers=lambda: [Quitter()]
    )
    tm = store(plugin)
    tm.get(tm.add("x").id)
    assert said == [
        *blamed("task_draft", "RuntimeError: it called sys.exit(None)"),
        *blamed("handler 'loud'", "RuntimeError: it called sys.exit(0)"),
        *blamed("task_details", "RuntimeError: it called sys.exit('bye')"),
    ]


def test_the_same_failure_is_said_once(make: Make, store: Open, said: list[str]) -> None:
    tm = store(make(task_write=boom))
    tm.add("x")
    tm.add("y")
    assert said == blamed("task_write")


@pytest.mark.parametrize(
    "hook",
    ["task_draft", "task_validate", "task_write", "task_undone", "task_details", "evidence"],
)
def test_a_required_plugin_stops_the_command(hook: str, make: Make, store: Open) -> None:
    tm = store(make(**{hook: boom}), settings=["plugins.required=probe"])
    with pytest.raises(PluginError, match=rf"required plugin 'probe'.*{hook}: {BOOM}") as caught:
        EXERCISES[hook](tm)
    assert caught.value.exit_code == 8
    assert [task.status for task in tm.find()] == (
        ["pending"] if hook in ("task_undone", "task_details", "evidence") else []
    )


def test_a_required_plugin_that_cannot_be_loaded_stops_every_command(store: Open) -> None:
    """Also the second one: what must be there may not be passed by trying again."""
    plugin = Plugin("probe", "", hooks={"task_write": Hook("tm_no_such_module")})
    tm = store(plugin, settings=["plugins.required=probe"])
    for _ in range(2):
        with pytest.raises(PluginError, match=r"required plugin 'probe'.*tm_no_such_module"):
            tm.add("x")
    assert tm.find() == []


@pytest.mark.parametrize(
    "hook",
    sorted({*HOOKS} - {"command_ended", "storage_backends", "health_checks", "config_providers"}),
)
def test_tm_strict_raises_what_the_plugin_raised(
    hook: str, make: Make, store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TM_STRICT", "1")
    tm = store(make(**NEEDS.get(hook, {}), **{hook: boom}), asker(hook))
    with pytest.raises(ValueError, match="bad\nday"):
        EXERCISES[hook](tm)


def test_the_order_of_calls(store: Open) -> None:
    called: list[str] = []

    def plugin(name: str, *, tryfirst: bool = False, trylast: bool = False) -> Plugin:
        class Target:
            @hookimpl(tryfirst=tryfirst, trylast=trylast)
            def task_write(self) -> None:
                called.append(name)

        return Plugin(name, "", hooks={"task_write": Hook(Target())})

    tm = store(
        plugin("b"), plugin("last", trylast=True), plugin("a"), plugin("first", tryfirst=True)
    )
    tm.add("x")
    assert called == ["first", "b", "a", "last"]  # in code: as given, between first and last


def test_the_order_of_installed_plugins(tm: Any, site: Any) -> None:
    """Built-ins, then by name, whatever the order of the path and of the files in it."""
    for name in ("zebra", "ant", "mule"):
        site.install(
            name,
            f"""
            from tm_core.api import Hook, Plugin
            plugin = Plugin("{name}", "", hooks={{"task_write": Hook("tp_{name}.hooks")}})
            """,
            hooks=f"""
            from tm_core.api import hookimpl
            @hookimpl
            def task_write():
                print("{name}")
            """,
        )
    tm("init")
    printed = tm("-q", "add", "x").err.split()
    assert printed == ["ant", "mule", "zebra"]


def test_when_filters_without_importing(
    store: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_when.py").write_text(
        "from tm_core.api import hookimpl\ncalls = []\n"
        "@hookimpl\ndef task_write(change):\n    calls.append(change.after.title)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = Plugin(
        "probe",
        "",
        fields=(
            Field("size", "int"),
            Field("extra", "str", stored=False),
        ),
        hooks={"task_write": Hook("only_when", when=("size", "extra", "part"))},
    )
    tm = store(plugin)
    tm.update(tm.add("untouched").id, description="more")
    assert "only_when" not in sys.modules
    tm.add("field", size=1)
    module = sys.modules.pop("only_when")
    tm.update(tm.add("untouched").id, title="option", extra="e")
    tm.restore({"title": "details", "part": [1]})
    assert module.calls == ["field", "option", "details"]


def test_when_filters_events_without_importing(
    store: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_events.py").write_text(
        "from tm_core.api import hookimpl\n@hookimpl\ndef event_handlers():\n    return ()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    hook = Hook("only_events", when=("task.completed",))
    tm = store(Plugin("probe", "", hooks={"event_handlers": hook}))
    task = tm.add("x")
    tm.update(task.id, title="y")
    assert "only_events" not in sys.modules
    tm.complete(task.id)
    assert sys.modules.pop("only_events")


def test_a_hook_whose_settings_are_empty_is_not_offered(store: Open) -> None:
    asked: list[str] = []

    def task_validate(change: Change) -> tuple[Problem, ...]:
        asked.append(change.after.title)
        return ()

    module = SimpleNamespace(task_validate=hookimpl(task_validate))
    plugin = Plugin(
        "probe",
        "Made for a test",
        hooks={"task_validate": Hook(module, settings=("urls", "path"))},
        config={"urls": Setting("list", [], ""), "path": Setting("str", "", "")},
    )
    store(plugin).add("a")
    store(plugin, settings=["probe.path=here"]).add("b")
    assert asked == ["b"]


def test_a_hook_cannot_depend_on_a_setting_that_is_not_declared(store: Open) -> None:
    hook = Hook(SimpleNamespace(), settings=("url",))
    plugin = Plugin("probe", "", hooks={"task_validate": hook})
    with pytest.raises(PluginError, match="depends on the setting 'url', which it does not have"):
        store(plugin)
