"""Values of fields: checked, canonical, stored and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_core.errors import InvalidValue
from tm_core.language.checkers import checker
from tm_core.language.values import check, from_column, to_column, visible
from tm_core.model import FIELD_TYPES, Field

NOW = datetime(2025, 3, 5, 10, 30, tzinfo=UTC)
STATUS = Field("status", "enum", choices=("pending", "in_progress", "blocked"))

BAD_JSON: tuple[object, ...] = ("{", "NaN", float("nan"), {1, 2}, '"\\ud800"', "[" * 10**5)
BAD_LISTS: tuple[object, ...] = ("", [" "], [3], {"a": 1}, ["\udcff"], ["a\0"])

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(alphabet=st.characters(codec=None))
    | st.sampled_from(["8", "yes", "2h", "3d", "[1]", "in-progress", "1e400", "\udcff", "a\0"])
    | st.binary()
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def field(type_: str, **more: Any) -> Field:
    if type_ == "enum":
        more.setdefault("choices", STATUS.choices)
    return Field("quality", type_, **more)


@pytest.mark.parametrize(
    ("type_", "raw", "expected"),
    [
        ("str", " kept as is ", " kept as is "),
        ("int", "7", 7),
        ("int", " -7 ", -7),
        ("int", 7.0, 7),
        ("float", "1.5", 1.5),
        ("float", "1e3", 1000.0),
        ("float", 2, 2.0),
        ("bool", "Yes", True),
        ("bool", "off", False),
        ("bool", 1, True),
        ("bool", False, False),
        ("datetime", "2025-03-01T17:00Z", "2025-03-01T17:00:00.000000Z"),
        ("datetime", datetime(2025, 3, 1, tzinfo=UTC), "2025-03-01T00:00:00.000000Z"),
        ("datetime", "4h", "2025-03-05T14:30:00.000000Z"),
        ("duration", "2h30m", 2.5),
        ("duration", 3, 3.0),
        ("enum", "In-Progress", "in_progress"),
        ("enum", " in progress ", "in_progress"),
        ("json", '{"a": [1, null]}', {"a": [1, None]}),
        ("json", (1, 2), [1, 2]),
        ("json", "null", None),
        ("list", "ui", ["ui"]),
        ("list", ("b", "a", "b"), ["b", "a"]),
        ("list", [], []),
    ],
)
def test_canonical_values(type_: str, raw: object, expected: object) -> None:
    found = check(field(type_), raw, now=NOW)
    assert found == expected
    assert type(found) is type(expected)


REFUSED: list[tuple[str, Any]] = [
    *[("str", raw) for raw in (3, ["a"], "a\0b", "\udcff")],
    *[("int", raw) for raw in ("1.5", 1.5, True, "", "1_0", "٣", 2**63, "9" * 19, 10**400)],
    *[("float", raw) for raw in ("nan", "inf", "1e400", float("inf"), 10**400, True, "x")],
    *[("bool", raw) for raw in ("maybe", 2, 1.0, [0], "")],
    *[("datetime", raw) for raw in ("soon", 3, "2025-02-30")],
    *[("duration", raw) for raw in ("soon", -1, True, [0], "inf")],
    *[("enum", raw) for raw in ("done", 3, "", "\x1b")],
    *[("json", raw) for raw in BAD_JSON],
    *[("list", raw) for raw in BAD_LISTS],
]


@pytest.mark.parametrize(("type_", "raw"), REFUSED)
def test_refused_values_are_named(type_: str, raw: object) -> None:
    with pytest.raises(InvalidValue) as caught:
        check(field(type_), raw, now=NOW)
    assert caught.value.message.startswith("quality ")
    assert visible(caught.value.message) == caught.value.message
    assert len(caught.value.message) < 250
    assert caught.value.as_dict()["field"] == "quality"


@pytest.mark.parametrize(
    ("low", "high", "raw", "message"),
    [
        (1, 5, "9", "quality must be from 1 to 5, not 9"),
        (1, None, 0, "quality must be at least 1, not 0"),
        (None, 1000000, 1000001, "quality must be at most 1000000, not 1000001"),
    ],
)
def test_bounds(low: int | None, high: int | None, raw: object, message: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        check(field("int", minimum=low, maximum=high), raw)
    assert caught.value.message == message


def test_bounds_hold_for_durations() -> None:
    with pytest.raises(InvalidValue, match="from 0 to 8, not 24"):
        check(field("duration", minimum=0, maximum=8), "1d")


def test_length_is_that_of_a_text_or_item() -> None:
    assert check(field("str", max_length=3), "äöü") == "äöü"
    assert check(field("list", max_length=1), ["a", "b"]) == ["a", "b"]
    for kind, raw in (("str", "abcd"), ("list", ["a", "abcd"])):
        with pytest.raises(InvalidValue, match="4 characters, and at most 3"):
            check(field(kind, max_length=3), raw)


def test_a_choice_nearby_is_suggested() -> None:
    with pytest.raises(InvalidValue) as caught:
        check(STATUS, "pendign")
    assert "pending, in_progress, blocked" in caught.value.message
    assert caught.value.hint == "did you mean 'pending'?"


def test_invalid_utf8_is_called_that() -> None:
    with pytest.raises(InvalidValue, match="not valid UTF-8"):
        check(field("str"), b"\xff".decode(errors="surrogateescape"))


def test_a_day_may_end() -> None:
    for raw in ("2025-03-01", date(2025, 3, 1)):
        start = check(field("datetime"), raw)
        end = check(field("datetime", day_end=True), raw)
        assert (datetime.fromisoformat(end) - datetime.fromisoformat(start)).days == 0
        assert start < end


@given(st.sampled_from(FIELD_TYPES), anything)
def test_any_value_is_taken_or_refused_and_survives_the_store(type_: str, raw: object) -> None:
    refusal = ""
    try:
        value = check(field(type_), raw, now=NOW)
    except InvalidValue as error:
        value, refusal = None, error.message
    assert visible(refusal) == refusal
    if type_ != "json" or not isinstance(value, str):  # JSON text would be parsed again
        assert check(field(type_), value, now=NOW) == value
    stored = to_column(field(type_), value)
    assert stored is None or type(stored) in (str, int, float)
    assert from_column(field(type_), stored) == value


def test_none_clears() -> None:
    for type_ in FIELD_TYPES:
        assert check(field(type_), None) is None
        assert to_column(field(type_), None) is None
        assert from_column(field(type_), None) is None


def test_stored_forms() -> None:
    assert to_column(field("bool"), True) == 1
    assert from_column(field("bool"), 0) is False
    assert to_column(field("list"), ["ü", "b"]) == '["ü","b"]'


def test_control_characters_become_visible() -> None:
    assert visible("a\x1b[31m\x9b\x7f\u202e\u2028\ud800") == (
        r"a\x1b[31m\x9b\x7f\u202e\u2028\ud800"
    )
    assert visible("a\nb\tc\r") == r"a\nb\tc\r"
    assert visible("a\r\nb\tc\rd\x1b", multiline=True) == "a\nb\tc\\rd\\x1b"
    assert visible("שלום\u200f \u200eä 😀") == "שלום\u200f \u200eä 😀"


@given(st.text(alphabet=st.characters(codec=None)))
def test_visible_text_is_encodable_and_stays(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert not any(ord(character) < 32 for character in shown)
    assert visible(shown) == shown


RAW = (
    st.text(max_size=30)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | st.datetimes().map(lambda moment: moment.isoformat(timespec="microseconds") + "Z")
    | st.sampled_from(["low", "High", "2025-13-01T00:00:00.000000Z", "x" * 11, "a\0", "-0", -0.0])
)


@pytest.mark.parametrize("kind", FIELD_TYPES)
@given(RAW)
def test_a_check_that_is_made_for_bulk_is_the_same(kind: str, raw: object) -> None:
    field = Field("f", kind, choices=("low", "high"), maximum=9.5, max_length=10)

    def told(function: Callable[[], Any]) -> str:
        try:
            return repr(function())
        except InvalidValue as error:
            return f"{error.message} {error.hint}"

    now = datetime(2025, 1, 1, tzinfo=UTC)
    relative = kind == "datetime" and isinstance(raw, str) and not raw.endswith("Z")
    if not relative:  # such a text counts from the present moment
        assert told(lambda: checker(field)(raw)) == told(lambda: check(field, raw, now=now))
