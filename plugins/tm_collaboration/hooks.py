"""Collaboration in `tm show`, in exports, and back from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tm_core.api import Change, Context, Task, check_records, hookimpl

from . import contributions


@hookimpl
def task_details(ctx: Context, tasks: Sequence[Task]) -> Mapping[str, Mapping[str, Any]]:
    """Who takes part, and what was told; of notes only the actor's own."""
    return {
        "participants": contributions.participants(ctx, tasks),
        "contributions": contributions.of(ctx, tasks),
    }


@hookimpl
def task_write(ctx: Context, change: Change) -> None:
    """Keep what an import tells, with its times and actors."""
    task_id = change.after.id
    if "participants" in change.details:
        raw = change.details["participants"]
        required = ("actor", "joined_at")
        people = check_records("participants", raw, contributions.PARTICIPANT, required)
        names = [each["actor"] for each in people]
        with ctx.event("collaboration.joined", task_id, participants=names):
            for each in people:
                contributions.put_participant(ctx, task_id, each["actor"], each["joined_at"])
    if "contributions" in change.details:
        raw = change.details["contributions"]
        whole = tuple(field.name for field in contributions.CONTRIBUTION)
        told = check_records("contributions", raw, contributions.CONTRIBUTION, whole)
        contributions.put(ctx, task_id, [each for each in told if each["kind"] != "note"])
        notes = [each for each in told if each["kind"] == "note"]
        for author in dict.fromkeys(each["actor"] for each in notes):
            own = [each for each in notes if each["actor"] == author]
            # Not with the rest: what an import wrote is in the log for all to read.
            with ctx.event("collaboration.noted", task_id, private_to=author):
                contributions.put(ctx, task_id, own)
