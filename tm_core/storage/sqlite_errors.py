"""What SQLite complains of, in words that say what to do; loaded once something is wrong."""

from __future__ import annotations

import sqlite3

from tm_core.errors import BadStatement, DamagedStore, DatabaseBusy, DatabaseError


def explained(error: sqlite3.Error, url: str, patience: float) -> DatabaseError:
    """The error for a person.

    Args:
        error: SQLite's own.
        url: The store.
        patience: Seconds for which a busy store was waited for.
    """
    text = str(error)
    if is_damage(error):
        return DamagedStore(
            f"{url} is not a usable task store: {text}",
            "restore a backup, or move the file away and run tm init",
        )
    if "locked" in text or "busy" in text:
        return DatabaseBusy(
            f"the store is busy: another process has held it for {patience:g} s",
            "try again, or raise store.busy_timeout",
        )
    if "readonly" in text:
        return DatabaseError(
            f"the store {url} is read-only", "check the permissions of file and folder"
        )
    if "full" in text:
        return DatabaseError("the disk is full; nothing was written", "free some space")
    if "disk I/O" in text:
        return DatabaseError(
            "the disk is full or failing; nothing was written", "look at its space and health"
        )
    if "unable to open" in text:
        return DatabaseError(
            f"the store {url} cannot be opened", "check the path and its permissions"
        )
    return BadStatement(f"the store refused: {text}", "tm doctor")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is no store, or a broken one."""
    return "not a database" in str(error) or "malformed" in str(error)


def unwritable(path: str, error: OSError) -> DatabaseError:
    """The error about a file that cannot be written."""
    return DatabaseError(
        f"{path} cannot be written: {error.strerror}", "check the folder and the disk"
    )
