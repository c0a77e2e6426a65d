"""References to files: `path`, `path:line`, `path:first:last`."""

from __future__ import annotations

import re

from tm_core.api import visible

_LINES = re.compile(r"(.*?)(?::(\d+)(?::(\d+))?)?", re.DOTALL)


def path_of(reference: str) -> str:
    """The path alone."""
    found = _LINES.fullmatch(reference)
    return found[1] if found else reference


def fault_of(reference: str) -> str:
    """What is wrong with a reference; empty when nothing."""
    found = _LINES.fullmatch(reference)
    if found is None or not found[1].strip():
        return "names no file"
    if visible(reference) != reference:
        return "holds a control character"
    first, last = found[2], found[3]
    if first and (int(first) < 1 or (last and int(last) < int(first))):
        return "has lines that do not follow each other"
    return ""
