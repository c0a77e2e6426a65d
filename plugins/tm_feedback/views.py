"""How a review looks once it is given."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output


def feedback(review: dict[str, Any], out: Output) -> None:
    """A sentence."""
    out.say("Feedback recorded")
