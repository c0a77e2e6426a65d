"""How the log looks to a person."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, visible

_COLORS = {"critical": "red", "degraded": "yellow", "refused": "dim"}


def errors(entries: list[dict[str, Any]], out: Output) -> None:
    """Each error in a line, and what to do about it below."""
    for one in entries:
        severity = str(one["severity"])
        mark = out.style(visible(severity), _COLORS.get(severity, "bold"))
        subject = one.get("plugin") or one.get("operation") or "tm"
        out.data(f"{out.when(one['at'])}\t{mark}\t{visible(str(subject))}\t{one['summary']}")
        for number, step in enumerate(one["plan"], 1):
            out.data(f"  {number}. {step}")
    if not entries:
        out.say("No errors are logged")
