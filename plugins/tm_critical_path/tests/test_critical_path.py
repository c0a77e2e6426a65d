"""The critical path as people and programs meet it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import ValidationError
from tm_core.testing import Cli, run_readme

pytestmark = pytest.mark.every_backend


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def told(cli: Cli, *arguments: str, before: tuple[str, ...] = ()) -> dict[str, Any]:
    found: dict[str, Any] = cli(*before, "critical-path", "--json", *arguments).json
    return found


def test_finished_tasks_hold_nobody_up(tm_cli: Cli) -> None:
    first = tm_cli.add("first", "--estimated-hours", "5")
    second = tm_cli.add("second", "--estimated-hours", "2", "--depends-on", first)
    assert told(tm_cli)["hours"] == 7
    tm_cli("complete", first)
    found = told(tm_cli)
    assert (found["hours"], found["chains"]) == (2, [[second]])
    assert found["method"] == "critical path method (Kelley and Walker 1959)"


def test_an_empty_plan_is_told_as_such(tm_cli: Cli) -> None:
    assert "nothing to plan" in tm_cli("critical-path").err
    done = tm_cli.add("done")
    tm_cli("complete", done)
    assert f"Task {done} is finished" in tm_cli("critical-path", done).err
    assert told(tm_cli, done)["tasks"] == []


def test_a_root_leaves_out_what_it_does_not_wait_for(tm_cli: Cli) -> None:
    a = tm_cli.add("a", "--estimated-hours", "1")
    b = tm_cli.add("b", "--estimated-hours", "1", "--depends-on", a)
    tm_cli.add("after", "--estimated-hours", "9", "--depends-on", b)
    found = told(tm_cli, b)
    assert {task["id"] for task in found["tasks"]} == {a, b}
    assert (found["root"], found["hours"]) == (b, 2)


def test_what_is_supposed_is_compared_and_not_written(tm_cli: Cli) -> None:
    a = tm_cli.add("a", "--estimated-hours", "10")
    b = tm_cli.add("b", "--estimated-hours", "4")
    found = told(tm_cli, "--set", f"{a}=90m", "--set", f"{b}=1")
    assert found["hours"] == 1.5
    assert found["what_if"]["hours_before"] == 10
    assert {change["id"]: change["hours"] for change in found["what_if"]["changes"]} == {
        a: 1.5,
        b: 1,
    }
    assert tm_cli.show(a)["estimated_hours"] == 10


@pytest.mark.parametrize("value", ["", "x", "=3", "{id}=", "{id}=-1", "{id}=many", "{id}=1e9h"])
def test_a_wrong_supposition_is_refused(tm_cli: Cli, value: str) -> None:
    task = tm_cli.add("a")
    result = tm_cli("critical-path", "--set", value.format(id=task), code=5)
    assert result.out == ""
    assert len(result.err.splitlines()) == 1


def test_a_supposition_about_a_task_that_does_not_count_is_said(tm_cli: Cli) -> None:
    a, other = tm_cli.add("a"), tm_cli.add("other")
    result = tm_cli("critical-path", a, "--set", f"{other}=99")
    assert f"{other}: no unfinished task that counts here" in result.err
    tm_cli("critical-path", "--set", "ffffffff=1", code=3)


def test_without_estimates_the_path_is_still_found(tm_cli: Cli) -> None:
    a = tm_cli.add("a")
    b = tm_cli.add("b", "--depends-on", a)
    found = told(tm_cli, "--assume", "3", before=("-p", "no:time-tracking"))
    assert (found["hours"], found["chains"]) == (6, [[a, b]])
    assert found["assumed"] == {"hours": 3, "tasks": 2}


def test_sums_are_exact(tm_cli: Cli) -> None:
    """0.1 + 0.2 is 0.3 here, so that a way of 0.3 hours beside it has no slack."""
    a = tm_cli.add("a", "--estimated-hours", "0.1")
    tm_cli.add("b", "--estimated-hours", "0.2", "--depends-on", a)
    tm_cli.add("c", "--estimated-hours", "0.3")
    found = told(tm_cli)
    assert found["critical_chains"] == 2
    assert all(task["critical"] for task in found["tasks"])


def test_estimates_are_calibrated_by_enough_finished_tasks_only(tm_cli: Cli) -> None:
    for _ in range(3):
        task = tm_cli.add("old", "--estimated-hours", "2", "--assignee", "ada")
        tm_cli("complete", task, "--actual-hours", "6")
    tm_cli.add("new", "--estimated-hours", "4", "--assignee", "ada")
    few = told(tm_cli, "--calibrated", "p80")
    assert (few["hours"], few["calibration"]["rests_on"]) == (4, [])
    assert few["calibration"]["uncalibrated"] == 1
    enough = told(tm_cli, "--calibrated", "p80", before=("-c", "critical-path.minimum_tasks=3"))
    assert enough["hours"] == 12
    assert enough["calibration"]["rests_on"] == [
        {"group": "assignee ada", "tasks": 3, "ratio": 3.0, "applied_to": 1}
    ]
    assert enough["tasks"][0]["hours_from"] == "calibrated"


def test_calibrating_without_history_says_what_to_turn_on(tm_cli: Cli) -> None:
    result = tm_cli("-p", "no:metrics", "critical-path", "--calibrated", "p50", code=2)
    assert "tm config enable metrics" in result.err


def test_titles_cannot_break_out_of_a_drawing(tm_cli: Cli) -> None:
    tm_cli.add('a"]; evil [x="\\', "--estimated-hours", "1")
    tm_cli.add("<script>#quot; ::: \x1b[31m", "--estimated-hours", "1")
    dot = tm_cli("critical-path", "--dot").out
    assert '\\"]; evil [x=\\"\\\\' in dot
    mermaid = tm_cli("critical-path", "--format", "mermaid").out
    assert "<script>" not in mermaid
    assert '"]; evil' not in mermaid
    assert "\x1b" not in dot + mermaid


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_accepts_the_drawing(tm_cli: Cli) -> None:
    a = tm_cli.add('quo"te \\ back', "--estimated-hours", "1")
    tm_cli.add("b", "--depends-on", a)
    drawing = tm_cli("critical-path", "--dot").out
    drawn = subprocess.run(["dot", "-Tsvg"], input=drawing, capture_output=True, text=True)
    assert drawn.returncode == 0, drawn.stderr


def test_a_circle_from_outside_is_told(tm_store: TaskManager) -> None:
    a = tm_store.add("a")
    b = tm_store.add("b", depends_on=[a.id])
    tm_store.database.execute(
        "INSERT INTO dependencies_edge (task_id, depends_on, created_at, created_by)"
        " VALUES (?, ?, ?, ?)",
        [a.id, b.id, a["created_at"], "outside"],
    )
    with pytest.raises(ValidationError, match="in a circle"):
        tm_store.critical_path()


def test_off_means_gone(tm_cli: Cli) -> None:
    result = tm_cli("-p", "no:critical-path", "critical-path", code=None)
    assert result.code != 0
    assert "tm config enable critical-path" in result.err


def test_python_gives_the_same_figures(tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open()
    task = tm.add("a", estimated_hours=2)
    assert tm.critical_path(task.id, what_if=[f"{task.id}=3"]).as_dict()["hours"] == 3
