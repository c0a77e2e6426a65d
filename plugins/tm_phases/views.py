"""Phases for people."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, format_local, visible


def created(phase: dict[str, Any], output: Output) -> None:
    """Into a pipe the id alone, as adding a task does."""
    output.say("Phase created")
    output.data(phase["id"])


def listed(phases: list[dict[str, Any]], output: Output) -> None:
    """One line each."""
    if not phases:
        output.say("No phases found")
    for phase in phases:
        output.data(f"[{phase['id']}] {visible(phase['name'])} - {phase['status']}{_done(phase)}")


def shown(phase: dict[str, Any], output: Output) -> None:
    """All of one."""
    output.data(f"[{phase['id']}] {visible(phase['name'])} - {phase['status']}{_done(phase)}")
    if phase["description"]:
        output.data(visible(phase["description"], multiline=True))
    if phase["parent"]:
        output.data(f"part of: {phase['parent']}")
    for name in ("created_at", "started_at", "completed_at"):
        if phase[name]:
            output.data(f"{name}: {format_local(phase[name])}")
    for other in phase["depends_on"]:
        output.data(f"after: [{other['id']}] {visible(other['name'])} - {other['status']}")
    for gate in phase["gates"]:
        told = [gate["type"], gate["criteria"], gate["status"], gate["reason"], gate["decided_by"]]
        output.data(f"gate {gate['id']}: " + ", ".join(visible(each) for each in told if each))


def updated(phase: dict[str, Any], output: Output) -> None:
    """It is done."""
    output.say(f"Phase {phase['id']} updated")


def gated(gate: dict[str, Any], output: Output) -> None:
    """Its id, to decide it by."""
    output.say(f"Gate of phase {gate['phase']} is {gate['status']}")
    output.data(gate["id"])


def _done(phase: dict[str, Any]) -> str:
    total = sum(phase["tasks"].values())
    return f" ({phase['tasks'].get('completed', 0)} of {total} tasks done)" if total else ""
