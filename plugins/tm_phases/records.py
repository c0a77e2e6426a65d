"""The tables of phases, their order and their gates: written and read here only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tm_core.api import OPEN, Context, Field, NotFound, Row, visible

STATUSES = ("planning", "active", "blocked", "completed", "archived")
GATE_TYPES = ("task_completion", "approval", "custom")
GATE_STATUSES = ("pending", "passed", "failed", "overridden")
PASSED = ("passed", "overridden")
PHASE = (
    Field("id", "str", max_length=64),
    Field("name", "str", max_length=200),
    Field("description", "str", max_length=100_000),
    Field("status", "enum", choices=STATUSES),
    Field("parent", "str", max_length=64),
    Field("created_at", "datetime"),
    Field("updated_at", "datetime"),
    Field("started_at", "datetime"),
    Field("completed_at", "datetime"),
)
"""What a phase tells, in the words of a task's fields: so an imported one is checked."""
DEPENDENCY = (Field("phase", "str", max_length=64), Field("depends_on", "str", max_length=64))
GATE = (
    Field("id", "str", max_length=64),
    Field("phase", "str", max_length=64),
    Field("type", "enum", choices=GATE_TYPES),
    Field("criteria", "str", max_length=100_000),
    Field("status", "enum", choices=GATE_STATUSES),
    Field("reason", "str", max_length=10_000),
    Field("decided_by", "str", max_length=200),
    Field("created_at", "datetime"),
    Field("decided_at", "datetime"),
)


def new_id() -> str:
    """8 hex digits, as tasks have."""
    return os.urandom(4).hex()


def find(ctx: Context, phase_id: str) -> Row | None:
    """The phase of exactly this id."""
    rows = ctx.query("SELECT * FROM phases_phase WHERE id = ?", [phase_id])
    return rows[0] if rows else None


def need(ctx: Context, given: str) -> Row:
    """The phase of this id, or the only one whose id begins so. Raises NotFound."""
    rows = ctx.query(
        "SELECT * FROM phases_phase WHERE id >= ? AND id < ? ORDER BY id LIMIT 2",
        [given, given + "\U0010ffff"],
    )
    if rows and given and (rows[0]["id"] == given or len(rows) == 1):
        return rows[0]
    if len(rows) > 1:
        raise NotFound(f"the id '{visible(given)}' begins more than one phase", "give more of it")
    raise NotFound(f"no phase has the id '{visible(given)}'", "tm phases list shows the ids")


def put(ctx: Context, phase: Mapping[str, Any]) -> None:
    """Write a phase, in the running event."""
    values = {name: value for name, value in phase.items() if name != "id"}
    ctx.put("phases_phase", {"id": phase["id"]}, values)


def connect(ctx: Context, phase_id: str, other: str, at: str) -> None:
    """Let a phase come after another, in the running event."""
    ctx.put("phases_dependency", {"phase": phase_id, "depends_on": other}, {"created_at": at})


def put_gate(ctx: Context, gate: Mapping[str, Any]) -> None:
    """Write a gate, in the running event."""
    ctx.put("phases_gate", {"id": gate["id"]}, {n: v for n, v in gate.items() if n != "id"})


def needs_of(ctx: Context, phase_id: str) -> list[Row]:
    """The phases that come before one."""
    return ctx.query(
        "SELECT phase.id, phase.name, phase.status FROM phases_dependency AS edge"
        " JOIN phases_phase AS phase ON phase.id = edge.depends_on"
        " WHERE edge.phase = ? ORDER BY phase.created_at, phase.id",
        [phase_id],
    )


def gates_of(ctx: Context, phase_id: str) -> list[Row]:
    """A phase's gates, oldest first; those about its tasks are judged by what the tasks are now."""
    gates = ctx.query(
        "SELECT * FROM phases_gate WHERE phase = ? ORDER BY created_at, id", [phase_id]
    )
    if any(_by_tasks(gate) for gate in gates):
        done = not open_tasks(ctx, phase_id)
        gates = [
            {**gate, "status": "passed" if done else "pending"} if _by_tasks(gate) else gate
            for gate in gates
        ]
    return gates


def _by_tasks(gate: Row) -> bool:
    return bool(gate["type"] == "task_completion" and gate["status"] in ("pending", "passed"))


def open_tasks(ctx: Context, phase_id: str) -> int:
    """How many tasks of a phase are still to be done."""
    places = ", ".join("?" * len(OPEN))
    rows = ctx.query(
        f"SELECT count(*) AS n FROM task WHERE phase = ? AND status IN ({places})",
        [phase_id, *OPEN],
    )
    return int(rows[0]["n"])


def counts(ctx: Context) -> dict[str, dict[str, int]]:
    """How many tasks each phase has of each status."""
    found: dict[str, dict[str, int]] = {}
    rows = ctx.query(
        "SELECT phase, status, count(*) AS n FROM task"
        " WHERE phase IS NOT NULL AND status <> 'deleted' GROUP BY phase, status"
    )
    for row in rows:
        found.setdefault(row["phase"], {})[row["status"]] = int(row["n"])
    return found


def before(ctx: Context, phase_id: str) -> set[str]:
    """All phases that come before one, by whatever way."""
    edges: dict[str, list[str]] = {}
    for row in ctx.query("SELECT phase, depends_on FROM phases_dependency"):
        edges.setdefault(row["phase"], []).append(row["depends_on"])
    found: set[str] = set()
    to_do = [phase_id]
    while to_do:
        for other in edges.get(to_do.pop(), ()):
            if other not in found:
                found.add(other)
                to_do.append(other)
    return found
