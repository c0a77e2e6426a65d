"""What is to go warns before it goes, and works until then."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import API_VERSION, HOOKS, Hook, Plugin, hookimpl
from tm_core.hookspecs import Hooks, leaving
from tm_core.plugin_host.host import Host
from tm_core.plugin_host.registry import manifest_fault


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel in which a hook and an argument of another are to go."""
    undone: Any = Hooks.task_undone
    monkeypatch.setitem(undone.tm_spec, "warn_on_impl", leaving((1, 1), "see task_write"))
    write: Any = Hooks.task_write
    monkeypatch.setitem(
        write.tm_spec, "warn_on_impl_args", {"ctx": leaving((1, 1), "change knows it")}
    )


def written_before() -> Plugin:
    def task_write(ctx: Any, change: Any) -> None:
        """Uses an argument that is to go."""

    def task_undone(changes: Any) -> None:
        """Uses a hook that is to go."""

    module = SimpleNamespace(task_write=hookimpl(task_write), task_undone=hookimpl(task_undone))
    return Plugin("old", "", hooks=dict.fromkeys(("task_write", "task_undone"), Hook(module)))


@pytest.mark.usefixtures("later")
def test_what_is_to_go_is_told_and_still_works(
    tm_host: Callable[..., Host], tm_open: Callable[..., TaskManager]
) -> None:
    host = tm_host(plugins=[written_before()])
    for hook in HOOKS:
        host.implementations(hook)
    assert {use.cause for use in host.deprecated} == {
        "deprecated since API 1.1, gone after 1.3: see task_write",
        "deprecated since API 1.1, gone after 1.3: change knows it",
    }
    said: list[str] = []
    tm = tm_open(plugins=[written_before()], report=said.append)
    tm.add("x")
    tm.undo()
    assert said == []  # users can do nothing about it


def test_what_is_used_as_it_should_be_is_not_told(tm_host: Callable[..., Host]) -> None:
    host = tm_host(plugins=[written_before()])
    for hook in HOOKS:
        host.implementations(hook)
    assert host.deprecated == []


def test_nothing_that_is_to_go_overstays() -> None:
    """A hook or argument stays for two minor versions, and goes with the next major one."""
    for hook in HOOKS:
        marks = getattr(Hooks, hook).tm_spec
        warnings = [marks.get("warn_on_impl"), *(marks.get("warn_on_impl_args") or {}).values()]
        for warning in filter(None, warnings):
            until = re.search(r"gone after (\d+)\.(\d+)", str(warning))
            assert until is not None, f"{hook}: mark it with leaving(...)"
            assert (int(until[1]), int(until[2])) >= API_VERSION, f"{hook}: {warning}"


@pytest.mark.parametrize(
    ("api", "fits"),
    [
        (API_VERSION[0], True),
        (API_VERSION, True),
        ((API_VERSION[0], API_VERSION[1] + 1), False),
        (API_VERSION[0] + 1, False),
        (API_VERSION[0] - 1, False),
    ],
)
def test_a_plugin_names_the_api_that_it_needs(api: Any, fits: bool) -> None:
    assert (manifest_fault(Plugin("probe", "x", api=api), "probe") == "") is fits
