"""The outbox: events come at least once, in order, whatever happens to handler or process."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Event, Hook, Plugin, hookimpl
from tm_core.storage.backend import Exclusive

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
    """As if the pauses were over."""
    past = "2000-01-01T00:00:00.000000Z"
    tm.database.execute("UPDATE delivery SET retry_at = ? WHERE retry_at IS NOT NULL", [past])


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
    assert tm.database.query("SELECT * FROM delivery WHERE failures > 0") == []
    assert tm.database.query("SELECT * FROM waiting") == []


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
    assert (tm.folder / "heard").read_text().split() == ["a", "a", "b"]


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


def test_while_another_process_serves_events_are_left_to_it(make: Make, store: Open) -> None:
    recorder = Recorder()
    tm = store(listening(make, recorder))
    other = store().database
    assert isinstance(other, Exclusive)
    with other.serving() as alone:
        assert alone
        tm.add("a")
        assert recorder.titles == []
    tm.add("b")  # that one died
    assert recorder.titles == ["a", "b"]


@pytest.mark.only_backend("sqlite")
def test_whoever_serves_for_too_long_is_not_waited_for(make: Make, store: Open) -> None:
    recorder = Recorder()
    tm = store(listening(make, recorder))
    with store().database.serving():  # type: ignore[attr-defined]
        os.utime(tm.database.url + "-outbox", (0, 0))
        tm.add("a")
    assert recorder.titles == ["a"]


def test_fifty_plugins_are_served_with_one_row(make: Make, store: Open) -> None:
    recorders = {f"p{number}": Recorder() for number in range(50)}
    plugins = [listening(make, each, name=name) for name, each in recorders.items()]
    tm = store(*plugins)
    recorders["p7"].failing = {"b"}
    for title in "abc":
        tm.add(title)
    rows = tm.database.query("SELECT consumer, members FROM delivery ORDER BY consumer")
    assert [row["consumer"] for row in rows] == ["/", "p7/recorder"]
    assert len(rows[0]["members"].split()) == 49
    recorders["p7"].failing = set()
    let_time_pass(tm)
    tm.add("d")
    tm.add("e")
    assert recorders["p7"].titles == ["a", "b", "b", "c", "d", "e"]
    assert all(each.titles == [*"abcde"] for name, each in recorders.items() if name != "p7")
    (row,) = tm.database.query("SELECT consumer, members FROM delivery")
    assert len(row["members"].split()) == 50  # in step again


def test_each_set_of_plugins_goes_on_where_it_was(make: Make, store: Open) -> None:
    """Two teams on one store; what both have on gets each event once."""
    ours, both, theirs = Recorder(), Recorder(), Recorder()
    plugins = [
        listening(make, each, name=name)
        for name, each in (("ours", ours), ("both", both), ("theirs", theirs))
    ]
    first, second = store(*plugins[:2]), store(*plugins[1:])
    first.add("a")
    second.add("b")
    second.add("c")
    first.add("d")
    second.add("e")
    assert both.titles == [*"abcde"]
    assert ours.titles == [*"abcd"]
    assert theirs.titles == [*"bcde"]  # not yet there when 'a' was added


def test_what_waits_while_plugins_change_is_for_those_it_waits_for(make: Make, store: Open) -> None:
    gone, new = Recorder(), Recorder()
    leaving, coming = listening(make, gone, name="gone"), listening(make, new, name="new")
    tm = store(leaving)
    tm.add("a")
    with store().database.serving():  # type: ignore[attr-defined]  # by somebody who dies
        tm.add("b")
    store(coming).add("c")
    assert (gone.titles, new.titles) == (["a"], ["c"])
    store(leaving, coming).add("d")
    assert (gone.titles, new.titles) == ([*"abcd"], ["c", "d"])


@pytest.mark.parametrize("ending", ["exits", "leaves open", "raises halfway"])
def test_a_handler_that_misbehaves_is_named_and_the_next_one_served(
    make: Make, store: Open, said: list[str], ending: str
) -> None:
    managers: list[TaskManager] = []

    class Bad(Recorder):
        def handle(self, event: Event) -> Any:
            super().handle(event)
            if ending == "exits":
                sys.exit(3)
            if ending == "leaves open":
                managers[0].transaction().__enter__()
                return None
            return self.steps()

        def steps(self) -> Iterator[None]:
            yield
            raise ValueError("halfway")

    bad, good = Bad("bad"), Recorder("good")
    managers.append(store(listening(make, bad, good)))
    managers[0].add("a")
    managers[0].add("b")
    assert (bad.titles, good.titles) == (["a"], ["a", "b"])
    cause = {
        "exits": "RuntimeError: it called sys.exit(3)",
        "leaves open": "RuntimeError: it left a transaction open",
        "raises halfway": "ValueError: halfway",
    }
    assert said == [f"plugin 'probe' (made in code): handler 'bad': {cause[ending]}"]


def test_what_handlers_print_and_change_reaches_nobody(
    make: Make, store: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    class Loud(Recorder):
        def handle(self, event: Event) -> None:
            print("hello")
            event.pop("type")  # type: ignore[misc]

    after = Recorder("after")
    store(listening(make, Loud("loud"), after)).add("a")
    assert after.got == [("task.created", "a")]
    assert capsys.readouterr().out == ""


def test_one_whose_module_is_mended_gets_what_it_missed(
    store: Open, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    module = tmp_path / "lazy_handlers.py"
    module.write_text("raise ImportError('half written')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = Plugin("probe", "", hooks={"event_handlers": Hook("lazy_handlers")})
    store(plugin).add("a")
    store(plugin).add("b")
    assert len(said) == 2
    assert "half written" in said[0]
    recorder = Recorder()
    store(listening_in(plugin, recorder)).add("c")
    assert recorder.titles == ["a", "b", "c"]


def listening_in(plugin: Plugin, recorder: Recorder) -> Plugin:
    """The same plugin with a module that works."""
    module = SimpleNamespace(event_handlers=hookimpl(lambda: [recorder]))
    return plugin._replace(hooks={"event_handlers": Hook(module)})


def test_slow_handlers_are_named(make: Make, store: Open, said: list[str]) -> None:
    class Slow(Recorder):
        def handle(self, event: Event) -> None:
            until = time.perf_counter() + 0.02
            while time.perf_counter() < until:
                pass

    quick = Recorder("quick")
    tm = store(listening(make, Slow("slow"), quick), settings=["plugins.time_budget=0.01"])
    tm.add("a")
    assert len(said) == 1
    assert said[0].startswith("plugin 'probe' (made in code): handler 'slow' took 0.0")
