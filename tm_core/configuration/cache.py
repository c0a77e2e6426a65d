"""Files that only save time: parsed configuration and the plugin index.

A cache may be absent, stale, corrupt or impossible to write; none of that is ever an error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

APPLICATION = "task-orchestrator"


def user_folder(environ: Mapping[str, str], xdg: str, fallback: str, windows: str) -> str:
    """This program's folder of one kind (configuration, cache) for the current user.

    `xdg` names the variable that moves it; `fallback` is relative to the home folder; `windows`
    names the variable that holds it there. A relative path in a variable is ignored, as the XDG
    specification asks.
    """
    base = environ.get(windows if os.name == "nt" else xdg, "")
    if not os.path.isabs(base):
        base = os.path.join(environ.get("HOME") or os.path.expanduser("~"), fallback)
    return os.path.join(base, APPLICATION)


def default_cache_folder(environ: Mapping[str, str]) -> str:
    """Where caches go: `$XDG_CACHE_HOME/task-orchestrator`, or its like on Windows."""
    return user_folder(environ, "XDG_CACHE_HOME", ".cache", "LOCALAPPDATA")


def cache_path(folder: str, kind: str, source: str) -> str:
    """The cache file of `kind` for `source`, any string.

    Two sources may share a file, so whoever reads it must find the source inside and compare.
    """
    # A remainder by a prime tells names apart without loading a library at every start.
    key = int.from_bytes(os.fsencode(source), "big") % (2**61 - 1)
    return os.path.join(folder, f"{kind}-{key:016x}.json")


def read_json(path: str) -> Any:
    """What the file holds, or None if it is absent, unreadable or not JSON."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError, RecursionError):
        return None


def write_json_atomically(path: str, value: Any) -> bool:
    """Write `value` for this user's eyes only; False if that was not possible.

    The folder is made if it is missing. A reader sees the old file or the new one, never a part.
    """
    try:
        text = json.dumps(value, separators=(",", ":"))
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write_atomically(path, text.encode(), mode=0o600)
    except (OSError, TypeError, ValueError, RecursionError):
        return False
    return True


def write_atomically(path: str, content: bytes, *, mode: int, durable: bool = False) -> None:
    """Replace a file by way of a temporary one beside it.

    `mode` is subject to the umask; `durable` waits until the disk has the content. Raises OSError,
    and then leaves `path` as it was and no temporary file behind.
    """
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    # O_EXCL: in a folder that others can write, nobody's prepared link is followed.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
