"""How claims look to a person and in a pipe."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, Task, visible

from .running import Outcome


def claimed(task: Task, out: Output) -> None:
    """A sentence for a person; the bare id for a script."""
    claim = task.details.get("claim")
    if claim is None:  # of a dry run nothing is left
        out.say(f"Task {task.id} could be claimed")
        return
    told = f"until {out.when(claim['until'])}, token {claim['token']}"
    if out.terminal:
        out.data(f"Claimed {out.style(task.id, 'bold')} {visible(task.title)} {told}")
    else:
        out.say(f"Claimed {task.id} {visible(task.title)} {told}")
        out.data(task.id)


def renewed(claim: dict[str, Any], out: Output) -> None:
    """A sentence."""
    out.say(f"Task {claim['task_id']} is yours until {out.when(claim['until'])}")


def released(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    out.say(f"Task {result['task_id']} given back, it is {result['status']}")


def claims(rows: list[dict[str, Any]], out: Output) -> None:
    """One line for each claim."""
    if not rows:
        out.say("Nothing is claimed")
        return
    out.table(
        ["id", "holder", "since", "until", "state", "token", "title"],
        [
            [
                row["task_id"],
                row["holder"],
                out.when(row["since"]),
                out.when(row["until"]),
                "expired" if row["expired"] else "held",
                row["token"],
                row["title"],
            ]
            for row in rows
        ],
    )


def ran(outcome: Outcome, out: Output) -> None:
    """Nothing more: the command has had its say, and how it failed is told as an error."""
    if outcome.failure is None and outcome.seconds:
        out.say(f"Done in {outcome.seconds:.1f} s, the outcome is in tm log {outcome.task_id}")


def reserved(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    patterns = ", ".join(result["reservations"]) or "nothing"
    out.say(f"Task {result['task_id']} reserves {visible(patterns)}")


def reservations(rows: list[dict[str, Any]], out: Output) -> None:
    """One line for each pattern."""
    if not rows:
        out.say("Nothing is reserved")
        return
    out.table(
        ["pattern", "id", "holder", "overlaps"],
        [[row["pattern"], row["task_id"], row["holder"], row["overlaps"]] for row in rows],
    )
