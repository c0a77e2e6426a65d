"""Private notes: Markdown files of the earlier tool, and those in the archives of completed tasks.

Nothing is unpacked: an archive's files are read from it, and only those that are named as notes,
so a name such as `../../x` leads nowhere.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterator, Set
from datetime import UTC, datetime
from typing import NamedTuple

from .instants import instant

FOLDERS = ("notes", "archives")
LARGEST = 10_000_000
"""Bytes of one file of notes."""
_ENTRY = re.compile(r"(?:\A|\n+)---\n(\d{4}-\d\d-\d\d[T ][^\n]*)\n")
_ARCHIVE = re.compile(r"task_.+\.tar(?:\.gz)?|task_.+\.tgz")


class Note(NamedTuple):
    """One entry."""

    task_id: str
    agent: str
    at: str
    text: str


class Found(NamedTuple):
    """What one file told."""

    path: str
    """Relative to the folder; of a file in an archive, after a colon."""
    notes: list[Note]
    problem: str = ""
    """Why it, or some of it, was not read."""


def read_notes(folder: str, tasks: Set[str]) -> Iterator[Found]:
    """The notes on known tasks, file by file: those in the folder, then those in archives."""
    for name in _names(os.path.join(folder, "notes")):
        path = os.path.join("notes", name)
        full = os.path.join(folder, path)
        if not os.path.isfile(full):
            yield Found(path, [], "not a file")
            continue
        status = os.stat(full)
        if status.st_size > LARGEST:
            yield Found(path, [], f"larger than {LARGEST} bytes")
            continue
        with open(full, "rb") as file:
            yield _parsed(path, name, file.read(), status.st_mtime, tasks)
    for name in _names(os.path.join(folder, "archives")):
        path = os.path.join("archives", name)
        if _ARCHIVE.fullmatch(name):
            yield from _archived(os.path.join(folder, path), path, tasks)
        else:
            yield Found(path, [], "not an archive of a task")


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _archived(full: str, path: str, tasks: Set[str]) -> Iterator[Found]:
    try:
        with tarfile.open(full, "r:*") as archive:
            for member in archive:
                within = f"{path}:{member.name}"
                parts = member.name.removeprefix("./").split("/")
                if member.isdir() or parts[-1] == "context.json":
                    continue
                if not member.isfile() or ".." in parts or parts[0] == "" or "notes" not in parts:
                    yield Found(within, [], "no note by its name or kind")
                    continue
                if member.size > LARGEST:
                    yield Found(within, [], f"larger than {LARGEST} bytes")
                    continue
                file = archive.extractfile(member)
                content = file.read(LARGEST) if file is not None else b""
                yield _parsed(within, parts[-1], content, float(member.mtime), tasks)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        yield Found(path, [], f"the archive cannot be read: {type(error).__name__}")


def _parsed(path: str, name: str, content: bytes, changed: float, tasks: Set[str]) -> Found:
    owner = _owner(name, tasks)
    if owner is None:
        return Found(path, [], "belongs to no task that is known")
    text = content.decode("utf-8", "backslashreplace").replace("\r\n", "\n").replace("\0", "\\x00")
    written = datetime.fromtimestamp(changed, UTC).isoformat()
    head, *rest = _ENTRY.split(text)
    entries = [(written, head)]
    dated = zip(rest[::2], rest[1::2], strict=True)
    entries += [(instant(at) or written, body) for at, body in dated]
    return Found(path, [Note(*owner, at, body.strip()) for at, body in entries if body.strip()])


def _owner(name: str, tasks: Set[str]) -> tuple[str, str] | None:
    """The task and the agent in `<task>_<agent>.md`, or as it was once, `notes_<task>_<agent>.md`.

    Both may hold an underscore; the longest task that there is counts.
    """
    stem, end = os.path.splitext(name)
    words = stem.removeprefix("notes_").split("_")
    if end != ".md":
        return None
    for count in range(len(words) - 1, 0, -1):
        task_id = "_".join(words[:count])
        if task_id in tasks:
            return task_id, "_".join(words[count:]) or "unknown"
    return None
