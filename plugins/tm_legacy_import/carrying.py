"""Brings converted tasks into a store, and looks there what of them has arrived."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tm_core.api import TmError, ValidationError

from .conversion import Conversion, Converted
from .instants import instant
from .ledger import CARRIED, DROPPED, HISTORY, Ledger
from .notes import Note
from .reading import Rows

_PARTS = {
    "dependencies": "depends_on",
    "participants": "participants",
    "progress": "progress",
    "contributions": "contributions",
}
"""What of a task tells whether rows have arrived."""
_TABLE = {"progress": "collaboration_events", "contributions": "collaboration_events"}
_BATCH = 200
_ESSENTIAL = ("id", "title", "status", "priority", "created_at", "updated_at")


def carry(
    manager: Any,
    tables: Mapping[str, Rows],
    notes: Sequence[Note],
    zone: Mapping[str, str],
    ledger: Ledger,
) -> None:
    """Bring everything in, in one transaction.

    Args:
        manager: The `TaskManager` of the store.
        tables: All rows of the earlier tool's database.
        notes: What its files hold.
        zone: In which its local times are read.
        ledger: Is told what became of each row.

    Raises:
        ValidationError: A task is refused for what it cannot do without.
    """
    conversion = Conversion(tables, notes, ledger, zone)
    with manager.transaction():
        _phases(manager, tables, ledger)
        written: dict[str, Converted] = {}
        for each in conversion.tasks():
            if manager.many([each.values.get("id", "")]):
                _skip(each, ledger)
                continue
            task_id = _restore(manager, each, ledger)
            ledger.count("tasks", CARRIED)
            for table, _, why in each.left:
                ledger.count(table, HISTORY, why)
            written[task_id] = each
        _agents(manager, tables.get("agents", []), ledger)
        _arrived(manager, written, ledger)
        _rest(tables, ledger)


def _restore(manager: Any, task: Converted, ledger: Ledger) -> str:
    """Write one task, without what a rule refuses and it can do without."""
    values = dict(task.values)
    while True:
        try:
            return str(manager.restore(values, task.history).id)
        except ValidationError as error:
            named = {str(problem.get("field", "")) for problem in error.problems}
            named.add(str(error.details.get("field", "")))
            refused = {name for name in named if name in values}.difference(_ESSENTIAL)
            if not refused:
                raise
            for name in refused:
                del values[name]
                ledger.change(f"{name} is refused: {error.message}", str(values.get("id", "")))


def _skip(task: Converted, ledger: Ledger) -> None:
    """A task that is there already stays as it is; what else was known of it is kept."""
    why = "its task is in the store already"
    ledger.keep("tasks", [task.original], why)
    for name, rows in task.rows.items():
        ledger.keep(_TABLE.get(name, name), rows, why)
    for table, row, _ in task.left:
        ledger.keep(table, [row], why)


def _arrived(manager: Any, written: Mapping[str, Converted], ledger: Ledger) -> None:
    """Count by what the store tells of the tasks, not by what was given to it."""
    ids = list(written)
    for start in range(0, len(ids), _BATCH):
        for task in manager.many(ids[start : start + _BATCH], details=True):
            told = task.as_dict()
            expected = written[task.id]
            for name, rows in expected.rows.items():
                items = told.get(_PARTS[name]) or []
                if name == "contributions":  # a note is told to its author alone
                    items = [item for item in items if item.get("kind") != "note"]
                table = _TABLE.get(name, name)
                if len(items) >= len(rows):
                    ledger.count(table, CARRIED, f"as {_PARTS[name]} of its task", len(rows))
                elif table == "collaboration_events":
                    ledger.count(table, HISTORY, "no feature keeps it", len(rows))
                else:
                    ledger.keep(table, rows, "no feature keeps it")
            for name in expected.values:
                if name not in told and name not in ("contributions", "participants", "progress"):
                    ledger.change(f"no feature keeps {name!r}", task.id)


def _phases(manager: Any, tables: Mapping[str, Rows], ledger: Ledger) -> None:
    """Phases first: tasks name them."""
    rows = {str(row.get("id")): row for row in tables.get("phases", [])}
    needs = tables.get("phase_dependencies", [])
    gates = tables.get("phase_gates", [])
    restore = _action(manager, "phase_restore")
    if restore is None:
        for name in ("phases", "phase_dependencies", "phase_gates"):
            ledger.keep(name, tables.get(name, []), "no feature keeps phases")
        return
    done: set[str] = set()
    for phase_id, row in rows.items():
        record: dict[str, Any] = {
            **{name: row.get(name) for name in ("id", "name", "description", "status")},
            "parent": row.get("parent_phase_id"),
        }
        times = ("created_at", "updated_at", "started_at", "completed_at")
        record |= {name: instant(row.get(name)) for name in times}
        try:
            restore(json.dumps({name: value for name, value in record.items() if value}))
        except TmError as error:
            ledger.keep("phases", [row], error.message)
            continue
        done.add(phase_id)
        ledger.count("phases", CARRIED)
    for row in needs:
        link = {"phase": row.get("phase_id"), "depends_on": row.get("depends_on_phase_id")}
        _phase_part("phase_dependencies", row, {"dependency": link}, restore, ledger)
    for row in gates:
        gate = {
            **{name: row.get(name) for name in ("id", "criteria", "status")},
            "phase": row.get("phase_id"),
            "type": row.get("gate_type"),
            "reason": row.get("override_reason"),
            "decided_by": row.get("override_by"),
            "created_at": instant(row.get("created_at")),
            "decided_at": instant(row.get("evaluated_at")),
        }
        told = {name: value for name, value in gate.items() if value is not None}
        _phase_part("phase_gates", row, {"gate": told}, restore, ledger)


def _phase_part(
    table: str, row: dict[str, Any], record: Mapping[str, Any], restore: Any, ledger: Ledger
) -> None:
    try:
        restore(json.dumps(record))
    except TmError as error:
        ledger.keep(table, [row], error.message)
    else:
        ledger.count(table, CARRIED)


def _agents(manager: Any, rows: Rows, ledger: Ledger) -> None:
    register = _action(manager, "agents_register")
    if register is None:
        ledger.keep("agents", rows, "no feature keeps agents")
        return
    for row in rows:
        known = _capabilities(row.get("capabilities"))
        try:
            register(
                str(row.get("id") or ""),
                str(row.get("name") or row.get("id") or ""),
                type=row.get("type") or None,
                capabilities=",".join(known) or None,
            )
        except TmError as error:
            ledger.keep("agents", [row], f"it cannot be registered: {error}")
        else:
            ledger.count("agents", CARRIED, "registered anew")
            ledger.also_keep("agents", [row], "its times, status and metadata")


def _capabilities(raw: Any) -> list[str]:
    try:
        found = json.loads(raw) if raw else []
    except (TypeError, ValueError):
        found = str(raw).split(",")
    return [str(each) for each in found] if isinstance(found, list) else [str(found)]


def _action(manager: Any, name: str) -> Any:
    """A method that a plugin may offer; None where it is not there or off."""
    try:
        return getattr(manager, name)
    except (AttributeError, TmError):
        return None


def _rest(tables: Mapping[str, Rows], ledger: Ledger) -> None:
    """Tables that have no place here at all."""
    known = {
        *("tasks", "dependencies", "participants", "collaboration_events", "notifications"),
        *("agent_metrics", "agent_messages", "agent_task_history"),
        *("phases", "phase_dependencies", "phase_gates", "agents"),
    }
    for name, rows in tables.items():
        if name == "schema_migrations":
            why = "the earlier tool's own bookkeeping"
            ledger.count(name, DROPPED, why, len(rows))
            ledger.also_keep(name, rows, why)
        elif name == "agent_workload":
            ledger.keep(name, rows, "worked out from the tasks, by tm agents workload")
        elif name not in known:
            ledger.keep(name, rows, "no feature keeps it")
