"""What agents did in a period, from tasks and the log."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import (
    Context,
    InvalidValue,
    NotFound,
    Param,
    UsageError,
    parse_duration,
    parse_instant,
)

from .actions import has_field, is_known, known_agents

_PERIODS = {"day": "1d", "daily": "1d", "week": "7d", "weekly": "7d"}
_PERIODS |= {"month": "30d", "monthly": "30d"}


def performance(
    ctx: Context,
    id: Annotated[str | None, Param("One agent; everybody if absent")] = None,
    *,
    range: Annotated[str, Param("How far back: day, week, month, 12h, 90d")] = "week",
) -> list[dict[str, Any]]:
    """Show what each did in a period: tasks completed, how long they took, and how many remain.

    Of a completed task the time counts from its creation to its completion.

    Args:
        id: One agent; everybody who has or had a task, and registered agents, if absent.
        range: `day`, `week`, `month`, or a distance such as `12h` or `90d`.

    Raises:
        NotFound: Nothing is known of an agent of this name.
        UsageError: That is no period.
    """
    begin = _begin(range)
    if id is not None and not is_known(ctx, id):
        raise NotFound(f"no agent has the id '{id}'", "tm agents list shows the ids")
    lead = ctx.dialect.hours_between("created_at", "completed_at")
    ended = "status = 'completed' AND completed_at >= ?"
    columns = [
        f"sum(CASE WHEN {ended} THEN 1 ELSE 0 END) AS completed",
        f"avg(CASE WHEN {ended} THEN {lead} END) AS lead_hours",
        "sum(CASE WHEN status IN ('pending', 'in_progress', 'blocked') THEN 1 ELSE 0 END) AS open",
    ]
    parameters: list[Any] = [begin, begin]
    for hours in ("estimated_hours", "actual_hours"):
        if has_field(ctx, hours):
            columns.append(f"sum(CASE WHEN {ended} THEN {hours} END) AS {hours}")
            parameters.append(begin)
    only = "" if id is None else " AND assignee = ?"
    rows = ctx.query(
        f"SELECT assignee, {', '.join(columns)} FROM task"
        f" WHERE assignee IS NOT NULL AND status <> 'deleted'{only} GROUP BY assignee",
        [*parameters, *([] if id is None else [id])],
    )
    by_id = {row["assignee"]: row for row in rows}
    acts = {
        row["actor"]: row["n"]
        for row in ctx.query(
            "SELECT actor, count(*) AS n FROM event WHERE at >= ? GROUP BY actor", [begin]
        )
    }
    names = {**by_id, **{agent["id"]: None for agent in known_agents(ctx)}} if id is None else [id]
    found = [_figures(name, by_id.get(name, {}), acts.get(name, 0), begin) for name in names]
    return sorted(found, key=lambda each: (-each["completed"], each["id"]))


def _figures(name: str, row: dict[str, Any], acts: int, begin: str) -> dict[str, Any]:
    completed, remaining = int(row.get("completed") or 0), int(row.get("open") or 0)
    lead = row.get("lead_hours")
    return {
        "id": name,
        "since": begin,
        "completed": completed,
        "open": remaining,
        # Of what was to be done in the period, as far as it is known now.
        "completion_rate": completed / (completed + remaining) if completed + remaining else None,
        "lead_hours": None if lead is None else round(float(lead), 2),
        "estimated_hours": row.get("estimated_hours"),
        "actual_hours": row.get("actual_hours"),
        "acts": int(acts),
    }


def _begin(period: str) -> str:
    word = period.strip().lower()
    text = _PERIODS.get(word, word)
    try:
        if parse_duration(text) > 0:
            return parse_instant(f"-{text}")
    except InvalidValue:
        pass
    raise UsageError(f"'{period}' is no period", "use day, week, month, 12h or 90d")
