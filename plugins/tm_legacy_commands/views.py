"""The results for people."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, format_local, visible

from .upkeep import Findings


def told(result: dict[str, Any], output: Output) -> None:
    """A sentence."""
    output.say(result["said"])


def hooks(rows: list[dict[str, Any]], output: Output) -> None:
    """One line for each hook."""
    output.table(["hook", "features"], [[row["hook"], ", ".join(row["features"])] for row in rows])


def alerts(rows: list[dict[str, Any]], output: Output) -> None:
    """One line for each handler."""
    if not rows:
        output.say("No handler fails")
    columns = ["consumer", "failures", "error", "retry_at"]
    output.table(columns, [[row[name] for name in columns] for row in rows])


def findings(result: Findings, output: Output) -> None:
    """As tm doctor shows them."""
    for each in result.found:
        hint = f" ({each['hint']})" if each["hint"] else ""
        output.data(visible(f"{each['level']}\t{each['subject']}\t{each['message']}{hint}"))
    output.say("tm doctor checks everything else, too")


def processes(rows: list[dict[str, Any]], output: Output) -> None:
    """One line each."""
    columns = ["actor", "session", "events", "last"]
    output.table(
        columns,
        [[row["actor"], row["session"], row["events"], format_local(row["last"])] for row in rows],
    )
