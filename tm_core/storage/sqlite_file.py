"""The files of a store: how they may be used, which they are, and the lock of those who write.

The lock goes with the process, so that a killed one never leaves it behind.
"""

from __future__ import annotations

import os
import sys
import threading

from tm_core.errors import DatabaseBusy, DatabaseError


class FileLock:
    """Writers' queue: the operating system wakes waiters in turn, where SQLite's back-off does not.

    The lock goes with the process, so a killed writer never leaves it behind.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._file: int | None = None

    def __enter__(self) -> None:
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            store = self._path.removesuffix("-lock")
            raise DatabaseError(
                f"the store {store} is read-only: {error.strerror}",
                "check the permissions of file and folder",
            ) from error
        if not lock_file(file, wait=False):
            self._wait(file)
        self._file = file

    def _wait(self, file: int) -> None:
        state = {"abandoned": False}
        guard = threading.Lock()
        got = threading.Event()

        def take() -> None:
            lock_file(file, wait=True)
            with guard:
                if state["abandoned"]:
                    os.close(file)
                else:
                    got.set()

        threading.Thread(target=take, daemon=True).start()
        got.wait(self._timeout)
        with guard:
            if not got.is_set():
                state["abandoned"] = True
                raise DatabaseBusy(
                    f"the store is busy: other processes have held it for {self._timeout:g} s",
                    "try again, or raise store.busy_timeout",
                )

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


if sys.platform == "win32":
    import msvcrt
    import time

    def lock_file(file: int, *, wait: bool) -> bool:
        """Take the lock; Windows has no call that waits without end."""
        while True:
            try:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
                return True
            except OSError:
                if not wait:
                    return False
                time.sleep(0.005)

    def unlock_file(file: int) -> None:
        """Windows lets go with the file."""

else:
    import fcntl

    def lock_file(file: int, *, wait: bool) -> bool:
        """Take the lock; waiting ones are woken in turn."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock_file(file: int) -> None:
        """Let go of a lock that this process holds."""
        fcntl.flock(file, fcntl.LOCK_UN)


def location(path: str, create: bool) -> str:
    """The file as SQLite takes it, with how it may be used."""
    mode = "rwc" if create else "rw"
    folder = os.path.dirname(os.path.abspath(path))
    usable = os.access(folder, os.W_OK) or os.path.exists(path + "-shm")
    if not create and not (usable and os.access(path, os.W_OK)):
        mode = "ro"
        # A reader would make a log and a shared-memory file beside the store, which its owner
        # could not write. While there is no log, all is in the file, to be taken as it is.
        if not size(path + "-wal"):
            mode = "ro&immutable=1"
    escaped = os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{escaped}?mode={mode}"


def size(path: str) -> int:
    """The bytes of a file; 0 for none."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def identity(path: str) -> tuple[int, int]:
    """Which file has this name; zeros for none."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino
