"""The outbox: events come at least once, in order, whatever happens to handler or process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Event, Hook, Plugin

pytestmark = pytest.mark.every_backend

Make = Callable[..., Plugin]
Open = Callable[..., TaskManager]


class Recorder:
    """A handler that notes what it gets, and fails where it is told to."""

    def __init__(self, name: str = "recorder", pattern: str = "*") -> None:
        self.name = name
        self.pattern = pattern
        self.got: list[tuple[str, str]] = []
        self.failing: set[str] = set()

    def handle(self, event: Event) -> None:
        title = str((event["data"].get("after") or {}).get("title", ""))
        self.got.append((event["type"], title))
        if title in self.failing:
            raise ConnectionError("nobody\nanswers")

    @property
    def titles(self) -> list[str]:
        return [title for _, title in self.got]


def listening(make: Make, *recorders: Recorder, name: str = "probe", **more: Any) -> Plugin:
    return make(name, event_handlers=lambda: recorders, **more)


def state(tm: TaskManager, consumer: str = "probe/recorder") -> dict[str, Any]:
    (row,) = tm.database.query("SELECT * FROM delivery WHERE consumer = ?", [consumer])
    return row


def let_time_pass(tm: TaskManager) -> None:
    """As if the pauses and the claims of dead processes were over."""
    past = "2000-01-01T00:00:00.000000Z"
    tm.database.execute("UPDATE delivery SET retry_at = ? WHERE retry_at IS NOT NULL", [past])
    tm.database.execute("UPDATE delivery SET claimed_until = ?", [past])


def test_events_arrive_after_the_commit_in_order(make: Make, store: Open) -> None:
    recorder = Recorder()
    tm = store(listening(make, recorder))
    with tm.transaction():
        first = tm.add("a")
        tm.add("b")
        tm.complete(first.id)
        assert recorder.got == []
    tm.add("c")
    assert recorder.got == [
        ("task.created", "a"),
        ("task.created", "b"),
        ("task.completed", ""),
        ("task.created", "c"),
    ]


def test_what_is_rolled_back_or_only_tried_never_happened(make: Make, store: Open) -> None:
    recorder = Recorder()
    tm = store(listening(make, recorder))

    def interrupted() -> None:
        with tm.transaction():
            tm.add("a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    with tm.options(dry_run=True):
        tm.add("b")
    assert recorder.got == []


def test_a_handler_gets_only_what_its_pattern_matches(make: Make, store: Open) -> None:
    all_of_them, completed = Recorder("all", "task.*"), Recorder("completed", "task.completed")
    nothing = Recorder("nothing", "release.*")
    tm = store(listening(make, all_of_them, completed, nothing))
    task = tm.add("x")
    tm.update(task.id, title="y")
    tm.complete(task.id)
    assert [kind for kind, _ in all_of_them.got] == [
        "task.created",
        "task.updated",
        "task.completed",
    ]
    assert [kind for kind, _ in completed.got] == ["task.completed"]
    assert nothing.got == []


def test_plugins_own_events_are_delivered(make: Make, store: Open) -> None:
    recorder = Recorder("recorder", "probe.*")
    tm = store(listening(make, recorder))
    with tm.changes.event("probe.noted", None, {"text": "x"}):
        pass
    assert [kind for kind, _ in recorder.got] == ["probe.noted"]


def test_each_event_is_given_once_to_a_handler_that_takes_it(make: Make, store: Open) -> None:
    recorder = Recorder()
    tm = store(listening(make, recorder))
    for title in "abc":
        tm.add(title)
    tm.deliver()
    again = Recorder()
    other = store(listening(make, again))
    other.deliver()
    other.add("d")
    assert recorder.titles == ["a", "b", "c"]
    assert again.titles == ["d"]


def test_a_failure_is_recorded_and_the_event_is_kept(
    make: Make, store: Open, said: list[str]
) -> None:
    recorder = Recorder()
    recorder.failing = {"b"}
    tm = store(listening(make, recorder))
    for title in "abc":
        tm.add(title)
    assert recorder.titles == ["a", "b"]  # not tried again before its time, and nothing passes it
    assert said == [
        "plugin 'probe' (made in code): handler 'recorder': ConnectionError: nobody answers"
    ]
    row = state(tm)
    assert (row["failures"], row["error"]) == (1, "ConnectionError: nobody answers")
    assert row["retry_at"] > tm.changes.now


def test_a_failed_event_is_given_again_after_a_pause_and_in_order(make: Make, store: Open) -> None:
    recorder = Recorder()
    recorder.failing = {"b"}
    tm = store(listening(make, recorder))
    for title in "abc":
        tm.add(title)
    let_time_pass(tm)
    tm.add("d")
    assert recorder.titles == ["a", "b", "b"]
    assert state(tm)["failures"] == 2
    recorder.failing = set()
    let_time_pass(tm)
    tm.add("e")
    assert recorder.titles == ["a", "b", "b", "b", "c", "d", "e"]
    row = state(tm)
    assert (row["failures"], row["error"], row["retry_at"]) == (0, None, None)


def test_pauses_grow(make: Make, store: Open) -> None:
    recorder = Recorder()
    recorder.failing = {"x"}
    tm = store(listening(make, recorder))
    tm.add("x")
    pauses = [state(tm)["retry_at"]]
    for _ in range(5):
        let_time_pass(tm)
        tm.deliver()
        pauses.append(state(tm)["retry_at"])
    assert len(recorder.got) == 6
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[1] < pauses[2] < pauses[3]


def test_handlers_do_not_disturb_each_other(make: Make, store: Open) -> None:
    bad, good, other = Recorder("bad"), Recorder("good"), Recorder("recorder")
    bad.failing = {"a", "b"}
    tm = store(listening(make, bad, good), listening(make, other, name="second"))
    tm.add("a")
    tm.add("b")
    assert bad.titles == ["a"]
    assert good.titles == other.titles == ["a", "b"]


def test_what_a_dead_process_left_is_delivered_by_the_next_command(tm: Any, site: Any) -> None:
    """Whatever that command is about: it needs not concern the handler."""
    site.install(
        "probe",
        """
        from tm_core.api import Hook, Plugin
        plugin = Plugin("probe", "", hooks={
            "event_handlers": Hook("tp_probe.hooks", when=("task.completed",)),
        })
        """,
        hooks="""
        import os
        from tm_core.api import hookimpl

        class Handler:
            name = "handler"
            pattern = "task.completed"
            def handle(self, event):
                with open("heard", "a") as file:
                    print(event["task_id"], file=file)

        @hookimpl
        def event_handlers():
            if os.environ.get("DIE"):
                os._exit(77)
            return [Handler()]
        """,
    )
    tm("init")
    ids = [tm("add", title).out.strip() for title in "ab"]
    tm("complete", ids[0], code=77, DIE="1")  # its very first event: it was never served
    tm("complete", ids[1], code=77, DIE="1")
    assert not (tm.folder / "heard").exists()
    tm("add", "c")
    assert (tm.folder / "heard").read_text().split() == ids
    tm("add", "d")
    assert (tm.folder / "heard").read_text().split() == ids


def test_what_died_in_the_middle_is_given_again(tm: Any, site: Any) -> None:
    """At least once: the handler may have done its work before the process ended."""
    site.install(
        "probe",
        """
        from tm_core.api import Hook, Plugin
        plugin = Plugin("probe", "", hooks={"event_handlers": Hook("tp_probe.hooks")})
        """,
        hooks="""
        import os
        from tm_core.api import hookimpl

        class Handler:
            name = "handler"
            pattern = "*"
            def handle(self, event):
                with open("heard", "a") as file:
                    print(event["data"]["after"]["title"], file=file)
                if os.environ.get("DIE"):
                    os._exit(77)

        @hookimpl
        def event_handlers():
            return [Handler()]
        """,
    )
    tm("init")
    tm("add", "a", code=77, DIE="1")
    tm("add", "b")
    heard = tm.folder / "heard"
    assert heard.read_text().split() == ["a"]  # the dead process holds its claim for a while
    with TaskManager.open(str(tm.folder)) as manager:
        let_time_pass(manager)
    tm("add", "c")
    assert heard.read_text().split() == ["a", "a", "b", "c"]


def test_two_processes_never_serve_one_handler_at_once(make: Make, store: Open) -> None:
    """The one that finds it taken leaves its event to the other, which looks again at the end."""
    second: list[TaskManager] = []

    class Slow(Recorder):
        def handle(self, event: Event) -> None:
            super().handle(event)
            if self.titles == ["a"]:
                second[0].add("b")  # another process commits meanwhile, and finds it taken
                assert other.titles == []

    slow, other = Slow(), Recorder()
    tm = store(listening(make, slow))
    second.append(store(listening(make, other)))
    tm.add("a")
    assert slow.titles == ["a", "b"]
    assert other.titles == []


def test_a_handler_that_writes_gets_its_own_events(make: Make, store: Open) -> None:
    managers: list[TaskManager] = []

    class Follower(Recorder):
        def handle(self, event: Event) -> None:
            super().handle(event)
            if len(self.got) < 4:
                managers[0].add(f"follow-up {len(self.got)}")

    follower = Follower()
    managers.append(store(listening(make, follower)))
    managers[0].add("begin")
    assert follower.titles == ["begin", "follow-up 1", "follow-up 2", "follow-up 3"]


def test_a_handler_that_feeds_itself_does_not_hold_the_command(make: Make, store: Open) -> None:
    managers: list[TaskManager] = []

    class Endless(Recorder):
        def handle(self, event: Event) -> None:
            super().handle(event)
            managers[0].add("more")

    endless = Endless()
    managers.append(store(listening(make, endless)))
    managers[0].add("begin")
    assert 100 <= len(endless.got) <= 102


def test_a_new_handler_begins_with_what_happens_now(make: Make, store: Open) -> None:
    store().add("before it was installed")
    recorder = Recorder()
    tm = store(listening(make, recorder))
    assert recorder.got == []
    tm.add("now")
    assert recorder.titles == ["now"]


def test_while_it_is_off_a_handler_hears_nothing(make: Make, store: Open) -> None:
    """Turned on again it goes on where it was, so that nothing is lost by a mistaken toggle."""
    recorder = Recorder()
    plugin = listening(make, recorder)
    store(plugin).add("a")
    off = store(plugin._replace(enabled=False))
    off.add("b")
    off.deliver()
    assert recorder.titles == ["a"]
    store(plugin).add("c")
    assert recorder.titles == ["a", "b", "c"]


def test_a_plugin_that_has_no_handlers_any_more_leaves_nothing_to_do(
    make: Make, store: Open
) -> None:
    recorder = Recorder()
    recorder.failing = {"a"}
    store(listening(make, recorder)).add("a")
    tm = store(make(event_handlers=lambda: ()))
    tm.add("b")
    assert tm.database.query("SELECT * FROM waiting") == []


def test_doctor_tells_of_a_failing_handler(tm: Any, site: Any) -> None:
    site.install(
        "probe",
        """
        from tm_core.api import Hook, Plugin
        plugin = Plugin("probe", "", hooks={"event_handlers": Hook("tp_probe.hooks")})
        """,
        hooks="""
        from tm_core.api import hookimpl

        class Handler:
            name = "handler"
            pattern = "*"
            def handle(self, event):
                raise ConnectionError("nobody answers")

        @hookimpl
        def event_handlers():
            return [Handler()]
        """,
    )
    tm("init")
    result = tm("-q", "add", "x")
    assert len(result.out.strip()) == 8
    assert result.err == (
        "tm: plugin 'probe' (tm-probe 1.2): handler 'handler': ConnectionError: nobody answers\n"
    )
    findings = json.loads(tm("doctor", "--json", code=1).out)
    (finding,) = [each for each in findings if each["subject"] == "handler probe/handler"]
    assert finding["message"] == "failed 1 time(s): ConnectionError: nobody answers"


def test_a_command_that_concerns_no_handler_imports_none(
    store: Open, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    (tmp_path / "lazy_handlers.py").write_text(
        "from tm_core.api import hookimpl\n@hookimpl\ndef event_handlers():\n    return ()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    hook = Hook("lazy_handlers", when=("task.comp*", "other.*"))
    tm = store(Plugin("probe", "", hooks={"event_handlers": hook}))
    tm.delete(tm.add("x").id)
    tm.deliver()
    assert "lazy_handlers" not in sys.modules


@pytest.fixture(autouse=True)
def forget_modules() -> Iterator[None]:
    yield
    import sys

    sys.modules.pop("lazy_handlers", None)


def test_many_handlers_of_a_plugin_each_get_everything_in_order(make: Make, store: Open) -> None:
    """They are served together; one that fails goes its own way from there, and loses nothing."""
    recorders = [Recorder(f"r{number}") for number in range(5)]
    failing = recorders[2]
    tm = store(listening(make, *recorders))
    failing.failing = {"b"}
    for title in "abc":
        tm.add(title)
    assert failing.titles == ["a", "b"]
    failing.failing = set()
    let_time_pass(tm)
    for title in "de":
        tm.add(title)
    others = [recorder.titles for recorder in recorders if recorder is not failing]
    assert others == [["a", "b", "c", "d", "e"]] * 4
    assert failing.titles == ["a", "b", "b", "c", "d", "e"]


def test_a_plugin_that_another_process_serves_as_a_whole_is_left_to_it(
    make: Make, store: Open
) -> None:
    recorder = Recorder()
    tm = store(listening(make, recorder))
    tm.add("a")
    with tm.transaction():  # as it is while the other one is at it
        tm.database.execute("UPDATE delivery SET claimed_until = '9999-12-31T00:00:00.000000Z'")
        tm.database.execute("INSERT INTO waiting (plugin, seq) VALUES ('probe', 1)")
    tm.add("b")
    assert recorder.titles == ["a"]
    with tm.transaction():  # it died
        tm.database.execute("UPDATE delivery SET claimed_until = '2000-01-01T00:00:00.000000Z'")
    tm.add("c")
    assert recorder.titles == ["a", "b", "c"]
