"""How sources look."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, visible


def listed(sources: list[dict[str, Any]], out: Output) -> None:
    """One line for each."""
    rows = [
        [
            each["source"],
            each["named_by"],
            ", ".join(each["keys"]),
            each["error"] or each["note"],
        ]
        for each in sources
    ]
    if rows:
        out.table(["source", "named by", "keys", "remarks"], rows)
    else:
        out.say("No sources are configured: config-providers.sources names yours")


def was_set(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    out.say(f"{visible(result['key'])} is set in {visible(result['source'])}")


def was_unset(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    more = " any more" if result["removed"] else ""
    out.say(f"{visible(result['key'])} is not set in {visible(result['source'])}{more}")
