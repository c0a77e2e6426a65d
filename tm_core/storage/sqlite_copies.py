"""Copies of a whole SQLite store: to a file, from one, and in the place of a damaged one."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

from .sqlite_errors import unwritable


def place_beside(url: str, reason: str, backup_to: Callable[[str], None]) -> str:
    """Make a copy in the store's folder of backups, and give its path."""
    folder = os.path.join(os.path.dirname(os.path.abspath(url)), "backups")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, f"{_stamp()}-{reason}-{os.urandom(2).hex()}.db")
        backup_to(path + ".tmp")
        os.replace(path + ".tmp", path)
    except OSError as error:
        raise unwritable(folder, error) from error
    return path


def copy_to(path: str, source: sqlite3.Connection, patience: float) -> None:
    """Copy a store into a new private file.

    Raises:
        DatabaseError: The file cannot be made.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        with closing(sqlite3.connect(path)) as target:
            _copy(source, target, patience)
            # One file that can be moved: without this it would want a log beside it.
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error:
        os.unlink(path)
        raise


def copy_from(path: str, live: sqlite3.Connection, patience: float) -> None:
    """Replace a store's content by that of a file.

    It is one transaction: whoever has the store open sees the old content or the new.
    """
    with closing(sqlite3.connect(path)) as source:
        _keep_counters(live, source)
        _copy(source, live, patience)


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, patience: float) -> None:
    deadline = time.monotonic() + patience

    def progress(status: int, remaining: int, total: int) -> None:
        # Python would try for ever while another program holds the file.
        waits = status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        if waits and time.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")

    source.backup(target, progress=progress)


def set_aside(path: str, url: str) -> str:
    """Put a file in the place of a damaged store, which is kept under another name: gives that."""
    import shutil

    aside = f"{url}.{_stamp()}-damaged"
    try:
        shutil.copyfile(path, url + ".tmp")
        with open(url + ".tmp", "r+b") as copy:
            os.fsync(copy.fileno())
        os.chmod(url + ".tmp", 0o600)
        for ending in ("-wal", "-shm", ""):
            if os.path.exists(url + ending):
                os.replace(url + ending, aside + ending)
        os.replace(url + ".tmp", url)
    except OSError as error:
        raise unwritable(url, error) from error
    return aside


def _keep_counters(live: sqlite3.Connection, source: sqlite3.Connection) -> None:
    """Let numbers go on where the live store is: readers remember how far they have read."""
    has_any = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
    if not live.execute(has_any).fetchall() or not source.execute(has_any).fetchall():
        return
    for name, last in live.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
        known = source.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", [name]).fetchone()
        if known is None:
            source.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [name, last])
        elif known[0] < last:
            source.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", [last, name])
    source.commit()


def _stamp() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
