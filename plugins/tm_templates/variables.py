"""A template's variables: their types, defaults and rules, and the values that people give."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tm_core.api import UsageError, ValidationError, nearest

_TYPES = ("string", "number", "boolean", "array")
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_CHARACTERS = 10_000


class Variable(NamedTuple):
    """One variable of a template."""

    name: str
    type: str = "string"
    description: str = ""
    required: bool = True
    default: Any = None
    pattern: str = ""
    """Of a text: a regular expression that all of it must match."""
    min: float | None = None
    """Of a number its least value, of a text its least length, of an array its least size."""
    max: float | None = None
    enum: tuple[Any, ...] = ()


def read_variable(name: str, raw: object) -> Variable:
    """A variable as a file declares it; a bare value is its default. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name[:60]}' is no name for a variable: use letters, digits and _")
    if raw is None:
        return Variable(name)
    if not isinstance(raw, Mapping):
        kinds = {bool: "boolean", int: "number", float: "number", list: "array"}
        return Variable(name, kinds.get(type(raw), "string"), required=False, default=raw)
    known = {"type", "description", "required", "default", "validation"}
    if unknown := sorted(map(str, raw.keys() - known)):
        raise ValueError(f"variable {name} has an unknown '{unknown[0]}'")
    kind = raw.get("type") or "string"
    if kind not in _TYPES:
        raise ValueError(f"variable {name} is of type '{kind}', not {', '.join(_TYPES)}")
    variable = Variable(name, kind, str(raw.get("description") or ""))
    variable = _with_rules(variable, raw.get("validation") or {})
    default = raw.get("default")
    required = raw.get("required", default is None)
    if not isinstance(required, bool):
        raise ValueError(f"variable {name}: 'required' is true or false")
    if default is not None:
        default = checked(variable, default)
    return variable._replace(required=required and default is None, default=default)


def _with_rules(variable: Variable, rules: object) -> Variable:
    name = variable.name
    if not isinstance(rules, Mapping):
        raise ValueError(f"variable {name}: 'validation' has pattern, min, max, enum")
    if unknown := sorted(map(str, rules.keys() - {"pattern", "min", "max", "enum"})):
        raise ValueError(f"variable {name}: 'validation' has an unknown '{unknown[0]}'")
    pattern = rules.get("pattern")
    if pattern is not None:
        if variable.type != "string" or not isinstance(pattern, str):
            raise ValueError(f"variable {name}: a pattern is a text, for a string")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"variable {name}: the pattern is wrong: {error}") from None
    for bound in ("min", "max"):
        value = rules.get(bound)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"variable {name}: '{bound}' is no number")
    enum = rules.get("enum")
    if enum is not None and not isinstance(enum, list):
        raise ValueError(f"variable {name}: 'enum' is no list")
    return variable._replace(
        pattern=pattern or "", min=rules.get("min"), max=rules.get("max"), enum=tuple(enum or ())
    )


def checked(variable: Variable, value: Any) -> Any:
    """A value of the variable's type that keeps its rules; texts are read. Raises ValueError."""
    name = variable.name
    converted = _converted(variable.type, value)
    if converted is None:
        shown = value if isinstance(value, str) else json.dumps(value, default=str)
        article = "an" if variable.type == "array" else "a"
        raise ValueError(f"{name} is {article} {variable.type}, not {shown[:60]!r}")
    if variable.enum and converted not in variable.enum:
        raise ValueError(f"{name} is one of {', '.join(map(str, variable.enum))}")
    if variable.pattern and not re.fullmatch(variable.pattern, converted):
        raise ValueError(f"{name} does not match {variable.pattern}")
    size = converted if variable.type == "number" else None
    if variable.type in ("string", "array"):
        size = len(converted)
    if size is not None:
        what = {"string": " characters", "array": " items"}.get(variable.type, "")
        if variable.min is not None and size < variable.min:
            raise ValueError(f"{name} is at least {variable.min:g}{what}")
        if variable.max is not None and size > variable.max:
            raise ValueError(f"{name} is at most {variable.max:g}{what}")
    return converted


def _converted(kind: str, value: Any) -> Any:
    """The value in its type; None if it is not of it."""
    if kind == "string":
        if isinstance(value, str):
            return value if len(value) <= _MOST_CHARACTERS else None
        return None if isinstance(value, bool | list | Mapping) else str(value)
    if kind == "number":
        return _number(value)
    if kind == "boolean":
        if isinstance(value, str):
            return _WORDS.get(value.strip().lower())
        return value if isinstance(value, bool) else None
    if isinstance(value, str):
        return _items(value)
    return value if isinstance(value, list) else None


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _items(text: str) -> list[Any] | None:
    """A JSON list, or words between commas."""
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, list) else None
    return [item.strip() for item in text.split(",") if item.strip()]


def values_of(variables: Mapping[str, Variable], given: Iterable[str]) -> dict[str, Any]:
    """The value of every variable, from `NAME=VALUE` texts and defaults.

    Raises:
        UsageError: A text is not of this shape, or names no variable.
        ValidationError: Values are missing or break a rule; all of them are told.
    """
    raw: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals:
            raise UsageError(f"a variable is NAME=VALUE, not '{text[:60]}'")
        if name not in variables:
            hint = nearest(name, list(variables)) or "tm template show lists them"
            raise UsageError(f"the template has no variable '{name[:60]}'", hint)
        if name in raw:
            raise UsageError(f"{name} is given twice")
        raw[name] = value
    problems: list[str] = []
    found: dict[str, Any] = {}
    for name, variable in variables.items():
        try:
            if name in raw:
                found[name] = checked(variable, raw[name])
            elif variable.required:
                problems.append(f"{name} is missing")
            else:
                found[name] = variable.default
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValidationError(
            f"variables: {'; '.join(problems)}",
            "give NAME=VALUE for each",
            problems=[{"message": each, "field": each.partition(" ")[0]} for each in problems],
        )
    return found
