"""Messages between agents: events of the log, which each reader's watch tells."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import Context, Param, ValidationError

from .actions import is_known

URGENCIES = ("low", "normal", "high", "critical")
EVERYBODY = "broadcast"
"""As a recipient: everybody."""
_LONGEST = 10_000

Recipient = Annotated[str, Param("Whom it is for, or 'broadcast' for everybody", max_length=200)]
Message = Annotated[str, Param("What you have to say", max_length=_LONGEST)]
Priority = Annotated[str, Param("How urgent it is", choices=URGENCIES)]


def message(
    ctx: Context, to: Recipient, message: Message, *, priority: Priority = "normal"
) -> dict[str, Any]:
    """Tell an agent something that belongs to no task; tm watch tells it to them.

    It is in the log, where all can read it.

    Args:
        to: An agent's id, or `broadcast` for everybody.
        message: What there is to say.
        priority: `low`, `normal`, `high` or `critical`.

    Raises:
        ValidationError: The message or the recipient is empty.
    """
    return message_from(ctx, ctx.actor, to, message, priority=priority)


def message_from(
    ctx: Context,
    sender: Annotated[str, Param("Who says it", max_length=200)],
    to: Recipient,
    message: Message,
    *,
    priority: Priority = "normal",
) -> dict[str, Any]:
    """Tell an agent something in the name of another; the log also keeps who did so."""
    for what, text in (("sender", sender), ("recipient", to), ("message", message)):
        if not text.strip():
            raise ValidationError(f"the {what} is empty", "tm agents message TO MESSAGE")
    if to != EVERYBODY and not is_known(ctx, to):
        ctx.warn(f"'{to}' has done nothing here yet; whoever acts under that name will be told")
    told: dict[str, Any] = {"from": sender, "to": to, "priority": priority}
    told["message"] = message if sender == ctx.actor else f"{sender}: {message}"
    if to == EVERYBODY:
        with ctx.event("agents.announced", **told):
            pass
    else:
        with ctx.event("agents.messaged", mentions=[to], **told):
            pass
    return {**told, "message": message}
