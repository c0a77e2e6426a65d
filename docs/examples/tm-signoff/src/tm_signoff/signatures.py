"""The signatures that a store holds: the only module that reads and writes their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tm_core.api import Context, Task, ValidationError, parse_instant

TABLE = "signoff_signature"
PART = "signatures"
"""What the signatures are called in a task's JSON."""


class Signature(NamedTuple):
    """Somebody has looked at a task, as it is, and agrees."""

    person: str
    at: str
    """UTC, canonical."""


def of_tasks(ctx: Context, tasks: Sequence[Task]) -> dict[str, list[Signature]]:
    """The signatures of each task that has any, in their order, in one query."""
    found: dict[str, list[Signature]] = {}
    for row in ctx.query_for(tasks, f"SELECT task_id, person, at FROM {TABLE}", "at, person"):
        found.setdefault(row["task_id"], []).append(Signature(row["person"], row["at"]))
    return found


def of_id(ctx: Context, task_id: str) -> list[Signature]:
    """The signatures of one task, in their order."""
    rows = ctx.query(
        f"SELECT person, at FROM {TABLE} WHERE task_id = ? ORDER BY at, person", [task_id]
    )
    return [Signature(row["person"], row["at"]) for row in rows]


def keep(ctx: Context, task_id: str, signature: Signature) -> None:
    """Write one signature down."""
    ctx.put(TABLE, {"task_id": task_id, "person": signature.person}, {"at": signature.at})


def remove(ctx: Context, task_id: str, person: str) -> None:
    """Take one signature away."""
    ctx.put(TABLE, {"task_id": task_id, "person": person}, None)


def read(part: Any) -> list[Signature]:
    """Signatures as an export holds them. Raises ValidationError."""
    try:
        found = [Signature(str(item["person"]), parse_instant(item["at"])) for item in part]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValidationError(f"the task's {PART} are malformed: {error}") from None
    if not all(signature.person.strip() for signature in found):
        raise ValidationError(f"the task's {PART} are malformed: one is nobody's")
    return found


def missing(needed: int, signatures: Sequence[Signature]) -> str:
    """Which signatures lack, in words; empty when there are enough."""
    if len(signatures) >= needed:
        return ""
    people = ", ".join(signature.person for signature in signatures) or "nobody"
    return f"{needed} people must sign it, signed by {people}"


def as_details(found: Mapping[str, Sequence[Signature]]) -> dict[str, list[dict[str, str]]]:
    """Their JSON shape, by task."""
    return {task_id: [each._asdict() for each in given] for task_id, given in found.items()}
