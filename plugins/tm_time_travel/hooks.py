"""What `--at` does to a command."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from tm_core.api import Context, hookimpl

from .past import past


@hookimpl
def task_reading(
    ctx: Context, options: Mapping[str, Any], given: Mapping[str, Any]
) -> AbstractContextManager[None]:
    """Let the command read the state at the time that was given."""
    return past(ctx, options["as_of"], str(given.get("task") or ""))
