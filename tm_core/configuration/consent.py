"""What a user allowed to run on this machine: each approval is of one exact content.

A project's files come from others. What in them, or in a command that was read somewhere, would
make this machine run something is shown to the user first, and runs once the user has approved
exactly that: a change of one byte asks anew. Approvals are kept in the user's own folder, outside
of every project, one file for each, named by the digest of the content.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any

from tm_core.errors import NotFound, TmError
from tm_core.language.text import quote
from tm_core.language.when import instant_now
from tm_core.record import Record

from .cache import read_json, user_folder, write_atomically

_SHORTEST = 6
"""Digits of a digest that may stand for all of it."""


class Approval(Record):
    """One content that was, or has yet to be, approved."""

    digest: str
    """64 hex digits: SHA-256 of the kind and of each part of the content."""
    kind: str
    """What asks for it: `watch --exec`."""
    what: str
    """The content as a person reads it, such as the command and its folder."""
    asked_at: str
    """UTC, as the store holds times."""
    approved_at: str | None
    """None as long as nobody has approved it: it must not run."""


class Approvals:
    """The current user's approvals on this machine; iterate over them, the oldest first."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Look into the folder of the user that `environ`, by default the process's own, names."""
        folder = user_folder(
            os.environ if environ is None else environ, "XDG_CONFIG_HOME", ".config", "APPDATA"
        )
        self.folder = os.path.join(folder, "approvals")

    def ask(self, kind: str, what: str, *parts: str | bytes) -> Approval:
        """Look a content up; one that is not approved is noted, so that the user can approve it.

        Args:
            kind: What asks for it, in a few words.
            what: The content as a person reads it before approving.
            parts: The content itself, all of it: nothing that could change what is run may be
                missing, be it a script's text or the folder in which it runs.
        """
        digest = _digest(kind, *parts)
        found = self._read(digest)
        if found is None:
            found = Approval(digest, kind, what, instant_now(), None)
            self._write(found)
        return found

    def approve(self, digest: str) -> Approval:
        """Allow a content that was asked for, from now on. Raises NotFound for any other."""
        found = self.find(digest)
        if found.approved_at is None:
            found = found._replace(approved_at=instant_now())
            self._write(found)
        return found

    def withdraw(self, digest: str) -> Approval:
        """Forget an approval, or that one was asked for. Raises NotFound where there is none."""
        found = self.find(digest)
        try:
            os.unlink(self._path(found.digest))
        except OSError as error:
            raise TmError(f"the approval cannot be withdrawn: {error.strerror}") from error
        return found

    def find(self, digest: str) -> Approval:
        """The approval whose digest is this, or alone begins so, with six digits at least."""
        wanted = digest.strip().lower()
        found = [each for each in self if each.digest.startswith(wanted)]
        if len(wanted) < _SHORTEST or len(found) != 1:
            raise NotFound(
                f"{quote(digest)} begins the digest of {len(found)} approvals, not of one"
                if found and wanted
                else f"no approval has a digest that begins with {quote(digest)}",
                f"give {_SHORTEST} digits of it at least",
            )
        return found[0]

    def __iter__(self) -> Iterator[Approval]:
        try:
            names = os.listdir(self.folder)
        except OSError:
            return iter(())
        digests = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        found = [each for each in map(self._read, digests) if each is not None]
        return iter(sorted(found, key=lambda each: (each.asked_at, each.digest)))

    def _path(self, digest: str) -> str:
        return os.path.join(self.folder, f"{digest}.json")

    def _read(self, digest: str) -> Approval | None:
        """What is known of a digest; None where there is nothing that can be relied upon."""
        path = self._path(digest)
        if not (_is_private(self.folder) and _is_private(path)):
            return None
        values: Any = read_json(path)
        if not isinstance(values, dict) or values.keys() != {*Approval._fields}:
            return None
        found = Approval(**values)
        texts = (found.digest, found.kind, found.what, found.asked_at, found.approved_at or "")
        right = found.digest == digest and all(isinstance(text, str) for text in texts)
        return found if right else None

    def _write(self, approval: Approval) -> None:
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            content = json.dumps(approval._asdict(), ensure_ascii=False).encode("utf-8", "replace")
            write_atomically(self._path(approval.digest), content, mode=0o600, durable=True)
        except OSError as error:
            raise TmError(
                f"approvals cannot be kept in {self.folder}: {error.strerror}",
                "see who may write there",
            ) from error


def _digest(*parts: str | bytes) -> str:
    import hashlib

    total = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        # With its length before it, so that no two lists of parts look alike.
        total.update(len(content).to_bytes(8, "big") + content)
    return total.hexdigest()


def _is_private(path: str) -> bool:
    """Whether it is there, and nobody but this user, or root, could have written it."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    if stat.S_ISLNK(status.st_mode):
        return False
    if os.name == "nt":
        return True  # the folder is in the user's own profile, which others cannot write
    return status.st_uid in (0, os.getuid()) and not status.st_mode & 0o022
