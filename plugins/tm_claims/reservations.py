"""Which files a task will touch, said beforehand, so that two claims that meet in one are seen."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from typing import Annotated, Any

from tm_core.api import Context, InvalidValue, NotFound, Param, TaskId, UsageError

from . import globs

TABLE = "claims_reservation"
_LONGEST = 1000

Pattern = Annotated[
    str, Param("A file, folder or pattern such as 'src/**/*.py', from the project's folder on")
]


def reserve(ctx: Context, task: TaskId, *patterns: Pattern) -> dict[str, Any]:
    """Say which files a task will touch; quote patterns, so that the shell leaves them alone.

    Nothing is locked. While the task is claimed, whoever claims or reserves for another task that
    meets it in a file is told, and so are you now.
    """
    if not patterns:
        raise UsageError("which files?", f"tm reserve {task} 'src/**/*.py'")
    wanted = list(dict.fromkeys(_normal(ctx, pattern) for pattern in patterns))
    known = _of(ctx, task)
    new = [pattern for pattern in wanted if pattern not in known]
    if new:
        with ctx.event("claim.reserved", task, patterns=new):
            for pattern in new:
                key = {"task_id": task, "pattern": pattern}
                ctx.put(TABLE, key, {"reserved_at": ctx.now, "reserved_by": ctx.actor})
    return {
        "task_id": task,
        "reservations": sorted({*known, *new}),
        "overlaps": warn_of_overlap(ctx, task, wanted),
    }


def unreserve(ctx: Context, task: TaskId, *patterns: Pattern) -> dict[str, Any]:
    """Take files off a task's reservations; without any, all of them.

    Raises:
        NotFound: One is not reserved.
    """
    known = _of(ctx, task)
    chosen = list(dict.fromkeys(_normal(ctx, pattern) for pattern in patterns)) or known
    for pattern in chosen:
        if pattern not in known:
            raise NotFound(
                f"task {task} does not reserve '{pattern}'",
                f"it reserves {', '.join(known[:5])}" if known else "it reserves nothing",
            )
    if chosen:
        with ctx.event("claim.unreserved", task, patterns=chosen):
            for pattern in chosen:
                ctx.put(TABLE, {"task_id": task, "pattern": pattern}, None)
    left = [pattern for pattern in known if pattern not in chosen]
    return {"task_id": task, "reservations": left, "overlaps": []}


def reservations(
    ctx: Context,
    *,
    every: Annotated[bool, Param("Also of unclaimed tasks", options=("--all",))] = False,
) -> list[dict[str, Any]]:
    """List what claimed tasks reserve, with the ids of the claimed tasks that each overlaps."""
    rows = _live(ctx)
    found = []
    for row in _all(ctx) if every else rows:
        others = {
            other["task_id"]
            for other in rows
            if other["task_id"] != row["task_id"]
            and globs.overlap(row["pattern"], other["pattern"])
        }
        found.append({**row, "overlaps": sorted(others)})
    return found


def warn_of_overlap(
    ctx: Context, task_id: str, patterns: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Say, and give, where a task's patterns meet those of other claimed tasks."""
    wanted = list(patterns) or _of(ctx, task_id)
    if not wanted:
        return []
    found = []
    for row in _live(ctx):
        if row["task_id"] == task_id:
            continue
        met = next((each for each in wanted if globs.overlap(each, row["pattern"])), None)
        if met is not None:
            found.append({"task_id": row["task_id"], "holder": row["holder"], "pattern": met})
            ctx.warn(
                f"'{met}' of task {task_id} overlaps '{row['pattern']}' of task {row['task_id']},"
                f" which {row['holder']} holds"
            )
    return found


def _of(ctx: Context, task_id: str) -> list[str]:
    rows = ctx.query(f"SELECT pattern FROM {TABLE} WHERE task_id = ? ORDER BY pattern", [task_id])
    return [row["pattern"] for row in rows]


def _live(ctx: Context) -> list[dict[str, Any]]:
    """Reservations of tasks that somebody holds."""
    return ctx.query(
        "SELECT reserved.task_id, reserved.pattern, lease.holder"
        f" FROM claims_lease AS lease CROSS JOIN {TABLE} AS reserved"
        " WHERE lease.until > ? AND reserved.task_id = lease.task_id"
        " ORDER BY reserved.pattern, reserved.task_id",
        [ctx.now],
    )


def _all(ctx: Context) -> list[dict[str, Any]]:
    return ctx.query(
        f"SELECT reserved.task_id, reserved.pattern, lease.holder FROM {TABLE} AS reserved"
        " JOIN task ON task.id = reserved.task_id AND task.status <> 'deleted'"
        " LEFT JOIN claims_lease AS lease ON lease.task_id = reserved.task_id AND lease.until > ?"
        " ORDER BY reserved.pattern, reserved.task_id",
        [ctx.now],
    )


def _normal(ctx: Context, pattern: str) -> str:
    """A pattern as it is kept: from the project's folder on, with slashes, without detours."""
    text = pattern.strip().replace("\\", "/")
    if os.path.isabs(pattern):
        root = os.path.abspath(ctx.project).replace("\\", "/").rstrip("/") + "/"
        if not (text + "/").startswith(root):
            raise InvalidValue(f"'{pattern[:80]}' is not in the project {ctx.project}")
        text = text[len(root) :] or "."
    folder = text.endswith("/")
    text = posixpath.normpath(text) if text else text
    if not text or text == ".." or text.startswith("../"):
        raise InvalidValue(
            f"'{pattern[:80]}' is not in the project", "give it from the project's folder on"
        )
    if len(text) > _LONGEST or any(ord(character) < 32 for character in text):
        raise InvalidValue(f"'{pattern[:80]}' is too long for a pattern, or has odd characters")
    if text == ".":
        return "**"
    return text + "/" if folder else text
