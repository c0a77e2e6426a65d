"""Makes a template of tasks, and writes it down."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tm_core.api import Context, UsageError, write_atomically

_LEFT_OUT = ("datetime", "task")
"""Types of fields that mean this one task: its times, and what it is a part of."""


def template_of(ctx: Context, name: str, ids: Sequence[str], description: str) -> dict[str, Any]:
    """The values of a template's file."""
    tasks = ctx.tasks.many(ids, details=True)
    places = {task.id: place for place, task in enumerate(tasks)}
    fields = [
        field
        for field in ctx.fields.values()
        if field.stored and "add" in field.on and field.type not in _LEFT_OUT
    ]
    items = []
    for task in tasks:
        item: dict[str, Any] = {"title": task.title}
        for field in fields:
            value = task.get(field.name)
            if value not in (None, [], field.default):
                item["criteria" if field.name == "success_criteria" else field.name] = value
        waits_for = [places[each] for each in task.details.get("depends_on", ()) if each in places]
        if waits_for:
            item["depends_on"] = waits_for
        items.append(item)
    told = {"description": description} if description else {}
    return {"name": name, "version": "1.0.0", **told, "tasks": items}


def written(path: str, document: dict[str, Any]) -> None:
    """Write a template's file. Raises UsageError where that is not possible."""
    import yaml

    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_atomically(path, text.encode(), mode=0o644)
    except OSError as error:
        raise UsageError(f"the template cannot be written to {path}: {error.strerror}") from None
