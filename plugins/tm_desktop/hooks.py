"""A handler that shows events, and what `tm doctor` says of it."""

from __future__ import annotations

import fnmatch
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tm_core.api import Context, Event, Finding, hookimpl, parse_instant, summary, visible

_FRESH = timedelta(minutes=10)
"""What is older has been missed; `tm watch` has it."""
_MOST = 5
"""Bubbles of one command."""
_PATIENCE = 2
"""Seconds for the program that shows one."""


class Desktop:
    """Shows what others did that concerns the one who sits here. A missed bubble is no failure."""

    pattern = "*"

    def __init__(self, ctx: Context, reader: str) -> None:
        # Each desktop has its own place in the log.
        self.name = f"{platform.node()}/{reader}"
        self._ctx = ctx
        self._reader = reader
        self._events = ctx.settings["events"]
        self._shown = 0

    def handle(self, event: Event) -> None:
        """Show it, if it is new and concerns the reader."""
        oldest = parse_instant("now", now=datetime.now(UTC) - _FRESH)
        if (
            self._shown >= _MOST
            or event["at"] < oldest
            or event["actor"] == self._reader
            or not any(fnmatch.fnmatchcase(event["type"], each) for each in self._events)
        ):
            return
        task = self._task(event)
        if task is None:
            return
        arguments = command(*bubble(event, task))
        if arguments:
            # One that hangs would hang for the next ones, too.
            self._shown = self._shown + 1 if _show(arguments) else _MOST

    def _task(self, event: Event) -> dict[str, Any] | None:
        """The event's task, if the event concerns the reader."""
        data, me = event["data"], self._reader
        rows = self._ctx.query(
            "SELECT title, assignee, created_by FROM task WHERE id = ?", [event["task_id"]]
        )
        if not rows or "private_to" in data or "imported" in data:
            return None
        mentions = data.get("mentions")
        mentioned = isinstance(mentions, list) and me in mentions
        return rows[0] if mentioned or me in (rows[0]["assignee"], rows[0]["created_by"]) else None


def bubble(event: Event, task: dict[str, Any]) -> tuple[str, str]:
    """Heading and text, in visible characters."""
    said = event["data"].get("message")
    text = said if isinstance(said, str) else summary(event)
    kind = event["type"].removeprefix("task.").replace(".", " ")
    heading = f"tm: {visible(task['title'])}"
    return heading[:200], f"{visible(event['actor'])}: {kind}: {visible(text)}"[:500]


def command(heading: str, text: str) -> list[str]:
    """The program that shows it, with its arguments; empty where there is none. No shell."""
    name = _program()
    path = shutil.which(name) if name else None
    if path is None:
        return []
    if name == "osascript":
        # The texts are arguments of the script, never a part of it.
        show = "display notification (item 2 of argv) with title (item 1 of argv)"
        return [path, "-e", "on run argv", "-e", show, "-e", "end run", heading, text]
    # The text may hold markup, which a task's words are not.
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(plain, escaped)
    return [path, "--app-name=tm", "--", heading, text]


def _program() -> str:
    if sys.platform == "darwin":
        return "osascript"
    return "" if sys.platform == "win32" else "notify-send"


def _show(arguments: list[str]) -> bool:
    """Run the program; whether it came to an end. Without a screen there is no bubble."""
    try:
        subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return True


def _reader(ctx: Context) -> str:
    """Who sits here: not the actor, who may be a program at work on this machine."""
    names = (os.environ.get(name) for name in ("USER", "LOGNAME", "USERNAME"))
    return str(ctx.settings["reader"]) or next((name for name in names if name), "")


@hookimpl
def event_handlers(ctx: Context) -> Iterator[Desktop]:
    """One, where it is known who sits here and there is a program that shows bubbles."""
    reader = _reader(ctx)
    if reader and command("", ""):
        yield Desktop(ctx, reader)


@hookimpl
def health_checks(ctx: Context) -> Iterator[Finding]:
    """Whether anything can be shown."""
    if not command("", ""):
        wanted = _program()
        message = f"there is no {wanted}" if wanted else "this system is not supported"
        hint = "install libnotify" if wanted == "notify-send" else "tm watch --follow"
        yield Finding("warning", "desktop-notify", f"{message}, so nothing is shown", hint)
    elif not _reader(ctx):
        hint = "tm config set --user desktop-notify.reader NAME"
        yield Finding("warning", "desktop-notify", "whose events to show is not known", hint)
    else:
        text = f"shows what concerns {visible(_reader(ctx))}"
        yield Finding("ok", "desktop-notify", text)
