"""Figures about many values: what an engine's `spread` gives, and findings drawn from figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tm_core.record import Record


class Spread(Record):
    """How many values there are, their sum, and where each hundredth of them ends."""

    size: int
    total: float
    points: tuple[float, ...]
    """101 values, the least first and the greatest last; empty without any value."""

    @classmethod
    def of(cls, text: str | None) -> Spread:
        """Read what a column made by `SQLDialect.spread` holds."""
        size, total, points = json.loads(text) if text else (0, 0.0, ())
        return cls(size, total or 0.0, tuple(points or ()))

    @property
    def mean(self) -> float | None:
        """The arithmetic mean; None without any value."""
        return self.total / self.size if self.size else None

    def quantile(self, percent: int) -> float | None:
        """The least value that so many percent of all do not exceed; None without any value."""
        return self.points[percent] if self.points else None

    def told(self, *percents: int, digits: int = 3) -> dict[str, float | None]:
        """Mean and quantiles by name, rounded: `{"mean": 1.5, "p50": 1.2}`."""
        values = {"mean": self.mean, **{f"p{each}": self.quantile(each) for each in percents}}
        return {n: None if v is None else round(v, digits) for n, v in values.items()}


class Insight(Record):
    """One finding that a metric calculator draws from its figures, with what it rests on."""

    message: str
    """What was found, so that "for type bug" can follow: `estimates are 1.6 times too low`."""
    tasks: int
    """How many tasks it rests on; findings on too few are not shown."""
    basis: Mapping[str, Any] = {}
    """The figures that it rests on, by name: `{"p50_ratio": 1.6}`."""
