"""The files of events that were taken out of the log: a backup is whole only with them.

Such a file never changes once it is written. So backups share their copies of them, in a folder
beside the backups, each named by the digest of its content.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from typing import NamedTuple

FOLDER = "archive"
_CHUNK = 1 << 20


class EventFile(NamedTuple):
    """One file of events, as a store names it."""

    file: str
    """Relative to the store's folder."""
    sha256: str


def named_in(path: str) -> list[EventFile]:
    """The files that the SQLite file of a store names; none in one from before there were any."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            rows = connection.execute("SELECT file, sha256 FROM event_archive ORDER BY last_seq")
            return [EventFile(*row) for row in rows]
        except sqlite3.OperationalError:
            return []


def keep(files: Sequence[EventFile], store: str, backups: str) -> list[str]:
    """Copy those that no earlier backup has; gives the files that are not there to be copied."""
    lost = []
    for each in files:
        kept = _kept(each, backups)
        if _is_well(kept, each.sha256):
            continue
        source = os.path.join(store, each.file)
        if _is_well(source, each.sha256):
            _copy(source, kept)
        else:
            lost.append(each.file)
    return lost


def lost(files: Iterable[EventFile], store: str, backups: str) -> list[str]:
    """The files that are well neither beside the backups nor in the store."""
    return [
        each.file
        for each in files
        if not _is_well(_kept(each, backups), each.sha256)
        and not _is_well(os.path.join(store, each.file), each.sha256)
    ]


def bring_back(files: Iterable[EventFile], store: str, backups: str) -> list[str]:
    """Put back what the store lacks; gives the files that are nowhere.

    Another content of the same name, from events that were archived anew, is moved aside.
    """
    nowhere = []
    for each in files:
        target, kept = os.path.join(store, each.file), _kept(each, backups)
        if _is_well(target, each.sha256):
            continue
        if not _is_well(kept, each.sha256):
            nowhere.append(each.file)
            continue
        if os.path.exists(target):
            os.replace(target, f"{target}.{os.urandom(2).hex()}-replaced")
        _copy(kept, target)
    return nowhere


def remove_unused(backups: str, digests: Iterable[str]) -> None:
    """Remove the copies that neither a backup nor the store itself needs any more."""
    needed = {f"{digest}.zst" for digest in digests}
    with contextlib.suppress(FileNotFoundError):
        for entry in list(os.scandir(os.path.join(backups, FOLDER))):
            if entry.name.endswith(".zst") and entry.name not in needed:
                os.unlink(entry.path)


def _kept(each: EventFile, backups: str) -> str:
    return os.path.join(backups, FOLDER, f"{each.sha256}.zst")


def _is_well(path: str, sha256: str) -> bool:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _copy(source: str, target: str) -> None:
    """Copy a file so that it is there whole or not at all, for its owner's eyes alone."""
    folder = os.path.dirname(target)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=folder)
    try:
        with open(source, "rb") as file, open(descriptor, "wb") as copy:
            shutil.copyfileobj(file, copy, _CHUNK)
            copy.flush()
            os.fsync(copy.fileno())
        os.replace(draft, target)
    finally:
        if os.path.exists(draft):
            os.unlink(draft)
