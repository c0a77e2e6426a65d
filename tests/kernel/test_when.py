"""Instants and durations in text."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_core.errors import InvalidValue
from tm_core.language.text import visible
from tm_core.language.when import (
    format_local,
    format_relative,
    instant_now,
    parse_duration,
    parse_instant,
)

NOW = datetime(2025, 3, 5, 10, 30, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


utc = pytest.mark.parametrize("zone", ["UTC"], indirect=True)
new_york = pytest.mark.parametrize("zone", ["America/New_York"], indirect=True)


@utc
@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-03-01", "2025-03-01T00:00:00.000000Z"),
        ("20250301", "2025-03-01T00:00:00.000000Z"),
        ("2025-W09-6", "2025-03-01T00:00:00.000000Z"),
        ("2025W096", "2025-03-01T00:00:00.000000Z"),
        ("2025-W09", "2025-02-24T00:00:00.000000Z"),
        ("2025-060", "2025-03-01T00:00:00.000000Z"),
        ("2025060", "2025-03-01T00:00:00.000000Z"),
        ("2025-03", "2025-03-01T00:00:00.000000Z"),
        ("2025-03-01T17:00", "2025-03-01T17:00:00.000000Z"),
        ("2025-03-01 17:00", "2025-03-01T17:00:00.000000Z"),
        ("20250301T1700", "2025-03-01T17:00:00.000000Z"),
        ("2025-03-01t17:00:01,5z", "2025-03-01T17:00:01.500000Z"),
        ("2025-03-01 17:00 +02:00", "2025-03-01T15:00:00.000000Z"),
        ("2025-03-01T17:00-0530", "2025-03-01T22:30:00.000000Z"),
        ("2025-03-01T24:00", "2025-03-02T00:00:00.000000Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("now", "2025-03-05T10:30:00.000000Z"),
        (" Today ", "2025-03-05T00:00:00.000000Z"),
        ("tomorrow", "2025-03-06T00:00:00.000000Z"),
        ("yesterday", "2025-03-04T00:00:00.000000Z"),
        ("tomorrow 9:00", "2025-03-06T09:00:00.000000Z"),
        ("friday", "2025-03-07T00:00:00.000000Z"),
        ("Fri", "2025-03-07T00:00:00.000000Z"),
        ("wednesday", "2025-03-12T00:00:00.000000Z"),
        ("tue", "2025-03-11T00:00:00.000000Z"),
        ("3d", "2025-03-08T10:30:00.000000Z"),
        ("+3d", "2025-03-08T10:30:00.000000Z"),
        ("in 3 days", "2025-03-08T10:30:00.000000Z"),
        ("-3d", "2025-03-02T10:30:00.000000Z"),
        ("3d ago", "2025-03-02T10:30:00.000000Z"),
        ("2w", "2025-03-19T10:30:00.000000Z"),
        ("4h", "2025-03-05T14:30:00.000000Z"),
        ("30m", "2025-03-05T11:00:00.000000Z"),
        ("1d12h", "2025-03-06T22:30:00.000000Z"),
        ("1.5h", "2025-03-05T12:00:00.000000Z"),
    ],
)
def test_reads_what_people_write(text: str, expected: str) -> None:
    assert parse_instant(text, now=NOW) == expected


@utc
@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-03-01", "2025-03-01T23:59:59.999999Z"),
        ("2025-03", "2025-03-31T23:59:59.999999Z"),
        ("2025-W09", "2025-03-02T23:59:59.999999Z"),
        ("9999-12-31", "9999-12-31T23:59:59.999999Z"),
        ("today", "2025-03-05T23:59:59.999999Z"),
        ("friday", "2025-03-07T23:59:59.999999Z"),
        ("3d", "2025-03-08T23:59:59.999999Z"),
        ("4h", "2025-03-05T14:30:00.000000Z"),
        ("1d12h", "2025-03-06T22:30:00.000000Z"),
        ("now", "2025-03-05T10:30:00.000000Z"),
        ("2025-03-01T17:00", "2025-03-01T17:00:00.000000Z"),
        ("2025-03-01T00:00", "2025-03-01T00:00:00.000000Z"),
    ],
)
def test_a_bare_day_may_mean_its_end(text: str, expected: str) -> None:
    assert parse_instant(text, now=NOW, day_end=True) == expected


@new_york
@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("text", "day_end", "expected"),
    [
        ("2025-03-01T17:00", False, "2025-03-01T22:00:00.000000Z"),
        ("2025-03-01", True, "2025-03-02T04:59:59.999999Z"),
        ("2025-03-09 02:30", False, "2025-03-09T07:30:00.000000Z"),  # skipped: 03:30 summer time
        ("2025-11-02 01:30", False, "2025-11-02T05:30:00.000000Z"),  # twice: the first
        ("5d", False, "2025-03-10T09:30:00.000000Z"),  # over the change: same local time
        ("120h", False, "2025-03-10T10:30:00.000000Z"),  # exact
        ("today", False, "2025-03-05T05:00:00.000000Z"),
    ],
)
def test_local_time_and_its_changes(text: str, day_end: bool, expected: str) -> None:
    assert parse_instant(text, now=NOW, day_end=day_end) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2025-02-30",
        "2025-366",
        "2025-000",
        "2025-W54-1",
        "2025-13",
        "2025",
        "0000-01-01",
        "10000-01-01",
        "2025-03-01T25:00",
        "2025-03-01T24:01",
        "2025-06-30T23:59:60Z",
        "2025-03-01T17:00+25:00",
        "2025-W09 17:00",
        "999999999d",
        "-999999999d",
        "in 3d ago",
        "-3d ago",
        "3 months",
        "3",
        "d",
        "2025-03-01\x00",
        "\x1b[31m",
        "\udcff",
        "\uff12\uff10\uff12\uff15-03-01",
        "9" * 10_000,
        "1d" * 5_000,
        "2025-03-01x17:00",
    ],
)
def test_refuses_the_rest_in_one_line(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_instant(text, now=NOW)
    assert visible(caught.value.message) == caught.value.message
    assert len(caught.value.message) < 200
    assert "2025-03-01T17:00" in caught.value.hint


@given(st.text(max_size=30) | st.from_regex(r"[0-9TZWtzw:+. d-]{1,25}", fullmatch=True))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_instant(text, now=NOW)
    except InvalidValue:
        return
    assert len(found) == 27
    assert parse_instant(found) == found


@given(st.datetimes(timezones=st.timezones()), st.datetimes(timezones=st.timezones()))
def test_text_order_is_time_order(a: datetime, b: datetime) -> None:
    try:
        texts = [parse_instant(moment.astimezone(UTC).isoformat()) for moment in (a, b)]
    except OverflowError:  # hypothesis reaches beyond the calendar in UTC
        return
    assert (texts[0] < texts[1]) == (a.astimezone(UTC) < b.astimezone(UTC))


@given(st.dates(min_value=date(1, 1, 2), max_value=date(9999, 12, 30)))
def test_every_way_to_write_a_day_is_the_same_day(day: date) -> None:
    year, week, weekday = day.isocalendar()
    ways = [day.isoformat(), f"{day:%Y%m%d}".zfill(8), f"{day.year:04}-{day:%j}"]
    ways.append(f"{year:04}-W{week:02}-{weekday}")
    starts = {parse_instant(way) for way in ways}
    ends = {parse_instant(way, day_end=True) for way in ways}
    assert len(starts) == len(ends) == 1
    assert starts < ends or starts.pop() < ends.pop()


def test_now_is_canonical() -> None:
    text = instant_now()
    assert parse_instant(text) == text
    assert abs(datetime.now(UTC) - datetime.fromisoformat(text)) < timedelta(minutes=1)


@new_york
@pytest.mark.usefixtures("zone")
def test_shows_local_time() -> None:
    assert format_local("2025-03-01T22:00:00.000000Z") == "2025-03-01 17:00"
    assert format_local("0001-01-01T00:00:00.000000Z") == "0001-01-01T00:00:00.000000Z"
    assert format_local("bad\x1b") == "bad\\x1b"


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (timedelta(), "now"),
        (timedelta(seconds=-20), "now"),
        (timedelta(minutes=-1), "1 minute ago"),
        (timedelta(hours=2, milliseconds=-5), "in 2 hours"),
        (timedelta(days=-3, hours=-2), "3 days ago"),
        (timedelta(days=70), "in 2 months"),
        (timedelta(days=-800), "2 years ago"),
    ],
)
def test_shows_the_distance_from_now(distance: timedelta, expected: str) -> None:
    assert format_relative((NOW + distance).isoformat(), NOW) == expected


def test_shows_what_is_no_instant_as_it_is() -> None:
    assert format_relative("bad\x1b", NOW) == "bad\\x1b"


@pytest.mark.parametrize(
    ("given_", "hours"),
    [
        ("8", 8),
        ("1.5", 1.5),
        (".5", 0.5),
        (" 90m ", 1.5),
        ("20m", 1 / 3),
        ("2h30m", 2.5),
        ("2 hours 30 minutes", 2.5),
        ("1d", 24),
        ("1w", 168),
        (3, 3),
        (0.25, 0.25),
        ("0", 0),
        (-0.0, 0),
    ],
)
def test_reads_durations(given_: str | float, hours: float) -> None:
    assert parse_duration(given_) == hours
    assert str(parse_duration(given_))[0] != "-"


@pytest.mark.parametrize(
    "bad",
    [
        *("", "x", "nan", "inf", "-1", "-2h", "1e400", "9" * 400, "1_0", "\u0663", "2h 3", "h"),
        *("1x", "1h\x00", "\udcff", -1, float("nan"), float("inf"), 10**400),
    ],
)
def test_refuses_other_durations(bad: str | float) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_duration(bad)
    assert visible(caught.value.message) == caught.value.message
    assert "2h30m" in caught.value.hint
