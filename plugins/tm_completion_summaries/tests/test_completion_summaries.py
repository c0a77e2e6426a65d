import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tm_core import TaskManager
from tm_core.testing import Cli, run_readme


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


@pytest.mark.parametrize("option", ["--summary", "--completion-summary"])
def test_a_summary_on_completion_and_later(tm_cli: Cli, option: str) -> None:
    task = tm_cli.add("x")
    assert tm_cli.show(task)["completion_summary"] is None
    tm_cli("complete", task, option, "done\nwell")
    assert tm_cli.show(task)["completion_summary"] == "done\nwell"
    tm_cli("update", task, option, "better told")
    assert tm_cli.show(task)["completion_summary"] == "better told"


def test_completing_again_keeps_it_unless_given(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("complete", task, "--summary", "first")
    tm_cli("update", task, "--status", "pending")
    tm_cli("complete", task)
    assert tm_cli.show(task)["completion_summary"] == "first"
    tm_cli("update", task, "--status", "pending")
    tm_cli("complete", task, "--summary", "second")
    assert tm_cli.show(task)["completion_summary"] == "second"
    tm_cli("undo")
    assert tm_cli.show(task)["completion_summary"] == "first"
    tm_cli("complete", task, "--summary", "")
    assert tm_cli.show(task)["completion_summary"] is None


def test_an_update_may_complete_with_a_summary(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("update", task, "--status", "completed", "--summary", "done", "--title", "y")
    shown = tm_cli.show(task)
    assert (shown["status"], shown["completion_summary"], shown["title"]) == (
        "completed",
        "done",
        "y",
    )


@pytest.mark.parametrize("summary", ["a\0b", "x" * 100_001, "\udcff"])
def test_a_bad_summary_refuses_the_completion(tm_cli: Cli, summary: str) -> None:
    task = tm_cli.add("x")
    assert "tm: --completion-summary " in tm_cli("complete", task, "--summary", summary, code=5).err
    assert tm_cli.show(task)["status"] == "pending"


@pytest.mark.parametrize("arguments", [[], ["--summary", ""], ["--summary", " \n"]])
def test_a_team_may_require_one(tm_cli: Cli, arguments: list[str]) -> None:
    tm_cli("config", "set", "completion-summaries.required", "true")
    task = tm_cli.add("x")
    refused = tm_cli("complete", task, *arguments, code=5)
    assert "needs a summary" in refused.err
    assert tm_cli.show(task)["status"] == "pending"
    tm_cli("update", task, "--status", "cancelled")
    tm_cli("update", task, "--status", "pending")
    tm_cli("complete", task, "--force")
    event = tm_cli("log", task, "--type", "task.completed", "--json").json[0]
    assert event["data"]["forced"] == ["a completed task needs a summary of what was done"]


def test_required_is_for_completing_not_for_importing(
    tm_open: Callable[..., TaskManager],
) -> None:
    tm = tm_open(settings=["completion-summaries.required=true"])
    assert tm.restore({"title": "old", "status": "completed"}).status == "completed"
    told = tm.add("x")
    tm.complete(told.id, completion_summary="done")
    record = tm.get(told.id).as_dict()
    tm.delete(told.id, purge=True)
    assert tm.restore(record)["completion_summary"] == "done"


def test_adding_a_task_imports_nothing_of_it(tm_cli: Cli) -> None:
    sys.modules.pop("tm_completion_summaries.hooks", None)
    tm_cli.add("x")
    assert "tm_completion_summaries.hooks" not in sys.modules


def test_off_and_on_again(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("complete", task, "--summary", "done")
    tm_cli("config", "disable", "completion-summaries")
    other = tm_cli.add("y")
    refused = tm_cli("complete", other, "--summary", "done", code=8)
    assert "feature 'completion-summaries' is disabled" in refused.err
    assert "completion_summary" not in tm_cli.show(task)
    tm_cli("complete", other)
    tm_cli("config", "enable", "completion-summaries")
    assert tm_cli.show(task)["completion_summary"] == "done"
