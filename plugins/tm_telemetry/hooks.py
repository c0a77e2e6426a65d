"""Hears of every command that ends, once the feature is on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tm_core.api import TmError, hookimpl

from .capture import TelemetryCapture
from .count import OK

if TYPE_CHECKING:
    from tm_core.api import CommandEnd, Context

_CODE = r"[a-z_]{1,40}"


@hookimpl
def command_ended(ctx: Context, end: CommandEnd) -> None:
    """Note its name, its duration and, of an error, its code."""
    if end.command:
        outcome = OK if end.error is None else _code(end.error)
        TelemetryCapture(ctx).capture_command(end.feature, end.command, outcome, end.seconds)


def _code(error: BaseException) -> str:
    if not isinstance(error, Exception):
        return "interrupted"
    # Of the class: what an instance says may come from anywhere.
    code = type(error).code if isinstance(error, TmError) else "unexpected"
    return code if re.fullmatch(_CODE, code) else "other"
