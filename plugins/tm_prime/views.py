"""How it looks: as the text that it is."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output


def printed(result: dict[str, Any], out: Output) -> None:
    """The text, whose lines are visible already."""
    out.data(result["text"])
