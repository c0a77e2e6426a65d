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


# Messages


def test_a_message_reaches_the_one_it_is_for(tm_cli: Cli) -> None:
    tm_cli("agents", "register", "b1", "Builder")
    result = tm_cli("agent-message", "tester", "b1", "API ready", "--priority", "critical")
    assert (result.out, result.err) == ("", "Message sent\n")
    tm_cli("agents", "message", "broadcast", "all stop")
    tm_cli("agents", "message", "b1", "lunch?", "--priority", "low")
    assert (
        tm_cli("--actor", "b1", "watch")
        .out.splitlines()[1]
        .startswith("[MENTIONED CRITICAL] API ready (tester")
    )
    (told,) = tm_cli("--actor", "carl", "watch", "--json").json
    assert (told["message"], told["mentioned"], told["priority"]) == ("all stop", False, "normal")


def test_a_message_in_anothers_name_says_so(tm_cli: Cli) -> None:
    tm_cli("agent-message", "a1", "b1", "done")
    (event,) = tm_cli("log", "--type", "agents.*", "--json").json
    assert (event["actor"], event["data"]["from"]) == ("tester", "a1")
    (told,) = tm_cli("--actor", "b1", "watch", "--json").json
    assert told["message"] == "a1: done"


def test_a_message_to_a_stranger_is_kept_and_said(tm_cli: Cli) -> None:
    assert "has done nothing here yet" in tm_cli("agents", "message", "dora", "hello").err
    assert tm_cli("--actor", "dora", "watch", "--json").json[0]["message"] == "hello"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["message", "b1", ""], 5, "the message is empty"),
        (["message", " ", "x"], 5, "the recipient is empty"),
        (["message", "b1", "x" * 10_001], 5, "too long"),
        (["message", "b1", "x", "--priority", "loud"], 5, "loud"),
        (["message", "b1"], 2, "needs MESSAGE"),
        (["metrics", "nobody"], 3, "no agent has the id 'nobody'"),
        (["metrics", "--range", "soon"], 2, "is no period"),
        (["metrics", "--range", "-3d"], 2, "is no period"),
        (["redistribute", "--threshold", "-1"], 5, "threshold"),
        (["redistribute", "--threshold", "nan"], 5, "threshold"),
    ],
)
def test_bad_input_of_the_rest(tm_cli: Cli, arguments: list[str], code: int, said: str) -> None:
    result = tm_cli("agents", *arguments, code=code)
    assert (result.out, said in result.err) == ("", True), result
    assert tm_cli("log", "--type", "agents.*", "--json").json == []


def test_text_of_a_message_cannot_drive_the_terminal(tm_cli: Cli) -> None:
    tm_cli("agents", "message", "b1", "\x1b[2Jgone")
    assert "\x1b" not in tm_cli("--actor", "b1", "watch").out


# What was done


def test_what_was_done_in_a_period(tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open(actor="bea")
    for days in (1, 3, 20):
        tm.restore(
            {
                "title": "x",
                "assignee": "bea",
                "status": "completed",
                "created_at": f"-{24 * days + 6}h",
                "completed_at": f"-{24 * days}h",
                "actual_hours": 2,
            }
        )
    tm.add("y", assignee="bea")
    (bea,) = tm.agents_metrics("bea", range="weekly")
    assert (bea["completed"], bea["open"], bea["completion_rate"]) == (2, 1, 2 / 3)
    assert bea["lead_hours"] == pytest.approx(6, abs=0.01)
    assert (bea["actual_hours"], bea["estimated_hours"], bea["acts"]) == (4, None, 4)
    assert [each["completed"] for each in tm.agents_metrics(range="30d")] == [3]
    assert [each["completed"] for each in tm.agents_metrics(range="36h")] == [1]


# Redistribution


def test_work_moves_to_who_has_room(tm_cli: Cli) -> None:
    for name in ("full", "free", "other"):
        kind = "tester" if name == "other" else "dev"
        tm_cli("agents", "register", name, name, "--type", kind)
    kept = tm_cli.add("urgent", "--assignee", "full", "--priority", "critical")
    begun = tm_cli.add("begun", "--assignee", "full", "--priority", "low")
    tm_cli("update", begun, "--status", "in_progress")
    moved = tm_cli.add("whenever", "--assignee", "full", "--priority", "low")
    tm_cli.add("of nobody registered", "--assignee", "stranger")
    arguments = ["agent-redistribute", "--threshold", "20", "--json"]
    plan = tm_cli(*arguments, "--dry-run").json
    assert tm_cli.show(moved)["assignee"] == "full"
    done = tm_cli(*arguments).json
    assert plan == done
    assert done["moved"] == [{"task_id": moved, "title": "whenever", "from": "full", "to": "free"}]
    assert done["still_overloaded"] == []
    assert [tm_cli.show(task)["assignee"] for task in (kept, begun, moved)] == [
        "full",
        "full",
        "free",
    ]
    assert tm_cli("agents", "redistribute", "--threshold", "20").err == (
        "No tasks needed redistribution\n"
    )
    tm_cli("undo")
    assert tm_cli.show(moved)["assignee"] == "full"


def test_where_nobody_has_room_nothing_moves(tm_cli: Cli) -> None:
    for name in ("a", "b"):
        tm_cli("agents", "register", name, name)
        tm_cli.add("x", "--assignee", name, "--estimated-hours", "60")
    result = tm_cli("agents", "redistribute")
    assert result.err == "No tasks needed redistribution\nStill above 80 %: a, b\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(
    st.lists(st.sampled_from(["r1", "r2", "r3", "stranger"]), max_size=12),
    st.sampled_from([0.0, 10.0, 25.0, 50.0]),
)
def test_redistribution_only_ever_relieves(
    tm_store: TaskManager, assignees: list[str], threshold: float
) -> None:
    for task in tm_store.find():
        tm_store.delete(task.id, purge=True)
    for name in ("r1", "r2", "r3"):
        tm_store.agents_register(name, name)
    for name in assignees:
        tm_store.add("x", assignee=name)
    before = {each["id"]: each["load"] for each in tm_store.agents_workload()}
    result = tm_store.agents_redistribute(threshold=threshold)
    after = {each["id"]: each["load"] for each in tm_store.agents_workload()}
    assert sum(after.values()) == pytest.approx(sum(before.values()))
    assert after.get("stranger") == before.get("stranger")
    for name in ("r1", "r2", "r3"):
        assert after[name] <= max(before[name], threshold)
    assert result["still_overloaded"] == [
        name for name in ("r1", "r2", "r3") if after[name] > threshold
    ]
