"""How long each task takes: its estimate, what history makes of it, or what somebody supposes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tm_core.api import Context, InvalidValue, Row, UsageError, parse_duration

UNITS = 1_000_000
"""To the hour: durations are counted in millionths, 3.6 milliseconds each."""
_LONGEST = 1_000_000


class Duration(NamedTuple):
    """The hours of one task, in `UNITS`, and where they come from."""

    units: int
    source: str
    """`estimate`, `calibrated`, `assumed` or `what-if`."""


class Ratios(NamedTuple):
    """What tasks of a group really took, by what was estimated."""

    group: str
    tasks: int
    ratio: float


def supposed(ctx: Context, given: Sequence[str]) -> dict[str, int]:
    """Durations by whole id, from `ID=HOURS` texts.

    Raises:
        InvalidValue: One is not of this shape, or no duration.
        NotFound: There is no such task.
    """
    found: dict[str, int] = {}
    for text in given:
        prefix, equals, hours = text.partition("=")
        if not equals or not prefix.strip():
            raise InvalidValue(
                f"--set takes ID=HOURS, not '{text[:60]}'", "such as --set 1a2b3c4d=2.5"
            )
        task = ctx.get(prefix.strip()).id
        if task in found:
            raise InvalidValue(f"--set gives task {task} twice")
        found[task] = units(_hours(hours.strip()))
    return found


def _hours(text: str) -> float:
    hours = parse_duration(text)
    if hours > _LONGEST:
        raise InvalidValue(f"a task takes at most {_LONGEST} hours, not {text[:60]}")
    return hours


def units(hours: float) -> int:
    """Hours as a whole number of units."""
    return round(hours * UNITS)


def of_tasks(
    rows: Sequence[Row], assumed: float, what_if: Mapping[str, int], ratios: Mapping[str, Ratios]
) -> dict[str, Duration]:
    """Each task's duration: what is supposed, or its estimate (calibrated), or what is assumed."""
    found: dict[str, Duration] = {}
    for row in rows:
        task, hours = row["id"], row["estimated_hours"]
        if task in what_if:
            found[task] = Duration(what_if[task], "what-if")
        elif hours is None:
            found[task] = Duration(units(assumed), "assumed")
        elif task in ratios:
            found[task] = Duration(units(hours * ratios[task].ratio), "calibrated")
        else:
            found[task] = Duration(units(hours), "estimate")
    return found


def calibrate(ctx: Context, rows: Sequence[Row], quantile: str) -> dict[str, Ratios]:
    """By task, the ratio of actual to estimated hours that finished tasks of its like stay within.

    A task's like are those of the same assignee, or else of the same type, or else all, whichever
    first has enough of them; a task without any is left out.

    Raises:
        UsageError: A feature that keeps the history is off.
    """
    off = [name for name in ("metrics", "time-tracking") if name not in ctx.features]
    if off:
        raise UsageError(
            "estimates are calibrated by the figures of metrics and time-tracking",
            f"tm config enable {' '.join(off)}",
        )
    least = ctx.settings["minimum_tasks"]
    known: dict[str, dict[str, Ratios]] = {}
    for field in ("assignee", "type"):
        if field in ctx.fields:
            figures = ctx.tasks.metrics("time", by=field)["time"]
            groups = figures.get(f"by_{field}") or {}
            known[field] = {
                name: Ratios(f"{field} {name}", told["tasks"], told[f"{quantile}_ratio"])
                for name, told in groups.items()
                if _enough(told, quantile, least)
            }
            if _enough(figures, quantile, least):
                everyone = Ratios("all", figures["tasks"], figures[f"{quantile}_ratio"])
                known["all"] = {"": everyone}
    found: dict[str, Ratios] = {}
    for row in rows:
        keys = (("assignee", row["assignee"]), ("type", row.get("type")), ("all", ""))
        likes = (known.get(field, {}).get(value or "") for field, value in keys)
        chosen = next((each for each in likes if each is not None), None)
        if chosen is not None and row["estimated_hours"] is not None:
            found[row["id"]] = chosen
    return found


def _enough(figures: Mapping[str, Any], quantile: str, least: int) -> bool:
    return figures["tasks"] >= least and figures[f"{quantile}_ratio"] is not None
