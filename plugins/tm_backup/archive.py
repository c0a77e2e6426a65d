"""Backup files: how they are written, read and told apart.

A backup is one file, `<time>-<label>-<random>.db.zst`: the SQLite file in zstandard's format, after
a skippable frame with facts about it as JSON. Any `zstd -d` gives the database back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3
import struct
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tm_core.api import (
    Copies,
    DamagedStore,
    Database,
    DatabaseError,
    NotFound,
    check_schema,
    instant_now,
    visible,
)

from . import event_files

ENDING = ".db.zst"
PLAIN = ".db"
_FRAME = struct.Struct("<II")
_SKIPPABLE = 0x184D2A50
_MAKER = "task-orchestrator backup 1"
_LARGEST_HEADER = 65536
_SCRATCH = ".scratch-"
_CHUNK = 1 << 20
_KERNEL = re.compile(
    r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-(before-[a-z]+)-[0-9a-f]+" + re.escape(PLAIN)
)
"""Files as the kernel names its copies."""


class Facts(NamedTuple):
    """What a store's file holds; a copy of it must hold the same."""

    tasks: int
    last_event: int
    steps: tuple[str, ...]
    """The kernel's migrations."""


class Backup(NamedTuple):
    """One backup, as far as it is known without reading all of it."""

    name: str
    made_at: str
    kind: str
    """Its label; for the copies that migrations make, why they were made."""
    size: int
    tasks: int | None
    last_event: int | None
    path: str
    own: bool
    """Made by this feature or by the kernel, and so removed again by the rule."""


def folder_of(database: Database) -> str:
    """Where the backups of a store are: where the kernel puts its own, too.

    Raises DatabaseError for a store that is not a file.
    """
    if not isinstance(database, Copies):
        raise DatabaseError(
            f"the store at {database.url.partition('@')[2] or database.url} is no file that could"
            " be copied",
            "back it up with the tools of its server, or tm export",
        )
    return os.path.join(os.path.dirname(os.path.abspath(database.url)), "backups")


def write(database: Database, label: str, store: str, warn: Callable[[str], None]) -> Backup:
    """Back a store up, read the result back and compare, and only then give it its name.

    Args:
        database: The store.
        label: A word to know the backup by.
        store: The store's folder, where the files of archived events are.
        warn: Takes a sentence about what could not be backed up.

    Raises:
        DatabaseError: It could not be written, or what was written is not what there is.
    """
    from .compressed import compress

    folder = folder_of(database)
    assert isinstance(database, Copies)
    made_at = instant_now()
    stamp = made_at[:19].replace("-", "").replace(":", "") + "Z"
    name = f"{stamp}-{label}-{os.urandom(2).hex()}"
    path = os.path.join(folder, name + ENDING)
    with scratch(folder) as space:
        copy, packed = os.path.join(space, "copy.db"), os.path.join(space, "packed")
        database.backup_to(copy)
        facts = examine(copy)
        archived = event_files.named_in(copy)
        for file in event_files.keep(archived, store, folder):
            warn(f"the archived events in {file} are not in the backup: the file is not well")
        header = {
            "maker": _MAKER,
            "made_at": made_at,
            "label": label,
            "bytes": os.path.getsize(copy),
            "sha256": _digest(copy),
            "archived": [each.sha256 for each in archived],
            **facts._asdict(),
        }
        with open(copy, "rb") as source, open(_private(packed), "wb") as target:
            frame = json.dumps(header).encode()
            target.write(_FRAME.pack(_SKIPPABLE, len(frame)) + frame)
            compress(source, target)
            target.flush()
            os.fsync(target.fileno())
        os.unlink(copy)
        unpack(packed, copy)
        os.replace(packed, path)
        _settle(folder)
    return _own(path, header)


def backups(folder: str) -> list[Backup]:
    """All backups in a folder, newest first: this feature's and the kernel's."""
    entries: list[os.DirEntry[str]] = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as scan:
        entries = [entry for entry in scan if entry.is_file(follow_symlinks=False)]
    found: list[Backup] = []
    for entry in entries:
        with contextlib.suppress(FileNotFoundError):  # another process removed it just now
            if entry.name.endswith(ENDING):
                header = _header(entry.path)
                found.append(_own(entry.path, header) if header else _unknown(entry))
            elif entry.name.endswith(PLAIN):
                found.append(_plain(entry))
    return sorted(found, key=lambda one: (one.made_at, one.name), reverse=True)


def find(folder: str, name: str) -> Backup:
    """The backup of this name, or whose name begins so. Raises NotFound."""
    bare = name.removesuffix(ENDING).removesuffix(PLAIN)
    known = backups(folder)
    exact = [one for one in known if one.name == bare]
    near = exact or [one for one in known if bare and one.name.startswith(bare)]
    if len(near) == 1:
        return near[0]
    if near:
        some = ", ".join(one.name for one in near[:5])
        raise NotFound(f"'{visible(name)}' begins more than one name: {some}", "give more of it")
    raise NotFound(f"there is no backup '{visible(name[:100])}'", "tm backup list")


def check(backup: Backup, store: str) -> Facts:
    """Read a whole backup and check what is in it. Raises DatabaseError if it is damaged."""
    folder = os.path.dirname(backup.path)
    with scratch(folder) as space:
        copy = os.path.join(space, "copy.db")
        facts = extract(backup, copy)
        lost = event_files.lost(event_files.named_in(copy), store, folder)
        if lost:
            raise DatabaseError(f"the archived events in {', '.join(lost)} are nowhere any more")
        return facts


def extract(backup: Backup, target: str) -> Facts:
    """Write the database that a backup holds to a new file, checked.

    Raises:
        DatabaseError: It is damaged.
        NewerSchema: A newer version of the program made it.
    """
    try:
        if backup.path.endswith(ENDING):
            facts = unpack(backup.path, target)
        else:
            with open(backup.path, "rb") as source, open(_private(target), "wb") as copy:
                shutil.copyfileobj(source, copy, _CHUNK)
            facts = examine(target)
    except DatabaseError as error:
        raise DatabaseError(
            f"the backup '{backup.name}' is damaged: {error.message}", "tm backup verify"
        ) from error
    check_schema(facts.steps)
    return facts


def unpack(packed: str, target: str) -> Facts:
    """Decompress a backup and compare it with what its header says. Raises DatabaseError."""
    from .compressed import Unreadable, decompress

    header = _header(packed)
    if not header:
        raise DatabaseError("it does not begin as a backup does")
    written = 0
    with open(packed, "rb") as source, open(_private(target), "wb") as copy:
        source.seek(_FRAME.size + _FRAME.unpack(source.read(_FRAME.size))[1])
        try:
            for chunk in decompress(source):
                written += len(chunk)
                if written > header["bytes"]:
                    break
                copy.write(chunk)
        except Unreadable as error:
            raise DatabaseError(f"it cannot be decompressed ({error})") from error
    if written != header["bytes"] or _digest(target) != header["sha256"]:
        raise DatabaseError("its content is not what was written")
    facts = examine(target)
    if facts != Facts(header["tasks"], header["last_event"], tuple(header["steps"])):
        raise DatabaseError("it does not hold the tasks and events that were counted")
    return facts


def examine(path: str) -> Facts:
    """Check a SQLite file whole and count what is in it. Raises DamagedStore."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            faults = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
            if faults != ["ok"]:
                raise DamagedStore(" ".join(str(faults[0]).split()))
            tasks = connection.execute("SELECT count(*) FROM task").fetchone()[0]
            last = connection.execute("SELECT max(seq) FROM event").fetchone()[0]
            steps = connection.execute(
                "SELECT name FROM migration WHERE owner = 'kernel' ORDER BY name"
            ).fetchall()
    except sqlite3.Error as error:
        raise DamagedStore(f"it is no usable store ({error})") from error
    return Facts(tasks, last or 0, tuple(row[0] for row in steps))


def outdated(folder: str, keep_last: int, keep_days: int) -> list[Backup]:
    """What the rule does not keep of the backups made here, newest first.

    Kept are the newest `keep_last` and all of the last `keep_days`.
    """
    own = [one for one in backups(folder) if one.own]
    limit = (datetime.now(UTC) - timedelta(days=keep_days)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return [one for one in own[keep_last:] if one.made_at < limit]


def remove(old: Sequence[Backup], folder: str, needed: Iterable[str]) -> None:
    """Remove backups, and the copies of archived events that nothing that stays needs.

    Args:
        old: The backups; another process may have removed them already.
        folder: Where the backups are.
        needed: Digests of the archived events of the store itself.
    """
    for one in old:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(one.path)
    headers = [_header(one.path) for one in backups(folder) if one.path.endswith(ENDING)]
    named = {str(digest) for header in headers for digest in header.get("archived", ())}
    event_files.remove_unused(folder, named | {*needed})


@contextlib.contextmanager
def scratch(folder: str) -> Iterator[str]:
    """A private folder beside the backups, gone afterwards.

    Raises DatabaseError for what the system refuses while it is used.
    """
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        space = tempfile.mkdtemp(prefix=_SCRATCH, dir=folder)
        try:
            yield space
        finally:
            shutil.rmtree(space, ignore_errors=True)
    except OSError as error:
        raise DatabaseError(
            f"{folder}: {error.strerror or error}",
            "check its permissions and the space on the disk",
        ) from error


def abandoned(folder: str, seconds: int) -> list[str]:
    """Scratch folders that a killed process left behind, this long ago."""
    old = time.time() - seconds
    with contextlib.suppress(FileNotFoundError):
        entries = [entry for entry in os.scandir(folder) if entry.name.startswith(_SCRATCH)]
        return [entry.path for entry in entries if entry.stat().st_mtime < old]
    return []


def _private(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)


def _settle(folder: str) -> None:
    """Wait until the disk has the folder's new entry."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _header(path: str) -> dict[str, Any]:
    """The facts at a backup's beginning; empty if they are not there."""
    with contextlib.suppress(OSError, ValueError, struct.error), open(path, "rb") as file:
        magic, length = _FRAME.unpack(file.read(_FRAME.size))
        if magic == _SKIPPABLE and length <= _LARGEST_HEADER:
            header = json.loads(file.read(length))
            if isinstance(header, dict) and header.get("maker") == _MAKER and _whole(header):
                return header
    return {}


def _whole(header: Mapping[str, Any]) -> bool:
    kinds = {"made_at": str, "label": str, "bytes": int, "sha256": str, "tasks": int}
    kinds |= {"last_event": int, "steps": list}
    return all(isinstance(header.get(name), kind) for name, kind in kinds.items())


def _own(path: str, header: Mapping[str, Any]) -> Backup:
    return Backup(
        os.path.basename(path).removesuffix(ENDING),
        header["made_at"],
        header["label"],
        os.path.getsize(path),
        header["tasks"],
        header["last_event"],
        path,
        True,
    )


def _plain(entry: os.DirEntry[str]) -> Backup:
    """A copy that is not compressed: the kernel makes such before it changes the schema."""
    made = _KERNEL.fullmatch(entry.name)
    if made is None:
        return _unknown(entry)._replace(kind="copy", name=entry.name.removesuffix(PLAIN))
    *date, kind = made.groups()
    made_at = "{}-{}-{}T{}:{}:{}.000000Z".format(*date)
    name = entry.name.removesuffix(PLAIN)
    return Backup(name, made_at, kind, entry.stat().st_size, None, None, entry.path, True)


def _unknown(entry: os.DirEntry[str]) -> Backup:
    """A file that is not of our making, or no longer whole."""
    status = entry.stat()
    made_at = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(status.st_mtime))
    name = entry.name.removesuffix(ENDING)
    return Backup(name, made_at, "unreadable", status.st_size, None, None, entry.path, False)
