"""`tm backup create`, `list`, `verify` and `restore`."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, NamedTuple

from tm_core.api import (
    Context,
    Copies,
    DamagedStore,
    DatabaseError,
    NewerSchema,
    NotFound,
    Param,
    TmError,
    ValidationError,
)

from . import archive, event_files

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class Checks(NamedTuple):
    """What came of reading backups."""

    checks: list[dict[str, Any]]
    failure: TmError | None

    def as_dict(self) -> list[dict[str, Any]]:
        """The JSON shape: one object for each backup."""
        return self.checks


def create(
    ctx: Context,
    *,
    label: Annotated[str, Param("A word to know it by: letters, digits, dashes")] = "backup",
    dry_run: Annotated[bool, Param("Name the old ones that would go, and make none")] = False,
) -> dict[str, Any]:
    """Back the whole store up while others work: compressed, then read back and compared.

    Old backups are removed by a rule: the newest `backup.keep_last` and those of the last
    `backup.keep_days` days are kept. Into a pipe, the backup's name is all that is printed on
    standard output.

    Args:
        label: A word to know it by.
        dry_run: Name the old ones that would go, and make none.

    Raises:
        ValidationError: The label is not a word.
        DatabaseError: The store is no file, or the backup could not be written.
    """
    if not _LABEL.fullmatch(label):
        raise ValidationError(
            "a label has letters, digits, dots, dashes and underscores, at most 40",
            "tm backup create --label before-release",
        )
    folder = archive.folder_of(ctx.database)
    keep_last, keep_days = ctx.settings["keep_last"], ctx.settings["keep_days"]
    if dry_run:
        would_go = archive.outdated(folder, keep_last - 1, keep_days)
        return {"name": "", "removed": [one.name for one in would_go], "dry_run": True}
    made = archive.write(ctx.database, label, ctx.folder, ctx.warn)
    old = archive.outdated(folder, keep_last, keep_days)
    known = ctx.database.query("SELECT sha256 FROM event_archive")
    archive.remove(old, folder, [row["sha256"] for row in known])
    return {**_told(made), "removed": [one.name for one in old], "dry_run": False}


def list_backups(ctx: Context) -> list[dict[str, Any]]:
    """List backups, newest first, with the copies that migrations made before they began."""
    return [_told(one) for one in archive.backups(archive.folder_of(ctx.database))]


def verify(
    ctx: Context,
    name: Annotated[str, Param("A backup's name, or its beginning; all if absent")] = "",
) -> Checks:
    """Read backups whole: decompress them, check their structure, compare what was counted.

    Args:
        name: A backup's name, or the beginning of it; all of them if absent.

    Raises:
        NotFound: There is no such backup.
        DatabaseError: One is damaged.
    """
    folder = archive.folder_of(ctx.database)
    chosen = [archive.find(folder, name)] if name else archive.backups(folder)
    if not chosen:
        raise NotFound("there is no backup yet", "tm backup create")
    checks: list[dict[str, Any]] = []
    damaged: list[str] = []
    for one in chosen:
        result: dict[str, Any] = {"name": one.name, "sound": True, "fault": ""}
        try:
            facts = archive.check(one, ctx.folder)
            result |= {"tasks": facts.tasks, "last_event": facts.last_event}
        except NewerSchema as error:  # sound, but not for this version
            result |= {"fault": error.message}
        except DatabaseError as error:
            result |= {"sound": False, "fault": error.message}
            damaged.append(one.name)
        checks.append(result)
    failure = None
    if damaged:
        failure = DatabaseError(f"damaged: {', '.join(damaged)}", "tm backup create makes another")
    return Checks(checks, failure)


def restore(
    ctx: Context,
    name: Annotated[str, Param("A backup's name, or the beginning of it")],
    *,
    dry_run: Annotated[bool, Param("Check the backup, and tell what it holds")] = False,
) -> dict[str, Any]:
    """Bring the whole store back to a backup; whoever has it open goes on with that.

    The present state is backed up first, so that this can be taken back in the same way. A store
    that is too damaged for that is kept beside the new one.

    Args:
        name: A backup's name, or the beginning of it.
        dry_run: Check the backup, and tell what it holds.

    Raises:
        NotFound: There is no such backup.
        DatabaseError: The backup is damaged, or the store cannot be written.
        NewerSchema: A newer version of the program made it.
    """
    database = ctx.database
    folder = archive.folder_of(database)
    assert isinstance(database, Copies)
    chosen = archive.find(folder, name)
    result: dict[str, Any] = {"backup": chosen.name, "saved": "", "moved_aside": ""}
    with archive.scratch(folder) as space:
        copy = os.path.join(space, "copy.db")
        facts = archive.extract(chosen, copy)
        result |= {"tasks": facts.tasks, "last_event": facts.last_event, "dry_run": dry_run}
        if dry_run:
            return result
        try:
            made = archive.write(database, "before-restore", ctx.folder, ctx.warn)
            result["saved"] = made.name
        except DamagedStore as error:
            ctx.warn(f"the present store is damaged, and is moved aside: {error.message}")
        archived = event_files.named_in(copy)
        result["moved_aside"] = database.restore_from(copy, set_aside=not result["saved"])
        for file in event_files.bring_back(archived, ctx.folder, folder):
            ctx.warn(f"the archived events in {file} are nowhere any more")
    ctx.tasks.refresh()
    with ctx.event("store.restored", None, backup=chosen.name, saved=result["saved"]):
        pass
    return result


def _told(backup: archive.Backup) -> dict[str, Any]:
    return {key: value for key, value in backup._asdict().items() if key != "own"}
