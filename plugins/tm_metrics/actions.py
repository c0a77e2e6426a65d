"""`tm metrics`, `tm insights` and `tm report`."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import Context, Param

from . import figures
from .periods import since


def metrics(
    ctx: Context,
    *names: str,
    feedback: Annotated[bool, Param("Figures of reviews, like the name 'feedback'")] = False,
    period: Annotated[str, Param("Only the last week, month, quarter, year, or 90d, 12w")] = "",
    by: Annotated[str, Param("For each assignee, priority, type, tag, too")] = "",
    fresh: Annotated[bool, Param("Count again, though nothing has changed")] = False,
) -> dict[str, dict[str, Any]]:
    """Show figures about the work: all that the enabled features measure, or the named ones.

    A calculator that fails shows its error in its place; the others are not disturbed. As long as
    nothing changes, figures are kept until the next full hour, from which a period counts, too.

    Args:
        names: Which figures; all by default.
        feedback: Figures of reviews, like the name `feedback`.
        period: How far to look back: `week`, `month`, `quarter`, `year`, or a duration like `90d`.
        by: A field; figures are given for each of its values, too.
        fresh: Count again, though nothing has changed.

    Raises:
        NotFound: No enabled feature measures that.
        UsageError: That is no period, or tasks cannot be grouped so.
        FeatureDisabled: The field belongs to a feature that is off.
    """
    wanted = [*names, *(["feedback"] if feedback and "feedback" not in names else [])]
    begin = since(period, ctx.now) if period else ""
    return figures.measure(ctx, wanted, figures.View(begin, "", by), fresh=fresh)


def insights(
    ctx: Context,
    *,
    period: Annotated[str, Param("Only the last week, month, quarter, year, or 90d, 12w")] = "",
    fresh: Annotated[bool, Param("Count again, though nothing has changed")] = False,
) -> dict[str, Any]:
    """Tell what the figures mean: what stands out, of all tasks and of some, and by which numbers.

    A finding that rests on fewer than `metrics.minimum_tasks` tasks is not told.

    Args:
        period: How far to look back: `week`, `month`, `quarter`, `year`, or a duration like `90d`.
        fresh: Count again, though nothing has changed.

    Raises:
        UsageError: That is no period.
    """
    from .findings import find

    begin = since(period, ctx.now) if period else ""
    return find(ctx, figures.View(begin), fresh=fresh)


def report(
    ctx: Context,
    *,
    assessment: Annotated[bool, Param("Compare with as many days before")] = False,
    format: Annotated[
        str | None, Param("How it is written", choices=("text", "json", "csv", "html"))
    ] = None,
    days: Annotated[int, Param("How many days, today included", minimum=1, maximum=3660)] = 30,
    output: Annotated[str, Param("Write it to this file", options=("-o", "--output"))] = "",
) -> dict[str, Any]:
    """Report on the last days: what was done, how long it took, how good it was, what is late.

    The HTML report is one file that holds all it needs, to be opened, sent or printed. Without
    `--format`, the ending of the output's name decides (.html, .json, .csv), or else it is text.

    Args:
        assessment: Compare with as many days before.
        format: How it is written: `text`, `json`, `csv` or `html`.
        days: How many days, today included.
        output: The file that it is written to; it is replaced whole.

    Raises:
        UsageError: The file cannot be written.
    """
    from .report import make

    return make(ctx, days=days, assessment=assessment, format=format or "", output=output)
