"""Two people must confirm: as a rule, as a criterion, and through changes, undo and import."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tm_core import TaskManager
from tm_core.api import Task
from tm_core.testing import Cli, PluginConformance, run_readme


def signers(cli: Cli, task_id: str) -> list[str]:
    return [each["person"] for each in cli.show(task_id).get("signatures", [])]


def test_it_is_done_when_enough_have_signed(tm_cli: Cli) -> None:
    task_id = tm_cli.add("Move the database", "--signers", "2")
    tm_cli("--actor", "ann", "sign", task_id)
    refused = tm_cli("complete", task_id, code=5)
    assert "2 people must sign it, signed by ann" in refused.err
    tm_cli("--actor", "bob", "sign", task_id)
    tm_cli("complete", task_id)
    assert signers(tm_cli, task_id) == ["ann", "bob"]


def test_without_signers_nothing_is_asked(tm_cli: Cli) -> None:
    tm_cli("complete", tm_cli.add("Small"))


def test_force_is_recorded(tm_cli: Cli) -> None:
    task_id = tm_cli.add("Urgent", "--signers", "1")
    tm_cli("complete", task_id, "--force")
    (event,) = tm_cli("log", task_id, "--type", "task.completed", "--json").json
    assert event["data"]["forced"] == ["1 people must sign it, signed by nobody"]


def test_a_signature_counts_once(tm_cli: Cli) -> None:
    task_id = tm_cli.add("Twice")
    tm_cli("--actor", "ann", "sign", task_id)
    tm_cli("--actor", "ann", "sign", task_id, code=6)
    assert signers(tm_cli, task_id) == ["ann"]


@pytest.mark.parametrize("allowed", [False, True])
def test_the_assignee_signs_only_where_that_is_allowed(tm_cli: Cli, allowed: bool) -> None:
    task_id = tm_cli.add("Own work", "--assignee", "ann")
    tm_cli("config", "set", "signoff.own_work", str(allowed).lower())
    tm_cli("--actor", "ann", "sign", task_id, code=0 if allowed else 5)
    assert signers(tm_cli, task_id) == (["ann"] if allowed else [])


def test_a_signature_is_for_what_was_read(tm_cli: Cli) -> None:
    task_id = tm_cli.add("Move the database", "--signers", "1")
    tm_cli("--actor", "ann", "sign", task_id)
    tm_cli("update", task_id, "--priority", "high")
    assert signers(tm_cli, task_id) == ["ann"]
    tm_cli("update", task_id, "--title", "Drop the database")
    assert signers(tm_cli, task_id) == []
    tm_cli("undo")
    assert signers(tm_cli, task_id) == ["ann"]


def test_it_is_taken_back(tm_cli: Cli) -> None:
    task_id = tm_cli.add("Doubtful")
    tm_cli("--actor", "ann", "sign", task_id)
    tm_cli("--actor", "bob", "unsign", task_id, code=3)
    tm_cli("--actor", "ann", "unsign", task_id)
    assert signers(tm_cli, task_id) == []


@pytest.mark.parametrize(("people", "enough"), [(None, False), (1, True)])
def test_a_criterion_asks_for_it(tm_cli: Cli, people: int | None, enough: bool) -> None:
    criterion = {"criterion": "read by others", "validator": "signed-off"}
    wanted = criterion if people is None else criterion | {"people": people}
    task_id = tm_cli.add("Reviewed", "--criteria", json.dumps([wanted]))
    tm_cli("--actor", "ann", "sign", task_id)
    tm_cli("complete", task_id, "--validate", code=0 if enough else 5)


def test_an_export_brings_the_signatures_along(tm_cli: Cli, tmp_path: Path) -> None:
    task_id = tm_cli.add("Exported")
    tm_cli("--actor", "ann", "sign", task_id)
    lines = tmp_path / "tasks.jsonl"
    lines.write_text(tm_cli("export", "--format", "jsonl").out, encoding="utf-8")
    tm_cli("delete", task_id, "--purge")
    tm_cli("import", str(lines))
    assert signers(tm_cli, task_id) == ["ann"]


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


class TestConformance(PluginConformance):
    plugin = "signoff"

    def use(self, tm: TaskManager, task: Task) -> None:
        super().use(tm, task)
        tm.sign(task.id)
