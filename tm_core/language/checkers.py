"""A field's check, made once for many values: what is canonical already passes in one step.

Whatever is not goes to `values.check`, so that both agree by construction.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tm_core.model import Field

from .values import check
from .when import CANONICAL_INSTANT

Checker = Callable[[Any], Any]
"""Gives the canonical value of a field, or raises InvalidValue."""


def checker(field: Field) -> Checker:
    """What `check` does for this field, for use in bulk."""
    match field.type:
        case "str" | "task":
            return _text(field)
        case "enum":
            return _choice(field)
        case "int" | "float" | "duration":
            return _number(field)
        case "datetime":
            return _instant(field)
    return lambda raw: check(field, raw)


def _text(field: Field) -> Checker:
    longest = float("inf") if field.max_length is None else field.max_length

    def text(raw: Any) -> Any:
        if type(raw) is str and raw.isascii() and "\0" not in raw and len(raw) <= longest:
            return raw
        return check(field, raw)

    return text


def _choice(field: Field) -> Checker:
    choices = frozenset(field.choices)

    def choice(raw: Any) -> Any:
        return raw if type(raw) is str and raw in choices else check(field, raw)

    return choice


def _number(field: Field) -> Checker:
    kind = int if field.type == "int" else float
    low: float = 0 if field.type == "duration" else -(2**53)
    low = low if field.minimum is None else max(low, field.minimum)
    high: float = 2**53 if field.maximum is None else min(2**53, field.maximum)

    def number(raw: Any) -> Any:
        return raw + 0 if type(raw) is kind and low <= raw <= high else check(field, raw)

    return number


def _instant(field: Field) -> Checker:
    is_canonical = re.compile(CANONICAL_INSTANT).fullmatch

    def instant(raw: Any) -> Any:
        if type(raw) is str and is_canonical(raw):
            try:
                datetime.fromisoformat(raw)
                return raw
            except ValueError:
                pass
        return check(field, raw)

    return instant
