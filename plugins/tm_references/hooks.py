"""Checks references, and tells who works on the same files when a task is completed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tm_core.api import OPEN, Change, Context, Problem, hookimpl, visible

from .references import fault_of, path_of


@hookimpl
def task_validate(change: Change) -> Iterator[Problem]:
    """A reference names a file, and lines that follow each other. What was there before stays."""
    if change.action == "import":
        return
    known = (change.before["file_refs"] if change.before is not None else None) or []
    for reference in change.after["file_refs"] or []:
        fault = fault_of(reference)
        if fault and reference not in known:
            yield Problem(
                f"the file reference '{visible(reference)}' {fault}",
                field="file_refs",
                hint="write path, path:line or path:first:last",
            )


@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """Record, in the history of each open task about one of the files, what was done to them."""
    if not (change.completes and change.options.get("impact_review")):
        return
    files = {path_of(each) for each in change.after["file_refs"] or []}
    if not files:
        ctx.warn(f"task {change.after.id} names no files, so there is no impact to review")
        return
    touched: list[str] = []
    rows = ctx.query(
        "SELECT id, file_refs FROM task WHERE file_refs IS NOT NULL AND id <> ?"
        f" AND status IN ({', '.join('?' * len(OPEN))}) ORDER BY created_at, id",
        [change.after.id, *OPEN],
    )
    for row in rows:
        shared = sorted(files & {path_of(each) for each in json.loads(row["file_refs"])})
        if shared:
            touched.append(row["id"])
            with ctx.event("references.impact", row["id"], by=change.after.id, files=shared):
                pass
    change.data["references"] = {"impact": touched}
    told = ", ".join(touched) or "no open task"
    ctx.warn(f"impact: {told} {'is' if len(touched) < 2 else 'are'} about the same files")
