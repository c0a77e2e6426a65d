"""The audit trail: who did what, and past which refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tm_core import TaskManager
from tm_core.api import Change, Hook, Plugin, Problem, hookimpl
from tm_core.testing import Cli
from tm_history.audit import trail


class Rule:
    """Refuses every completion, unless forced."""

    @hookimpl
    def task_validate(self, change: Change) -> Iterator[Problem]:
        if change.completes:
            yield Problem("nobody has looked at it", overridable=True)


RULE = Plugin(name="rule", summary="A rule", hooks={"task_validate": Hook(Rule())})


def audited(cli: Cli, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cli("log", "--audit", "--json", *arguments).json
    return found


def test_undo_and_purge_are_marked_with_actor_and_session(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("update", task, "-p", "high", "--actor", "ann")
    tm_cli("undo", "--actor", "ann")
    tm_cli("delete", task, "--purge", "--actor", "bob")
    purged, deleted, undone, updated, _ = audited(tm_cli)
    assert (purged["actor"], purged["marks"], purged["task_id"]) == ("bob", ["purge"], task)
    assert purged["transaction_id"] == deleted["transaction_id"]
    assert deleted["changes"] == {"status": {"before": "pending", "after": "deleted"}}
    assert (undone["marks"], undone["undoes"]) == (["undo"], updated["event"])
    assert undone["changes"] == {"priority": {"before": "high", "after": "medium"}}
    assert updated["marks"] == []
    assert len({each["session"] for each in (purged, undone, updated)}) == 3


def test_what_was_forced_is_told(tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open(plugins=[RULE])
    tm.complete(tm.add("x").id, force=True)
    newest = trail(tm.log(newest_first=True)).entries[0]
    assert (newest.marks, newest.forced) == (["forced"], ["nobody has looked at it"])
    assert newest.changes["status"] == {"before": "pending", "after": "completed"}


def test_filters_of_the_log_hold_for_the_trail(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli.add("y")
    tm_cli("update", task, "-p", "low", "--actor", "ann")
    assert [each["type"] for each in audited(tm_cli, task)] == ["task.updated", "task.created"]
    assert [each["actor"] for each in audited(tm_cli, "--by", "ann")] == ["ann"]
    assert len(audited(tm_cli, "--limit", "1")) == 1


def test_a_trail_in_a_pipe_has_whole_times_and_drives_no_terminal(tm_cli: Cli) -> None:
    tm_cli.add("a\x1b[31mb")
    (line,) = tm_cli("log", "--audit").out.splitlines()
    event, at, _, session, what, *_ = line.split("\t")
    shown = audited(tm_cli)[0]
    assert (event, at) == ("1", shown["at"][:19] + "Z")
    assert (session, what) == (shown["session"], "task.created")
    assert "\x1b" not in line
    assert "Nothing has happened" in tm_cli("log", "--audit", "--by", "nobody").err
