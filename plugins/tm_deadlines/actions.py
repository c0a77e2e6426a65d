"""`tm overdue` and `tm upcoming`: both walk the index of deadlines and read no further task."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple

from tm_core.api import OPEN, STATUSES, Context, Param, Row


class Due(NamedTuple):
    """Open tasks with a deadline, the earliest first."""

    tasks: list[Row]
    more: bool
    """Whether there are further ones."""
    soon: int
    """How many more are due within the hours that `warn_before_hours` says."""
    soon_hours: int

    def as_dict(self) -> list[dict[str, Any]]:  # the JSON shape of a list is a list
        """The tasks alone."""
        return self.tasks


_LIMIT = Param("At most so many; 0 for all", minimum=0)
# Said so that no engine takes the index of statuses: most open tasks have no deadline at all.
_CLOSED = [status for status in STATUSES if status not in OPEN]
_IS_OPEN = f"status NOT IN ({', '.join('?' * len(_CLOSED))})"


def overdue(ctx: Context, *, limit: Annotated[int | None, _LIMIT] = None) -> Due:
    """List open tasks past their deadline, most overdue first.

    How many more are due soon is said on standard error; `deadlines.warn_before_hours` says what
    is soon.
    """
    hours = int(ctx.settings["warn_before_hours"])
    tasks, more = _due(ctx, "deadline < ?", [ctx.now], limit)
    rows = ctx.query(
        f"SELECT count(*) AS n FROM task WHERE deadline >= ? AND deadline <= ? AND {_IS_OPEN}",
        [ctx.now, _later(ctx.now, hours), *_CLOSED],
    )
    return Due(tasks, more, int(rows[0]["n"]), hours)


def upcoming(
    ctx: Context,
    *,
    within: Annotated[
        float, Param("How near: 24, 90m, 7d", type="duration", maximum=876_000)
    ] = 168.0,
    limit: Annotated[int | None, _LIMIT] = None,
) -> Due:
    """List open tasks whose deadline comes within 7 days, or as long as you say, nearest first."""
    tasks, more = _due(
        ctx, "deadline >= ? AND deadline <= ?", [ctx.now, _later(ctx.now, within)], limit
    )
    return Due(tasks, more, 0, 0)


def _due(
    ctx: Context, condition: str, bounds: list[str], limit: int | None
) -> tuple[list[Row], bool]:
    limit = int(ctx.setting("list.limit")) if limit is None else limit
    left = ctx.dialect.hours_between("?", "deadline")
    sql = (
        f"SELECT id, title, status, priority, assignee, deadline, {left} AS hours_left"
        f" FROM task WHERE {condition} AND {_IS_OPEN} ORDER BY deadline, id"
    )
    if limit:
        sql += f" LIMIT {limit + 1}"
    rows = ctx.query(sql, [ctx.now, *bounds, *_CLOSED])
    tasks = [{**row, "hours_left": round(row["hours_left"], 2)} for row in rows]
    return (tasks[:limit] if limit else tasks), bool(limit) and len(tasks) > limit


def _later(now: str, hours: float) -> str:
    moment = datetime.fromisoformat(now) + timedelta(hours=hours)
    return moment.isoformat(timespec="microseconds")[:26] + "Z"
