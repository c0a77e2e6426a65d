"""What is around the store: space on the disk, who may read and write, what was left behind."""

from __future__ import annotations

import glob
import os
import shutil
import stat
import time
from collections.abc import Iterator
from functools import partial

from tm_core.api import Finding

_SPACE = 500_000_000
"""Free bytes below which a person should know; at a tenth of it work is about to stop."""
_ABANDONED = 3600
"""Seconds after which nobody can still be writing a temporary file."""


def look_around(folder: str, store: str) -> Iterator[Finding]:
    """Findings about a store's folder.

    Args:
        folder: `.task-orchestrator`.
        store: The store's path or URL.
    """
    if not os.path.isdir(folder):
        return
    free = shutil.disk_usage(folder).free
    level = "error" if free < _SPACE // 10 else "warning" if free < _SPACE else "ok"
    hint = "" if level == "ok" else "free some space"
    yield Finding(level, "disk", f"{free // 1_000_000} MB free at {folder}", hint)
    closed = [path for path in (folder, store) if os.path.exists(path) and not _writable(path)]
    for path in closed:
        yield Finding("warning", "permissions", f"you may not write to {path}", "ask its owner")
    exposed = list(_exposed(folder, store)) if os.name == "posix" else []
    yield from exposed
    if not closed and not exposed:
        yield Finding("ok", "permissions", "what holds tasks can be used, and not by everybody")
    yield from _left_behind(folder)


def _writable(path: str) -> bool:
    return os.access(path, os.W_OK)


def _exposed(folder: str, store: str) -> Iterator[Finding]:
    """Files that hold tasks and that everybody on this machine can get at."""
    if not os.stat(folder).st_mode & stat.S_IXOTH:
        return
    paths = [store, f"{store}-wal", f"{store}-shm"]
    paths += [os.path.join(folder, name) for name in ("backups", "logs", "telemetry")]
    for path in paths:
        if os.path.exists(path) and (mode := os.stat(path).st_mode) & stat.S_IRWXO:
            yield Finding(
                "warning",
                "permissions",
                f"everybody on this machine can get at {path}",
                f"chmod o-rwx {path}",
                partial(os.chmod, path, stat.S_IMODE(mode) & ~stat.S_IRWXO),
            )


def _left_behind(folder: str) -> Iterator[Finding]:
    old = time.time() - _ABANDONED
    for path in glob.glob(os.path.join(glob.escape(folder), "**", "*.tmp"), recursive=True):
        if os.path.isfile(path) and os.path.getmtime(path) < old:
            yield Finding(
                "warning",
                "leftover",
                f"{path} was left behind by a process that was killed",
                "remove it",
                partial(os.unlink, path),
            )
