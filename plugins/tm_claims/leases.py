"""Leases: what one is, who may write under it, and how it is taken, renewed and ended.

The token is a fencing token (Kleppmann, "How to do distributed locking", 2016): a number that grows
with each claim of a task. A writer that carries a number other than the newest one held the task
once and does not any more, whatever its name is and whatever it believes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tm_core.api import Conflict, Context, Record, format_local

TABLE = "claims_lease"
_NOBODY = {
    "holder": None,
    "session": None,
    "claimed_at": None,
    "until": None,
    "hours": None,
    "assignee_before": None,
}
EXPIRED_AT_ONCE = 200
"""So many forgotten claims are looked at when the next work is chosen."""


class Lease(Record):
    """A row of the table: the newest claim of a task, also when it is over."""

    task_id: str
    token: int
    holder: str | None
    session: str | None
    claimed_at: str | None
    until: str | None
    hours: float | None
    assignee_before: str | None

    @property
    def held(self) -> bool:
        """Somebody took it and has not given it back; the time may be over."""
        return self.until is not None

    def live(self, now: str) -> bool:
        """Somebody holds it, and the time is not over."""
        return self.until is not None and self.until > now

    def as_dict(self) -> dict[str, Any]:
        """What an event tells of it."""
        return {"holder": self.holder, "token": self.token, "until": self.until}


def of(ctx: Context, task_id: str) -> Lease | None:
    """The newest claim of a task; None if it was never claimed."""
    rows = ctx.query(f"SELECT * FROM {TABLE} WHERE task_id = ?", [task_id])
    return Lease(**rows[0]) if rows else None


def carried(ctx: Context, task_id: str, given: int | None = None) -> int | None:
    """The token under which this writer writes to a task; None if it carries none.

    What was given with the command counts first; then the environment's, which `tm run` sets for
    its command; then that of the claim which this very process made.
    """
    if given is not None:
        return given
    text = ctx.environ.get("TM_CLAIM_TOKEN", "")
    if text and ctx.environ.get("TM_TASK_ID", task_id) == task_id:
        if not (text.isascii() and text.isdigit()):
            raise Conflict(f"TM_CLAIM_TOKEN is not the number of a claim: {text[:40]}", "unset it")
        return int(text)
    rows = ctx.query(
        f"SELECT {ctx.dialect.json_part('data', 'token')} AS token FROM event"
        " WHERE task_id = ? AND type = 'task.claimed' AND session = ?"
        " ORDER BY seq DESC LIMIT 1",
        [task_id, ctx.session],
    )
    return int(rows[0]["token"]) if rows else None


def check_token(ctx: Context, task_id: str, lease: Lease | None, token: int | None) -> None:
    """Refuse a writer whose claim is over. Raises Conflict, which nothing overrides."""
    if token is None or (lease is not None and token == lease.token):
        return
    if lease is None or token > lease.token:
        raise Conflict(f"task {task_id} has no claim {token}", "tm claims shows what is claimed")
    raise Conflict(
        f"claim {token} of task {task_id} is over: {_present(lease)}",
        f"stop working on it, or tm claim {task_id} when it is free",
        **_details(lease),
    )


def _present(lease: Lease) -> str:
    if lease.claimed_at is None or lease.until is None:
        return f"claim {lease.token} came after it"
    return (
        f"{lease.holder} holds it since {format_local(lease.claimed_at)}"
        f" (claim {lease.token}, until {format_local(lease.until)})"
    )


def _details(lease: Lease) -> dict[str, Any]:
    return {
        "holder": lease.holder,
        "claimed_at": lease.claimed_at,
        "until": lease.until,
        "token": lease.token,
    }


def taken(lease: Lease) -> Conflict:
    """The error of whoever wants what another holds."""
    since, until = format_local(lease.claimed_at or ""), format_local(lease.until or "")
    return Conflict(
        f"task {lease.task_id} is claimed by {lease.holder} since {since}, until {until}",
        "take other work, or wait; if it is yours, tm claims shows its token",
        **_details(lease),
    )


def foreign(ctx: Context, lease: Lease | None, token: int | None) -> bool:
    """Whether somebody else holds the task: not this actor, and not whoever has the token."""
    return lease is not None and token is None and lease.live(ctx.now) and lease.holder != ctx.actor


def later(now: str, hours: float) -> str:
    """The instant so many hours after another."""
    moment = datetime.fromisoformat(now) + timedelta(hours=hours)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def take(ctx: Context, task_id: str, hours: float) -> int:
    """Claim a task in the running transaction and give the token.

    Raises:
        Conflict: Somebody holds it, or its status does not allow it.
        ValidationError: A rule refuses that it be started.
    """
    task, lease = ctx.get(task_id), of(ctx, task_id)
    if lease is not None and lease.live(ctx.now) and not ctx.forced:
        raise taken(lease)
    if task.status not in ("pending", "in_progress", "blocked"):
        raise Conflict(f"task {task_id} is {task.status}", "only open tasks can be claimed")
    over = lease if lease is not None and lease.held else None
    assignee = over.assignee_before if over is not None else task.assignee
    by_hand = task.status == "in_progress" and over is None
    if by_hand and task.assignee not in (None, ctx.actor) and not ctx.forced:
        raise Conflict(
            f"task {task_id} is in progress by {task.assignee}, without a claim",
            "ask, or take it with --force",
        )
    token = (lease.token if lease is not None else 0) + 1
    until = later(ctx.now, hours)
    data: dict[str, Any] = {"holder": ctx.actor, "token": token, "until": until}
    if over is not None:
        data["taken_over"] = over.as_dict()
    with ctx.event("task.claimed", task_id, **data):
        if over is not None and not over.live(ctx.now):
            with ctx.event("claim.expired", task_id, **over.as_dict()):
                pass
        values = {
            "token": token,
            "holder": ctx.actor,
            "session": ctx.session,
            "claimed_at": ctx.now,
            "until": until,
            "hours": hours,
            "assignee_before": assignee,
        }
        ctx.put(TABLE, {"task_id": task_id}, values)
        ctx.update(task_id, status="in_progress", assignee=ctx.actor, claim_token=token)
    return token


def mine(ctx: Context, task_id: str, given: int | None) -> Lease:
    """The claim that this writer may renew or give back. Raises Conflict."""
    lease = of(ctx, task_id)
    token = carried(ctx, task_id, given)
    check_token(ctx, task_id, lease, token)
    if lease is None or not lease.held:
        raise Conflict(f"task {task_id} is not claimed", f"tm claim {task_id}")
    if token is None and lease.holder != ctx.actor:
        raise taken(lease)
    return lease


def renew(ctx: Context, lease: Lease, hours: float) -> str:
    """Hold a claim for so long from now on, never shorter than it held; gives the instant."""
    until = max(lease.until or "", later(ctx.now, hours))
    with ctx.event("claim.renewed", lease.task_id, token=lease.token, until=until):
        ctx.put(TABLE, {"task_id": lease.task_id}, {"until": until, "hours": hours})
    return until


def give_back(ctx: Context, lease: Lease, reason: str, token: int = 0) -> None:
    """End a claim; the task is as free as it was before, if nothing else became of it."""
    token = max(token, lease.token)
    with ctx.event("claim.released", lease.task_id, **lease.as_dict(), reason=reason):
        end(ctx, lease, token)
        task = ctx.get(lease.task_id)
        if task.status == "in_progress":
            fields: dict[str, Any] = {"status": "pending", "claim_token": token}
            if task.assignee == lease.holder:
                fields["assignee"] = lease.assignee_before
            ctx.update(lease.task_id, **fields)


def end(ctx: Context, lease: Lease, token: int = 0) -> None:
    """Write that nobody holds the task; the token stays, or becomes a higher one."""
    values = {"token": max(token, lease.token), **_NOBODY}
    ctx.put(TABLE, {"task_id": lease.task_id}, values)
