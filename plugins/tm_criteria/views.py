"""How criteria look to a person and in a pipe."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, visible

from .actions import Confirmed, Report
from .rechecking import Recheck

_COLORS = {"passed": "green", "failed": "red", "unknown": "yellow"}


def listed(rows: list[dict[str, Any]], out: Output) -> None:
    """One row for each criterion."""
    if not rows:
        out.say("The task has no success criteria")
        return
    out.table(
        ["#", "how", "check", "confirmed", "criterion"],
        [
            [row["number"], row["kind"], row["check"], _confirmed(row, out), row["criterion"]]
            for row in rows
        ],
    )


def _confirmed(row: dict[str, Any], out: Output) -> str:
    if row["kind"] != "manual":
        return ""
    if row["confirmed_by"] is None:
        return "no"
    if row["outdated"]:
        return f"no longer (by {row['confirmed_by']}, the text changed)"
    return f"by {row['confirmed_by']}, {out.when(row['confirmed_at'])}"


def checked(report: Report, out: Output) -> None:
    """One line for each criterion: state, number, text, reason."""
    if not report.results:
        out.say("The task has no success criteria")
    for result in report.results:
        state = out.style(f"{result['state']:<7}", _COLORS[result["state"]])
        text = result["criterion"]
        label = "" if text == result.get("expression") else f"{text}: "
        out.data(f"{state} {result['number']}. {visible(label + result['reason'])}")


def confirmed(result: Confirmed, out: Output) -> None:
    """A sentence."""
    already = "" if result.changed else " already"
    who = visible(result.confirmed_by)
    out.say(f"Criterion {result.number} of task {result.task_id} is{already} confirmed by {who}")


def unconfirmed(result: Confirmed, out: Output) -> None:
    """A sentence."""
    out.say(f"Criterion {result.number} of task {result.task_id} is no longer confirmed")


def rechecked(found: Recheck, out: Output) -> None:
    """One line for each task, and one below it for each criterion that is not as it was."""
    if not found.tasks:
        out.say("No completed task was checked by its criteria")
    colors = {"failed": "red", "unknown": "yellow", "stale": "yellow", "holds": "green"}
    for task in found.tasks:
        state = out.style(f"{task['state']:<7}", colors[task["state"]])
        out.data(f"{state} {task['id']} {visible(task['title'])}")
        for result in task["results"]:
            told = [result["reason"]] if result["state"] != "passed" else []
            for reason in [*told, *result["stale"]]:
                out.data(f"          {result['number']}. {visible(reason)}")
