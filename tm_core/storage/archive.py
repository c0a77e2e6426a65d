"""Takes the oldest events out of the log into compressed files, and reads them back.

An archive is Zstandard-compressed JSON lines, one for each event, in their order and as the log
held them. The log keeps what the chain goes on from: the archive's own digest, the head after its
last event, and the last digest of each task that is in it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tm_core.errors import DatabaseError
from tm_core.record import Record

from .chain import event_digest, next_head

if TYPE_CHECKING:
    from .backend import Database, Row

FOLDER = "archive"
_COLUMNS = (
    *("last_seq", "first_seq", "events", "first_at", "last_at", "file", "sha256", "head"),
    "at",
)


class Archive(Record):
    """One file of events."""

    last_seq: int
    first_seq: int
    events: int
    first_at: str
    last_at: str
    file: str
    """Relative to the store's folder."""
    sha256: str
    head: str
    """Of the log, after its last event."""


class Archives:
    """The archives of one store."""

    def __init__(self, database: Database, folder: str) -> None:
        self._database = database
        self._folder = folder

    def known(self) -> list[Archive]:
        """What the log says of its archives, oldest first."""
        rows = self._database.query("SELECT * FROM event_archive ORDER BY last_seq")
        return [Archive(**{name: row[name] for name in Archive._fields}) for row in rows]

    def events(
        self, unreadable: Callable[[Archive, DatabaseError], None] | None = None
    ) -> Iterator[Row]:
        """All archived events in their order.

        Args:
            unreadable: Told of a file that is missing or not what was written, and left out.

        Raises:
            DatabaseError: Such a file, where nobody is told.
        """
        for archive in self.known():
            try:
                path = self._checked(archive)
            except DatabaseError as error:
                if unreadable is None:
                    raise
                unreadable(archive, error)
                continue
            with _compressed().open(path, "rb") as file:
                for line in file:
                    yield json.loads(line)

    def _checked(self, archive: Archive) -> str:
        """The path of a file that is what was written."""
        told = f"the archive {archive.file} (events {archive.first_seq} to {archive.last_seq})"
        path = os.path.join(self._folder, archive.file)
        try:
            found = _digest_of(path)
        except OSError as error:
            raise DatabaseError(
                f"{told} cannot be read: {error.strerror}", f"bring it back to {path}"
            ) from error
        if found != archive.sha256:
            raise DatabaseError(
                f"{told} is not the file that was written", f"bring that back to {path}"
            )
        return path

    def due(self, before: str) -> int:
        """The last of the oldest events that are all from before an instant, and handed out.

        0 where there is none.
        """
        rows = self._database.query(
            "SELECT (SELECT min(seq) FROM event WHERE at >= ?) AS young,"
            " (SELECT min(seq) FROM (SELECT seq FROM waiting UNION ALL SELECT seq FROM delivery"
            " WHERE consumer = '/' AND members <> '') AS places) AS waiting,"
            " (SELECT max(seq) FROM event) AS last, (SELECT min(seq) FROM event) AS first",
            [before],
        )
        row = rows[0]
        if row["last"] is None:
            return 0
        last = int(row["last"]) if row["young"] is None else int(row["young"]) - 1
        if row["waiting"] is not None:
            last = min(last, int(row["waiting"]))
        return last if last >= int(row["first"]) else 0

    def write(self, last: int) -> tuple[Archive, dict[str, str]]:
        """Write the events up to one into a new file, and give what the log must keep of them.

        Raises:
            DatabaseError: The file cannot be written, or an event is not what was written.
        """
        known = self.known()
        head = known[-1].head if known else ""
        rows = self._database.query("SELECT task_id, digest FROM event_tail")
        tails = {row["task_id"]: row["digest"] for row in rows}
        new: dict[str, str] = {}
        seqs: list[int] = []
        times: list[str] = []
        folder = os.path.join(self._folder, FOLDER)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        partial = os.path.join(folder, f"{os.getpid()}.partial")
        count = 0
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "wb") as raw:
                with _compressed().open(raw, "wb") as file:
                    for event in self._database.stream(
                        "SELECT * FROM event WHERE seq <= ? ORDER BY seq", [last]
                    ):
                        task_id = event["task_id"] or ""
                        digest = event_digest(event, new.get(task_id, tails.get(task_id, "")))
                        if event["digest"] is not None:
                            if event["digest"] != digest:
                                raise DatabaseError(
                                    f"event {event['seq']} is not what was written", "tm verify"
                                )
                            new[task_id] = digest
                        head = next_head(head, digest)
                        seqs = [seqs[0] if seqs else event["seq"], event["seq"]]
                        times = [times[0] if times else event["at"], event["at"]]
                        count += 1
                        file.write(json.dumps(event, ensure_ascii=False).encode() + b"\n")
                raw.flush()
                os.fsync(raw.fileno())
            name = f"{FOLDER}/events-{seqs[0]:012d}-{seqs[1]:012d}.jsonl.zst"
            archive = Archive(
                seqs[1], seqs[0], count, times[0], times[1], name, _digest_of(partial), head
            )
            os.replace(partial, os.path.join(self._folder, name))
        except OSError as error:
            raise DatabaseError(
                f"the archive in {folder} cannot be written: {error.strerror}",
                "nothing was changed",
            ) from error
        finally:
            if os.path.exists(partial):
                os.unlink(partial)
        return archive, new

    def take_out(self, archive: Archive, tails: dict[str, str], at: str) -> None:
        """Remove the archived events from the log, in the running transaction."""
        self._database.execute(
            f"INSERT INTO event_archive ({', '.join(_COLUMNS)})"
            f" VALUES ({', '.join('?' * len(_COLUMNS))})",
            [*archive, at],
        )
        self._database.execute_many(
            "INSERT INTO event_tail (task_id, digest) VALUES (?, ?)"
            " ON CONFLICT (task_id) DO UPDATE SET digest = excluded.digest",
            tails.items(),
        )
        self._database.execute("DELETE FROM event WHERE seq <= ?", [archive.last_seq])


def _digest_of(path: str) -> str:
    import hashlib  # takes a while, because it loads OpenSSL

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _compressed() -> Any:
    """Zstandard, from Python 3.14 on its own; only who reads or writes an archive pays for it."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
