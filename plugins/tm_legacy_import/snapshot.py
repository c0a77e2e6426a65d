"""A copy of the earlier tool's database, made without opening, and so without changing, the file.

SQLite writes to a database that it opens: it plays back a journal that a crash has left, and moves
a write-ahead log into the file. So the files are copied, and SQLite opens the copy, where it does
the same to it. The copy stands for the database only if nobody wrote meanwhile, which the digests
of the files tell.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tm_core.api import Conflict, DatabaseError

COMPANIONS = ("", "-wal", "-journal")
"""What holds data of a database: the file, a write-ahead log, a journal of a crashed write."""


@contextmanager
def snapshot(files: dict[str, str]) -> Iterator[str]:
    """The path of a copy of a database, sound and of one moment, for as long as it is needed.

    Args:
        files: The database's files, by the end of their name as in `COMPANIONS`.

    Raises:
        Conflict: Somebody is writing to it.
        DatabaseError: It cannot be read, or is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="tm-legacy-") as folder:
        image = os.path.join(folder, "image.db")
        before = digests(files)
        try:
            for end, path in files.items():
                shutil.copyfile(path, image + end)
        except OSError as error:
            raise _unreadable(files[""], error.strerror or str(error)) from error
        check_unchanged(files, before)
        whole = os.path.join(folder, "whole.db")
        try:
            copy(image, whole)
        except sqlite3.Error as error:
            raise _unreadable(files[""], str(error)) from error
        yield whole


def copy(source: str, target: str) -> None:
    """Copy a database by SQLite's backup API, and look whether the copy is sound.

    Raises sqlite3.Error.
    """
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")
        (state,) = new.execute("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        raise sqlite3.DatabaseError(str(state))


def keep_backup(whole: str, folder: str) -> str:
    """Put the copy among the backups of a store's folder; gives its path."""
    folder = os.path.join(folder, "backups")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = os.path.join(folder, f"{stamp}-earlier-tool-{os.getpid()}.db")
    copy(whole, path)
    return path


def digests(files: dict[str, str]) -> dict[str, str]:
    """The SHA-256 of each file; empty for one that is not there."""
    return {end: digest(path) for end, path in files.items()}


def digest(path: str) -> str:
    """The SHA-256 of a file; empty if there is none. Raises DatabaseError."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def check_unchanged(files: dict[str, str], before: dict[str, str]) -> None:
    """Raise Conflict if a file is not what it was."""
    if digests(files) != before:
        raise Conflict(
            f"somebody is writing to {files['']}",
            "stop the earlier tool, then do this again; nothing was changed",
        )


def _unreadable(path: str, cause: str) -> DatabaseError:
    return DatabaseError(f"{path} cannot be read: {cause}", "nothing was changed")
