"""Tells the earlier tool's database from others, without touching it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from urllib.parse import quote as quoted

from tm_core.api import Foreign, hookimpl

TASKS = frozenset({"id", "title", "status"})
"""The columns that every version of the tool gave its table `tasks`."""


@hookimpl
def foreign_store(path: str) -> Foreign | None:
    """The earlier tool's database, which has the same name as a store of ours."""
    if not os.path.isfile(path):
        return None
    count = count_tasks(path)
    if count is None:
        return None
    tasks = "1 task" if count == 1 else f"{count} tasks"
    return Foreign(f"belongs to the earlier task tool ({tasks})", "import-legacy")


def count_tasks(path: str) -> int | None:
    """How many tasks the earlier tool keeps in a file; None if it is not its database.

    The file is opened as one that nobody writes: so nothing appears beside it, and a journal that
    lies there is left alone. What only the journal holds is not counted.
    """
    try:
        with closing(sqlite3.connect(read_only(path, immutable=True), uri=True)) as connection:
            if not is_theirs(connection):
                return None
            (count,) = connection.execute("SELECT count(*) FROM tasks").fetchone()
            return int(count)
    except sqlite3.Error:
        return None


def is_theirs(connection: sqlite3.Connection) -> bool:
    """Whether a database has the earlier tool's tasks, and nothing of a store of ours."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(tasks)")}
    ours = connection.execute("PRAGMA table_info(schema_fingerprint)").fetchall()
    return columns >= TASKS and not ours


def read_only(path: str, *, immutable: bool = False) -> str:
    """The address under which SQLite opens a file for reading alone."""
    more = "&immutable=1" if immutable else ""
    return f"file:{quoted(os.path.abspath(path))}?mode=ro{more}"
