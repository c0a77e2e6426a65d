"""A handler that shows events, and what `tm doctor` says of it."""

from __future__ import annotations

import fnmatch
import os
import platform
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tm_core.api import Finding, hookimpl, mentions, parse_instant, summary, visible

if TYPE_CHECKING:
    from tm_core.api import Context, Event

_FRESH = timedelta(minutes=10)
"""What is older has been missed; `tm watch` has it."""
_MOST = 5
"""Bubbles within a minute."""
_MINUTE = 60.0
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
        self._since = time.monotonic()

    def handle(self, event: Event) -> None:
        """Show it, if it is new and concerns the reader."""
        if time.monotonic() - self._since > _MINUTE:  # in a process that stays
            self._shown, self._since = 0, time.monotonic()
        oldest = parse_instant("now", now=datetime.now(UTC) - _FRESH)
        if (
            self._shown >= _MOST
            or event["at"] < oldest
            or event["actor"] == self._reader
            or not any(fnmatch.fnmatchcase(event["type"], each) for each in self._events)
        ):
            return
        title = self._title(event)
        if title is None:
            return
        arguments = command(*bubble(event, title))
        if arguments:
            # One that hangs would hang for the next ones, too.
            self._shown = self._shown + 1 if _show(arguments) else _MOST

    def _title(self, event: Event) -> str | None:
        """The title of the event's task, or empty; None if it does not concern the reader."""
        data, me = event["data"], self._reader
        if "private_to" in data or "imported" in data:
            return None
        rows = self._ctx.query(
            "SELECT title, assignee, created_by FROM task WHERE id = ?", [event["task_id"]]
        )
        if _calls(data, me) or (rows and me in (rows[0]["assignee"], rows[0]["created_by"])):
            return str(rows[0]["title"]) if rows else ""
        return None


def _calls(data: dict[str, Any], name: str) -> bool:
    """Whether an event calls somebody: in its `mentions`, or as `@name` in what it tells."""
    named = data.get("mentions")
    texts = [data.get("message"), *(data.get("after") or {}).values()]
    return (isinstance(named, list) and name in named) or any(
        name in mentions(text) for text in texts if isinstance(text, str) and "@" in text
    )


def bubble(event: Event, title: str) -> tuple[str, str]:
    """Heading and text, in visible characters."""
    said = event["data"].get("message")
    text = said if isinstance(said, str) else summary(event)
    kind = event["type"].removeprefix("task.").replace(".", " ")
    heading = f"tm: {visible(title)}" if title else "tm"
    return heading[:200], f"{visible(event['actor'])}: {kind}: {visible(text)}"[:500]


def command(heading: str, text: str) -> list[str]:
    """The program that shows it, with its arguments; empty where there is none. No shell."""
    name = _program()
    path = _found(name) if name else ""
    if not path:
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


def _found(name: str) -> str:
    """Where the program is, or empty. `shutil.which` would bring compression to every command."""
    for folder in os.get_exec_path():
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""


def _show(arguments: list[str]) -> bool:
    """Run the program; whether it came to an end. Without a screen there is no bubble."""
    import subprocess

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
