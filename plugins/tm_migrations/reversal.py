"""What undoes a migration's schema, and what data would go with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tm_core.api import Database, MigrationSet, migration_parts

_NAME = r'"?(\w+)"?'
_CREATE = re.compile(
    rf"CREATE\s+(?:UNIQUE\s+)?(TABLE|INDEX|TRIGGER|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}", re.I
)
_ADD = re.compile(rf"ALTER\s+TABLE\s+{_NAME}\s+ADD\s+(?:COLUMN\s+)?{_NAME}", re.I)
_FILL = re.compile(rf"(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+{_NAME}", re.I)
_DROP_TABLE = re.compile(rf"DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?{_NAME}", re.I)
_DROP_COLUMN = re.compile(rf"ALTER\s+TABLE\s+{_NAME}\s+DROP\s+(?:COLUMN\s+)?{_NAME}", re.I)
_TABLE = ("TABLE", "table")
_HARMLESS = re.compile(
    r"DROP\s+(INDEX|TRIGGER|FUNCTION|VIEW|TABLE)|CREATE\s+(INDEX|TRIGGER|VIEW)", re.I
)


def undoing(database: Database, owner: MigrationSet, name: str) -> list[str] | None:
    """The statements that undo a step's schema; None when nobody knows them.

    They are what follows a line `-- down` in the step. Where there is none, they are found, if the
    step does nothing but create tables, which it may fill, indexes, triggers and views, and add
    columns.
    """
    statements, written = migration_parts(database, owner, name)
    if written is not None:
        return written
    bare = [re.sub(r"\A(\s*--[^\n]*\n)*\s*", "", statement) for statement in statements]
    tables = {made[2] for each in bare if (made := _CREATE.match(each)) and made[1] in _TABLE}
    found = [_inverse(statement, tables) for statement in reversed(bare)]
    return None if None in found else [each for each in found if each]


def _inverse(statement: str, tables: set[str]) -> str | None:
    """What undoes one statement of a step that makes these tables; empty if nothing need to."""
    created, added, filled = (kind.match(statement) for kind in (_CREATE, _ADD, _FILL))
    if created:
        return f'DROP {created[1].upper()} IF EXISTS "{created[2]}"'
    if added:
        return f'ALTER TABLE "{added[1]}" DROP COLUMN "{added[2]}"'
    return "" if filled and filled[1] in tables else None


def losses(database: Database, statements: Sequence[str]) -> Iterator[str]:
    """What data these statements would lose, counted: `3 row(s) of feedback_review`."""
    for statement in statements:
        table, column = _DROP_TABLE.match(statement), _DROP_COLUMN.match(statement)
        if table and database.columns(table[1]):
            count = _count(database, table[1])
            if count:
                yield f"{count} row(s) of {table[1]}"
        elif column and column[2] in database.columns(column[1]):
            count = _count(database, column[1], f'WHERE "{column[2]}" IS NOT NULL')
            if count:
                yield f"{count} value(s) of {column[1]}.{column[2]}"
        elif not column and not _HARMLESS.match(statement):
            yield f"what this changes: {' '.join(statement.split())}"


def _count(database: Database, table: str, where: str = "") -> int:
    return int(database.query(f'SELECT count(*) AS n FROM "{table}" {where}')[0]["n"])
