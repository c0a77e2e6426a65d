"""Claims: who may take, who may write, and what happens when time runs out."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Conflict, NotFound, ValidationError
from tm_core.testing import Cli, Process, run_readme

pytestmark = pytest.mark.every_backend

Open = Callable[..., TaskManager]


@pytest.fixture
def two(tm_open: Open) -> tuple[TaskManager, TaskManager]:
    """The same store as two processes under two names have it open."""
    return tm_open(actor="ann"), tm_open(actor="bob")


def let_time_pass(tm: TaskManager, task_id: str) -> None:
    """As if the claim's time were over."""
    with tm.transaction():
        tm.database.execute(
            "UPDATE claims_lease SET until = '2001-01-01T00:00:00.000000Z' WHERE task_id = ?",
            [task_id],
        )


def types(tm: TaskManager, task_id: str) -> list[str]:
    return [event["type"] for event in tm.log(task_id)]


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


# Taking


def test_a_claim_makes_the_task_ones_own_and_is_told(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    result = tm_cli("--actor", "ann", "claim", task[:6], "--ttl", "90m")
    assert result.out == f"{task}\n"
    assert result.err.startswith(f"Claimed {task} x until ")
    shown = tm_cli.show(task)
    assert (shown["status"], shown["assignee"]) == ("in_progress", "ann")
    claim = shown["claim"]
    assert (claim["holder"], claim["token"], claim["expired"]) == ("ann", 1, False)
    assert claim["until"][11:13] != claim["since"][11:13]
    (row,) = tm_cli("claims", "--json").json
    assert row == {"task_id": task, "title": "x", **claim}
    assert tm_cli("claims", "--by", "bob", "--json").json == []
    assert tm_cli("claims", "--expired", "--json").json == []
    assert tm_cli("claims").out.split("\t")[:2] == [task, "ann"]


def test_what_somebody_holds_is_refused_with_the_holder_named(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("--actor", "ann", "claim", task)
    for actor in ("bob", "ann"):  # two processes of one name are two
        result = tm_cli("--actor", actor, "claim", task, "--json", code=6)
        error = json.loads(result.err)["error"]
        assert (error["holder"], error["token"]) == ("ann", 1)
        assert "is claimed by ann since" in error["message"]
    assert tm_cli("--actor", "bob", "claim", task, "--force").out == f"{task}\n"
    assert tm_cli.show(task)["claim"]["holder"] == "bob"


def test_next_is_the_best_that_is_ready_and_ones_own_or_nobodys(tm_cli: Cli) -> None:
    low = tm_cli.add("low", "-p", "low")
    bobs = tm_cli.add("bob's", "-p", "critical", "--assignee", "bob")
    high = tm_cli.add("high", "-p", "high")
    tm_cli.add("waits", "-p", "critical", "--depends-on", low)
    mine = ("--actor", "ann", "claim", "--next")
    assert tm_cli(*mine, "--where", "priority == 'low'").out.strip() == low
    assert tm_cli(*mine).out.strip() == high
    assert "nothing that you could take is ready" in tm_cli(*mine, code=3).err
    assert tm_cli(*mine, "--anyone").out.strip() == bobs


def test_next_without_the_feature_that_knows_what_is_ready(tm_open: Open) -> None:
    tm = tm_open(settings=["plugins.disable=dependencies"])
    low, high = tm.add("low", priority="low"), tm.add("high", priority="high")
    assert tm.claim(upcoming=True).id == high.id
    assert tm.claim(upcoming=True).id == low.id
    with pytest.raises(NotFound):
        tm.claim(upcoming=True)
    let_time_pass(tm, low.id)
    assert tm.claim(upcoming=True).id == low.id


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["claim"], 2, "which task?"),
        (["claim", "ID", "--next"], 2, "which task?"),
        (["claim", "ID", "--where", "x == 1"], 2, "choose the next"),
        (["claim", "ID", "--ttl", "0"], 5, "ttl"),
        (["claim", "ID", "--ttl", "soon"], 5, "soon"),
        (["claim", "--next", "--where", "nonsense =="], 5, "nonsense"),
        (["claim", "ffffffff"], 3, "no task has the id"),
        (["renew"], 2, "which task?"),
        (["renew", "ID"], 6, "is not claimed"),
        (["release", "ID"], 6, "is not claimed"),
        (["release", "ID", "--force"], 6, "is not claimed"),
        (["renew", "ID", "--token", "3"], 6, "has no claim 3"),
        (["update", "ID", "--title", "y", "--token", "1"], 6, "has no claim 1"),
        (["update", "ID", "--title", "y", "--token", "x"], 5, "token"),
        (["run", "ID"], 2, "which command?"),
        (["run", "ID", "--", "no-such-command-here"], 127, "cannot be run"),
    ],
)
def test_bad_input(tm_cli: Cli, arguments: list[str], code: int, said: str) -> None:
    task = tm_cli.add("x")
    result = tm_cli(*[task if word == "ID" else word for word in arguments], code=code)
    assert said in result.err
    assert tm_cli.show(task)["status"] == "pending"
    assert tm_cli("claims", "--json").json == []


def test_what_is_not_open_or_must_wait_is_refused(tm_cli: Cli) -> None:
    done, waits = tm_cli.add("done"), tm_cli.add("first")
    later = tm_cli.add("later", "--depends-on", waits)
    tm_cli("complete", done)
    assert "is completed" in tm_cli("claim", done, code=6).err
    assert "waits for" in tm_cli("claim", later, code=5).err
    by_hand = tm_cli.add("by hand", "--assignee", "eve")
    tm_cli("update", by_hand, "--status", "in_progress")
    assert "in progress by eve, without a claim" in tm_cli("claim", by_hand, code=6).err
    assert tm_cli("claims", "--json").json == []


def test_a_dry_run_takes_nothing(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    result = tm_cli("claim", "--next", "--dry-run")
    assert "nothing was written" in result.err
    tm_cli("run", task, "--dry-run", "--", "false")
    assert tm_cli.show(task)["version"] == 1


def test_a_retried_claim_gives_the_same_task(tm_cli: Cli) -> None:
    tm_cli.add("one")
    tm_cli.add("two")
    first = tm_cli("claim", "--next", "--key", "k", "--json").json
    again = tm_cli("claim", "--next", "--key", "k", "--json").json
    assert again == first
    assert len(tm_cli("claims", "--json").json) == 1


# Writing


def test_others_may_add_to_a_claimed_task_and_not_turn_it(
    two: tuple[TaskManager, TaskManager],
) -> None:
    ann, bob = two
    task = ann.add("x")
    ann.claim(task.id)
    bob.update(task.id, title="y")
    bob.progress(task.id, "saw it")
    turns: list[Callable[[], Any]] = [
        lambda: bob.complete(task.id),
        lambda: bob.update(task.id, status="cancelled"),
        lambda: bob.delete(task.id),
        lambda: bob.delete(task.id, purge=True),
    ]
    for turn in turns:
        with pytest.raises(Conflict, match="is claimed by ann"):
            turn()
    bob.complete(task.id, force=True)
    (event,) = ann.log(task.id, event_type="task.completed")
    assert "is claimed by ann" in event["data"]["forced"][0]
    assert types(ann, task.id)[-1] == "claim.released"
    assert ann.claims() == []


@pytest.mark.parametrize(("policy", "said"), [("allow", 0), ("warn", 1)])
def test_a_policy_may_let_others_turn_it(tm_open: Open, policy: str, said: int) -> None:
    lines: list[str] = []
    task = tm_open(actor="ann").add("x")
    tm_open(actor="ann").claim(task.id)
    bob = tm_open(actor="bob", settings=[f"claims.others={policy}"], report=lines.append)
    assert bob.complete(task.id).status == "completed"
    assert len(lines) == said


def test_whoever_woke_up_too_late_can_write_nothing(two: tuple[TaskManager, TaskManager]) -> None:
    ann, bob = two
    task = ann.add("x")
    ann.claim(task.id)
    let_time_pass(ann, task.id)
    ann.update(task.id, title="nobody has come meanwhile")
    bob.claim(task.id)
    assert types(bob, task.id)[-3:] == ["task.claimed", "claim.expired", "task.updated"]
    (event,) = list(bob.log(task.id, event_type="task.claimed"))[1:]
    assert event["data"]["taken_over"]["holder"] == "ann"

    late: list[Callable[[], Any]] = [
        lambda: ann.update(task.id, title="z"),
        lambda: ann.complete(task.id),
        lambda: ann.complete(task.id, force=True),
        lambda: ann.progress(task.id, "done!"),
        lambda: ann.renew(task.id),
        lambda: ann.release(task.id),
    ]
    for write in late:
        with pytest.raises(Conflict, match=r"claim 1 .* is over: bob holds it since"):
            write()
    bob.complete(task.id)
    with pytest.raises(Conflict, match=r"claim 1 .* is over: claim 2 came after it"):
        ann.update(task.id, title="z")


@pytest.mark.only_backend("sqlite")  # writes past tm, into the file
def test_the_token_tells_two_of_one_name_apart(tm_cli: Cli, monkeypatch: Any) -> None:
    task = tm_cli.add("x")
    tm_cli("claim", task)
    let_go = sqlite3.connect(tm_cli.folder / ".task-orchestrator" / "tasks.db")
    let_go.execute("UPDATE claims_lease SET until = '2001'")
    let_go.commit()
    let_go.close()
    assert tm_cli("claims", "--expired").out.split("\t")[4] == "expired"
    tm_cli("claim", task)
    assert "claim 1" in tm_cli("complete", task, "--token", "1", code=6).err
    assert "claim 1" in tm_cli("delete", task, "--token", "1", code=6).err
    assert "claim 1" in tm_cli("update", task, "--title", "y", "--token", "1", code=6).err
    monkeypatch.setenv("TM_CLAIM_TOKEN", "1")
    assert "claim 1" in tm_cli("complete", task, code=6).err
    assert "claim 1" in tm_cli("progress", task, "x", code=6).err
    other = tm_cli.add("other")
    monkeypatch.setenv("TM_TASK_ID", other)  # then it says nothing about this one
    tm_cli("progress", task, "x")
    monkeypatch.setenv("TM_TASK_ID", task)
    monkeypatch.setenv("TM_CLAIM_TOKEN", "2")
    tm_cli("--actor", "helper", "complete", task)  # who has the token is the holder
    monkeypatch.setenv("TM_CLAIM_TOKEN", "two")
    assert "not the number of a claim" in tm_cli("update", task, "--title", "z", code=6).err


def test_what_follows_from_a_dependency_passes_a_claim(
    two: tuple[TaskManager, TaskManager],
) -> None:
    ann, bob = two
    first = ann.add("first")
    task = ann.add("second", depends_on=[first.id])
    ann.complete(first.id)
    ann.claim(task.id)
    bob.update(first.id, status="pending")
    assert bob.get(task.id).status == "blocked"
    bob.complete(first.id)
    assert bob.get(task.id).status == "pending"
    assert [row["holder"] for row in bob.claims()] == ["ann"]
    assert [t.id for t in bob.ready().tasks] == []  # pending, and yet somebody's
    ann.complete(task.id)


# Holding and giving back


def test_renewing_never_shortens(tm_store: TaskManager) -> None:
    task = tm_store.add("x")
    until = tm_store.claim(task.id, ttl=8).details["claim"]["until"]
    assert tm_store.renew(task.id, ttl=1)["until"] == until
    longer = tm_store.renew(task.id, ttl=16)["until"]
    assert longer > until
    assert types(tm_store, task.id)[-2:] == ["claim.renewed", "claim.renewed"]
    let_time_pass(tm_store, task.id)
    assert tm_store.renew(task.id)["expired"] is False  # nobody has taken it meanwhile


def test_giving_back_leaves_it_as_it_was(two: tuple[TaskManager, TaskManager]) -> None:
    ann, bob = two
    task = ann.add("x", assignee="eve")
    ann.claim(task.id)
    with pytest.raises(Conflict, match="is claimed by ann"):
        bob.release(task.id)
    assert ann.release(task.id)["status"] == "pending"
    now = ann.get(task.id)
    assert (now.status, now.assignee, "claim" in now.details) == ("pending", "eve", False)
    assert bob.claim(task.id).details["claim"]["token"] == 2
    ann.release(task.id, token=2)
    bob.claim(task.id)
    ann.release(task.id, force=True)
    assert ann.get(task.id).assignee == "eve"


def test_a_forgotten_claim_is_ready_again(two: tuple[TaskManager, TaskManager]) -> None:
    ann, bob = two
    task = ann.add("x")
    assert ann.claim(upcoming=True).id == task.id
    assert bob.ready().tasks == []
    let_time_pass(ann, task.id)
    assert [each.id for each in bob.ready().tasks] == [task.id]
    taken = bob.claim(upcoming=True)
    assert (taken.id, taken.assignee, taken.details["claim"]["token"]) == (task.id, "bob", 2)
    bob.release(task.id)
    assert bob.get(task.id).assignee is None


def test_putting_it_back_by_hand_ends_the_claim(tm_store: TaskManager) -> None:
    task = tm_store.add("x")
    for status in ("pending", "cancelled"):
        tm_store.claim(task.id)
        tm_store.update(task.id, status=status)
        assert tm_store.claims() == []
    assert types(tm_store, task.id)[-1] == "claim.released"


def test_an_undone_claim_leaves_its_token_behind(two: tuple[TaskManager, TaskManager]) -> None:
    ann, bob = two
    task = ann.add("x")
    ann.claim(task.id)
    let_time_pass(ann, task.id)
    bob.claim(task.id)
    bob.undo()
    with pytest.raises(Conflict, match=r"claim 1 .* is over"):
        ann.complete(task.id)
    assert bob.claim(task.id).details["claim"]["token"] == 3
    bob.release(task.id)
    bob.undo()
    assert [row["holder"] for row in bob.claims()] == ["bob"]


def test_a_task_that_was_added_and_claimed_can_be_undone(tm_store: TaskManager) -> None:
    with tm_store.transaction():
        task = tm_store.add("x")
        tm_store.claim(task.id)
    tm_store.undo()
    assert tm_store.find() == []


def test_off_it_stands_in_nobodys_way(tm_open: Open) -> None:
    task = tm_open(actor="ann").add("x")
    tm_open(actor="ann").claim(task.id)
    off = tm_open(actor="bob", settings=["plugins.disable=claims"])
    assert "claim" not in off.get(task.id).details
    off.update(task.id, status="pending")
    assert [each.id for each in off.ready().tasks] == [task.id]
    on = tm_open(actor="bob")
    assert [row["holder"] for row in on.claims()] == ["ann"]
    with pytest.raises(Conflict):
        on.complete(task.id)


# Running


@pytest.mark.only_backend("sqlite")  # processes and signals, whatever the engine
def test_run_holds_the_task_for_its_command(tm_cli: Cli, tm_process: Process) -> None:
    task = tm_cli.add("x")
    script = (
        "import os, subprocess, sys;"
        "print(os.environ['TM_TASK_ID'], os.environ['TM_CLAIM_TOKEN'], os.environ['TM_AGENT_ID']);"
        "tm = [sys.executable, '-m', 'tm_core'];"
        "subprocess.run([*tm, 'renew', '--ttl', '9h'], check=True);"
        "sys.exit(subprocess.run([*tm, 'progress', os.environ['TM_TASK_ID'], 'hi']).returncode + 7)"
    )
    result = tm_process(
        *("--actor", "ann", "run", task, "--", sys.executable, "-c", script),
        code=7,
        TM_REQUEST_ID="once",
    )
    assert result.out == f"{task} 1 ann\n"
    assert "ended with exit code 7" in result.err
    events = tm_cli("log", task, "--json").json[::-1]
    assert [event["type"] for event in events if event["actor"] == "ann"] == [
        *("task.claimed", "task.started", "claim.renewed", "progress.added"),
        *("run.finished", "claim.released", "task.updated"),
    ]
    (outcome,) = [event["data"] for event in events if event["type"] == "run.finished"]
    assert outcome["exit_code"] == 7
    assert outcome["seconds"] > 0
    assert tm_cli.show(task)["status"] == "pending"
    # The same request again starts nothing.
    words = ("--actor", "ann", "run", task, "--", sys.executable, "-c", script)
    again = tm_process(*words, TM_REQUEST_ID="once")
    assert again.out == ""
    assert "Done before" in again.err
    other = ("--actor", "ann", "run", task, "--", "false")
    assert "with other values" in tm_process(*other, code=6, TM_REQUEST_ID="once").err


@pytest.mark.only_backend("sqlite")  # processes and signals, whatever the engine
def test_run_for_a_program_gives_the_outcome_alone(tm_cli: Cli, tm_process: Process) -> None:
    task = tm_cli.add("x")
    result = tm_process("run", task, "--json", "--", sys.executable, "-c", "print('hello')")
    outcome = json.loads(result.out)
    assert (outcome["exit_code"], outcome["task_id"]) == (0, task)
    assert result.err == "hello\n"


@pytest.mark.only_backend("sqlite")  # processes and signals, whatever the engine
def test_a_command_may_complete_its_task(tm_cli: Cli, tm_process: Process) -> None:
    task = tm_cli.add("x")
    tm_process("run", task, "--", sys.executable, "-m", "tm_core", "complete", task)
    assert tm_cli.show(task)["status"] == "completed"
    assert tm_cli("claims", "--json").json == []


@pytest.mark.only_backend("sqlite")  # processes and signals, whatever the engine
def test_run_under_a_claim_that_is_held_already(tm_cli: Cli, tm_process: Process) -> None:
    task = tm_cli.add("x")
    tm_cli("claim", task)
    command = ("run", task, "--", sys.executable, "-c", "")
    assert "is claimed by" in tm_process(*command, code=6).err
    tm_process(*command, TM_CLAIM_TOKEN="1")
    assert tm_cli.show(task)["claim"]["token"] == 1  # not the command's to give back


@pytest.mark.only_backend("sqlite")  # processes and signals, whatever the engine
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_signals_to_a_runner(tm_cli: Cli, name: str) -> None:
    """One is passed on and recorded; the other leaves a claim that runs out."""
    import signal

    task = tm_cli.add("x")
    script = "import sys; print('up', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-m", "tm_core", "run", task, "--", sys.executable, "-c", script],
        cwd=tm_cli.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.send_signal(getattr(signal, name))
    process.wait(timeout=60)
    process.communicate()  # a command that is left alone ends by this
    if name == "SIGTERM":
        assert process.returncode == 128 + signal.SIGTERM
        (outcome,) = tm_cli("log", task, "--type", "run.finished", "--json").json
        assert outcome["data"]["signal"] == "SIGTERM"
        assert tm_cli("claims", "--json").json == []
    else:
        assert process.returncode == -signal.SIGKILL
        (claim,) = tm_cli("claims", "--json").json
        assert claim["until"] < "9999"
        assert claim["expired"] is False


# Reserving


def test_reservations_that_meet_are_told(tm_cli: Cli) -> None:
    one, two = tm_cli.add("one"), tm_cli.add("two")
    tm_cli("reserve", one, "src/**/*.py", "docs/")
    assert tm_cli("reserve", two, "./src/api/../main.py").err.count("overlaps") == 0  # unclaimed
    tm_cli("--actor", "ann", "claim", one)
    told = tm_cli("--actor", "bob", "claim", two).err
    assert f"'src/main.py' of task {two} overlaps 'src/**/*.py' of task {one}, which ann" in told
    result = tm_cli("reserve", two, "docs/index.md", "--json")
    assert [each["task_id"] for each in result.json["overlaps"]] == [one]
    rows = {row["pattern"]: row["overlaps"] for row in tm_cli("reservations", "--json").json}
    assert rows == {
        "docs/": [two],
        "src/**/*.py": [two],
        "docs/index.md": [one],
        "src/main.py": [one],
    }
    tm_cli("unreserve", two, "docs/index.md")
    tm_cli("unreserve", two)
    assert "overlaps" not in tm_cli("reserve", two, "setup.py").err
    tm_cli("release", one, "--force")
    assert [row["task_id"] for row in tm_cli("reservations", "--json").json] == [two]
    assert len(tm_cli("reservations", "--all", "--json").json) == 3
    assert tm_cli.show(one)["reservations"] == ["docs/", "src/**/*.py"]


@pytest.mark.parametrize("pattern", ["", "..", "../x", "/etc/passwd", "a\nb", "x" * 1001])
def test_reservations_stay_in_the_project(tm_store: TaskManager, pattern: str) -> None:
    task = tm_store.add("x")
    with pytest.raises(ValidationError):
        tm_store.reserve(task.id, pattern)


def test_an_absolute_path_of_the_project_is_made_relative(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("reserve", task, f"{tm_cli.folder}/a.py", str(tm_cli.folder))
    assert tm_cli.show(task)["reservations"] == ["**", "a.py"]
    assert "does not reserve" in tm_cli("unreserve", task, "b.py", code=3).err
