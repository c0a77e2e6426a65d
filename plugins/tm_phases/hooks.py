"""A task's phase must be there."""

from __future__ import annotations

from collections.abc import Iterator

from tm_core.api import Change, Context, Problem, hookimpl, visible

from . import records


@hookimpl
def task_validate(ctx: Context, change: Change) -> Iterator[Problem]:
    """Refuse a phase that nobody made, or that is closed. An import's word is taken."""
    wanted = change.after["phase"]
    known = change.before["phase"] if change.before is not None else None
    if change.action == "import" or wanted is None or wanted == known:
        return
    phase = records.find(ctx, wanted)
    if phase is None:
        yield Problem(
            f"there is no phase '{visible(wanted)}'", "phase", hint="tm phases list shows the ids"
        )
    elif phase["status"] in ("completed", "archived"):
        yield Problem(
            f"phase {wanted} is {phase['status']}",
            "phase",
            overridable=True,
            hint=f"tm phases update {wanted} --status active opens it",
        )
