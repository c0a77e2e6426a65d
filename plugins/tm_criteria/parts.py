"""Shows confirmations beside their task, and keeps those that an export brings along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tm_core.api import Change, Context, Task, ValidationError, hookimpl, parse_instant

from .confirmations import PART, keep, of_tasks


@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """Keep the confirmations that an export brings along."""
    part = change.details.get(PART)
    if part is None:
        return
    try:
        for item in part:
            texts = [item["criterion"], item["confirmed_by"]]
            if not all(isinstance(text, str) and text.strip() for text in texts):
                raise ValueError("it has an empty text")
            at = parse_instant(item["confirmed_at"])
            number = int(item["number"])
            if not 1 <= number < 2**31:
                raise ValueError("its number is out of range")
            keep(ctx, change.after.id, number, texts[0], texts[1], at)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        cause = f"{type(error).__name__}: {error}"
        raise ValidationError(f"{PART} of task {change.after.id} is malformed: {cause}") from None


@hookimpl
def task_details(ctx: Context, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
    """Who confirmed which criterion, and when."""
    return {PART: of_tasks(ctx, tasks)}
