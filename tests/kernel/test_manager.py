"""The Python API: `TaskManager` as somebody uses it who writes a script."""

from __future__ import annotations

import inspect
import itertools
import os
import pydoc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

import tm_core
from tm_core import TaskManager
from tm_core.api import (
    Action,
    Conflict,
    Context,
    Field,
    InvalidValue,
    NotFound,
    Param,
    Plugin,
    Task,
    TaskId,
    UsageError,
    ValidationError,
)
from tm_core.errors import ExpressionError, FeatureDisabled, NoStore, PluginError

pytestmark = pytest.mark.every_backend


def rate(
    ctx: Context,
    task: TaskId,
    *,
    stars: Annotated[int, Param("How many", minimum=1, maximum=5)] = 3,
    note: Annotated[str, Param("Why")] = "",
) -> dict[str, Any]:
    """Rate a task.

    Args:
        task: Which one.
        stars: From 1 to 5.
        note: Why.

    Raises:
        NotFound: There is no such task.
    """
    with ctx.event("rating.given", task, stars=stars, note=note):
        pass
    return {"task": task, "stars": stars}


def fail(ctx: Context) -> None:
    """Fail in an unforeseen way."""
    raise RuntimeError("a mistake")


RATING = Plugin(
    "rating",
    "Stars for tasks",
    fields=(Field("stars_wanted", "int", minimum=1, maximum=5),),
    actions={
        "rate": Action(rate, "Rate a task", writes=True),
        "rate-and fail": Action(fail, "Fail"),
    },
)


@pytest.fixture
def rated(tm_open: Callable[..., TaskManager]) -> TaskManager:
    return tm_open(plugins=[RATING])


# Opening


def test_the_package_offers_the_manager_and_nothing_else() -> None:
    assert tm_core.TaskManager is TaskManager
    assert set(tm_core.__all__) == {"TaskManager", "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        tm_core.Nonsense  # noqa: B018


@pytest.mark.only_backend("sqlite")
@pytest.mark.parametrize("place", ["folder", "file.db", "deep/er/folder"])
def test_a_store_is_made_only_on_request(tm_environ: Path, place: str) -> None:
    path = tm_environ / place
    with pytest.raises(NoStore):
        TaskManager.open(str(path))
    assert list(tm_environ.iterdir()) == []
    path.parent.mkdir(parents=True, exist_ok=True)
    with TaskManager.open(str(path), create=True) as manager:
        task = manager.add("x")
    with TaskManager.open(str(path)) as manager:
        assert manager.get(task.id) == task


@pytest.mark.only_backend("sqlite")
def test_the_store_is_found_from_the_current_folder(
    tm_environ: Path, tm_store: TaskManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tm_store.add("x")
    below = tm_environ / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    with TaskManager.open() as manager:
        assert manager.get(task.id) == task


def test_actor_settings_environment_and_report(
    tm_open: Callable[..., TaskManager], tm_environ: Path
) -> None:
    assert tm_open().actor == "tester"
    assert tm_open(actor="ada").add("x")["created_by"] == "ada"
    assert tm_open(settings=["actor=bob"]).actor == "bob"
    assert tm_open(environ={"TM_AGENT_ID": "agent-1", "HOME": str(tm_environ)}).actor == "agent-1"
    lines: list[str] = []
    tm_open(settings=["plugins.enable=no-such-feature"], report=lines.append)
    assert len(lines) == 1
    assert "no-such-feature" in lines[0]
    for actor in ("a" * 201, "\udcff", "a\0b"):
        with pytest.raises(InvalidValue, match="actor"):
            tm_open(actor=actor)


# The kernel's own verbs


def test_every_public_method_is_typed_and_documented() -> None:
    members = inspect.getmembers(TaskManager, inspect.isroutine)
    public = {name: member for name, member in members if not name.startswith("_")}
    verbs = {"add", "update", "complete", "delete", "get", "find", "select", "count", "log"}
    assert verbs | {"undo", "restore", "once", "options", "transaction"} <= set(public)
    for name, member in public.items():
        assert (member.__doc__ or "").strip(), name
        signature = inspect.signature(member)
        assert signature.return_annotation is not signature.empty, name
        for parameter in list(signature.parameters.values())[1:]:
            assert parameter.annotation is not parameter.empty, (name, parameter)
    for name in ("add", "update", "complete", "delete", "get", "find", "restore"):
        assert "Raises:" in (public[name].__doc__ or ""), name


def test_a_task_through_its_life(tm_store: TaskManager) -> None:
    task = tm_store.add("Title", description="More", priority="high", assignee="ada")
    assert (task.title, task.description, task.priority) == ("Title", "More", "high")
    assert (task.assignee, task.status, task.version) == ("ada", "pending", 1)
    assert tm_store.get(task.id[:4]).id == task.id
    changed = tm_store.update(task.id, title="New", assignee=None)
    assert (changed.title, changed.assignee, changed.version) == ("New", None, 2)
    with pytest.raises(Conflict, match="version 2, not 1"):
        tm_store.update(task.id, title="Newer", if_version=1)
    done = tm_store.complete(task.id, if_version=2)
    assert done.status == "completed"
    assert done["completed_at"]
    with pytest.raises(Conflict, match="completed already"):
        tm_store.complete(task.id)
    tm_store.delete(task.id)
    assert tm_store.find() == []
    assert tm_store.get(task.id).status == "deleted"
    tm_store.undo()
    assert tm_store.get(task.id).status == "completed"
    tm_store.delete(task.id, purge=True)
    with pytest.raises(NotFound):
        tm_store.get(task.id)
    assert [event["type"] for event in tm_store.log()][-1] == "task.purged"


def test_completing_by_update_is_completing(tm_store: TaskManager) -> None:
    task = tm_store.add("x")
    assert tm_store.update(task.id, status="completed")["completed_at"]
    assert [event["type"] for event in tm_store.log(task.id)] == [
        "task.created",
        "task.completed",
    ]


def test_an_unknown_field_is_refused(tm_store: TaskManager) -> None:
    for attempt in (
        lambda: tm_store.add("x", nonsense=1),
        lambda: tm_store.update(tm_store.add("y").id, nonsense=1),
        lambda: tm_store.add("x", id="abc"),
        lambda: tm_store.add("x", version=7),
        lambda: tm_store.add("x", created_at="2020-01-01"),
    ):
        call: Callable[[], Any] = attempt
        with pytest.raises(UsageError, match="does not take"):
            call()


def test_what_is_given_back_is_the_caller_s_own(tm_store: TaskManager) -> None:
    task = tm_store.add("x")
    task["title"] = "changed by the caller"
    task.details["more"] = 1
    assert tm_store.get(task.id).title == "x"


# Finding


@pytest.fixture
def many(tm_store: TaskManager) -> TaskManager:
    """Tasks whose titles tell their order."""
    for number, (priority, assignee) in enumerate(
        [("low", "ada"), ("high", None), ("critical", "bob"), ("medium", "ada")]
    ):
        tm_store.add(f"t{number}", priority=priority, assignee=assignee)
    return tm_store


def titles(tasks: Any) -> list[str]:
    return [task.title for task in tasks]


def test_find_filters_sorts_and_pages(many: TaskManager) -> None:
    assert titles(many.find(sort="created_at")) == ["t0", "t1", "t2", "t3"]
    assert titles(many.find("assignee == 'ada'", sort="title")) == ["t0", "t3"]
    assert titles(many.find(sort="-priority")) == ["t2", "t1", "t3", "t0"]
    assert titles(many.find("priority in ['low', 'high']", sort="title")) == ["t0", "t1"]
    assert titles(many.find("assignee is None")) == ["t1"]
    assert titles(many.find(sort="title", limit=2)) == ["t0", "t1"]
    assert titles(many.find(sort="title", limit=2, offset=3)) == ["t3"]
    many.complete(many.find("title == 't2'")[0].id)
    many.delete(many.find("title == 't1'")[0].id)
    assert titles(many.find(sort="title")) == ["t0", "t2", "t3"]
    assert titles(many.find(status="completed")) == ["t2"]
    assert titles(many.find(status=["completed", "deleted"], sort="title")) == ["t1", "t2"]
    assert many.count() == 3
    assert many.count("assignee == 'ada'") == 2
    assert many.count(status="deleted") == 1


def test_select_gives_one_at_a_time(many: TaskManager) -> None:
    tasks = many.select(sort="title")
    assert isinstance(tasks, Iterator)
    assert titles(itertools.islice(tasks, 2)) == ["t0", "t1"]


@pytest.mark.parametrize(
    "arguments",
    [{"where": "nothing == 1"}, {"where": "title ="}, {"sort": "nothing"}, {"sort": "-"}],
)
def test_what_is_not_in_the_language_is_refused(
    many: TaskManager, arguments: dict[str, str]
) -> None:
    with pytest.raises(ExpressionError):
        many.find(**arguments)  # type: ignore[arg-type]  # names and values are paired above


def test_the_log_is_filtered(many: TaskManager) -> None:
    first = many.find("title == 't0'")[0]
    many.update(first.id, title="renamed")
    many.complete(first.id)
    types = [event["type"] for event in many.log(first.id)]
    assert types == ["task.created", "task.updated", "task.completed"]
    assert [event["type"] for event in many.log(first.id, newest_first=True)] == types[::-1]
    assert len(list(many.log(event_type="task.created"))) == 4
    assert len(list(many.log(event_type="task.*"))) == 6
    assert len(list(many.log(event_type="task_created"))) == 0  # an underscore is no wildcard
    assert len(list(many.log(limit=2))) == 2
    last = next(many.log(limit=1, newest_first=True))
    assert list(many.log(after=last["seq"])) == []
    assert list(many.log(actor="nobody")) == []
    assert len(list(many.log(actor="tester"))) == 6
    with pytest.raises(NotFound):
        many.log("zzz")


# Plugins' actions


def test_a_plugin_s_action_is_a_method(rated: TaskManager) -> None:
    task = rated.add("x")
    assert rated.rate(task.id) == {"task": task.id, "stars": 3}
    assert rated.rate(task.id[:5], stars="4") == {"task": task.id, "stars": 4}
    assert rated.rate(task=task.id, stars=5)["stars"] == 5
    assert "rate" in dir(rated)
    assert "rate_and_fail" in dir(rated)
    assert [event["data"]["stars"] for event in rated.log(event_type="rating.given")] == [3, 4, 5]


def test_its_help_is_that_of_the_function(rated: TaskManager) -> None:
    method = rated.rate
    assert method.__name__ == "rate"
    assert method.__doc__ == rate.__doc__
    signature = inspect.signature(method)
    assert list(signature.parameters) == ["task", "stars", "note"]
    assert signature.parameters["stars"].default == 3
    assert signature.parameters["stars"].kind is inspect.Parameter.KEYWORD_ONLY
    text = pydoc.plain(pydoc.render_doc(method))
    assert "From 1 to 5" in text
    assert "There is no such task" in text


def test_it_checks_what_it_is_given(rated: TaskManager) -> None:
    task = rated.add("x")
    with pytest.raises(NotFound):
        rated.rate("zzz")
    with pytest.raises(InvalidValue, match="from 1 to 5"):
        rated.rate(task.id, stars=6)
    with pytest.raises(UsageError, match="no parameter 'points'"):
        rated.rate(task.id, points=6)
    with pytest.raises(UsageError, match="'task' is missing"):
        rated.rate()
    with pytest.raises(TypeError, match="too many"):
        rated.rate(task.id, 3)
    assert list(rated.log(event_type="rating.given")) == []


def test_an_action_that_is_off_raises(tm_open: Callable[..., TaskManager]) -> None:
    manager = tm_open(plugins=[RATING], settings=["plugins.disable=rating"])
    for name in ("rate", "rate_and_fail"):
        with pytest.raises(FeatureDisabled, match="feature 'rating' is disabled") as caught:
            getattr(manager, name)
        assert caught.value.hint == "tm config enable rating"
        assert name not in dir(manager)
    with pytest.raises(FeatureDisabled):
        manager.add("x", stars_wanted=3)
    with pytest.raises(FeatureDisabled):
        manager.update(manager.add("x").id, stars_wanted=3)


def test_what_is_no_action_is_no_attribute(rated: TaskManager) -> None:
    with pytest.raises(AttributeError, match="no action 'nonsense'"):
        rated.nonsense  # noqa: B018
    assert not hasattr(rated, "_nonsense")
    assert not hasattr(TaskManager.__new__(TaskManager), "nonsense")


def test_a_mistake_in_an_action_is_the_plugin_s(rated: TaskManager) -> None:
    with pytest.raises(PluginError, match=r"plugin 'rating'.*RuntimeError: a mistake") as caught:
        rated.rate_and_fail()
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert rated.add("still works").id


# Writing once, together, or not at all


def test_once_writes_once(rated: TaskManager) -> None:
    first = rated.once("key-1", "add", "x", priority="high")
    again = rated.once("key-1", "add", "x", priority="high")
    assert again.id == first.id
    assert rated.count() == 1
    rated.once("key-2", "complete", first.id)
    assert rated.once("key-2", "complete", first.id).status == "completed"
    rated.once("key-3", "rate", first.id, stars=5)
    assert rated.once("key-3", "rate", first.id, stars=5).id == first.id
    assert len(list(rated.log(event_type="rating.given"))) == 1
    with pytest.raises(Conflict, match="used for 'add'"):
        rated.once("key-1", "complete", first.id)


def test_a_key_of_a_refused_write_is_free_again(tm_store: TaskManager) -> None:
    with pytest.raises(ValidationError):
        tm_store.once("key", "add", "")
    assert tm_store.once("key", "add", "x").title == "x"


@pytest.mark.parametrize("key", ["k" * 501, "\udcff", "a\0b"])
def test_a_key_is_checked(tm_store: TaskManager, key: str) -> None:
    with pytest.raises(InvalidValue, match="key"):
        tm_store.once(key, "add", "x")
    assert tm_store.count() == 0


def test_a_transaction_is_all_or_nothing(tm_store: TaskManager) -> None:
    def half() -> None:
        with tm_store.transaction():
            tm_store.add("one")
            tm_store.add("")

    with pytest.raises(ValidationError):
        half()
    assert tm_store.count() == 0
    assert list(tm_store.log()) == []
    with tm_store.transaction():
        tm_store.add("one")
        with tm_store.transaction():
            tm_store.add("two")
    assert tm_store.count() == 2
    assert len({event["transaction_id"] for event in tm_store.log()}) == 1
    tm_store.undo()
    assert tm_store.count() == 0


def test_a_dry_run_checks_everything_and_writes_nothing(rated: TaskManager) -> None:
    task = rated.add("x")
    events = list(rated.log())
    with rated.options(dry_run=True):
        assert rated.complete(task.id).status == "completed"
        rated.add("y")
        rated.rate(task.id)
        rated.delete(task.id, purge=True)
        with pytest.raises(ValidationError):
            rated.add("")
    assert list(rated.log()) == events
    assert rated.find() == [task]
    rated.add("z")
    assert rated.count() == 2


# Restoring


def test_a_record_comes_back_with_its_id_and_times(tm_store: TaskManager) -> None:
    record = {
        "id": "old-17",
        "title": "From elsewhere",
        "description": None,
        "status": "completed",
        "priority": "low",
        "created_by": "ada",
        "created_at": "2020-01-02T03:04:05Z",
        "completed_at": "2020-02-02T03:04:05Z",
    }
    task = tm_store.restore(record)
    kept = {name: value for name, value in record.items() if not name.endswith("_at")}
    assert {name: task[name] for name in kept} == kept
    assert task["created_at"].startswith("2020-01-02T03:04:05")
    assert task["updated_at"] == task["created_at"]
    assert task["completed_at"].startswith("2020-02-02T03:04:05")
    assert tm_store.get("old").id == "old-17"
    event = next(tm_store.log("old-17"))
    assert (event["type"], event["actor"]) == ("task.imported", "tester")
    with pytest.raises(Conflict, match="is taken"):
        tm_store.restore(record)


def test_a_title_is_enough(tm_store: TaskManager) -> None:
    task = tm_store.restore({"title": "x"})
    assert (task.status, task.priority, task["created_by"]) == ("pending", "medium", "tester")


def test_a_history_comes_back_with_its_times_and_actors(tm_store: TaskManager) -> None:
    source = tm_store.add("x")
    tm_store.update(source.id, title="y")
    history = list(tm_store.log(source.id))
    tm_store.delete(source.id, purge=True)
    tm_store.restore(tm_store_record(source), history)
    back = [
        event
        for event in tm_store.log(source.id, after=history[-1]["seq"])
        if "imported" in event["data"]
    ]
    assert [(e["type"], e["at"], e["actor"]) for e in back] == [
        (e["type"], e["at"], e["actor"]) for e in history
    ]
    assert [e["data"]["imported"] for e in back] == [e["data"] for e in history]


def tm_store_record(task: Task) -> dict[str, Any]:
    return dict(task)


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ({}, ValidationError),
        ({"title": ""}, ValidationError),
        ({"title": None}, ValidationError),
        ({"title": "x", "status": "done"}, ValidationError),
        ({"title": "x", "priority": 7}, ValidationError),
        ({"title": "x", "created_at": "yesterday-ish"}, ValidationError),
        ({"title": "x", "version": "one"}, ValidationError),
        ({"title": "x", "id": ""}, ValidationError),
        ({"title": "x", "id": " "}, ValidationError),
        ({"title": "x", "id": "i" * 65}, ValidationError),
        ({"title": "x" * 501}, ValidationError),
    ],
)
def test_a_record_is_checked(
    tm_store: TaskManager, record: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        tm_store.restore(record)
    assert tm_store.count() == 0
    assert list(tm_store.log()) == []


def test_a_new_id_that_is_taken_is_drawn_again(
    tm_store: TaskManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.urandom
    drawn = iter([b"same", b"same", b"more", b"more", b"last"])
    monkeypatch.setattr(os, "urandom", lambda size: next(drawn) if size == 4 else real(size))
    tasks = [tm_store.add("x"), tm_store.restore({"title": "y"}), tm_store.add("z")]
    assert [bytes.fromhex(task.id) for task in tasks] == [b"same", b"more", b"last"]


def test_deleting_heeds_the_version(tm_store: TaskManager) -> None:
    task = tm_store.add("x")
    tm_store.update(task.id, title="y")
    with pytest.raises(Conflict, match="has version 2, not 1"):
        tm_store.delete(task.id, if_version=1)
    assert tm_store.delete(task.id, if_version=2).status == "deleted"
    with pytest.raises(Conflict, match="has version 3, not 2"):
        tm_store.delete(task.id, purge=True, if_version=2)
    tm_store.delete(task.id, purge=True, if_version=3)
    assert tm_store.find(status="deleted") == []


def test_a_deleted_task_is_left_as_it_was(tm_store: TaskManager) -> None:
    task = tm_store.add("x")
    tm_store.delete(task.id)
    with pytest.raises(ValidationError, match=f"task {task.id} is deleted") as refused:
        tm_store.update(task.id, title="y")
    assert refused.value.hint == f"tm update {task.id} --status pending"
    assert tm_store.update(task.id, title="y", status="pending").title == "y"


@pytest.mark.parametrize("title", ["\u200b", " \u2060\ufeff ", "\u3164", "\u00ad\u2800"])
def test_a_title_that_nobody_can_see_is_none(title: str, tm_store: TaskManager) -> None:
    with pytest.raises(ValidationError, match="needs a title"):
        tm_store.add(title)
    assert tm_store.add(title + "x").title == title + "x"
    assert tm_store.add("👩\u200d💻").title
