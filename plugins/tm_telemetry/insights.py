"""What the counts tell: totals by command and feature, and what stands out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from .count import OK, Count

_WEEK = timedelta(days=7)
_SLOW = 1.0
_FAILING = 0.1
_CHANGE = 0.25
_NOT_ERRORS = frozenset({"not_found", "usage", "validation", "invalid_value", "no_store"})
"""Codes of what users got wrong; the others are the program's trouble, or its surroundings'."""


def figures(counts: Sequence[Count]) -> dict[str, Any]:
    """How often, how fast and with what outcome."""
    runs = sum(each.times for each in counts)
    outcomes: Counter[str] = Counter()
    for each in counts:
        outcomes[each.outcome] += each.times
    failed = {name: n for name, n in sorted(outcomes.items()) if name != OK}
    return {
        "runs": runs,
        "failed": sum(failed.values()),
        "outcomes": failed,
        "median_seconds": _quantile(counts, 0.5),
        "p95_seconds": _quantile(counts, 0.95),
        "seconds": round(sum(each.seconds for each in counts), 3),
    }


def totals(counts: Sequence[Count]) -> dict[str, Any]:
    """The counts by command, by feature, by event type and by day."""
    commands = [each for each in counts if each.kind == "command"]
    days = sorted({each.day for each in counts})
    return {
        "since": days[0] if days else None,
        "until": days[-1] if days else None,
        "commands": {
            name: figures([each for each in commands if each.name == name])
            for name in _names(commands)
        },
        "features": _sums(commands, "feature"),
        "events": _sums([each for each in counts if each.kind == "event"], "name"),
        "captured": {
            name: figures([each for each in counts if (each.kind, each.name) == ("captured", name)])
            for name in _names(each for each in counts if each.kind == "captured")
        },
        "days": _sums(commands, "day"),
    }


def insights(counts: Sequence[Count], *, least: int, today: date) -> dict[str, Any]:
    """Findings on what ran often enough, and the trend of the last seven days."""
    commands = [each for each in counts if each.kind == "command"]
    findings: list[dict[str, Any]] = []
    for name in _names(commands):
        mine = [each for each in commands if each.name == name]
        numbers = figures(mine)
        if numbers["runs"] < least:
            continue
        errors = sum(n for code, n in numbers["outcomes"].items() if code not in _NOT_ERRORS)
        if errors / numbers["runs"] > _FAILING:
            text = f"'{name}' fails often: {errors} of {numbers['runs']} runs"
            findings.append({"finding": text, "command": name, **numbers})
        if numbers["p95_seconds"] > _SLOW:
            text = f"'{name}' is slow: one run in twenty takes over {numbers['p95_seconds']:g} s"
            findings.append({"finding": text, "command": name, **numbers})
    trend = _trend(commands, today)
    before, now = trend["before"], trend["last_7_days"]
    if min(before["runs"], now["runs"]) >= least:
        for key, word in (("p95_seconds", "slower"), ("failed", "failing more")):
            old, new = before[key], now[key]
            if key == "failed":
                old, new = old / before["runs"], new / now["runs"]
            if new > old * (1 + _CHANGE) and new > 0.01:
                text = f"commands are {word} than the week before: {new:.3g} against {old:.3g}"
                findings.append({"finding": text, **trend})
    return {"findings": findings, "least_runs": least, "trend": trend}


def _trend(commands: Sequence[Count], today: date) -> dict[str, Any]:
    middle, start = (today - _WEEK).isoformat(), (today - 2 * _WEEK).isoformat()
    return {
        "last_7_days": figures([each for each in commands if each.day > middle]),
        "before": figures([each for each in commands if start < each.day <= middle]),
    }


def _names(counts: Iterable[Count]) -> list[str]:
    return sorted({each.name for each in counts})


def _sums(counts: Sequence[Count], part: str) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for each in counts:
        sums[getattr(each, part)] += each.times
    return dict(sorted(sums.items()))


def _quantile(counts: Sequence[Count], share: float) -> float:
    """The upper end of the class of durations that the quantile falls into, in seconds."""
    sums: Counter[int] = Counter()
    for each in counts:
        sums[each.bucket] += each.times
    left = share * sum(sums.values())
    for bucket in sorted(sums):
        left -= sums[bucket]
        if left <= 0:
            return round(2 ** (bucket / 4) / 1000, 4)
    return 0.0
