"""Checks under their earlier names, and who has worked here lately."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from tm_core.api import Context, Param, TmError, parse_instant


class Findings(NamedTuple):
    """What features found when they looked after themselves."""

    found: list[dict[str, str]]
    failure: TmError | None
    """What the command ends with."""

    def as_dict(self) -> list[dict[str, str]]:  # a list is what it is
        """The findings alone."""
        return self.found


def validate(ctx: Context) -> Findings:
    """Check what features keep. tm doctor checks everything: store, configuration, plugins."""
    found = [finding.as_dict() for finding in ctx.tasks.health()]
    errors = sum(each["level"] == "error" for each in found)
    failure = TmError(f"{errors} things are wrong", "tm doctor tells all") if errors else None
    return Findings(found, failure)


def fix(
    ctx: Context, *, interactive: Annotated[bool, Param("Has no effect: nothing is asked")] = False
) -> Findings:
    """Check, and say with each finding how to mend it. Nothing is changed."""
    return validate(ctx)


def maintain(ctx: Context) -> dict[str, Any]:
    """Give the space of what was deleted back, and let the engine look at the data.

    tm store vacuum and tm store analyze do one of the two.
    """
    space = ctx.tasks.store_vacuum()
    ctx.tasks.store_analyze()
    return {"said": "The store is tidied up", "vacuum": space}


def processes(
    ctx: Context,
    *,
    hours: Annotated[int, Param("Within so many hours", minimum=1)] = 1,
) -> list[dict[str, Any]]:
    """List who has written here lately, by the log: one row for each process."""
    return ctx.query(
        "SELECT actor, session, count(*) AS events, max(at) AS last FROM event WHERE at >= ?"
        " GROUP BY actor, session ORDER BY last DESC, session",
        [parse_instant(f"-{hours}h")],
    )
