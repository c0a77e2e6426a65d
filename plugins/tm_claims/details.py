"""What is told of a task's claim, and which tasks claims hold back or set free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tm_core.api import Availability, Context, Task, hookimpl

from . import leases


@hookimpl
def task_details(ctx: Context, tasks: Sequence[Task]) -> Mapping[str, Mapping[str, Any]]:
    """`claim`: who holds the task; `reservations`: the files that it will touch."""
    now = ctx.now
    rows = ctx.query_for(tasks, f"SELECT * FROM {leases.TABLE}")
    held = [lease for lease in (leases.Lease(**row) for row in rows) if lease.held]
    reserved: dict[str, list[str]] = {}
    for row in ctx.query_for(
        tasks, "SELECT task_id, pattern FROM claims_reservation", order="pattern"
    ):
        reserved.setdefault(row["task_id"], []).append(row["pattern"])
    return {
        "claim": {lease.task_id: told(lease, now) for lease in held},
        "reservations": reserved,
    }


def told(lease: leases.Lease, now: str) -> dict[str, Any]:
    """A claim as people and programs see it."""
    return {
        "holder": lease.holder,
        "since": lease.claimed_at,
        "until": lease.until,
        "expired": not lease.live(now),
        "token": lease.token,
    }


@hookimpl
def task_availability(ctx: Context) -> Iterator[Availability]:
    """What somebody holds is not to be had; what a holder forgot is."""
    yield Availability(
        held=(
            f"EXISTS (SELECT 1 FROM {leases.TABLE} AS lease"
            f" WHERE lease.task_id = task.id AND lease.until > ?)"
        ),
        held_parameters=(ctx.now,),
        freed=f"SELECT task_id FROM {leases.TABLE} WHERE until <= ?",
        freed_parameters=(ctx.now,),
    )
