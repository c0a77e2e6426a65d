"""What the earlier tool offered about agents beside registering and listing them."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import OPEN, Context, Param, ValidationError

_EVERYBODY = "broadcast"


def measure(
    ctx: Context,
    agent: Annotated[str | None, Param("Only this agent")] = None,
    *,
    range: Annotated[str, Param("week, month, or a number of days such as 90d")] = "month",
) -> dict[str, Any]:
    """Figures about the work by assignee: tm metrics --by assignee.

    Args:
        agent: Only this agent.
        range: How far back.
    """
    found: dict[str, Any] = ctx.tasks.metrics(period=range, by="assignee")
    if not agent:
        return found
    return {
        name: figures["by_assignee"][agent]
        for name, figures in found.items()
        if agent in (figures.get("by_assignee") or {})
    }


def message(
    ctx: Context,
    sender: Annotated[str, Param("Who says it", max_length=200)],
    receiver: Annotated[str, Param("An agent, or broadcast", max_length=200)],
    text: Annotated[str, Param("What is said", max_length=10_000)],
    *,
    priority: Annotated[str, Param("How much it matters")] = "normal",
) -> dict[str, Any]:
    """Leave a message in the log. About a task, tm share ID "@name ..." is the better place.

    Raises:
        ValidationError: There is nothing in it.
    """
    if not text.strip():
        raise ValidationError("the message is empty", "say what there is to say")
    to = None if receiver == _EVERYBODY else receiver
    with ctx.event("message.sent", sender=sender, to=to, message=text, priority=priority):
        pass
    return {"said": f"Message left for {receiver}; tm log --type message.sent tells it"}


def redistribute(
    ctx: Context,
    *,
    threshold: Annotated[int, Param("More open tasks than so many are too many", minimum=1)] = 5,
) -> list[dict[str, Any]]:
    """Say which pending tasks others could take from whoever has too many. Nothing is changed.

    Of each whose open tasks exceed the threshold, the lowest and youngest pending ones are named,
    and who has the fewest. tm assign ID WHO moves one.
    """
    open_states = ", ".join(f"'{state}'" for state in OPEN)
    rows = ctx.query(
        "SELECT id, title, assignee, status, priority, created_at FROM task"
        f" WHERE assignee IS NOT NULL AND status IN ({open_states}) ORDER BY created_at DESC, id"
    )
    loads: dict[str, int] = {}
    for row in rows:
        loads[row["assignee"]] = loads.get(row["assignee"], 0) + 1
    ranks = {name: rank for rank, name in enumerate(ctx.field_choices("priority"))}
    movable = sorted(
        (row for row in rows if row["status"] == "pending"), key=lambda row: ranks[row["priority"]]
    )
    moves = []
    for row in movable:
        owner = row["assignee"]
        target = min(loads, key=lambda name: (loads[name], name))
        if loads[owner] <= threshold or loads[target] + 1 > threshold:
            continue
        loads[owner] -= 1
        loads[target] += 1
        moves.append({"id": row["id"], "title": row["title"], "from": owner, "to": target})
    return moves
