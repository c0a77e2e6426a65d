"""The rule that a team may set: no completion without a summary."""

from __future__ import annotations

from collections.abc import Iterable

from tm_core.api import Change, Context, Problem, hookimpl


@hookimpl
def task_validate(ctx: Context, change: Change) -> Iterable[Problem]:
    """Refuse a completion that tells nothing; one of an earlier completion is still told."""
    told = change.after["completion_summary"] or ""
    if ctx.settings["required"] and not told.strip():
        yield Problem(
            "a completed task needs a summary of what was done",
            field="completion_summary",
            overridable=True,
            hint=f'tm complete {change.after.id} --summary "..."; --force overrides',
        )
