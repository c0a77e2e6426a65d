"""One place where a value from a person, script or file is checked against its field."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from tm_core.errors import InvalidValue
from tm_core.model import Field

from .text import nearest, quote
from .text import visible as visible
from .when import parse_duration, parse_instant

_INT = r"(?a)[+-]?\d{1,19}"
_FLOAT = r"(?ai)[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?"
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")

_N = TypeVar("_N", int, float)


def check(field: Field, raw: object, *, now: datetime | None = None) -> Any:
    """The canonical value of the field, or `InvalidValue` saying what is allowed.

    None stays None: it clears the field. Relative instants count from `now`.
    """
    if raw is None:
        return None
    match field.type:
        case "str" | "task":
            return _text(field, raw)
        case "int":
            return _bounded(field, _integer(field, raw))
        case "float":
            return _bounded(field, _number(field, raw))
        case "bool":
            return _truth(field, raw)
        case "datetime":
            return _instant(field, raw, now)
        case "duration":
            return _bounded(field, _duration(field, raw))
        case "enum":
            return _choice(field, raw)
        case "json":
            return _document(field, raw)
        case "list":
            return _items(field, raw)
    raise AssertionError(f"field {field.name} has the unknown type {field.type}")


def check_records(
    part: str, raw: object, fields: Sequence[Field], required: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """An imported part that is a list of records, each with a canonical value for each field.

    Raises InvalidValue, naming the part, for anything else; an import is a stranger's file.
    """
    records: list[dict[str, Any]] = []
    if not isinstance(raw, list):
        raise InvalidValue(f"{part} must be a list of records, not {_shown(raw)}", field=part)
    for place, item in enumerate(raw, 1):
        if not isinstance(item, dict):
            text = f"{part}, record {place}: must be an object, not {_shown(item)}"
            raise InvalidValue(text, field=part)
        missing = [name for name in required if item.get(name) is None]
        if missing:
            raise InvalidValue(f"{part}, record {place}: {missing[0]} is missing", field=part)
        try:
            records.append({field.name: check(field, item.get(field.name)) for field in fields})
        except InvalidValue as error:
            text = f"{part}, record {place}: {error.message}"
            raise InvalidValue(text, error.hint, field=part) from None
    return records


ENCODED_TYPES = ("bool", "json", "list")
"""Types whose canonical value is not what the store holds."""


def to_column(field: Field, value: Any) -> Any:
    """A canonical value as the store holds it."""
    if value is None:
        return None
    if field.type == "bool":
        return int(value)
    if field.type in ("json", "list"):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def from_column(field: Field, stored: Any) -> Any:
    """The canonical value of what the store holds."""
    if stored is None:
        return None
    if field.type == "bool":
        return bool(stored)
    if field.type in ("json", "list"):
        return json.loads(stored)
    return stored


def _invalid(field: Field, problem: str, hint: str = "") -> InvalidValue:
    return InvalidValue(f"{field.name} {problem}", hint, field=field.name)


def _shown(raw: object) -> str:
    if isinstance(raw, str):
        return quote(raw)
    if isinstance(raw, float) or (isinstance(raw, int) and abs(raw) < 10**20):
        return repr(raw)
    return f"a huge {type(raw).__name__}" if isinstance(raw, int) else f"a {type(raw).__name__}"


def _text(field: Field, raw: object) -> str:
    if not isinstance(raw, str):
        raise _invalid(field, f"must be text, not {_shown(raw)}")
    try:
        raw.encode()
    except UnicodeEncodeError:  # arguments that are not UTF-8 arrive with surrogates
        raise _invalid(field, f"is not valid UTF-8: {quote(raw)}") from None
    if "\0" in raw:
        raise _invalid(field, "must not hold a NUL character")
    if field.max_length is not None and len(raw) > field.max_length:
        raise _invalid(
            field, f"is too long: {len(raw)} characters, and at most {field.max_length} are allowed"
        )
    return raw


def _integer(field: Field, raw: object) -> int:
    number: int | None = None
    if isinstance(raw, int) and not isinstance(raw, bool):
        number = raw
    elif (isinstance(raw, float) and raw.is_integer()) or (
        isinstance(raw, str) and re.fullmatch(_INT, raw.strip())
    ):
        number = int(raw)
    if number is None:
        raise _invalid(field, f"must be a whole number, not {_shown(raw)}")
    if not -(2**63) <= number < 2**63:
        raise _invalid(field, "must be a whole number of at most 64 bits")
    return number


def _number(field: Field, raw: object) -> float:
    number: float | None = None
    try:
        if (isinstance(raw, int | float) and not isinstance(raw, bool)) or (
            isinstance(raw, str) and re.fullmatch(_FLOAT, raw.strip())
        ):
            number = float(raw)
    except OverflowError:  # an integer beyond what a float holds
        number = float("inf")
    if number is None or not abs(number) < float("inf"):
        raise _invalid(field, f"must be a finite number, not {_shown(raw)}")
    return number + 0.0  # no negative zero


def _truth(field: Field, raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, int | str) and (isinstance(raw, str) or raw in (0, 1)):
        word = str(raw).strip().lower()
        if word in _TRUE + _FALSE:
            return word in _TRUE
    raise _invalid(
        field, f"must be true or false, not {_shown(raw)}", "use true, yes, on, 1 or false, no, ..."
    )


def _instant(field: Field, raw: object, now: datetime | None) -> str:
    if isinstance(raw, date):  # of which datetime is a kind
        raw = raw.isoformat()
    if not isinstance(raw, str):
        raise _invalid(field, f"must be a date or time, not {_shown(raw)}")
    try:
        return parse_instant(raw, now=now, day_end=field.day_end)
    except InvalidValue as error:
        raise _invalid(field, f"is wrong: {error.message}", error.hint) from None


def _duration(field: Field, raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise _invalid(field, f"must be a duration, not {_shown(raw)}")
    try:
        return parse_duration(raw)
    except InvalidValue as error:
        raise _invalid(field, f"is wrong: {error.message}", error.hint) from None


def _bounded(field: Field, number: _N) -> _N:
    low, high = field.minimum, field.maximum
    if (low is None or number >= low) and (high is None or number <= high):
        return number
    if low is None:
        allowed = f"at most {high:.15g}"
    elif high is None:
        allowed = f"at least {low:.15g}"
    else:
        allowed = f"from {low:.15g} to {high:.15g}"
    raise _invalid(field, f"must be {allowed}, not {number:.15g}")


def _choice(field: Field, raw: object) -> str:
    if not isinstance(raw, str):
        raise _invalid(field, f"must be one of {', '.join(field.choices)}, not {_shown(raw)}")
    if raw in field.choices:
        return raw
    folded = {_fold(choice): choice for choice in field.choices}
    word = _fold(raw)
    if word in folded:
        return folded[word]
    raise _invalid(
        field,
        f"must be one of {', '.join(field.choices)}, not {quote(raw)}",
        nearest(word, field.choices),
    )


def _fold(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")


def _document(field: Field, raw: object) -> Any:
    try:
        value = json.loads(raw) if isinstance(raw, str) else raw
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
        return json.loads(text)  # as it will come back from the store: lists and text keys
    except (ValueError, TypeError, RecursionError):
        raise _invalid(field, f"must be JSON, not {_shown(raw)}") from None


def _items(field: Field, raw: object) -> list[str]:
    given = [raw] if isinstance(raw, str) else raw
    if not isinstance(given, list | tuple):
        raise _invalid(field, f"must be a list of texts, not {_shown(raw)}")
    items = [_text(field, item) for item in given]
    if any(not item.strip() for item in items):
        raise _invalid(field, "must not hold an empty item")
    return list(dict.fromkeys(items))
