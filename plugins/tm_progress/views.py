"""How news of the work looks."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output


def progress(result: dict[str, Any] | list[dict[str, Any]], out: Output) -> None:
    """A sentence for a new entry; a line for each of those that were asked for."""
    if isinstance(result, dict):
        out.say("Progress update added")
    elif result:
        rows = [
            [
                out.when(entry["at"]),
                entry["author"],
                "" if entry["percent"] is None else f"{entry['percent']} %",
                entry["message"],
            ]
            for entry in result
        ]
        out.table(["at", "by", "done", "message"], rows)
    else:
        out.say("No progress has been told yet")
