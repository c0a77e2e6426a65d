"""What the engines have in common of the SQL that they are given."""

from __future__ import annotations

import re
from collections.abc import Callable

from tm_core.errors import BadStatement

_HARMLESS = frozenset(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"))
"""What most statements begin with: for them no pattern has to be compiled at start-up."""
_CONTROL = (
    r"(?is)(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/|;)*"
    r"(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION)\b"
)
_APPEND_ONLY = r"\{append_only (\w+)(?: past (\w+\.\w+)| (again))?\}"


def refuse_control(sql: str) -> None:
    """Raise BadStatement for what would begin or end a transaction behind the store's back.

    Half of a change would be committed with it, or the writers' queue be left too soon.
    """
    if sql[:8].partition(" ")[0].upper() in _HARMLESS:
        return
    found = re.match(_CONTROL, sql)
    if found:
        raise BadStatement(
            f"{found[1].upper()} is not for a statement: transactions are the store's business",
            "use `with ctx.tasks.transaction():`, or `with ctx.database.savepoint():`",
        )


def with_guards(text: str, guard: Callable[[str, str, str, bool], str]) -> str:
    """A migration whose marks `{append_only TABLE}` are the engine's SQL.

    Args:
        text: A table's rows may only be added (`{append_only event}`), or also taken away up to the
            highest number that another table's column has (`{append_only event past
            event_archive.last_seq}`), or no longer so (`{append_only event again}`).
        guard: Gives the SQL for a table, that other table and its column, both empty in the first
            and the last case, and whether it is the last one.
    """

    def replaced(found: re.Match[str]) -> str:
        other, _, column = (found[2] or "").partition(".")
        return guard(found[1], other, column, found[3] is not None)

    return re.sub(_APPEND_ONLY, replaced, text) if "{append_only" in text else text
