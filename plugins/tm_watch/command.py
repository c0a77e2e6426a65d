"""`tm watch`: shows what is new, once or for as long as it runs."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import click

from tm_core.api import DatabaseError, Output, Run, UsageError, current_run, visible

Runner = Callable[[Mapping[str, Any]], None]
"""Deals with one notification; raises TmError when it cannot."""


_URGENT = ("high", "critical")
"""What a message may say of itself, the lower first."""


@click.command(
    help="Show what is new for you since you last asked: on tasks that you have, made or joined,"
    " where you are mentioned, and what everybody is told."
)
@click.option("--all", "everything", is_flag=True, help="Also what does not concern you")
@click.option("--own", is_flag=True, help="Also what you did yourself")
@click.option("--peek", is_flag=True, help="Let it be new the next time, too")
@click.option("--limit", type=click.IntRange(min=0), default=0, help="At most so many; 0 for all")
@click.option("-f", "--follow", is_flag=True, help="Go on until you stop it")
@click.option(
    "--exec",
    "command",
    metavar="COMMAND",
    help="Run this for each, with the event as JSON on its standard input; you are asked first",
)
@click.option("--yes", is_flag=True, help="Let --exec run this once without being asked")
@click.pass_context
def watch(
    ctx: click.Context,
    everything: bool,
    own: bool,
    peek: bool,
    limit: int,
    follow: bool,
    command: str | None,
    yes: bool,
) -> None:
    """What was shown is seen, and nothing else: an interrupted run loses nothing."""
    if follow and limit:
        raise UsageError("--follow shows all there is, it takes no --limit")
    run = current_run()
    runner = None if command is None else _runner(run, command, yes)
    try:
        _watch(run, {"everything": everything, "own": own}, limit, follow, runner, peek)
    except BrokenPipeError:
        ctx.exit(0)  # whoever read it has seen enough


def _runner(run: Run, command: str, yes: bool) -> Runner:
    """What runs the command for a notification, once its user agrees to it."""
    from . import program

    words = program.split(command)
    if not yes:
        program.ensure_consent(command, words, run.manager.workspace.project)
    return partial(program.run, words)


def _watch(
    run: Run,
    choice: dict[str, bool],
    limit: int,
    follow: bool,
    runner: Runner | None,
    peek: bool,
) -> None:
    manager, out = run.manager, run.output
    options = {**choice, "peek": True}
    identity = _identity(manager.database.url)
    found = manager.notifications(limit=limit, **options)
    _show(found["notifications"], out, lines=follow)
    _done(run, found, runner, peek)
    if found["more"]:
        out.say("There is more: tm watch again")
    while follow:
        _wait(manager, found["seen"], identity)
        found = manager.notifications(after=found["seen"], **options)
        if found["notifications"]:
            _show(found["notifications"], out, lines=True)
            _done(run, found, runner, peek)


def _show(items: Sequence[dict[str, Any]], out: Output, *, lines: bool) -> None:
    """A list, or in an endless run one line for each; who is mentioned reads that first."""
    ordered = sorted(items, key=lambda item: (not item["mentioned"], -_urgency(item)))
    if out.as_json:
        if lines:
            for item in ordered:
                out.data(json.dumps(item, ensure_ascii=False))
        else:
            out.json(ordered)
    elif items:
        if not lines:
            out.data(f"=== {len(items)} New Notification(s) ===")
        for item in ordered:
            out.data(_line(item, out))
    elif not lines:
        out.say("No new notifications")
    sys.stdout.flush()


def _urgency(item: dict[str, Any]) -> int:
    return _URGENT.index(item["priority"]) + 1 if item["priority"] in _URGENT else 0


def _line(item: dict[str, Any], out: Output) -> str:
    kind = "mentioned" if item["mentioned"] else item["type"].removeprefix("task.")
    if _urgency(item):
        kind = f"{kind} {item['priority']}"
    label = out.style(f"[{visible(kind).replace('.', ' ').upper()}]", "bold")
    task = f"{item['task_id']} {visible(item['title'] or '')}".strip() if item["task_id"] else ""
    text = visible(item["message"])
    # A new task's summary is its title.
    parts = [part for part in (task, text) if part and part != visible(item["title"] or "")]
    return f"{label} {': '.join(parts)} ({visible(item['actor'])}, {out.when(item['at'])})"


def _done(run: Run, found: dict[str, Any], runner: Runner | None, peek: bool) -> None:
    """Run the command for each, and remember what has been dealt with."""
    reached = None
    try:
        if runner is not None:
            for item in found["notifications"]:
                runner(item)
                reached = item["seq"]
        reached = found["seen"]
    finally:
        if reached is not None and not peek:
            try:
                run.manager.notifications_seen(reached)
            except DatabaseError as error:
                run.output.warn(f"all of this will be new again: {error.message}")


def _wait(manager: Any, seen: int, identity: tuple[int, int] | None) -> None:
    """Wait for the log to grow past an event. Raises DatabaseError when the store goes away."""
    interval = float(manager.workspace.config.get("watch.interval"))
    last = seen
    while last <= seen:
        time.sleep(interval)
        if _identity(manager.database.url) != identity:
            raise DatabaseError(f"the store {manager.database.url} is gone", "start tm watch again")
        last = int(manager.database.query("SELECT max(seq) AS seq FROM event")[0]["seq"] or 0)


def _identity(url: str) -> tuple[int, int] | None:
    """What tells a file from another one under its name; None for what is no file."""
    try:
        status = os.stat(url)
    except OSError:
        return None
    return (status.st_dev, status.st_ino)
