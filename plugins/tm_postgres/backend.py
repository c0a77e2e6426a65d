"""The storage backend. The driver takes long to import, so that is left to `open`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tm_core.api import Database, PluginError

from . import driver

if TYPE_CHECKING:
    from .connecting import Opener


class PostgresBackend:
    """Implements `tm_core.api.Backend`: `postgresql://USER@HOST/DATABASE?schema=PROJECT`.

    The URL alone names the store: every clone, worktree and machine that has it works on the same
    tasks, whatever its folder is called. Each project has a schema of its own, so that one database
    with one set of users and one backup serves many.

    With `postgres.pool`, what is opened through one backend shares so many connections.
    """

    def __init__(self) -> None:
        self._opener: Opener | None = None
        self._guard = threading.Lock()

    def open(self, url: str, *, create: bool, settings: Mapping[str, Any]) -> Database:
        """Connect; with `create`, make the schema. Raises NoStore, DatabaseError, PluginError."""
        with self._guard:
            if self._opener is None:
                self._opener = _opener()
        return self._opener.open(url, create=create, settings=settings)

    def close(self) -> None:
        """Let go of all pooled connections."""
        if self._opener is not None:
            self._opener.close()


def _opener() -> Opener:
    try:
        driver.load()  # here, where what to do about it can be said
    except ImportError as error:
        raise PluginError(
            f"a store in PostgreSQL needs the library psycopg: {error}",
            "pip install 'task-orchestrator[postgres]'",
        ) from error
    from .connecting import Opener

    return Opener()
