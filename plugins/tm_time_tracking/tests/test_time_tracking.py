import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import STATUSES, Conflict, Field, InvalidValue, Plugin, ValidationError
from tm_core.testing import Cli, run_readme

pytestmark = pytest.mark.every_backend

Open = Callable[..., TaskManager]


def ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def running(tm: TaskManager, hours: dict[str, float], **fields: Any) -> str:
    """A task in progress, on which each actor's timer has run for so many hours."""
    timers = [{"actor": actor, "started_at": ago(each)} for actor, each in hours.items()]
    record = {"title": "x", "status": "in_progress", "time_entries": timers, **fields}
    return tm.restore(record).id


def stints(tm: TaskManager, task: str) -> Any:
    return tm.get(task).details.get("time_entries", [])


def about(hours: float) -> Any:
    return pytest.approx(hours, abs=0.05)  # three minutes, for a machine that is very busy


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


# Fields


def test_estimates_and_hours_are_fields(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--estimated-hours", "2h30m")
    assert tm_cli.show(task)["estimated_hours"] == 2.5
    tm_cli("update", task, "--estimated-hours", "1d", "--actual-hours", "90m")
    tm_cli("complete", task)
    shown = tm_cli.show(task)
    assert (shown["estimated_hours"], shown["actual_hours"]) == (24, 1.5)
    assert len(tm_cli("list", "--where", "estimated_hours > 8", "--json").json) == 1
    tm_cli("update", task, "--estimated-hours", "")
    assert tm_cli.show(task)["estimated_hours"] is None


@pytest.mark.parametrize("hours", ["nan", "inf", "-1", "-2h", "1e999", "soon", "9999999", " "])
def test_hours_that_are_none_are_refused(tm_cli: Cli, hours: str) -> None:
    task = tm_cli.add("x")
    for command in (
        ["add", "y", "--estimated-hours", hours],
        ["update", task, "--estimated-hours", hours],
        ["update", task, "--actual-hours", hours],
        ["complete", task, "--actual-hours", hours],
    ):
        assert "_hours" in tm_cli(*command, code=5).err
    shown = tm_cli.show(task)
    assert (shown["status"], shown["estimated_hours"], shown["actual_hours"]) == (
        "pending",
        None,
        None,
    )


@pytest.mark.parametrize("hours", [float("nan"), float("inf"), -0.5, True, 10**400])
def test_hours_that_are_none_are_refused_in_python(tm_store: TaskManager, hours: Any) -> None:
    task = tm_store.add("x")
    with pytest.raises(InvalidValue):
        tm_store.complete(task.id, actual_hours=hours)


def test_completing_again_keeps_the_hours(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("complete", task, "--actual-hours", "3")
    tm_cli("update", task, "--status", "pending")
    tm_cli("complete", task)
    assert tm_cli.show(task)["actual_hours"] == 3


# Timers


def test_start_and_stop(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    result = tm_cli("start", task[:6])
    assert (result.out, result.err) == ("", f"Timer started on task {task}\n")
    assert tm_cli.show(task)["status"] == "in_progress"
    assert [timer["task_id"] for timer in tm_cli("timers", "--json").json] == [task]
    assert tm_cli("stop", task).out == ""
    shown = tm_cli.show(task)
    assert shown["time_entries"][0]["hours"] == shown["actual_hours"] >= 0
    assert shown["status"] == "in_progress"
    types = [event["type"] for event in tm_cli("log", task, "--json").json]
    assert {"timer.started", "timer.stopped", "task.started"} < set(types)


def test_hours_add_up_over_stints_and_people(tm_open: Open) -> None:
    tm = tm_open(actor="ada")
    task = running(tm, {"ada": 1, "bea": 2}, actual_hours=0.5)
    assert tm.stop(task)[0]["hours"] == about(1)
    tm_open(actor="bea").stop()
    assert tm.get(task)["actual_hours"] == about(3.5)
    tm.start(task)
    tm.stop()
    assert tm.get(task)["actual_hours"] == about(3.5)
    assert len(stints(tm, task)) == 3


def test_stop_stops_all_of_ones_own(tm_open: Open) -> None:
    tm = tm_open(actor="ada")
    first, second = running(tm, {"ada": 1}), running(tm, {"ada": 2, "bea": 3})
    assert {stint["task_id"] for stint in tm.stop()} == {first, second}
    assert tm.get(second)["actual_hours"] == about(2)
    assert [timer["actor"] for timer in tm.timers()] == ["bea"]
    tm.undo()  # both at once
    assert [timer["actor"] for timer in tm.timers()] == ["bea", "ada", "ada"]
    assert tm.get(second)["actual_hours"] is None


def test_a_forgotten_timer_is_pointed_out(tm_cli: Cli) -> None:
    first, second = tm_cli.add("x"), tm_cli.add("y")
    tm_cli("start", first)
    assert f"tm stop {first}" in tm_cli("start", second).err


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("start ffffffff", 3, "no task has the id"),
        ("start", 2, "needs TASK"),
        ("stop ffffffff", 3, "no task has the id"),
        ("stop", 6, "no timer of tester runs (tm timers"),
        ("stop ID", 6, "no timer of tester runs on task"),
    ],
)
def test_bad_input(tm_cli: Cli, command: str, code: int, said: str) -> None:
    task = tm_cli.add("x")
    assert said in tm_cli(*command.replace("ID", task).split(), code=code).err


def test_a_timer_cannot_run_twice(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("start", task)
    assert "already" in tm_cli("start", task, code=6).err
    tm_cli("--actor", "bea", "start", task)
    assert len(tm_cli("timers", "--json").json) == 2


@pytest.mark.parametrize("status", ["blocked", "completed", "cancelled", "deleted"])
def test_no_timer_on_a_task_that_waits_or_is_finished(tm_cli: Cli, status: str) -> None:
    task = tm_cli.add("x")
    tm_cli("update", task, "--status", status)
    assert f"is {status}" in tm_cli("start", task, code=5).err
    assert tm_cli("timers", "--json").json == []


def test_undo_of_start_and_stop(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("start", task)
    tm_cli("stop")
    tm_cli("undo")
    assert len(tm_cli("timers", "--json").json) == 1
    assert tm_cli.show(task)["actual_hours"] is None
    tm_cli("undo")
    shown = tm_cli.show(task)
    assert shown["status"] == "pending"
    assert "time_entries" not in shown


def test_dry_run_starts_nothing(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("start", task, "--dry-run")
    assert tm_cli("timers", "--json").json == []
    assert tm_cli.show(task)["status"] == "pending"


# Finishing a task


@pytest.mark.parametrize("status", ["completed", "cancelled", "deleted"])
def test_finishing_stops_all_timers_in_one_change(tm_store: TaskManager, status: str) -> None:
    task = running(tm_store, {"ada": 1, "bea": 2}, actual_hours=0.25)
    version = tm_store.get(task).version
    tm_store.update(task, status=status)
    done = tm_store.get(task)
    assert done["actual_hours"] == about(3.25)
    assert done.version == version + 1
    assert tm_store.timers() == []
    assert [stint["hours"] for stint in stints(tm_store, task)] == [about(2), about(1)]
    events = list(tm_store.log(task))
    assert [event["type"] for event in events] == ["task.imported", f"task.{status}"]

    tm_store.undo()
    again = tm_store.get(task)
    assert (again.status, again["actual_hours"]) == ("in_progress", 0.25)
    assert len(tm_store.timers()) == 2


@pytest.mark.parametrize("hours", [5.0, 0.25, 0.0])  # 0.25: what was there before
def test_hours_that_are_given_count(tm_store: TaskManager, hours: float) -> None:
    task = running(tm_store, {"ada": 2}, actual_hours=0.25)
    tm_store.complete(task, actual_hours=hours)
    assert tm_store.get(task)["actual_hours"] == hours
    assert stints(tm_store, task)[0]["hours"] == about(2)
    event = list(tm_store.log(task))[-1]
    told = event["data"]["plugins"]["time-tracking"]
    assert told == {"given_hours": hours, "measured_hours": about(2)}


def test_a_refused_completion_stops_nothing(tm_open: Open) -> None:
    tm = tm_open(settings=["completion-summaries.required=true"])
    task = running(tm, {"ada": 1})
    with pytest.raises(ValidationError):
        tm.complete(task)
    assert len(tm.timers()) == 1
    assert tm.get(task)["actual_hours"] is None


def test_a_purged_task_takes_its_stints_along(tm_store: TaskManager) -> None:
    task = running(tm_store, {"ada": 1})
    tm_store.delete(task, purge=True)
    assert tm_store.database.query("SELECT * FROM time_tracking_entry") == []


def test_a_clock_that_goes_back_counts_nothing_and_warns(tm_open: Open) -> None:
    said: list[str] = []
    tm = tm_open(actor="ada", report=said.append)
    task = running(tm, {"ada": -5}, actual_hours=1)
    assert tm.timers()[0]["hours"] == 0
    assert tm.stop()[0]["hours"] == 0
    stint = stints(tm, task)[0]
    assert (stint["hours"], stint["stopped_at"]) == (0, stint["started_at"])
    assert tm.get(task)["actual_hours"] == 1
    assert ["the clock was changed" in line for line in said] == [True]

    other = running(tm, {"ada": -5, "bea": 1})
    tm.complete(other)
    assert tm.get(other)["actual_hours"] == about(1)
    assert len(said) == 2


# Toggling, exports, loading


def test_off_and_on_again(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--estimated-hours", "8")
    tm_cli("start", task)
    tm_cli("config", "disable", "time-tracking")
    for command in (
        ["start", task],
        ["timers"],
        ["add", "y", "--estimated-hours", "1"],
        ["complete", task, "--actual-hours", "1"],
    ):
        assert "feature 'time-tracking' is disabled" in tm_cli(*command, code=8).err
    assert "estimated_hours" not in tm_cli.show(task)
    tm_cli("complete", task)
    tm_cli("config", "enable", "time-tracking")
    assert tm_cli.show(task)["estimated_hours"] == 8
    tm_cli("stop")  # it ran on, since nobody was there to stop it
    assert tm_cli.show(task)["time_entries"][0]["hours"] is not None


def test_an_export_comes_back_with_its_times_and_actors(tm_open: Open) -> None:
    tm = tm_open(actor="ada")
    task = running(tm, {"ada": 2, "bea": 1}, estimated_hours=4.0)
    tm.stop()
    record = json.loads(json.dumps(tm.get(task).as_dict()))
    tm.database.execute("DELETE FROM task")

    restored = tm_open(actor="cyd").restore(record)
    assert tm.get(restored.id).as_dict() == record
    with pytest.raises(Conflict):
        tm_open(actor="bea").start(task)


def test_an_import_fills_in_the_hours_of_a_stint(tm_store: TaskManager) -> None:
    entry = {
        "actor": "ada",
        "started_at": "2025-03-01T10:00:00Z",
        "stopped_at": "2025-03-01T11:30:00Z",
    }
    task = tm_store.restore({"title": "x", "time_entries": [entry]})
    assert stints(tm_store, task.id)[0]["hours"] == 1.5


@pytest.mark.parametrize(
    "part",
    [
        {},
        [[]],
        [{"actor": "a"}],
        [{"actor": "a", "started_at": "x"}],
        [{"actor": "a", "started_at": "2025-03-01", "hours": 1}],
        [{"actor": "a", "started_at": "2025-03-01", "stopped_at": "2025-03-02", "hours": -1}],
        [{"actor": "a", "started_at": "2025-03-01", "stopped_at": "2025-03-02", "hours": "nan"}],
    ],
)
def test_a_broken_export_is_refused_whole(tm_store: TaskManager, part: object) -> None:
    with pytest.raises(ValidationError, match="time_entries"):
        tm_store.restore({"title": "x", "time_entries": part})
    assert tm_store.count() == 0


@pytest.mark.only_backend("sqlite")  # imports, whatever the engine
def test_adding_a_task_imports_nothing_of_it(tm_cli: Cli) -> None:
    for name in [name for name in sys.modules if name.startswith("tm_time_tracking.")]:
        del sys.modules[name]
    task = tm_cli.add("x", "--estimated-hours", "1")
    tm_cli("update", task, "--status", "in_progress")
    assert not [name for name in sys.modules if name.startswith("tm_time_tracking.")]


# Figures


def test_figures_of_nothing(tm_cli: Cli) -> None:
    figures = tm_cli("metrics", "time", "--json").json["time"]
    assert figures == {
        "tasks": 0,
        "total_estimated_hours": 0.0,
        "total_actual_hours": 0.0,
        "mean_ratio": None,
        "p50_ratio": None,
        "p80_ratio": None,
        "bias": None,
    }


_HOURS = st.none() | st.integers(0, 40)
_LABELS = Plugin(name="labels", summary="Words", fields=(Field("labels", "list"),))


class Worked(NamedTuple):
    """One task of the history that figures are made of."""

    assignee: str | None
    labels: list[str]
    estimated: int | None
    actual: int | None
    days_ago: int
    status: str


_HISTORY = st.lists(
    st.builds(
        Worked,
        assignee=st.sampled_from(["ada", "bea", None]),
        labels=st.lists(st.sampled_from("xyz"), unique=True),
        estimated=_HOURS,
        actual=_HOURS,
        days_ago=st.sampled_from([1, 20, 40, 400]),
        status=st.sampled_from(["completed", "completed", "pending", "deleted"]),
    ),
    max_size=15,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(history=_HISTORY, period=st.sampled_from([0, 30]))
def test_figures_are_those_of_a_plain_computation(
    tm_open: Callable[..., TaskManager], history: list[Worked], period: int
) -> None:
    with tm_open(plugins=[_LABELS]) as tm:
        with tm.transaction():
            for old in tm.find(status=STATUSES):
                tm.delete(old.id, purge=True)
            for one in history:
                then = (datetime.now(UTC) - timedelta(days=one.days_ago)).isoformat()
                record: dict[str, Any] = {
                    "title": "x",
                    "status": one.status,
                    "created_at": then,
                }
                record["completed_at"] = then if one.status == "completed" else None
                hours = {"estimated_hours": one.estimated, "actual_hours": one.actual}
                tm.restore(record | hours | {"assignee": one.assignee, "labels": one.labels})
        named = {"period": f"{period}d"} if period else {}
        by_person = tm.metrics("time", by="assignee", **named)["time"]
        by_label = tm.metrics("time", by="labels", **named)["time"]
        assert tm.metrics("time", **named)["time"] == {
            name: figure for name, figure in by_person.items() if name != "by_assignee"
        }
    done = [
        one
        for one in history
        if one.status == "completed" and (not period or one.days_ago < period)
        if None not in (one.estimated, one.actual)
    ]
    _check_time(by_person, done)
    people = {one.assignee for one in done} - {None}
    assert by_person["by_assignee"].keys() == people
    for who in people:
        _check_time(by_person["by_assignee"][who], [o for o in done if o.assignee == who])
    labels = {label for one in done for label in one.labels}
    assert by_label["by_labels"].keys() == labels
    for label in labels:
        _check_time(by_label["by_labels"][label], [o for o in done if label in o.labels])


def _check_time(figures: dict[str, Any], done: list[Worked]) -> None:
    pairs = [(one.estimated or 0, one.actual or 0) for one in done]
    assert figures["tasks"] == len(pairs)
    assert figures["total_estimated_hours"] == sum(e for e, _ in pairs)
    assert figures["total_actual_hours"] == sum(a for _, a in pairs)
    ratios = sorted(a / e for e, a in pairs if e)
    expected: dict[str, float | None] = dict.fromkeys(["mean_ratio", "p50_ratio", "p80_ratio"])
    if ratios:
        expected["mean_ratio"] = sum(ratios) / len(ratios)
        for percent in (50, 80):
            # The least value that at least so many percent do not exceed.
            rank = next(r for r in range(1, len(ratios) + 1) if r * 100 >= percent * len(ratios))
            expected[f"p{percent}_ratio"] = ratios[rank - 1]
    bias = sum(a - e for e, a in pairs) / len(pairs) if pairs else None
    for name, value in {**expected, "bias": bias}.items():
        assert figures[name] == (None if value is None else pytest.approx(value, abs=0.001))


def test_estimates_that_are_off_are_a_finding(tm_cli: Cli) -> None:
    def work(count: int, assignee: str, actual: str) -> None:
        for _ in range(count):
            task = tm_cli.add("x", "--estimated-hours", "2", "--assignee", assignee)
            tm_cli("complete", task, "--actual-hours", actual)

    work(4, "ada", "4")
    assert tm_cli("insights", "--json").json["findings"] == []
    work(1, "ada", "4")
    work(11, "bea", "2")
    told = [each for each in tm_cli("insights", "--json").json["findings"] if each["by"]]
    assert told == [
        {
            "finding": "estimates are 2.0 times too low for assignee ada: 5 tasks, P50 ratio 2,"
            " bias 2",
            "metric": "time",
            "by": "assignee",
            "group": "ada",
            "tasks": 5,
            "figures": {"p50_ratio": 2.0, "bias": 2.0},
        }
    ]
