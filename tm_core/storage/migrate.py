"""Brings a store's schema up to what the kernel and the enabled plugins expect.

A migration set belongs to an owner, the kernel or a plugin, and is a list of named steps. A step
and the record that it was done are one transaction.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from tm_core.errors import Conflict, DatabaseError, NewerSchema, TmError
from tm_core.language.when import instant_now
from tm_core.logs import log
from tm_core.record import Record

if TYPE_CHECKING:
    from .backend import Database, Row

BOOKKEEPING = (
    """CREATE TABLE IF NOT EXISTS migration (
        owner TEXT NOT NULL, name TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (owner, name))""",
    "CREATE TABLE IF NOT EXISTS schema_fingerprint (expected TEXT PRIMARY KEY NOT NULL)",
    "CREATE TABLE IF NOT EXISTS migration_held (owner TEXT PRIMARY KEY NOT NULL)",
)
"""`migration.at` is the same for all of one batch. An owner that is held was rolled back, and waits
for somebody to apply its migrations again."""


class MigrationSet(Record):
    """What one owner expects to have been done to the store."""

    owner: str
    names: tuple[str, ...]
    """In order; a store that has more of the kernel's was written by a newer version."""
    read: Callable[[str], str]
    """Gives a step's SQL by its name. Called only for what is pending."""


KERNEL_STEPS = (
    "0001_initial.sql",
    "0002_event_chain.sql",
    "0003_handlers_in_step.sql",
    "0004_first_result.sql",
)


def kernel_migrations() -> MigrationSet:
    """The kernel's own steps."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations")

    def read(name: str) -> str:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read()

    return MigrationSet("kernel", KERNEL_STEPS, read)


def check_schema(steps: Iterable[str]) -> None:
    """Raise NewerSchema if a store with these steps of the kernel is of a newer version."""
    unknown = sorted(set(steps) - set(KERNEL_STEPS))
    if unknown:
        raise NewerSchema(
            f"the store was written by a newer version of tm (it has {unknown[-1]})",
            "pip install --upgrade task-orchestrator",
        )


def fingerprint(sets: Sequence[MigrationSet]) -> str:
    """What a store must have seen, as one text: the start-up path compares it and is done."""
    return ";".join(f"{each.owner}:{','.join(each.names)}" for each in sets)


def is_current(database: Database, sets: Sequence[MigrationSet]) -> bool:
    """Whether the store is known to satisfy these sets: one indexed read."""
    rows = database.query(
        "SELECT 1 AS found FROM schema_fingerprint WHERE expected = ?", [fingerprint(sets)]
    )
    return bool(rows)


def pending(database: Database, sets: Sequence[MigrationSet]) -> list[tuple[MigrationSet, str]]:
    """The steps still to be done, in order. Raises NewerSchema."""
    done: dict[str, set[str]] = {}
    if database.columns("migration"):
        for row in database.query("SELECT owner, name FROM migration"):
            done.setdefault(row["owner"], set()).add(row["name"])
    check_schema(done.get("kernel", ()))
    return [
        (each, name) for each in sets for name in each.names if name not in done.get(each.owner, ())
    ]


def apply(
    database: Database,
    sets: Sequence[MigrationSet],
    blame: Callable[[str, TmError], None],
    backup: bool = True,
) -> list[str]:
    """Do what is pending and give its names. A plugin's failing step is undone and blamed."""
    todo = pending(database, sets)
    done: list[str] = []
    at = instant_now()
    save = bool(todo) and backup and _has_tasks(database)
    failed: set[str] = set()
    for each, name in todo:
        if each.owner in failed:
            continue
        try:
            if _step(database, each, name, at, save=save):
                done.append(f"{each.owner}:{name}")
                log("info", "migration %s:%s applied", each.owner, name)
                save = False
        except TmError as error:
            if each.owner == "kernel":
                raise
            failed.add(each.owner)
            blame(each.owner, error)
    kept = [each for each in sets if each.owner not in failed]
    try:
        _note(database, fingerprint(kept), new=bool(done))
    except DatabaseError:
        if done:
            raise
        # It would only have saved the next look: what cannot be written can still be read.
    return done


def applied(database: Database) -> list[Row]:
    """What was done to the store: owner, name and time of each step."""
    if not database.columns("migration"):
        return []
    return database.query("SELECT owner, name, at FROM migration")


def held(database: Database) -> set[str]:
    """The owners whose migrations were rolled back, and are not to be applied unasked."""
    if not database.columns("migration_held"):
        return set()
    return {row["owner"] for row in database.query("SELECT owner FROM migration_held")}


def release(database: Database) -> None:
    """Let every owner's migrations be applied again."""
    if held(database):
        with database.transaction():
            database.execute("DELETE FROM migration_held")


def undo(database: Database, steps: Sequence[tuple[str, str, Sequence[str]]]) -> None:
    """Undo steps, given as owner, name and statements, last first: all of them or none.

    Raises Conflict where another process undid one of them meanwhile.
    """
    with database.transaction():
        for statement in BOOKKEEPING:
            database.execute(statement)
        for owner, name, sql in steps:
            gone = database.execute(
                "DELETE FROM migration WHERE owner = ? AND name = ?", [owner, name]
            )
            if gone != 1:
                raise Conflict(f"{owner}:{name} was rolled back meanwhile", "tm migrate --status")
            for statement in sql:
                database.execute(statement)
            database.execute(
                "INSERT INTO migration_held (owner) VALUES (?) ON CONFLICT DO NOTHING", [owner]
            )
        # Everybody looks again, so that nobody goes on with a schema that is gone.
        database.execute("DELETE FROM schema_fingerprint")


def _note(database: Database, expected: str, *, new: bool) -> None:
    with database.transaction():
        for statement in BOOKKEEPING:
            database.execute(database.dialect.schema(statement))
        if new:
            # Others look again, so that an older version cannot miss what is new.
            database.execute("DELETE FROM schema_fingerprint")
        database.execute(
            "INSERT INTO schema_fingerprint (expected) VALUES (?) ON CONFLICT DO NOTHING",
            [expected],
        )


def _has_tasks(database: Database) -> bool:
    return bool(database.columns("task") and database.query("SELECT 1 AS found FROM task LIMIT 1"))


def _step(database: Database, each: MigrationSet, name: str, at: str, *, save: bool) -> bool:
    """Do one step. The store is copied when the step has worked and before it counts.

    So a plugin's step that fails at every start does not leave a copy each time.
    """
    with database.transaction():
        for statement in BOOKKEEPING:
            database.execute(database.dialect.schema(statement))
        known = database.query(
            "SELECT 1 AS found FROM migration WHERE owner = ? AND name = ?", [each.owner, name]
        )
        if known:  # another process was first
            return False
        for statement in parts(database, each, name)[0]:
            _check_table(each.owner, name, statement)
            try:
                database.execute(statement)
            except DatabaseError as error:
                raise DatabaseError(
                    f"migration {name} of '{each.owner}' failed: {error.message}",
                    "the store is as it was; mend or remove the plugin",
                ) from error
        database.execute(
            "INSERT INTO migration (owner, name, at) VALUES (?, ?, ?)",
            [each.owner, name, at],
        )
        if save:
            database.backup("before-migration")
    return True


def parts(database: Database, each: MigrationSet, name: str) -> tuple[list[str], list[str] | None]:
    """What a step does, and what undoes it if the step says so, after a line `-- down`."""
    mark = r"(?im)^-- down\s*$"
    text, *rest = re.split(mark, each.read(name), maxsplit=1)
    written = statements(database.dialect.schema(rest[0])) if rest else None
    return statements(database.dialect.schema(text)), written


_ABOUT_TABLE = (
    r"(?i)\s*(?:CREATE|ALTER|DROP)\s+(?:TEMP(?:ORARY)?\s+|VIRTUAL\s+)?TABLE\s+"
    r'(?:IF\s+(?:NOT\s+)?EXISTS\s+)?["`]?(\w+)'
)


def _check_table(owner: str, step: str, statement: str) -> None:
    """A plugin makes, changes and drops tables of its own; its fields are the kernel's business."""
    found = re.match(_ABOUT_TABLE, statement)
    prefix = owner.replace("-", "_") + "_"
    if not found or owner == "kernel" or step.startswith("field:"):
        return
    if not found[1].lower().startswith(prefix):
        raise DatabaseError(
            f"migration {step} of '{owner}' failed: the table '{found[1]}' is not named as the"
            f" plugin's, {prefix}...",
            "the store is as it was; mend or remove the plugin",
        )


def statements(text: str) -> list[str]:
    """A script's statements; a trigger's inner semicolons do not end it.

    One that only calls a function, as on a server, has none.
    """
    import sqlite3

    def ended() -> bool:
        return sqlite3.complete_statement(current) or "EXECUTE FUNCTION" in current

    found: list[str] = []
    current = ""
    for line in text.splitlines(keepends=True):
        if not current.strip() and line.lstrip().startswith("--"):
            continue
        current += line
        if line.rstrip().endswith(";") and ended():
            found.append(current.strip())
            current = ""
    if current.strip():
        found.append(current.strip())
    return found
