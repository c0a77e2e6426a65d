"""Hears of failed commands, and tells `tm doctor` of the bad ones."""

from __future__ import annotations

from collections.abc import Iterator

from tm_core.api import CommandEnd, Context, Finding, hookimpl, parse_instant

from .handler import ErrorHandler
from .strategies import CRITICAL


@hookimpl
def command_ended(ctx: Context, end: CommandEnd) -> None:
    """Log the command's error, and what plugins did not do."""
    handler = ErrorHandler(ctx.folder, level=ctx.settings["level"])
    handler.log_failures(end.failures, end.command)
    if isinstance(end.error, Exception):
        handler.handle_error(end.error, end.command)


@hookimpl
def health_checks(ctx: Context) -> Iterator[Finding]:
    """Critical errors of the last day."""
    since = parse_instant("-24h")
    recent = [one for one in ErrorHandler(ctx.folder).entries(1000) if one["at"] >= since]
    bad = [one for one in recent if one["severity"] == CRITICAL]
    if bad:
        message = f"{len(bad)} critical error(s) in the last day; the last: {bad[0]['summary']}"
        yield Finding("warning", "errors", message, "tm errors")
    else:
        yield Finding("ok", "errors", f"{len(recent)} in the last day, none of them critical")
