"""What the enabled plugins need of the store: steps of their own, and a column for each field."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tm_core.language import values
from tm_core.model import Field
from tm_core.storage.migrate import MigrationSet

from .registry import Installed
from .roster import Roster

_COLUMN_TYPES = {"int": "BIGINT", "bool": "BIGINT", "float": "DOUBLE PRECISION"}
_COLUMN_TYPES |= {"duration": "DOUBLE PRECISION"}


def migration_sets(roster: Roster) -> list[MigrationSet]:
    """What the enabled plugins expect to have been done to the store.

    A step named `NNNN_name@feature.sql` needs that feature's tables: it comes after all others,
    and only where the feature is on.
    """
    sets: list[MigrationSet] = []
    late: list[MigrationSet] = []
    for one in roster.enabled.values():
        own = [f for holder, f in roster.declared.values() if holder is one and f.stored]
        plain = [name for name in one.migrations if "@" not in name]
        names = (*(f"field:{field.name}" for field in own), *plain)
        if names:
            sets.append(MigrationSet(one.name, names, _reader(one, own)))
        joint = tuple(name for name in one.migrations if _needed(name) in roster.enabled)
        if joint:
            late.append(MigrationSet(one.name, joint, _reader(one, own)))
    return sets + late


def _needed(step: str) -> str:
    """The feature whose tables a migration step needs; empty if none."""
    return step.partition("@")[2].removesuffix(".sql")


def _reader(one: Installed, fields: Sequence[Field]) -> Callable[[str], str]:
    by_name = {f"field:{field.name}": field for field in fields}

    def read(name: str) -> str:
        field = by_name.get(name)
        if field is None:
            import os

            folder = one.manifest.migrations if one.manifest is not None else ""
            with open(os.path.join(one.folder, folder, name), encoding="utf-8") as file:
                return file.read()
        kind = _COLUMN_TYPES.get(field.type, "TEXT")
        if field.default is not None:
            # Tasks that are there already, and those added while the plugin is off, have it too.
            value = str(values.to_column(field, field.default)).replace("'", "''")
            kind += f" DEFAULT '{value}'"
        text = f'ALTER TABLE task ADD COLUMN "{field.name}" {kind};\n'
        if field.indexed:
            text += (
                f'CREATE INDEX "task_{field.name}" ON task ("{field.name}", id)'
                f' WHERE "{field.name}" IS NOT NULL;\n'
            )
        return text

    return read
