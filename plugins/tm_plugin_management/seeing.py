"""Who implements which hook, in which order; and each call that a command makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Any, NamedTuple

import click

from tm_core.api import HOOKS, Host, Run, UsageError, describe

_LONGEST = 60


class Place(NamedTuple):
    """One plugin's implementation of one hook."""

    hook: str
    turn: int
    """When it is called: 1 for the first."""
    plugin: str
    module: str
    when: list[str]
    """What it cares for; empty: everything."""


def places(host: Host) -> Iterator[Place]:
    """Every implementation that is on, in calling order; imports them all."""
    for hook in HOOKS:
        for turn, each in enumerate(host.implementations(hook), 1):
            when = host.manifest(each.plugin.name).hooks[hook].when
            module = str(each.function.__module__)
            yield Place(hook, turn, each.plugin.name, module, list(when))


def show_hooks(run: Run) -> None:
    """One row for each implementation."""
    found = list(places(run.workspace.host))
    if run.output.as_json:
        run.output.json(found)
        return
    run.output.table(Place._fields, found)


def trace(run: Run, words: Sequence[str]) -> None:
    """Run a command, and tell on standard error of each call of a plugin.

    It is the same run: global options stand before, as in `tm -p NAME plugins trace add x`.
    """
    if words[0].startswith("-"):
        # The run has its store and its plugins already: the option would be passed over in silence.
        raise UsageError(
            f"{words[0]} stands before 'plugins trace', not after it",
            "tm -p NAME plugins trace COMMAND...",
        )
    calls: list[Any] = []
    run.workspace.host.calls.watch = calls.append
    root = click.get_current_context().find_root().command
    try:
        with root.make_context("tm", list(words), obj=run) as context:
            root.invoke(context)
    finally:
        rows = [
            {
                "hook": call.where,
                "plugin": call.plugin,
                "milliseconds": round(call.seconds * 1000, 3),
                "result": _told(call.result, call.error),
            }
            for call in calls
        ]
        if run.output.as_json:
            run.output.report({"trace": rows})
        else:
            for row in rows:
                line = f"{row['milliseconds']:9.3f} ms  {row['plugin']}: {row['hook']}"
                run.output.say(f"{line} -> {row['result']}")
            total = sum(call.seconds for call in calls)
            run.output.say(f"{total * 1000:9.3f} ms  in {len(calls)} call(s) of plugins")


def _told(result: Any, error: Exception | None) -> str:
    """What a call gave, in few words."""
    if error is not None:
        return f"raised {describe(error)}"[:_LONGEST]
    if result is None:
        return "nothing"
    if isinstance(result, Mapping):
        return f"names: {', '.join(map(str, result)) or 'none'}"[:_LONGEST]
    if isinstance(result, Sized) and not isinstance(result, str):
        return f"{len(result)} item(s)"
    return type(result).__name__
