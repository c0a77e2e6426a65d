from __future__ import annotations

import json
from pathlib import Path

import pytest

from tm_core import TaskManager
from tm_core.api import Conflict, NotFound, ValidationError
from tm_core.testing import Cli, run_readme


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_a_task_belongs_to_a_phase_that_is_there(tm_cli: Cli) -> None:
    phase = tm_cli("phase-create", "One").out.strip()
    task = tm_cli.add("x", "--phase", phase)
    assert [each["id"] for each in tm_cli("list", "--phase", phase, "--json").json] == [task]
    assert "no phase 'other'" in tm_cli("add", "y", "--phase", "other", code=5).err
    tm_cli("phase-update", phase, "--status", "completed")
    assert "is completed" in tm_cli("add", "y", "--phase", phase, code=5).err


def test_phases_follow_each_other(tm_store: TaskManager) -> None:
    first = tm_store.phases_create("First")["id"]
    second = tm_store.phases_create("Second")["id"]
    tm_store.phases_add_dependency(second, first)
    with pytest.raises(ValidationError, match="after itself"):
        tm_store.phases_add_dependency(first, second)
    with pytest.raises(ValidationError, match="comes before it and is planning"):
        tm_store.phases_update(second, status="active")
    forced = tm_store.phases_update(second, status="active", force=True)
    assert forced["started_at"]
    tm_store.undo()
    assert tm_store.phases_show(second)["status"] == "planning"


def test_gates_are_decided(tm_store: TaskManager) -> None:
    phase = tm_store.phases_create("One")["id"]
    gate = tm_store.phases_add_gate(phase, type="approval", criteria="Ada agrees")["id"]
    with pytest.raises(ValidationError, match=r"approval\) is pending"):
        tm_store.phases_update(phase, status="completed")
    tm_store.phases_decide(gate, "failed")
    with pytest.raises(ValidationError, match="for a reason"):
        tm_store.phases_decide(gate, "overridden")
    tm_store.phases_decide(gate, "overridden", reason="on holiday")
    assert tm_store.phases_update(phase, status="completed")["completed_at"]
    by_tasks = tm_store.phases_add_gate(phase)["id"]
    with pytest.raises(Conflict, match="decide gate"):
        tm_store.phases_decide(by_tasks, "passed")
    with pytest.raises(NotFound):
        tm_store.phases_decide("none", "passed")


def test_a_phase_comes_in_as_it_was(tm_store: TaskManager) -> None:
    record = {"id": "ph1", "name": "Old", "status": "completed", "created_at": "2025-01-01"}
    tm_store.phase_restore(json.dumps(record))
    assert tm_store.phases_show("ph1")["status"] == "completed"
    with pytest.raises(Conflict):
        tm_store.phase_restore(json.dumps(record))
    with pytest.raises(NotFound):
        tm_store.phase_restore('{"gate": {"phase": "gone", "type": "approval"}}')
    with pytest.raises(ValidationError):
        tm_store.phase_restore('{"id": "x", "name": "x", "status": "strange"}')
