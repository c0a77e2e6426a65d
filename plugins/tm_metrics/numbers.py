"""A figure as text, and as a bar."""

from __future__ import annotations

from typing import Any

from tm_core.api import visible

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def shown(value: Any) -> str:
    """A figure as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:g}"
    return visible(str(value))


def bar_of(share: float, width: int) -> str:
    """A bar of a share of the width, exact to an eighth of a character."""
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
