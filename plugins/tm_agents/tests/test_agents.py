from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.testing import Cli, run_readme


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_what_was_told_of_an_agent(tm_cli: Cli) -> None:
    result = tm_cli("agents", "register", "b1", "Builder", "--capabilities", "a, b,,a")
    assert (result.out, result.err) == ("", "Agent b1 registered\n")
    (agent,) = tm_cli("agents", "list", "--json").json
    assert (agent["id"], agent["name"], agent["type"]) == ("b1", "Builder", None)
    assert (agent["capabilities"], agent["status"]) == (["a", "b"], "new")
    assert tm_cli("agents", "register", "b1", "Bob", "--type", "dev").err == "Agent b1 updated\n"
    (changed,) = tm_cli("agents", "list", "--json").json
    assert changed == {**agent, "name": "Bob", "type": "dev"}
    tm_cli("agents", "register", "b1", "Bob", "--type", "", "--capabilities", "")
    (cleared,) = tm_cli("agents", "list", "--json").json
    assert (cleared["type"], cleared["capabilities"]) == (None, [])


def test_saying_the_same_again_writes_nothing(tm_cli: Cli) -> None:
    for _ in range(2):
        tm_cli("agents", "register", "b1", "Builder")
    assert len(tm_cli("log", "--type", "agents.*", "--json").json) == 1


def test_states(tm_cli: Cli) -> None:
    for name in ("new", "active", "busy", "gone"):
        tm_cli("agents", "register", name, name)
    task = tm_cli.add("x", "--assignee", "busy")
    tm_cli.add("y", "--assignee", "new")
    tm_cli("--actor", "active", "add", "z")
    tm_cli("--actor", "busy", "update", task, "--status", "in_progress")
    tm_cli("--actor", "gone", "add", "z")

    def states() -> dict[str, str]:
        return {each["id"]: each["status"] for each in tm_cli("agents", "list", "--json").json}

    assert states() == {"new": "new", "active": "active", "busy": "busy", "gone": "active"}
    tm_cli("config", "set", "agents.idle_after_minutes", "0")
    assert states() == {"new": "new", "active": "idle", "busy": "idle", "gone": "idle"}
    assert [e["id"] for e in tm_cli("agents", "list", "--status", "new", "--json").json] == ["new"]
    assert tm_cli("agents", "list", "--type", "x").err == "No agents found\n"


def test_status_of_one(tm_cli: Cli) -> None:
    tm_cli("--actor", "bea", "add", "x", "--assignee", "carl")
    assert tm_cli("agents", "status").err == "No agents found\n"
    assert tm_cli("agents", "status", "bea", "--json").json[0]["status"] == "active"
    assert tm_cli("agents", "status", "carl", "--json").json[0]["status"] == "new"
    assert "no agent has the id 'dora'" in tm_cli("agents", "status", "dora", code=3).err


def test_workload_counts_what_is_there(tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open()
    tm.agents_register("idle", "Idle")
    for status in ("pending", "in_progress", "blocked", "completed", "cancelled"):
        tm.update(tm.add(status, assignee="bea").id, status=status)
    tm.delete(tm.add("gone", assignee="bea").id)
    tm.restore({"title": "old", "assignee": "bea", "status": "completed", "completed_at": "-8d"})
    tm.add("nobody's")
    first, second = tm.agents_workload()
    assert first["id"] == "bea"
    assert (first["open"], first["in_progress"], first["blocked"]) == (3, 1, 1)
    assert first["completed_7d"] == 1
    assert first["last_activity"] is None
    assert (second["id"], second["name"], second["open"]) == ("idle", "Idle", 0)


def test_hours_count_only_where_they_are_known(tm_cli: Cli) -> None:
    tm_cli.add("x", "--assignee", "bea", "--estimated-hours", "2.5")
    tm_cli("complete", tm_cli.add("y", "--assignee", "bea", "--estimated-hours", "9"))
    tm_cli.add("z", "--assignee", "carl")
    assert {e["id"]: e["estimated_hours"] for e in tm_cli("agents", "workload", "--json").json} == {
        "bea": 2.5,
        "carl": None,
    }
    tm_cli("config", "disable", "time-tracking")
    assert tm_cli("agents", "workload", "--json").json[0]["estimated_hours"] is None


@pytest.mark.parametrize("command", ["register", "list", "status", "workload"])
def test_the_earlier_spellings(tm_cli: Cli, command: str) -> None:
    more = ["b1", "Builder"] if command == "register" else []
    tm_cli(f"agent-{command}", *more)
    assert f"agent-{command}" not in tm_cli("--help").out


def test_nobody(tm_cli: Cli) -> None:
    assert tm_cli("agents", "workload").err == "Nobody has anything to do\n"
    assert tm_cli("agents", "workload", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["register"], 2, "needs ID"),
        (["register", "a"], 2, "needs NAME"),
        (["register", "", "x"], 5, "is one word"),
        (["register", "a b", "x"], 5, "is one word"),
        (["register", "a\x1b", "x"], 5, "is one word"),
        (["register", "a", " "], 5, "needs a name"),
        (["register", "a" * 201, "x"], 5, "too long"),
        (["list", "--status", "dead"], 5, "dead"),
    ],
)
def test_bad_input(tm_cli: Cli, arguments: list[str], code: int, said: str) -> None:
    assert said in tm_cli("agents", *arguments, code=code).err
    assert tm_cli("agents", "list", "--json").json == []


def test_undo_dry_run_and_off(tm_cli: Cli) -> None:
    tm_cli("agents", "register", "b1", "Builder")
    tm_cli("agents", "register", "b1", "Other")
    tm_cli("agents", "register", "b1", "Third", "--dry-run")
    tm_cli("undo")
    assert tm_cli("agents", "list", "--json").json[0]["name"] == "Builder"
    tm_cli("config", "disable", "agents")
    assert "feature 'agents' is disabled" in tm_cli("agents", "list", code=8).err
    assert "feature 'agents' is disabled" in tm_cli("agent-list", code=8).err
    tm_cli("config", "enable", "agents")
    assert len(tm_cli("agents", "list", "--json").json) == 1
    tm_cli("undo")
    assert tm_cli("agents", "list", "--json").json == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.sampled_from(["bea", "carl", "O'Brien", "%", '"']), max_size=8))
def test_every_open_task_is_somebodys(tm_store: TaskManager, assignees: list[str]) -> None:
    before = {each["id"]: each["open"] for each in tm_store.agents_workload()}
    for name in assignees:
        tm_store.add("x", assignee=name)
    after = {each["id"]: each["open"] for each in tm_store.agents_workload()}
    assert after == {
        name: before.get(name, 0) + assignees.count(name) for name in {*before, *assignees}
    }
