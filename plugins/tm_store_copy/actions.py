"""`tm store copy`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any, NamedTuple

from tm_core.api import (
    Conflict,
    Context,
    DatabaseError,
    NoStore,
    Param,
    Portable,
    TaskManager,
    UsageError,
    instant_now,
    visible,
)

from . import tables
from .tables import STATE, Table

_BATCH = 1000
"""Rows in one transaction."""


class Report(NamedTuple):
    """What was copied."""

    source: str
    target: str
    rows: dict[str, int]
    """By table."""
    digests: dict[str, str]
    """SHA-256 of each table's rows, which is that of both stores; empty for a dry run."""
    resumed: bool
    written_meanwhile: int
    """Events that the source got while it was copied, and that are not in the copy."""
    dry_run: bool

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return self._asdict()


def copy(
    ctx: Context,
    source: Annotated[str, Param("The store to copy: a folder, a .db file or a URL")],
    target: Annotated[str, Param("Where to: a new or empty one")],
    *,
    dry_run: Annotated[bool, Param("Check all, and count what would be copied")] = False,
) -> Report:
    """Copy everything of a store, with the tables of plugins, to another place or engine.

    Source and target are read again and compared by a digest of each table. A copy that was killed
    goes on where it stopped when the same command is given again. What is written to the
    source meanwhile is not in the copy, and told.

    Args:
        source: The store to copy.
        target: Where to.
        dry_run: Write nothing.

    Raises:
        NoStore: There is no source.
        Conflict: The target holds something else, or the source has changed since a copy stopped.
        DatabaseError: Something has no place in the target, or did not arrive as it is.
    """
    if not source or not target:
        raise UsageError("which stores?", "tm store copy FROM TO")
    with closing(_open(source)) as old:
        here = _portable(old)
        owners = [row["owner"] for row in here.query("SELECT DISTINCT owner FROM migration")]
        with here.snapshot():
            wanted = tables.to_copy(here)
            rows = {table.name: tables.count(here, table) for table in wanted}
            last = _last_seq(here)
            if dry_run:
                _check_target(target, here)
                return Report(here.url, target_name(target), rows, {}, False, 0, True)
            with closing(_open(target, create=True, enable=owners)) as new:
                there = _portable(new)
                resumed = _begin(here, there, last)
                tables.check_columns(wanted, there)
                _move(ctx, here, there, wanted, rows)
                digests = _verified(here, there, wanted)
                _finish(there)
                shown = there.url
        meanwhile = _last_seq(here) - last
    return Report(old.database.url, shown, rows, digests, resumed, meanwhile, False)


def target_name(target: str) -> str:
    """The target as it was given, without a password."""
    from tm_core.api import masked

    return masked(target)


def _open(place: str, *, create: bool = False, enable: list[str] | None = None) -> TaskManager:
    # The place that is named is meant, whatever the environment says.
    environ = {name: value for name, value in os.environ.items() if name != "TM_DB_PATH"}
    if not create and "://" not in place and not os.path.exists(place):
        raise NoStore(f"there is no task store at {visible(place)}", "tm init makes one")
    names = [name for name in enable or () if name != "kernel"]
    settings = [f"plugins.enable={','.join(names)}"] if names else []
    return TaskManager.open(_meant(place), create=create, environ=environ, settings=settings)


def _meant(place: str) -> str:
    """A place as `--store` takes it: a store's own folder stands for the file in it."""
    if "://" in place:
        return place
    if os.path.basename(os.path.abspath(place)) == ".task-orchestrator":
        return os.path.dirname(os.path.abspath(place))
    file = os.path.join(place, "tasks.db")
    is_project = os.path.isdir(os.path.join(place, ".task-orchestrator"))
    return file if os.path.exists(file) and not is_project else place


def _portable(manager: TaskManager) -> Portable:
    database = manager.database
    if not isinstance(database, Portable):
        raise UsageError(f"{database.url}: this engine's stores cannot be copied row by row")
    return database


def _last_seq(database: Portable) -> int:
    return int(database.query("SELECT COALESCE(max(seq), 0) AS n FROM event")[0]["n"])


def _origin(database: Portable) -> str:
    """Names a store by its first event, wherever it lies."""
    rows = database.query("SELECT id FROM event ORDER BY seq LIMIT 1")
    return str(rows[0]["id"]) if rows else "empty"


def _check_target(target: str, here: Portable) -> None:
    try:
        with closing(_open(target)) as new:
            _resumable(here, _portable(new), _last_seq(here))
    except NoStore:
        return


def _resumable(here: Portable, there: Portable, last: int) -> bool:
    """Whether the target is a copy of this source that stopped half-way. Raises Conflict."""
    state = there.query(f"SELECT * FROM {STATE} WHERE finished_at IS NULL")
    if state and state[0]["source"] == _origin(here):
        if state[0]["last_seq"] != last:
            raise Conflict(
                f"{here.url} has changed since the copy to {there.url} stopped",
                "remove the half-done target, and copy again",
            )
        return True
    if there.url == here.url or any(
        there.query(f'SELECT 1 AS found FROM "{name}" LIMIT 1') for name in ("task", "event")
    ):
        raise Conflict(f"{there.url} is not empty", "copy to a new place")
    return False


def _begin(here: Portable, there: Portable, last: int) -> bool:
    if _resumable(here, there, last):
        return True
    with there.transaction():
        there.execute(f"DELETE FROM {STATE}")
        there.execute(
            f"INSERT INTO {STATE} (source, last_seq, started_at) VALUES (?, ?, ?)",
            [_origin(here), last, instant_now()],
        )
    return False


def _move(
    ctx: Context, here: Portable, there: Portable, wanted: list[Table], rows: dict[str, int]
) -> None:
    done, total = 0, sum(rows.values())
    for table in wanted:
        last: list[Any] = []
        if table.whole:
            with there.transaction():
                there.execute(f'DELETE FROM "{table.name}"')
        else:
            last = tables.last_key(there, table)
        places = ", ".join("?" * len(table.columns))
        sql = f'INSERT INTO "{table.name}" ({table.listed}) VALUES ({places})'
        for batch in _batches(here, table, last):
            try:
                with there.transaction():
                    there.execute_many(sql, batch)
            except DatabaseError as error:
                raise DatabaseError(f"{table.name}: {error.message}", error.hint) from error
            done += len(batch)
            ctx.progress(done, total)
        with there.transaction():
            there.count_on(table.name)


def _batches(here: Portable, table: Table, last: list[Any]) -> Iterator[list[list[Any]]]:
    batch: list[list[Any]] = []
    for row in tables.rows_after(here, table, last):
        batch.append([row[name] for name in table.columns])
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _verified(here: Portable, there: Portable, wanted: list[Table]) -> dict[str, str]:
    digests: dict[str, str] = {}
    for table in wanted:
        expected, got = tables.digest(here, table), tables.digest(there, table)
        if expected != got:
            raise DatabaseError(
                f"{table.name} did not arrive as it is: {expected[0]} row(s) there, {got[0]} here,"
                f" digests {expected[1][:12]} and {got[1][:12]}",
                "remove the target, and copy again while nobody writes",
            )
        digests[table.name] = got[1]
    return digests


def _finish(there: Portable) -> None:
    with there.transaction():
        there.execute(f"UPDATE {STATE} SET finished_at = ?", [instant_now()])
