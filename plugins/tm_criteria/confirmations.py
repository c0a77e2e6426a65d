"""Keeps a person's word that a manual criterion is met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tm_core.api import Context, Record, Task

PART = "criteria_confirmations"
"""The part's name in `show --json` and in exports."""
_TABLE = "success_criteria_confirmation"
_SELECT = f"SELECT task_id, number, criterion, confirmed_by, confirmed_at FROM {_TABLE}"


class Confirmation(Record):
    """A person's word that a manual criterion is met, for the text as it was then."""

    criterion: str
    confirmed_by: str
    confirmed_at: str


def of_tasks(ctx: Context, tasks: Sequence[Task]) -> dict[str, list[dict[str, Any]]]:
    """The confirmations of many tasks, by task id, in the order of the criteria."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in ctx.query_for(tasks, _SELECT, "task_id, number"):
        found.setdefault(row.pop("task_id"), []).append(row)
    return found


def confirmations(ctx: Context, task: Task) -> dict[int, Confirmation]:
    """The confirmations of one task, by the criterion's number."""
    rows = of_tasks(ctx, [task]).get(task.id, ())
    return {
        row["number"]: Confirmation(row["criterion"], row["confirmed_by"], row["confirmed_at"])
        for row in rows
    }


def keep(ctx: Context, task_id: str, number: int, text: str, who: str, at: str) -> None:
    """Write a confirmation down."""
    values = {"criterion": text, "confirmed_by": who, "confirmed_at": at}
    ctx.put(_TABLE, {"task_id": task_id, "number": number}, values)


def forget(ctx: Context, task_id: str, number: int) -> None:
    """Take a confirmation away."""
    ctx.put(_TABLE, {"task_id": task_id, "number": number}, None)
