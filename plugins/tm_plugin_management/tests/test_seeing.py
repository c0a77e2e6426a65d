"""Who implements what, what a command calls, and who keeps up with the API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import HOOKS, Plugin
from tm_core.testing import Cli, run_readme


def test_the_hooks_are_listed_in_their_order(tm_cli: Cli) -> None:
    rows = tm_cli("plugins", "--hooks", "--json").json
    assert [HOOKS.index(row["hook"]) for row in rows] == sorted(
        HOOKS.index(row["hook"]) for row in rows
    )
    drafts = [row for row in rows if row["hook"] == "task_draft"]
    assert [row["turn"] for row in drafts] == list(range(1, len(drafts) + 1))
    (tags,) = (row for row in drafts if row["plugin"] == "tags")
    assert (tags["module"], "tags" in tags["when"]) == ("tm_tags.hooks", True)
    assert "task_draft\t1\t" in tm_cli("plugins", "--hooks").out
    off = tm_cli("-p", "no:tags", "plugins", "--hooks", "--json").json
    assert "tags" not in {row["plugin"] for row in off}


def test_a_trace_tells_of_each_call_and_leaves_the_data_alone(tm_cli: Cli) -> None:
    traced = tm_cli("plugins", "trace", "add", "x", "--tag", "a")
    assert tm_cli.show(traced.out.strip())["tags"] == ["a"]
    lines = traced.err.splitlines()
    assert any(line.endswith("ms  tags: task_validate -> 0 item(s)") for line in lines), lines
    assert re.search(r"in \d+ call\(s\) of plugins$", lines[-1])


def test_a_trace_does_not_pass_over_options_of_tm(tm_cli: Cli) -> None:
    refused = tm_cli("plugins", "trace", "--store", "elsewhere.db", "add", "x", code=2)
    assert "--store stands before 'plugins trace'" in refused.err
    assert tm_cli("list").out == ""


def test_a_trace_of_a_command_that_fails_ends_as_it_does(tm_cli: Cli) -> None:
    task_id = tm_cli.add("x", "--criteria", '[{"criterion": "ok", "measurable": "n > 1"}]')
    refused = tm_cli("--json", "plugins", "trace", "complete", task_id, "--validate", code=5)
    rows = json.loads(refused.err.splitlines()[0])["trace"]
    (gate,) = (r for r in rows if (r["plugin"], r["hook"]) == ("success-criteria", "task_validate"))
    assert gate["result"] == "1 item(s)"
    assert gate["milliseconds"] >= 0
    assert tm_cli.show(task_id)["status"] == "pending"


def test_calls_that_raise_are_seen(
    tm_open: Callable[..., TaskManager], tm_failing: Callable[..., Plugin]
) -> None:
    seen: list[Any] = []
    tm = tm_open(plugins=[tm_failing("task_write")], report=lambda line: None)
    tm.host.calls.watch = seen.append
    tm.add("x")
    assert [(call.plugin, call.where, str(call.error)) for call in seen] == [
        ("failing", "task_write", "this plugin always fails")
    ]


def test_the_doctor_tells_which_api_each_was_written_for(tm_cli: Cli) -> None:
    (row,) = tm_cli("plugins", "doctor", "tags", "--json").json
    assert (row["level"], row["subject"]) == ("ok", "plugin tags")
    assert row["message"].startswith("written for API 1.0")
    assert len(tm_cli("plugins", "doctor").out.splitlines()) > 10


@pytest.mark.parametrize(
    ("words", "said"),
    [(["doctor", "tagz"], "did you mean 'tags'"), (["trace"], "needs COMMAND")],
)
def test_what_does_not_fit_is_said(words: list[str], said: str, tm_cli: Cli) -> None:
    assert said in tm_cli("plugins", *words, code=2).err


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)
