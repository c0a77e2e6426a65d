"""Hears of every command that ends, once the feature is on."""

from __future__ import annotations

import re

from tm_core.api import CommandEnd, Context, TmError, hookimpl

from .capture import OK, TelemetryCapture

_CODE = re.compile(r"[a-z_]{1,40}")


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
    return code if _CODE.fullmatch(code) else "other"
