"""What is stored: numbers, and what each of them counts."""

from __future__ import annotations

from tm_core.api import Record

OK = "ok"
"""The outcome of what went well."""


class Count(Record):
    """A number, and what it counts."""

    day: str
    kind: str
    feature: str
    name: str
    outcome: str
    bucket: int
    times: int
    seconds: float
