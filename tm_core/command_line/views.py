"""How the kernel's verbs look to a person and in a pipe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tm_core.language.values import visible
from tm_core.model import Task

from .output import Output
from .verbs import Bulk, Page

if TYPE_CHECKING:
    pass

_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
"""How the store holds a time, whosever field it is."""
_COLORS = {
    "completed": "green",
    "in_progress": "blue",
    "blocked": "yellow",
    "deleted": "dim",
    "cancelled": "dim",
}


def added(task: Task, out: Output) -> None:
    """A sentence for a person; the bare id for a script."""
    if out.dry_run:
        out.say("Task created")  # and no id: there is no such task
    elif out.terminal:
        out.data(f"Task created: {out.style(task.id, 'bold')} {visible(task.title)}")
    else:
        out.say("Task created")
        out.data(task.id)


def listed(page: Page, out: Output) -> None:
    """A table for a person; `[id] title - status` lines in a pipe."""
    if out.terminal:
        rows = [
            [
                task.id,
                task.status,
                task.priority,
                task.assignee,
                out.when(task["created_at"]),
                task.title,
            ]
            for task in page.tasks
        ]
        if rows:
            out.table(["id", "status", "priority", "assignee", "created", "title"], rows)
    else:
        for task in page.tasks:
            out.data(f"[{task.id}] {visible(task.title)} - {task.status}")
    if not page.tasks:
        out.say("No tasks found")
    if page.more:
        out.say(page.advice)


def shown(task: Task, out: Output) -> None:
    """One `name: value` line for each thing that is known."""
    for name, value in task.items():
        if value is None or value == []:
            continue
        if name == "status":
            value = out.style(value, _COLORS.get(value, "bold"))
            out.data(f"{name}: {value}")
        elif isinstance(value, str) and re.fullmatch(_INSTANT, value):
            out.data(f"{name}: {out.when(value)}")
        elif isinstance(value, str):
            out.data(f"{name}: {visible(value, multiline=True)}")
        else:
            out.result({name: value})
    for name, part in task.details.items():
        _detail(name, part, out)


def _detail(name: str, part: Any, out: Output) -> None:
    if isinstance(part, list) and part and all(isinstance(item, dict) for item in part):
        out.data(f"{name}:")
        for item in part:
            known = {k: v for k, v in item.items() if v not in (None, "", [])}
            out.data("  - " + ", ".join(f"{k}: {_told(v, out)}" for k, v in known.items()))
    elif part not in (None, [], {}):
        out.result({name: part})


def _told(value: Any, out: Output) -> str:
    if isinstance(value, str) and re.fullmatch(_INSTANT, value):
        return out.when(value)
    return visible(str(value))


def _changed(result: Task | Bulk, word: str, out: Output) -> None:
    if isinstance(result, Task):
        out.say(f"Task {result.id} {word}")
        return
    if result.done:
        out.say(f"{result.matched} task(s) {word}")
        return
    listed(Page(result.tasks, False, 0), out)
    if result.matched > len(result.tasks):
        out.say(f"... and {result.matched - len(result.tasks)} more")


def updated(result: Task | Bulk, out: Output) -> None:
    """A sentence; of many that wait for an answer, the first ones."""
    _changed(result, "updated", out)


def completed(result: Task | Bulk, out: Output) -> None:
    """A sentence; of many that wait for an answer, the first ones."""
    _changed(result, "completed", out)


def deleted(result: Task | Bulk, out: Output) -> None:
    """A sentence; of many that wait for an answer, the first ones."""
    _changed(result, "deleted", out)
