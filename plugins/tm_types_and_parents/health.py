"""What an import, an undo or the settings can do to a hierarchy behind the rules' back."""

from __future__ import annotations

from collections.abc import Iterable

from tm_core.api import Context, Finding, hookimpl

_SHOWN = 5


@hookimpl
def health_checks(ctx: Context) -> Iterable[Finding]:
    """Parents that are gone, circles, and types that are no longer configured."""
    gone = _ids(
        ctx,
        "SELECT task.id FROM task LEFT JOIN task AS p"
        " ON p.id = task.parent AND p.status <> 'deleted'"
        " WHERE task.parent IS NOT NULL AND task.status <> 'deleted' AND p.id IS NULL"
        " ORDER BY task.id",
    )
    if gone:
        yield Finding(
            "warning",
            "parents",
            f"{_counted(gone)} a parent that is not there: {_some(gone)}",
            "tm update ID --parent '' lets one stand on its own; tm tree shows them so already",
        )
    # Downwards from all that has no parent above it; who is never reached goes round in a circle.
    lost = _ids(
        ctx,
        "WITH RECURSIVE reached(id) AS ("
        "SELECT task.id FROM task LEFT JOIN task AS p ON p.id = task.parent WHERE p.id IS NULL"
        " UNION SELECT task.id FROM task JOIN reached ON task.parent = reached.id"
        ") SELECT task.id FROM task WHERE task.parent IS NOT NULL AND task.status <> 'deleted'"
        " AND task.id NOT IN (SELECT id FROM reached) ORDER BY task.id",
    )
    if lost:
        yield Finding(
            "error",
            "parents",
            f"{_counted(lost)} no beginning, its parents go round: {_some(lost)}",
            f"tm update {lost[0]} --parent ''",
        )
    types = ctx.field_choices("type")
    other = ctx.query(
        "SELECT type, count(*) AS n FROM task WHERE status <> 'deleted' GROUP BY type ORDER BY type"
    )
    for row in other:
        if row["type"] is not None and row["type"] not in types:
            yield Finding(
                "warning",
                "types",
                f"{row['n']} task(s) have the type '{row['type']}', which is not configured",
                "add it to types-and-parents.types, or give the tasks another type",
            )
    if not gone and not lost:
        yield Finding("ok", "parents", "every parent is there")


def _ids(ctx: Context, sql: str) -> list[str]:
    return [row["id"] for row in ctx.query(sql)]


def _counted(ids: list[str]) -> str:
    return "1 task has" if len(ids) == 1 else f"{len(ids)} tasks have"


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:_SHOWN]) + (", ..." if len(ids) > _SHOWN else "")
