"""Agents: what was told of them is stored; what they do is worked out from tasks and the log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from tm_core.api import OPEN, Context, NotFound, Param, Row, ValidationError, parse_instant

STATES = ("new", "idle", "active", "busy")
"""Of an agent: never acted, silent for a while, acted lately, and with a task in progress."""
DAYS = 7
"""How far back completed tasks count in a workload."""


def register(
    ctx: Context,
    id: Annotated[str, Param("What the agent gives as --actor", max_length=200)],
    name: Annotated[str, Param("What people call it", max_length=200)],
    *,
    type: Annotated[str | None, Param("Its kind, such as developer", max_length=100)] = None,
    capabilities: Annotated[
        str | None, Param("What it can do, separated by commas", max_length=2000)
    ] = None,
) -> dict[str, Any]:
    """Make an agent known. A known one takes over what is given; the rest stays as it is.

    Args:
        id: The name under which the agent acts.
        name: What people call it.
        type: Its kind; an empty one clears it.
        capabilities: What it can do, separated by commas; an empty text clears them.

    Raises:
        ValidationError: The id or the name is empty, or the id holds white space.
    """
    if not id or any(letter.isspace() or not letter.isprintable() for letter in id):
        raise ValidationError(
            "an agent's id is one word", "tm agents register builder 'The builder'"
        )
    if not name.strip():
        raise ValidationError("an agent needs a name")
    with ctx.tasks.transaction():
        known = {row["id"]: row for row in known_agents(ctx)}.get(id)
        agent = known or {"type": None, "capabilities": [], "registered_at": ctx.now}
        agent = {**agent, "id": id, "name": name}
        if type is not None:
            agent["type"] = type.strip() or None
        if capabilities is not None:
            words = [word.strip() for word in capabilities.split(",")]
            agent["capabilities"] = list(dict.fromkeys(word for word in words if word))
        if agent != known:
            told = {key: agent[key] for key in ("id", "name", "type", "capabilities")}
            with ctx.event("agents.registered", agent=told):
                row = {key: value for key, value in agent.items() if key != "id"}
                row["capabilities"] = json.dumps(agent["capabilities"], ensure_ascii=False)
                ctx.put("agents_agent", {"id": id}, row)
    return {**agent, "known": known is not None}


def list_agents(
    ctx: Context,
    *,
    status: Annotated[str, Param("Only those in this state", choices=STATES)] = "",
    type: Annotated[str, Param("Only those of this type")] = "",
) -> list[dict[str, Any]]:
    """List the registered agents: new ones never acted, busy ones have a task in progress."""
    found = _with_activity(ctx, known_agents(ctx))
    return [
        agent
        for agent in found
        if (not status or agent["status"] == status) and (not type or agent["type"] == type)
    ]


def status(
    ctx: Context,
    id: Annotated[str | None, Param("One agent; all registered ones if absent")] = None,
) -> list[dict[str, Any]]:
    """Show what agents are doing: their tasks in progress, and when they last did something.

    Whoever acted, or has a task, may be asked for, registered or not.

    Args:
        id: One agent; all registered ones if absent.

    Raises:
        NotFound: Nothing is known of an agent of this name.
    """
    agents = known_agents(ctx)
    if id is not None:
        agents = [agent for agent in agents if agent["id"] == id]
        if not agents:
            if not is_known(ctx, id):
                raise NotFound(f"no agent has the id '{id}'", "tm agents list shows the ids")
            agents = [_stranger(id)]
    return _with_activity(ctx, agents)


def workload(ctx: Context) -> list[dict[str, Any]]:
    """Show how much each has to do: open tasks, hours where they are estimated, and what was done.

    Of everybody who has or had a task, and of registered agents; the most loaded first.
    """
    columns = {
        "open": f"status IN ({', '.join(map(repr, OPEN))})",
        "in_progress": "status = 'in_progress'",
        "blocked": "status = 'blocked'",
        "completed": "status = 'completed' AND completed_at >= ?",
    }
    counts = [f"sum(CASE WHEN {test} THEN 1 ELSE 0 END) AS n_{n}" for n, test in columns.items()]
    if has_field(ctx, "estimated_hours"):
        counts.append(
            f"sum(CASE WHEN {columns['open']} THEN estimated_hours END) AS estimated_hours"
        )
    rows = ctx.query(
        f"SELECT assignee, {', '.join(counts)} FROM task"
        " WHERE assignee IS NOT NULL AND status <> 'deleted' GROUP BY assignee",
        [parse_instant(f"-{DAYS}d")],
    )
    known = {agent["id"]: agent for agent in known_agents(ctx)}
    by_id = {row["assignee"]: row for row in rows}
    last = _last_activity(ctx)
    found = [
        {
            "id": name,
            "name": known[name]["name"] if name in known else None,
            "open": int(by_id.get(name, {}).get("n_open") or 0),
            "in_progress": int(by_id.get(name, {}).get("n_in_progress") or 0),
            "blocked": int(by_id.get(name, {}).get("n_blocked") or 0),
            "estimated_hours": by_id.get(name, {}).get("estimated_hours"),
            f"completed_{DAYS}d": int(by_id.get(name, {}).get("n_completed") or 0),
            "last_activity": last.get(name),
        }
        for name in {**by_id, **known}
    ]
    for each in found:
        each["load"] = load_of(ctx, each)
    return sorted(found, key=lambda each: (-each["load"], -each["open"], each["id"]))


def load_of(ctx: Context, work: Row) -> float:
    """How full somebody's hands are, in percent: of open tasks or of hours, whichever is more."""
    by_tasks = work["open"] / ctx.settings["full_tasks"]
    by_hours = (work["estimated_hours"] or 0) / ctx.settings["full_hours"]
    load: float = round(100 * max(by_tasks, by_hours), 1)
    return load


def is_known(ctx: Context, name: str) -> bool:
    """Whether somebody is registered, acted, or has or had a task."""
    asked = (
        "SELECT 1 AS found FROM agents_agent WHERE id = ? LIMIT 1",
        "SELECT 1 AS found FROM task WHERE assignee = ? LIMIT 1",
        "SELECT 1 AS found FROM event WHERE actor = ? LIMIT 1",
    )
    return any(ctx.query(sql, [name]) for sql in asked)


def known_agents(ctx: Context) -> list[Row]:
    """What was told of the registered agents, by their ids' order."""
    rows = ctx.query("SELECT * FROM agents_agent ORDER BY id")
    return [{**row, "capabilities": json.loads(row["capabilities"])} for row in rows]


def _stranger(name: str) -> Row:
    return {"id": name, "name": None, "type": None, "capabilities": [], "registered_at": None}


def _last_activity(ctx: Context) -> dict[str, str]:
    """When each actor last did something, from the log."""
    rows = ctx.query("SELECT actor, max(at) AS at FROM event GROUP BY actor")
    return {row["actor"]: row["at"] for row in rows}


def _with_activity(ctx: Context, agents: Sequence[Row]) -> list[dict[str, Any]]:
    last = _last_activity(ctx)
    tasks: dict[str, list[Row]] = {}
    for row in ctx.query(
        "SELECT id, title, assignee FROM task WHERE status = 'in_progress'"
        " AND assignee IS NOT NULL ORDER BY created_at, id"
    ):
        tasks.setdefault(row.pop("assignee"), []).append(row)
    silence = timedelta(minutes=ctx.settings["idle_after_minutes"])
    since = parse_instant("now", now=datetime.now(UTC) - silence)
    found: list[dict[str, Any]] = []
    for agent in agents:
        at = last.get(agent["id"])
        doing = tasks.get(agent["id"], [])
        if at is None:
            state = "new"
        elif at < since:
            state = "idle"
        else:
            state = "busy" if doing else "active"
        found.append({**agent, "status": state, "last_activity": at, "in_progress": doing})
    return found


def has_field(ctx: Context, name: str) -> bool:
    """Whether tasks have a field, which another feature may declare."""
    try:
        ctx.tasks.field(name)
    except KeyError:
        return False
    return True
