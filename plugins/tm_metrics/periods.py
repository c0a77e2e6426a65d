"""Periods that people name, and the weeks and days that charts show."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from tm_core.api import InvalidValue, TaskSet, UsageError, parse_duration

_NAMED = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}
_LONGEST = 36_600
"""Days; a century, which keeps within the calendar."""
Span = tuple[str, str, str]
"""A label, and the instants at which it begins and ends."""


def since(period: str, now: str) -> str:
    """When a period began that lasts until now; it begins on the full hour.

    So all who ask within an hour ask for the same, and one answer serves them.

    Raises:
        UsageError: That is no period.
    """
    word = period.strip().lower()
    try:
        days = _NAMED.get(word) or parse_duration(word) / 24
    except InvalidValue:
        days = 0.0
    if not 1 / 24 <= days <= _LONGEST:
        raise UsageError(f"'{period}' is no period", f"use {', '.join(_NAMED)}, 90d or 12w")
    hour = datetime.fromisoformat(now).replace(minute=0, second=0, microsecond=0)
    return stored(hour - timedelta(days=days))


def stored(moment: datetime) -> str:
    """An instant as the store has it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def weeks(begin: str, end: str, most: int) -> list[Span]:
    """The last local weeks, from Monday, that reach into a period, oldest first."""
    last = _day(end)
    monday = last - timedelta(days=last.weekday())
    starts = [monday - timedelta(weeks=back) for back in reversed(range(most))]
    first = _day(begin) if begin else date.min
    return [_span(day, 7) for day in starts if day + timedelta(days=7) > first]


def days(begin: str, end: str) -> list[Span]:
    """The local days of a period, oldest first."""
    first, last = _day(begin), _day(end)
    return [_span(first + timedelta(days=n), 1) for n in range((last - first).days + 1)]


def counted(tasks: TaskSet, spans: list[Span], column: str, where: str) -> dict[str, int]:
    """How many tasks have an instant in each span, by the span's label; reads an index's part."""
    bounds = ", ".join(f"('{begin}', '{end}')" for _, begin, end in spans)
    rows = tasks.query(
        f"WITH span(first, past) AS (VALUES {bounds}) SELECT first, (SELECT count(*) FROM task"
        f" WHERE {where} AND {column} >= first AND {column} < past) AS n FROM span"
    )
    counts = {row["first"]: row["n"] for row in rows}
    return {label: counts[begin] for label, begin, _ in spans}


def _day(instant: str) -> date:
    return datetime.fromisoformat(instant).astimezone().date()


def _span(day: date, length: int) -> Span:
    # A naive midnight is local: astimezone() finds the offset of that very day.
    begin, end = (datetime.combine(each, time()) for each in (day, day + timedelta(days=length)))
    return day.isoformat(), stored(begin), stored(end)
