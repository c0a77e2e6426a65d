"""Waiting for what others write, on each engine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tm_core import TaskManager
from tm_core.api import Context, Finding, Hook, Plugin, hookimpl

pytestmark = pytest.mark.every_backend
Open = Callable[..., TaskManager]
LONG = 60.0
"""Seconds after which a test has failed."""


@pytest.fixture
def ctx(tm_open: Open) -> Context:
    """What a plugin's code is handed."""
    handed: list[Context] = []

    def health_checks(ctx: Context) -> list[Finding]:
        handed.append(ctx)
        return []

    target = SimpleNamespace(health_checks=hookimpl(health_checks))
    plugin = Plugin("probe", "Keeps what it is handed", hooks={"health_checks": Hook(target)})
    list(tm_open(plugins=[plugin]).health())
    return handed[0]


def test_what_is_there_already_is_not_waited_for(ctx: Context) -> None:
    assert not ctx.wait_for_events(0, 0)
    ctx.tasks.add("one")
    last = ctx.tasks.store.last_seq()
    assert ctx.wait_for_events(last - 1, LONG)
    assert not ctx.wait_for_events(last, 0.01)


def test_whoever_waits_is_woken_by_others(ctx: Context) -> None:
    def write() -> None:
        with TaskManager.open(str(ctx.project)) as other:
            other.add("two")

    writer = threading.Thread(target=write)
    writer.start()
    assert ctx.wait_for_events(0, LONG)
    writer.join()
    assert not ctx.wait_for_events(ctx.tasks.store.last_seq(), 0)


def test_every_event_wakes_a_waiter_once(ctx: Context) -> None:
    count, last = 20, 0
    seen: list[str] = []

    def write() -> None:
        with TaskManager.open(str(ctx.project)) as other:
            for number in range(count):
                other.add(f"task {number}")

    writer = threading.Thread(target=write)
    writer.start()
    while len(seen) < count:
        assert ctx.wait_for_events(last, LONG)
        new = list(ctx.tasks.store.events("seq > ?", [last]))
        assert new  # it is not woken for nothing
        last = new[-1]["seq"]
        seen += [event["id"] for event in new if event["type"] == "task.created"]
    writer.join()
    assert len(set(seen)) == count
