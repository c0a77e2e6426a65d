"""Events that are private to an actor, rows beside the history, and slow handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Annotated, Any

import pytest

from tm_core import TaskManager
from tm_core.api import Action, Context, Event, Hook, Param, Plugin, hookimpl, readable
from tm_core.engine import outbox

SECRET = "they-must-not-read-this"


def whisper(ctx: Context, task: str, text: Annotated[str, Param("A text")]) -> None:
    """Record an event for the actor alone."""
    with ctx.event("whisper.made", task, private_to=ctx.actor, text=text):
        pass


def look(ctx: Context, seq: int) -> None:
    """Keep how far somebody has read."""
    ctx.keep("whisper_cursor", {"reader": ctx.actor}, {"seq": seq})


def forget(ctx: Context) -> None:
    """Take the row away again."""
    ctx.keep("whisper_cursor", {"reader": ctx.actor}, None)


class Listener:
    """A handler of everything."""

    name = "all"
    pattern = "*"

    def __init__(self) -> None:
        self.got: list[Event] = []

    def handle(self, event: Event) -> None:
        self.got.append(event)


def plugin(listener: Listener) -> Plugin:
    @hookimpl
    def event_handlers(ctx: Context) -> Iterable[Any]:
        return [listener]

    return Plugin(
        "whisper",
        "For one",
        hooks={"event_handlers": Hook(SimpleNamespace(event_handlers=event_handlers))},
        actions={
            "whisper": Action(whisper, "Whisper", writes=True),
            "look": Action(look, "Look"),
            "forget": Action(forget, "Forget"),
        },
    )


def test_only_its_actor_sees_what_a_private_event_holds(
    tm_open: Callable[..., TaskManager],
) -> None:
    listener = Listener()
    ada = tm_open(actor="ada", plugins=[plugin(listener)])
    task = ada.add("x").id
    ada.whisper(task, SECRET)
    assert next(ada.log(event_type="whisper.*"))["data"]["text"] == SECRET

    bea = tm_open(actor="bea", plugins=[plugin(listener)])
    event = next(bea.log(event_type="whisper.*"))
    assert (event["actor"], event["data"]) == ("ada", {"private_to": "ada"})
    assert SECRET not in repr(listener.got)
    assert "whisper.made" in [event["type"] for event in listener.got]

    # Also once it has been exported and brought in again.
    history = list(ada.log(task))
    ada.delete(task, purge=True)
    ada.restore({"id": task, "title": "x"}, history)
    assert SECRET in repr(list(ada.log(event_type="whisper.*")))
    assert SECRET not in repr(list(bea.log(event_type="whisper.*")))


def test_what_others_may_read_of_an_event() -> None:
    data = {"private_to": "ada", "text": SECRET, "rows": [["t", {}, None, {"text": SECRET}]]}
    assert readable(data, "ada") == data
    assert readable(data, "bea") == readable(data, None) == {"private_to": "ada"}
    assert readable({"imported": {"imported": data}}, "bea") == {"private_to": "ada"}
    assert readable({"imported": "text"}, "bea") == {"imported": "text"}
    assert readable({"a": 1}, None) == {"a": 1}


def test_rows_beside_the_history(tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open(plugins=[plugin(Listener())])
    tm.database.execute("CREATE TABLE whisper_cursor (reader TEXT PRIMARY KEY, seq BIGINT)")
    tm.add("x")
    tm.look(3)
    tm.look(5)
    assert tm.database.query("SELECT seq FROM whisper_cursor") == [{"seq": 5}]
    assert [event["type"] for event in tm.log()] == ["task.created"]
    tm.undo()
    assert tm.database.query("SELECT seq FROM whisper_cursor") == [{"seq": 5}]
    tm.forget()
    tm.forget()
    assert tm.database.query("SELECT seq FROM whisper_cursor") == []


def test_a_slow_handler_leaves_the_rest_to_the_next_command(
    tm_open: Callable[..., TaskManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener()
    tm = tm_open(plugins=[plugin(listener)])
    monkeypatch.setattr(outbox, "_BUDGET", -1.0)
    with tm.transaction():
        for number in range(3):
            tm.add(f"task {number}")
    assert len(listener.got) == 1
    tm.add("one more")
    assert len(listener.got) == 2
    monkeypatch.undo()
    tm.deliver()
    assert [event["seq"] for event in listener.got] == [1, 2, 3, 4]


def test_a_handler_that_fails_never_fails_the_command(
    tm_open: Callable[..., TaskManager],
) -> None:
    class Broken(Listener):
        def handle(self, event: Event) -> None:
            super().handle(event)
            raise RuntimeError("no")

    listener = Broken()
    said: list[str] = []
    tm = tm_open(plugins=[plugin(listener)], report=said.append)
    for number in range(3):  # the later ones fall into the pause
        tm.add(f"task {number}")
    assert len(listener.got) == 1
    assert "RuntimeError: no" in said[0]
    for failures in range(1, 8):
        (row,) = tm.database.query("SELECT * FROM delivery WHERE failures > 0")
        assert row["failures"] == failures
        assert row["retry_at"] > tm.changes.now
        tm.database.execute("UPDATE delivery SET retry_at = '2000-01-01T00:00:00.000000Z'")
        tm.deliver()
    assert {event["seq"] for event in listener.got} == {1}
