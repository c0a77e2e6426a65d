"""What a field's declaration brings with it: defaults, and fields that name a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tm_core import TaskManager
from tm_core.api import (
    Change,
    Field,
    Hook,
    InvalidValue,
    NotFound,
    Plugin,
    Problem,
    Setting,
    hookimpl,
)
from tm_core.testing import Cli

pytestmark = pytest.mark.every_backend


class Watcher:
    """Notes which changes it is asked about."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @hookimpl
    def task_validate(self, change: Change) -> Iterable[Problem]:
        self.seen.append(change.after.title)
        return ()


def _plugin(watcher: Watcher, kinds: list[str]) -> Plugin:
    return Plugin(
        name="sizes",
        summary="For the test",
        fields=(
            Field("size", "enum", choices_setting="kinds", default="it's"),
            Field("near", "task", on=("add", "update", "list")),
        ),
        hooks={"task_validate": Hook(watcher, when=("size", "status"))},
        config={"kinds": Setting("list", kinds, "For the test")},
    )


def test_a_default_holds_for_all_and_wakes_nobody(tm_open: Callable[..., TaskManager]) -> None:
    old = tm_open().add("old")
    watcher = Watcher()
    store = tm_open(plugins=[_plugin(watcher, ["it's", "big"])])
    assert store.get(old.id)["size"] == "it's"
    task = store.add("usual")
    assert task["size"] == "it's"
    assert watcher.seen == []
    store.add("big", size="big")
    assert watcher.seen == ["big"]
    assert store.count('size == "it\'s"') == 2
    with pytest.raises(InvalidValue, match="size cannot be empty"):
        store.update(task.id, size=None)
    with pytest.raises(InvalidValue, match="status cannot be empty"):
        store.update(task.id, status=None)


@pytest.mark.parametrize(("kinds", "usual"), [(["s", "m"], "s"), ([], None)])
def test_a_default_that_is_not_configured(
    tm_open: Callable[..., TaskManager], kinds: list[str], usual: str | None
) -> None:
    store = tm_open(plugins=[_plugin(Watcher(), kinds)])
    assert store.add("x")["size"] == usual


def test_a_field_that_names_a_task(tm_open: Callable[..., TaskManager]) -> None:
    store = tm_open(plugins=[_plugin(Watcher(), ["it's"])])
    a = store.add("a")
    b = store.add("b", near=a.id[:7])
    assert b["near"] == a.id
    assert store.update(b.id, near=None)["near"] is None
    with pytest.raises(NotFound):
        store.update(b.id, near="nothing")


def test_a_page_is_a_list_in_json(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    assert [each["id"] for each in tm_cli("list", "--json").json] == [task]


def test_an_empty_option_selects_what_has_no_value(tm_cli: Cli) -> None:
    mine, free = tm_cli.add("mine", "--assignee", "me"), tm_cli.add("free")
    assert tm_cli("list", "--assignee", "").out.split()[0] == f"[{free}]"
    assert tm_cli("list", "--assignee", "me").out.split()[0] == f"[{mine}]"
    refused = tm_cli("update", mine, "--priority", "", code=5)
    assert "priority cannot be empty" in refused.err


def test_a_computed_field_is_a_name_for_filters(tm_open: Callable[..., TaskManager]) -> None:
    sql = "CASE WHEN length(task.title) > 5 THEN 1 ELSE 0 END"
    long = Field("long_title", "bool", on=("list",), stored=False, sql=sql)
    store = tm_open(plugins=[Plugin("sizes", "For the test", fields=(long,))])
    store.add("short")
    wanted = store.add("quite long")
    assert [task.id for task in store.find("long_title == True")] == [wanted.id]
    assert "long_title" not in store.get(wanted.id).as_dict()


def test_values_after_a_repeatable_option_belong_to_it(tm_cli: Cli) -> None:
    a, b = tm_cli.add("a"), tm_cli.add("b")
    task = tm_cli.add(
        "--tag", "x", "a title", "--depends-on", a, b, "--tag", "y", "z", "-d", "text"
    )
    shown = tm_cli.show(task)
    assert shown["title"] == "a title"
    assert shown["tags"] == ["x", "y", "z"]
    assert sorted(shown["depends_on"]) == sorted([a, b])
    assert shown["description"] == "text"
    assert "extra argument" in tm_cli("add", "t", "one", "two", code=2).err
    assert "extra argument" in tm_cli("add", "t", "--tag", "x", "--", "two", code=2).err


def test_format_json_is_json(tm_cli: Cli) -> None:
    task = tm_cli.add("a")
    assert tm_cli("list", "--format", "json").json[0]["id"] == task
    assert tm_cli("show", task, "--format", "text").out.startswith("id: ")
    tm_cli("list", "--format", "xml", code=2)
