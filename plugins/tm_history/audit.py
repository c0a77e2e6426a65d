"""The audit trail: the log as answers to who did what, when, from where, and past which refusal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from tm_core.api import Event

_BOOKKEEPING = ("version", "updated_at")
"""Fields that follow from every change."""


class Entry(NamedTuple):
    """One event, for an auditor."""

    event: int
    """Its number in the log."""
    at: str
    actor: str
    session: str
    """The process or connection; one agent may have many, and many actors never share one."""
    transaction_id: str
    """What was written together has the same."""
    type: str
    task_id: str | None
    marks: list[str]
    """Of `forced`, `undo`, `purge`, `import`: what an auditor looks for first."""
    changes: dict[str, dict[str, Any]]
    """`before` and `after` by field."""
    forced: list[str]
    """The refusals that `--force` passed."""
    undoes: int | None
    """The number of the event that was taken back."""
    details: dict[str, Any]
    """What else the event holds, the share of plugins included."""
    source: Event
    """As it is in the log."""


class Trail(NamedTuple):
    """Entries, newest first."""

    entries: list[Entry]

    def as_dict(self) -> list[dict[str, Any]]:  # the JSON shape of a list is a list
        """The entries alone, without what `changes` and `details` tell already."""
        return [{k: v for k, v in each._asdict().items() if k != "source"} for each in self.entries]


def trail(events: Iterable[Event]) -> Trail:
    """The entries of some events."""
    return Trail([_entry(event) for event in events])


def _entry(event: Event) -> Entry:
    data: dict[str, Any] = event["data"].get("imported", event["data"])
    before, after = data.get("before") or {}, data.get("after") or {}
    known = {"before", "after", "forced", "rows", "undoes", "undoes_transaction"}
    marks = {
        "forced": bool(data.get("forced")),
        "undo": "undoes" in data,
        "purge": event["type"] == "task.purged",
        "import": "imported" in event["data"] or event["type"] == "task.imported",
    }
    return Entry(
        event=event["seq"],
        at=event["at"],
        actor=event["actor"],
        session=event["session"],
        transaction_id=event["transaction_id"],
        type=event["type"],
        task_id=event["task_id"],
        marks=[name for name, holds in marks.items() if holds],
        changes={
            name: {"before": before.get(name), "after": after.get(name)}
            for name in [*before, *(name for name in after if name not in before)]
            if name not in _BOOKKEEPING and before.get(name) != after.get(name)
        },
        forced=list(data.get("forced") or ()),
        undoes=data.get("undoes"),
        details={name: value for name, value in data.items() if name not in known},
        source=event,
    )
