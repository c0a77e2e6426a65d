"""Brings in phases as another store had them, for imports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from tm_core.api import Conflict, Context, InvalidValue, NotFound, Param, check_records

from . import records


def restore(
    ctx: Context, data: Annotated[str, Param("A phase, dependency or gate as JSON")]
) -> dict[str, Any]:
    """Bring in a phase with its id, its status and its times.

    Args:
        data: A phase; `{"dependency": {"phase": ..., "depends_on": ...}}`; or `{"gate": {...}}`.

    Raises:
        Conflict: Its id is taken.
        NotFound: What it belongs to is not there.
        ValidationError: A value does not fit.
    """
    try:
        given = json.loads(data)
    except ValueError as error:
        raise InvalidValue(f"not JSON: {error}") from None
    if not isinstance(given, dict):
        raise InvalidValue("a phase is an object")
    with ctx.tasks.transaction():
        if "dependency" in given:
            return _dependency(ctx, given["dependency"])
        if "gate" in given:
            return _gate(ctx, given["gate"])
        (phase,) = check_records("phase", [given], records.PHASE, ("id", "name"))
        if records.find(ctx, phase["id"]) is not None:
            raise Conflict(f"the id '{phase['id']}' is taken by another phase")
        created = phase["created_at"] or ctx.now
        usual = {"status": "planning", "created_at": created, "updated_at": created}
        phase |= {name: phase[name] or value for name, value in usual.items()}
        with ctx.event("phases.imported", phase=phase["id"], name=phase["name"]):
            records.put(ctx, phase)
        return phase


def _dependency(ctx: Context, given: Mapping[str, Any]) -> dict[str, Any]:
    (edge,) = check_records("dependency", [given], records.DEPENDENCY, ("phase", "depends_on"))
    own, other = _there(ctx, edge["phase"]), _there(ctx, edge["depends_on"])
    if own == other or own in records.before(ctx, other):
        raise InvalidValue(f"phase {own} would come after itself")
    with ctx.event("phases.imported", phase=own, depends_on=other):
        records.connect(ctx, own, other, ctx.now)
    return edge


def _gate(ctx: Context, given: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: str(value) if name == "id" else value for name, value in given.items()}
    (gate,) = check_records("gate", [known], records.GATE, ("phase", "type"))
    _there(ctx, gate["phase"])
    taken = ctx.query("SELECT 1 AS found FROM phases_gate WHERE id = ?", [gate["id"] or ""])
    if taken:
        raise Conflict(f"the id '{gate['id']}' is taken by another gate")
    usual = {"id": records.new_id(), "status": "pending", "created_at": ctx.now}
    gate |= {name: gate[name] or value for name, value in usual.items()}
    with ctx.event("phases.imported", phase=gate["phase"], gate=gate["id"]):
        records.put_gate(ctx, gate)
    return gate


def _there(ctx: Context, phase_id: str) -> str:
    if records.find(ctx, phase_id) is None:
        raise NotFound(f"no phase has the id '{phase_id}'")
    return phase_id
