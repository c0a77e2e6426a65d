"""How backups look to a person."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output

from .actions import Checks


def created(made: dict[str, Any], out: Output) -> None:
    """The name as data, the rest as a sentence."""
    if made["dry_run"]:
        old = f", and these removed: {', '.join(made['removed'])}" if made["removed"] else ""
        out.say(f"Dry run: a backup would be made{old}")
        return
    out.data(made["name"])
    removed = f"; {len(made['removed'])} old one(s) removed" if made["removed"] else ""
    out.say(f"Backed up and verified: {made['tasks']} task(s), {_size(made['size'])}{removed}")


def listed(found: list[dict[str, Any]], out: Output) -> None:
    """One row each."""
    rows = [
        [one["name"], out.when(one["made_at"]), one["kind"], _size(one["size"]), one["tasks"]]
        for one in found
    ]
    if not rows:
        out.say("No backups yet: tm backup create")
        return
    out.table(["name", "made", "kind", "size", "tasks"], rows)


def verified(result: Checks, out: Output) -> None:
    """One row each."""
    rows = [
        ["sound" if one["sound"] else "DAMAGED", one["name"], one["fault"] or _counted(one)]
        for one in result.checks
    ]
    out.table(["state", "name", "content"], rows)


def restored(result: dict[str, Any], out: Output) -> None:
    """What was done, and how to take it back."""
    if result["dry_run"]:
        out.say(f"Dry run: {result['backup']} is sound: {_counted(result)}")
        return
    out.say(f"Restored {result['backup']}: {_counted(result)}")
    if result["saved"]:
        out.say(f"What was there before: tm backup restore {result['saved']}")
    if result["moved_aside"]:
        out.say(f"The damaged store is {result['moved_aside']}")


def _counted(one: dict[str, Any]) -> str:
    return f"{one['tasks']} task(s), up to event {one['last_event']}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
