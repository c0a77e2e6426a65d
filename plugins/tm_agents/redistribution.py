"""Moves work that nobody has begun from agents with too much of it to those with room."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import PRIORITIES, Context, Param, Row

from .actions import has_field, known_agents, load_of, workload


def redistribute(
    ctx: Context,
    *,
    threshold: Annotated[
        float | None, Param("The load in percent that is too much", minimum=0, maximum=10_000)
    ] = None,
) -> dict[str, Any]:
    """Move pending tasks from registered agents with too much to do to those with room for them.

    Only what is pending moves, the least urgent and newest first, and only to agents of the same
    type, whose load stays within the threshold. --dry-run shows what would move.

    Args:
        threshold: The load in percent above which it is too much; `agents.too_much` if absent.
    """
    most = float(ctx.settings["too_much"] if threshold is None else threshold)
    with ctx.tasks.transaction():
        agents = {agent["id"]: agent for agent in known_agents(ctx)}
        # Whoever acted lately is the likelier to take it up.
        idle = {each["id"] for each in ctx.tasks.agents_list() if each["status"] == "idle"}
        loads = {each["id"]: each for each in workload(ctx) if each["id"] in agents}
        moves: list[dict[str, Any]] = []
        for giver in sorted(loads, key=lambda name: (-loads[name]["load"], name)):
            for task in _movable(ctx, giver):
                if loads[giver]["load"] <= most:
                    break
                taker = _taker(ctx, task, giver, agents, loads, idle, most)
                if taker is None:
                    continue
                _shift(ctx, task, loads[giver], -1)
                _shift(ctx, task, loads[taker], 1)
                ctx.update(task["id"], assignee=taker)
                moves.append(
                    {"task_id": task["id"], "title": task["title"], "from": giver, "to": taker}
                )
    left = sorted(name for name, each in loads.items() if each["load"] > most)
    return {"threshold": most, "moved": moves, "still_overloaded": left}


def _movable(ctx: Context, assignee: str) -> list[Row]:
    hours = ", estimated_hours" if has_field(ctx, "estimated_hours") else ""
    rows = ctx.query(
        f"SELECT id, title, priority, created_at{hours} FROM task"
        " WHERE assignee = ? AND status = 'pending' ORDER BY created_at DESC, id",
        [assignee],
    )
    return sorted(rows, key=lambda row: PRIORITIES.index(row["priority"]))


def _taker(
    ctx: Context,
    task: Row,
    giver: str,
    agents: dict[str, Row],
    loads: dict[str, dict[str, Any]],
    idle: set[str],
    most: float,
) -> str | None:
    def loaded(name: str) -> float:
        return _shift(ctx, task, dict(loads[name]), 1)

    able = [
        name
        for name in loads
        if name != giver and agents[name]["type"] == agents[giver]["type"] and loaded(name) <= most
    ]
    return min(able, key=lambda name: (name in idle, loaded(name), name), default=None)


def _shift(ctx: Context, task: Row, load: dict[str, Any], sign: int) -> float:
    """Count a task into somebody's workload, or out of it; gives the load then."""
    load["open"] += sign
    hours = task.get("estimated_hours")
    if hours is not None:
        load["estimated_hours"] = (load["estimated_hours"] or 0) + sign * hours
    load["load"] = load_of(ctx, load)
    return float(load["load"])
