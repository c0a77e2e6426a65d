"""Brings a store's schema up to what the kernel and the enabled plugins expect.

A migration set belongs to an owner, the kernel or a plugin, and is a list of named steps. A step
and the record that it was done are one transaction.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from .context import Database, Row
from .errors import Conflict, DatabaseError, NewerSchema, TmError
from .logs import log
from .when import instant_now

BOOKKEEPING = (
    """CREATE TABLE IF NOT EXISTS migration (
        owner TEXT NOT NULL, name TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (owner, name))""",
    "CREATE TABLE IF NOT EXISTS schema_fingerprint (expected TEXT PRIMARY KEY NOT NULL)",
    "CREATE TABLE IF NOT EXISTS migration_held (owner TEXT PRIMARY KEY NOT NULL)",
)
"""`migration.at` is the same for all of one batch; an owner that is held was rolled back, and waits
for somebody to apply its migrations again."""


class MigrationSet(NamedTuple):
    """What one owner expects to have been done to the store."""

    owner: str
    names: tuple[str, ...]
    """In order; a store that has more of the kernel's was written by a newer version."""
    read: Callable[[str], str]
    """Gives a step's SQL by its name. Called only for what is pending."""


KERNEL_STEPS = ("0001_initial.sql",)


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
        raise newer(unknown[-1])


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
    for each in sets:
        unknown = sorted(done.get(each.owner, set()) - set(each.names))
        if each.owner == "kernel" and unknown:
            raise newer(unknown[-1])
    return [
        (each, name) for each in sets for name in each.names if name not in done.get(each.owner, ())
    ]


def newer(step: str) -> NewerSchema:
    """What to say of a store that has a step which this version does not know."""
    return NewerSchema(
        f"the store was written by a newer version of tm (it has {step})",
        "pip install --upgrade task-orchestrator",
    )


def apply(
    database: Database,
    sets: Sequence[MigrationSet],
    blame: Callable[[str, TmError], None],
    backup: bool = True,
) -> list[str]:
    """Do what is pending and give its names. A plugin's failing step is undone and blamed."""
    todo = pending(database, sets)
    applied: list[str] = []
    at = instant_now()
    if todo and backup and _has_tasks(database):
        database.backup("before-migration")
    failed: set[str] = set()
    for each, name in todo:
        if each.owner in failed:
            continue
        try:
            if _step(database, each, name, at):
                applied.append(f"{each.owner}:{name}")
                log("info", "migration %s:%s applied", each.owner, name)
        except TmError as error:
            if each.owner == "kernel":
                raise
            failed.add(each.owner)
            blame(each.owner, error)
    kept = [each for each in sets if each.owner not in failed]
    with database.transaction():
        for statement in BOOKKEEPING:
            database.execute(statement)
        if applied:
            # Others look again, so that an older version cannot miss what is new.
            database.execute("DELETE FROM schema_fingerprint")
        database.execute(
            "INSERT INTO schema_fingerprint (expected) VALUES (?) ON CONFLICT DO NOTHING",
            [fingerprint(kept)],
        )
    return applied


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


def applied(database: Database) -> list[Row]:
    """What was done to the store: owner, name and time of each step."""
    if not database.columns("migration"):
        return []
    return database.query("SELECT owner, name, at FROM migration")


def up(database: Database, each: MigrationSet, name: str) -> list[str]:
    """The statements of a step."""
    return statements(database.dialect.schema(_parts(each.read(name))[0]))


def down(database: Database, each: MigrationSet, name: str) -> list[str] | None:
    """The statements that undo a step's schema; None when nobody knows them.

    They are what follows a line `-- down` in the step. Where there is none, they are found, if the
    step does nothing but create tables, indexes, triggers and views, and add columns.
    """
    written = _parts(each.read(name))[1]
    if written is not None:
        return statements(database.dialect.schema(written))
    found = [_inverse(statement) for statement in up(database, each, name)]
    return None if None in found else [each for each in reversed(found) if each]


def _parts(text: str) -> tuple[str, str | None]:
    """What does a step and, if it is written, what undoes it."""
    parts = re.split(r"^-- down\s*$", text, maxsplit=1, flags=re.MULTILINE | re.IGNORECASE)
    return parts[0], parts[1] if len(parts) > 1 else None


_NAME = r'"?(\w+)"?'


def _inverse(statement: str) -> str | None:
    created = re.match(
        rf"CREATE\s+(?:UNIQUE\s+)?(TABLE|INDEX|TRIGGER|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}",
        statement,
        re.I,
    )
    if created:
        return f'DROP {created[1].upper()} IF EXISTS "{created[2]}"'
    added = re.match(rf"ALTER\s+TABLE\s+{_NAME}\s+ADD\s+(?:COLUMN\s+)?{_NAME}", statement, re.I)
    return f'ALTER TABLE "{added[1]}" DROP COLUMN "{added[2]}"' if added else None


def losses(database: Database, undoing: Sequence[str]) -> list[str]:
    """What data these statements would lose, counted: `3 rows of feedback_review`."""
    found: list[str] = []
    for statement in undoing:
        table = re.match(rf"DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?{_NAME}", statement, re.I)
        column = re.match(
            rf"ALTER\s+TABLE\s+{_NAME}\s+DROP\s+(?:COLUMN\s+)?{_NAME}", statement, re.I
        )
        if table and database.columns(table[1]):
            count = _count(database, table[1])
            if count:
                found.append(f"{count} row(s) of {table[1]}")
        elif column:
            count = _count(database, column[1], f'WHERE "{column[2]}" IS NOT NULL')
            if count:
                found.append(f"{count} value(s) of {column[1]}.{column[2]}")
        elif not re.match(r"DROP\s+(INDEX|TRIGGER|VIEW|TABLE)", statement, re.I):
            found.append(f"what this changes: {' '.join(statement.split())}")
    return found


def _count(database: Database, table: str, where: str = "") -> int:
    return int(database.query(f'SELECT count(*) AS n FROM "{table}" {where}')[0]["n"])


def undo(database: Database, steps: Sequence[tuple[str, str, Sequence[str]]]) -> None:
    """Undo steps, given as owner, name and statements, last first: all of them or none."""
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
        database.execute("DELETE FROM schema_fingerprint")


def _has_tasks(database: Database) -> bool:
    return bool(database.columns("task") and database.query("SELECT 1 AS found FROM task LIMIT 1"))


def _step(database: Database, each: MigrationSet, name: str, at: str) -> bool:
    with database.transaction():
        for statement in BOOKKEEPING:
            database.execute(statement)
        known = database.query(
            "SELECT 1 AS found FROM migration WHERE owner = ? AND name = ?", [each.owner, name]
        )
        if known:  # another process was first
            return False
        for statement in up(database, each, name):
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
    return True


def statements(text: str) -> list[str]:
    """A script's statements; a trigger's inner semicolons do not end it."""
    import sqlite3

    found: list[str] = []
    current = ""
    for line in text.splitlines(keepends=True):
        if not current.strip() and line.lstrip().startswith("--"):
            continue
        current += line
        if line.rstrip().endswith(";") and sqlite3.complete_statement(current):
            found.append(current.strip())
            current = ""
    if current.strip():
        found.append(current.strip())
    return found
