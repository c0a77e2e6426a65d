"""Instants and durations in text: what people write, and the canonical form that is stored.

An instant is `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always 27 characters, so that text order is time
order. Text without a zone is in the time zone of the machine. A local time that a clock change
skips means the same distance after the change; one that occurs twice means the first.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from tm_core.errors import InvalidValue

from .text import quote, visible

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 100
_INSTANT_FORMS = (
    "use a date or time (2025-03-01, 2025-03-01T17:00, 2025-03-01T17:00:00+02:00), "
    "now, today, tomorrow, yesterday, a weekday, or a distance (3d, 2w, 4h, 30m, 1d12h, 3d ago)"
)
_DURATION_FORMS = "use hours (8, 1.5) or h, m, d, w (90m, 2h30m; 1d is 24 hours)"

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMED_DAYS = ("yesterday", "today", "tomorrow")
_UNITS = ((31536000, "year"), (2592000, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))

# Patterns are compiled when first used (`re` keeps them): most commands need none.
CANONICAL_INSTANT = r"(?a)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
_QUANTITY = (
    r"(\d+(?:\.\d+)?) *(w(?:eeks?)?|d(?:ays?)?|h(?:(?:ou)?rs?)?|m(?:in(?:ute)?s?)?)(?![a-z]) *"
)
_QUANTITIES = rf"(?a){_QUANTITY}"
_DURATION = rf"(?a)(?:{_QUANTITY})+"
_DISTANCE = rf"(?a)(in +|\+ *|- *)?((?:{_QUANTITY})+)(?P<ago>ago)?"
_NUMBER = r"(?a)\d+\.?\d*|\.\d+"
_DAY_AND_CLOCK = (
    r"(?a)(\d{8}|\d{4}-\d\d-\d\d|\d{4}-?\d{3}|\d{4}-\d\d|\d{4}-?w\d\d(?:-?\d)?|[a-z]+)"
    r"(?:(?:t| +)(\d.*))?"
)


def instant_now() -> str:
    """The present instant in canonical form."""
    return _canonical(datetime.now(UTC))


def parse_instant(text: str, *, now: datetime | None = None, day_end: bool = False) -> str:
    """The canonical form of an instant that a person, script or file wrote.

    - ISO 8601, with or without a zone: calendar, week (`2025-W09-6`) and ordinal (`2025-060`)
      dates, extended or basic, `T` or a space before the time.
    - `today`, `tomorrow`, `yesterday`, or a weekday (`friday`, `fri`): the next such day after
      today, so on a Friday `friday` is a week away. A time may follow: `tomorrow 17:00`.
    - `now`, and distances from now: `3d`, `in 2 hours`, `-4h`, `3 days ago`, `1d12h`. Days and
      weeks keep the time on the local clock; hours and minutes (`m`) are exact.

    A bare day means its start, a bare week or month that of its first day. With `day_end` they
    mean their last microsecond, and a distance in days and weeks that of the day it reaches.
    """
    if re.fullmatch(CANONICAL_INSTANT, text):
        try:
            datetime.fromisoformat(text)
            return text  # as the store and every export have it: the usual case in bulk
        except ValueError:
            pass
    try:
        return _canonical(_read(text.strip().lower(), now or datetime.now(UTC), day_end))
    except OverflowError:
        reason = "years run from 1 to 9999"
    except ValueError as error:
        reason = str(error)
    if not reason or reason.startswith("Invalid isoformat"):
        raise InvalidValue(f"{quote(text)} is not a date or time", _INSTANT_FORMS)
    raise InvalidValue(f"{quote(text)} is not a date or time: {visible(reason)}", _INSTANT_FORMS)


def parse_duration(given: str | float) -> float:
    """Hours from `8`, `1.5`, `90m`, `2h30m`; a day is 24 hours and a week seven of them."""
    hours: float | None
    if isinstance(given, str):
        shown, hours = quote(given), _hours(given.strip().lower())
    else:
        shown, hours = "it", _float(given)
    if hours is None:
        raise InvalidValue(f"{shown} is not a duration", _DURATION_FORMS)
    if not abs(hours) < float("inf"):
        raise InvalidValue(f"{shown} is not a finite duration", _DURATION_FORMS)
    if hours < 0:
        raise InvalidValue(f"{shown} is a negative duration", _DURATION_FORMS)
    return hours + 0.0  # no negative zero


def format_local(text: str) -> str:
    """A stored instant for a person: `2025-03-01 17:00`, local time."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat(" ", "minutes")[:16]
    except (ValueError, OverflowError):  # not ours, or beyond the calendar in this time zone
        return visible(text)


def format_relative(text: str, now: datetime | None = None) -> str:
    """A stored instant for a person, seen from now: `3 days ago`, `in 2 hours`."""
    try:
        distance = datetime.fromisoformat(text) - (now or datetime.now(UTC)).astimezone(UTC)
    except (ValueError, TypeError):
        return visible(text)
    size = int(abs(distance).total_seconds() + 30)  # what is due in 2 h is not "in 1 hour" at once
    seconds, unit = next((pair for pair in _UNITS if size >= pair[0]), _UNITS[-1])
    count = size // seconds
    if not count:
        return "now"
    amount = f"{count} {unit}" + ("s" if count > 1 else "")
    return f"{amount} ago" if distance < timedelta() else f"in {amount}"


def _canonical(moment: datetime) -> str:
    return _utc(moment).isoformat(timespec="microseconds")[:26] + "Z"


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo:
        return moment.astimezone(UTC)
    # Not astimezone(), which takes a skipped time back over the clock change instead of forth.
    try:
        seconds = moment.replace(microsecond=0).timestamp()
    except (ValueError, OverflowError):
        # To find the zone's offset Python looks a day further, which fails at the calendar's ends
        # (9999-12-31 is a popular "never"); the offset two days further in is the same.
        inward = timedelta(days=2 if moment.year == 1 else -2)
        return _utc(moment + inward) - inward
    return _EPOCH + timedelta(seconds=seconds, microseconds=moment.microsecond)


def _read(text: str, now: datetime, day_end: bool) -> datetime:
    if len(text) > _LONGEST:
        raise ValueError("it is too long")
    if text == "now":
        return now
    distance = re.fullmatch(_DISTANCE, text)
    if distance:
        return _shift(now, distance, day_end)
    parts = re.fullmatch(_DAY_AND_CLOCK, text)
    if not parts:
        raise ValueError
    first, last = _days(parts[1], now.astimezone().date())
    if parts[2]:
        if first != last:
            raise ValueError("a time needs a day")
        return _at(first, parts[2])
    return _end(last) if day_end else datetime.combine(first, time())


def _shift(now: datetime, distance: re.Match[str], day_end: bool) -> datetime:
    if distance["ago"] and distance[1]:
        raise ValueError("it has both a sign and 'ago'")
    back = distance["ago"] or (distance[1] or "").startswith("-")
    days = minutes = 0.0
    units = set()
    for number, unit in re.findall(_QUANTITIES, distance[2]):
        size = float(number) * (-1 if back else 1)
        units.add(unit[0])
        if unit[0] in "wd":
            days += size * (7 if unit[0] == "w" else 1)
        else:
            minutes += size * (60 if unit[0] == "h" else 1)
    if days:
        now = _utc(now.astimezone().replace(tzinfo=None) + timedelta(days=days))
    if day_end and units <= {"w", "d"}:
        return _end(now.astimezone().date())
    return now.astimezone(UTC) + timedelta(minutes=minutes)


def _end(day: date) -> datetime:
    # Where a clock change repeats the last hour of a day, the end is the second of them.
    return datetime.combine(day, time.max).replace(fold=1)


def _days(text: str, today: date) -> tuple[date, date]:
    """The first and the last day that the text stands for."""
    if text.isalpha():
        day = _named_day(text, today)
        return day, day
    if re.fullmatch(r"\d{4}-\d\d", text):
        first = date.fromisoformat(text + "-01")
        following = first.replace(day=28) + timedelta(days=4)
        return first, following - timedelta(days=following.day)
    if re.fullmatch(r"\d{4}-?\d{3}", text):
        year, number = int(text[:4]), int(text[-3:])
        day = date(year, 1, 1) + timedelta(days=number - 1)
        if day.year != year:
            raise ValueError(f"{year} has no day {number}")
        return day, day
    day = date.fromisoformat(text.upper())
    week_only = re.fullmatch(r"\d{4}-?w\d\d", text)
    return day, day + timedelta(days=6 if week_only else 0)


def _named_day(name: str, today: date) -> date:
    if name in _NAMED_DAYS:
        return today + timedelta(days=_NAMED_DAYS.index(name) - 1)
    for number, weekday in enumerate(_WEEKDAYS):
        if len(name) >= 3 and weekday.startswith(name):
            return today + timedelta(days=(number - today.weekday() - 1) % 7 + 1)
    raise ValueError


def _at(day: date, clock: str) -> datetime:
    """That time of that day; `24:00` is the midnight that ends it."""
    clock = re.sub(r" +(?=[z+-])", "", clock).upper()
    if clock[1:2] == ":":
        clock = "0" + clock
    if clock.startswith("24"):
        midnight = time.fromisoformat("00" + clock[2:])
        if midnight.replace(tzinfo=None) != time():
            raise ValueError("only 24:00 is an hour 24")
        return datetime.combine(day + timedelta(days=1), midnight)
    return datetime.combine(day, time.fromisoformat(clock))


def _hours(text: str) -> float | None:
    if len(text) > _LONGEST:
        return None
    if re.fullmatch(_NUMBER, text):
        return float(text)
    if not re.fullmatch(_DURATION, text):
        # A sign is no part of any form, but "-2h" deserves to hear that it is negative.
        return -1.0 if text[:1] == "-" and _hours(text[1:]) else None
    size = {"w": 7 * 24 * 60, "d": 24 * 60, "h": 60, "m": 1}
    return sum(float(n) * size[unit[0]] for n, unit in re.findall(_QUANTITIES, text)) / 60


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer beyond what a float holds
        return float("inf")
