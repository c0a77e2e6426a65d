"""The commands about phases."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import (
    Conflict,
    Context,
    NotFound,
    Param,
    Row,
    UsageError,
    ValidationError,
    check,
    visible,
)

from . import records

PhaseId = Annotated[str, Param("The phase's id, or its beginning", max_length=64)]


def create(
    ctx: Context,
    name: Annotated[str, Param("What people call it", max_length=200)],
    *,
    description: Annotated[
        str | None, Param("More about it", options=("-d", "--description"))
    ] = None,
    parent: Annotated[str | None, Param("The phase that it is a part of")] = None,
    depends_on: Annotated[list[str], Param("A phase that comes before it; may be repeated")] = [],  # noqa: B006
) -> dict[str, Any]:
    """Make a phase: a stage that tasks belong to (tm add --phase ID).

    Raises:
        NotFound: A phase that is named is not there.
        ValidationError: The name is empty.
    """
    if not name.strip():
        raise ValidationError("a phase needs a name")
    with ctx.tasks.transaction():
        phase = {
            "id": records.new_id(),
            "name": name,
            "description": description,
            "status": "planning",
            "parent": records.need(ctx, parent)["id"] if parent else None,
            "created_at": ctx.now,
            "updated_at": ctx.now,
            "started_at": None,
            "completed_at": None,
        }
        others = [records.need(ctx, other)["id"] for other in depends_on]
        with ctx.event("phases.created", phase=phase["id"], name=name):
            records.put(ctx, phase)
            for other in others:
                records.connect(ctx, str(phase["id"]), other, ctx.now)
        return _whole(ctx, str(phase["id"]))


def list_phases(
    ctx: Context,
    *,
    status: Annotated[str, Param("Only in this status", choices=records.STATUSES)] = "",
) -> list[dict[str, Any]]:
    """List the phases, oldest first, with how many of their tasks are done."""
    counts = records.counts(ctx)
    rows = ctx.query("SELECT * FROM phases_phase ORDER BY created_at, id")
    return [
        {**row, "tasks": counts.get(row["id"], {})}
        for row in rows
        if not status or row["status"] == status
    ]


def show(ctx: Context, phase: PhaseId) -> dict[str, Any]:
    """Show a phase: what comes before it, its gates, and its tasks by status."""
    return _whole(ctx, records.need(ctx, phase)["id"])


def update(
    ctx: Context,
    phase: PhaseId,
    *,
    name: Annotated[str | None, Param("What people call it", max_length=200)] = None,
    description: Annotated[
        str | None, Param("More about it", options=("-d", "--description"))
    ] = None,
    status: Annotated[str | None, Param("Where it stands", choices=records.STATUSES)] = None,
    force: Annotated[bool, Param("Although gates or phases before it stand against it")] = False,
) -> dict[str, Any]:
    """Change a phase. It begins after those before it, and is completed through its gates.

    Raises:
        ValidationError: Something stands against its new status.
        UsageError: Nothing to change was given.
    """
    given = {"name": name, "description": description, "status": status}
    values = {key: value for key, value in given.items() if value is not None}
    if not values:
        raise UsageError("nothing to change was given", "tm phases update --help lists the options")
    if name is not None and not name.strip():
        raise ValidationError("a phase needs a name")
    with ctx.tasks.transaction():
        known = records.need(ctx, phase)
        against = _against(ctx, known, status) if status and status != known["status"] else []
        if against and not force:
            raise ValidationError("; ".join(against[:3]), "--force overrides")
        values |= _stamps(ctx, known, status)
        data: dict[str, Any] = {"forced": against} if against else {}
        with ctx.event("phases.updated", phase=known["id"], **values, **data):
            records.put(ctx, {**known, **values, "updated_at": ctx.now})
        return _whole(ctx, known["id"])


def _stamps(ctx: Context, known: Row, status: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if status == "active" and not known["started_at"]:
        found["started_at"] = ctx.now
    if status is not None and status != known["status"]:
        if status == "completed":
            found["completed_at"] = ctx.now
        elif status != "archived":
            found["completed_at"] = None
    return found


def _against(ctx: Context, phase: Row, status: str) -> list[str]:
    """What stands against a phase's new status."""
    found = []
    if status in ("active", "completed"):
        found += [
            f"phase {other['id']} '{visible(other['name'])}' comes before it and is"
            f" {other['status']}"
            for other in records.needs_of(ctx, phase["id"])
            if other["status"] not in ("completed", "archived")
        ]
    if status == "completed":
        found += [
            f"gate {gate['id']} ({gate['type']}) is {gate['status']}"
            for gate in records.gates_of(ctx, phase["id"])
            if gate["status"] not in records.PASSED
        ]
    return found


def add_dependency(
    ctx: Context,
    phase: PhaseId,
    depends_on: Annotated[str, Param("The phase that comes before it", max_length=64)],
) -> dict[str, Any]:
    """Let a phase come after another.

    Raises:
        ValidationError: It would be a circle.
    """
    with ctx.tasks.transaction():
        own, other = records.need(ctx, phase)["id"], records.need(ctx, depends_on)["id"]
        if own == other or own in records.before(ctx, other):
            raise ValidationError(
                f"phase {own} would come after itself", "tm phases show tells why"
            )
        with ctx.event("phases.connected", phase=own, depends_on=other):
            records.connect(ctx, own, other, ctx.now)
        return _whole(ctx, own)


def add_gate(
    ctx: Context,
    phase: PhaseId,
    *,
    type: Annotated[
        str,
        Param(
            "By its tasks, by somebody's word, or by something else",
            options=("--type", "--gate-type"),
            choices=records.GATE_TYPES,
        ),
    ] = "task_completion",
    criteria: Annotated[str | None, Param("What it takes")] = None,
) -> dict[str, Any]:
    """Add a gate: what must be passed before the phase is completed.

    A gate by task completion is passed while all tasks of the phase are done. The others wait until
    somebody decides: tm phases decide GATE passed.
    """
    check(records.GATE[3], criteria)
    with ctx.tasks.transaction():
        gate: dict[str, Any] = {
            "id": records.new_id(),
            "phase": records.need(ctx, phase)["id"],
            "type": type,
            "criteria": criteria,
            "status": "pending",
            "reason": None,
            "decided_by": None,
            "created_at": ctx.now,
            "decided_at": None,
        }
        with ctx.event("phases.gate_added", phase=gate["phase"], gate=gate["id"]):
            records.put_gate(ctx, gate)
    return gate


def decide(
    ctx: Context,
    gate: Annotated[str, Param("The gate's id")],
    verdict: Annotated[str, Param("passed, failed or overridden", choices=records.GATE_STATUSES)],
    *,
    reason: Annotated[str | None, Param("Why", max_length=10_000)] = None,
) -> dict[str, Any]:
    """Say whether a gate is passed. Overriding one needs a reason.

    Raises:
        NotFound: There is no such gate.
        Conflict: Its tasks decide it.
        ValidationError: It is overridden without a reason.
    """
    with ctx.tasks.transaction():
        rows = ctx.query("SELECT * FROM phases_gate WHERE id = ?", [gate])
        if not rows:
            raise NotFound(f"no gate has the id '{visible(gate)}'", "tm phases show PHASE")
        if verdict == "overridden" and not (reason or "").strip():
            raise ValidationError("a gate is overridden for a reason", '--reason "..."')
        if rows[0]["type"] == "task_completion" and verdict not in ("overridden", "pending"):
            raise Conflict(
                f"the tasks of the phase decide gate {gate}", "complete them, or override it"
            )
        decided = {"status": verdict, "reason": reason, "decided_by": ctx.actor}
        decided["decided_at"] = ctx.now
        with ctx.event("phases.gate_decided", phase=rows[0]["phase"], gate=gate, verdict=verdict):
            records.put_gate(ctx, {**rows[0], **decided})
        return {**rows[0], **decided}


def _whole(ctx: Context, phase_id: str) -> dict[str, Any]:
    phase = records.find(ctx, phase_id)
    return {
        **(phase or {}),
        "depends_on": records.needs_of(ctx, phase_id),
        "gates": records.gates_of(ctx, phase_id),
        "tasks": records.counts(ctx).get(phase_id, {}),
    }
