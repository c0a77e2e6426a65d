"""Progress in `tm show`, in exports, and back from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tm_core.api import Change, Context, Task, check_records, hookimpl

from . import entries


@hookimpl
def task_details(ctx: Context, tasks: Sequence[Task]) -> Mapping[str, Mapping[str, Any]]:
    """Each task's entries, oldest first."""
    return {"progress": entries.of(ctx, tasks)}


@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """Keep what an import tells, with its times and authors."""
    if "progress" in change.details:
        required = ("at", "author", "message")
        told = check_records("progress", change.details["progress"], entries.FIELDS, required)
        entries.put(ctx, change.after.id, told)
