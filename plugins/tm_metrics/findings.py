"""Findings: what the calculators say that their own figures tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tm_core.api import Context, Insight, MetricCalculator

from . import figures
from .task_set import SnapshotTasks

_MOST = 5
"""Of the groups that share a trait, those with the most tasks tell enough."""
_APART = 0.25
"""By how much a group's figure must differ from that of all tasks to be worth a line of its own."""
_DIGITS = re.compile(r"[\d.,]+")


def find(ctx: Context, view: figures.View, *, fresh: bool = False) -> dict[str, Any]:
    """What stands out, of all tasks first, then of groups in which something else does."""
    minimum = ctx.settings["minimum_tasks"]

    def compute(tasks: SnapshotTasks, _: figures.Past) -> dict[str, Any]:
        calculators = [each for each in figures.chosen(ctx) if hasattr(each, "findings")]
        groupings = [name for name in ctx.settings["insight_groups"] if name in tasks.groupings]
        found: list[dict[str, Any]] = []
        known: dict[tuple[str, str], float] = {}
        for by in groupings or [""]:
            answers = figures.calculate(calculators, tasks.grouped(by))
            for each in calculators:
                whole = answers[str(each.name)]
                if by == (groupings or [""])[0]:
                    told = list(_told(ctx, each, whole, minimum))
                    known |= {_kind(each, insight): _figure(insight) for insight in told}
                    found += [_record(each, insight) for insight in told]
                found += _of_groups(ctx, each, whole.get(f"by_{by}", {}), by, minimum, known)
        found.sort(key=lambda each: bool(each["group"]))
        return {"minimum_tasks": minimum, "findings": found}

    found: dict[str, Any] = figures.kept(ctx, ["insights", view], view, compute, fresh=fresh)
    return found


def _of_groups(
    ctx: Context,
    calculator: MetricCalculator,
    shares: Mapping[str, Mapping[str, Any]],
    by: str,
    minimum: int,
    known: Mapping[tuple[str, str], float],
) -> list[dict[str, Any]]:
    found = [
        _record(calculator, insight, by, group)
        for group, share in shares.items()
        for insight in _told(ctx, calculator, share, minimum)
        if _apart(insight, known.get(_kind(calculator, insight)))
    ]
    return sorted(found, key=lambda each: -int(each["tasks"]))[:_MOST]


def _kind(calculator: MetricCalculator, insight: Insight) -> tuple[str, str]:
    """What a finding is about, whatever its numbers."""
    return str(calculator.name), _DIGITS.sub("", insight.message)


def _figure(insight: Insight) -> float:
    """The first of the figures that it rests on, which is what it says; 0 without any."""
    return float(next(iter(insight.basis.values()), 0))


def _apart(insight: Insight, whole: float | None) -> bool:
    """What is said of all tasks is said of a group again only if it is quite different there."""
    return whole is None or abs(_figure(insight) - whole) > _APART * abs(whole)


def _told(
    ctx: Context, calculator: MetricCalculator, share: Mapping[str, Any], minimum: int
) -> Iterator[Insight]:
    if "error" in share:
        return
    try:
        insights: list[Insight] = list(calculator.findings(share))  # type: ignore[attr-defined]
    except Exception as error:  # anybody's code
        ctx.warn(f"metric '{calculator.name}': findings: {type(error).__name__}: {error}")
        return
    yield from (each for each in insights if each.tasks >= minimum)


def _record(
    calculator: MetricCalculator, insight: Insight, by: str = "", group: str = ""
) -> dict[str, Any]:
    basis = ", ".join(f"{_name(name)} {_number(value)}" for name, value in insight.basis.items())
    where = f" for {by.removesuffix('s')} {group}" if by else ""
    tasks = f"{insight.tasks} task{'' if insight.tasks == 1 else 's'}"
    return {
        "finding": f"{insight.message}{where}: {tasks}" + (f", {basis}" if basis else ""),
        "metric": str(calculator.name),
        "by": by or None,
        "group": group or None,
        "tasks": insight.tasks,
        "figures": dict(insight.basis),
    }


def _name(name: str) -> str:
    words = name.replace("_", " ")
    return words[0].upper() + words[1:] if words[:1] == "p" and words[1:2].isdigit() else words


def _number(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
