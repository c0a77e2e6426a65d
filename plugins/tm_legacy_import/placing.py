"""Puts the new store where the earlier tool's database is, which is kept under another name.

Whatever moment the machine stops at: the database is whole, under its old name or the new one, and
doing all again ends as it should. The one step that counts is the last, which gives the new store
its name.
"""

from __future__ import annotations

import os

from tm_core.api import Conflict, DatabaseError

from .snapshot import COMPANIONS, check_unchanged, digest

KEPT = "earlier-tool"
"""The folder, in that of the store, for the original and what has no place in a store."""
MOVED = ("logs", "telemetry")
"""Folders of the earlier tool that have a name under which this one keeps files of its own."""


def files_of(path: str) -> dict[str, str]:
    """The files that make up a database, by the end of their name.

    Where an earlier run was stopped between its last steps, the write-ahead log has its new name
    already and the database still its old one: they belong together.
    """
    found = {"": path}
    kept = _kept(path)
    moved = os.path.exists(kept) and os.path.samefile(kept, path)
    for end in COMPANIONS[1:]:
        for candidate in (path + end, *([kept + end] if moved else [])):
            if os.path.exists(candidate):
                found[end] = candidate
                break
    return found


def put_in_place(new: str, files: dict[str, str], known: dict[str, str]) -> str:
    """Keep the original under its new name, and give the new store the old one.

    Args:
        new: The new store, closed, in the same file system.
        files: The original's files, as `files_of` gives them.
        known: Their digests when they were read.

    Returns:
        Where the original is now.

    Raises:
        Conflict: The original was written to meanwhile, or its new name is taken.
        DatabaseError: The folder cannot be written.
    """
    path = files[""]
    kept = _kept(path)
    os.makedirs(os.path.dirname(kept), mode=0o700, exist_ok=True)
    check_unchanged(files, known)
    if os.path.exists(kept) and not os.path.samefile(kept, path):
        raise Conflict(f"there is another original at {kept}", "move it away; nothing was changed")
    try:
        if not os.path.exists(kept):
            _name_also(path, kept)
        for end, companion in files.items():
            if end and companion != kept + end:
                os.replace(companion, kept + end)
        if os.path.exists(path + "-shm"):  # an index of the log, made anew when it is needed
            os.unlink(path + "-shm")
        for name in MOVED:
            theirs, place = (os.path.join(os.path.dirname(each), name) for each in (path, kept))
            if os.path.isdir(theirs) and not os.path.exists(place):
                os.replace(theirs, place)
        os.replace(new, path)
        _sync(os.path.dirname(path))
    except OSError as error:
        raise DatabaseError(
            f"{path} cannot be replaced: {error.strerror}", f"the original is whole, here or {kept}"
        ) from error
    if digest(kept) != known[""]:
        raise DatabaseError(f"{kept} is not what it was", "a backup is in the folder backups")
    return kept


def _kept(path: str) -> str:
    return os.path.join(os.path.dirname(path), KEPT, os.path.basename(path))


def _name_also(path: str, kept: str) -> None:
    """Give the file a second name; where the file system has none, a copy of it."""
    try:
        os.link(path, kept)
    except OSError:
        import shutil

        shutil.copy2(path, kept + ".part")
        os.replace(kept + ".part", kept)


def _sync(folder: str) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
