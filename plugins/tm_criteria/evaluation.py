"""Evaluates one checked expression. What cannot be decided is unknown: never true, never false.

The rules are stricter than Python's, because a slip must not pass a criterion: values of different
kinds are never compared, not even by `!=`, and only conditions count as true or false.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from simpleeval import SimpleEval  # type: ignore[import-untyped]

from tm_core.api import FUNCTIONS, names

from .facts import Choice, lookup

MAX_TEXT = 1_000_000
"""Characters of a text that an expression may build."""

_SHOWN = 5
"""Names of a group that a reason lists."""


class Unknown(Exception):
    """The expression has no answer; the message says why."""


def evaluate(tree: ast.expr, context: Mapping[str, Any]) -> bool:
    """Whether the expression holds, given all its names.

    Raises:
        Unknown: It cannot be decided.
    """
    missing = sorted(name for name in names(tree) if not lookup(context, name).found)
    if missing:
        raise Unknown(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not known")
    try:
        result = _Evaluator(context).eval("", tree)
    except Unknown:
        raise
    except ZeroDivisionError:
        raise Unknown("it divides by zero") from None
    except OverflowError:
        raise Unknown("a number gets too large") from None
    except Exception as error:  # whatever it is, the criterion has not been shown to hold
        raise Unknown(f"it cannot be evaluated: {type(error).__name__}") from error
    if not isinstance(result, bool):
        raise Unknown(f"it gives {shown(result)}, not true or false")
    return result


def shown(value: Any) -> str:
    """A value as a reason quotes it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a huge number"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        text = " ".join(value.split())
        return f"'{text if len(text) <= 40 else text[:39] + '…'}'"
    if isinstance(value, list | tuple) and len(value) <= 5:
        return "[" + ", ".join(map(shown, value)) + "]"
    return _kind(value)


class _Evaluator(SimpleEval):  # type: ignore[misc]  # simpleeval has no types
    """simpleeval with our names and functions, and with operators that look at kinds first."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        super().__init__(operators=_OPERATORS, functions=_FUNCTIONS, names={})
        self.context = context
        self.nodes |= {
            ast.Name: self._name,
            ast.Attribute: self._name,
            ast.BoolOp: self._condition,
            ast.List: self._items,
            ast.Tuple: self._items,
        }

    def _name(self, node: ast.expr) -> Any:
        name = ast.unparse(node)
        value = lookup(self.context, name).value
        if isinstance(value, float) and not math.isfinite(value):
            raise Unknown(f"{name} is not a finite number")
        if isinstance(value, Mapping):
            inner = ", ".join(f"{name}.{key}" for key in sorted(map(str, value))[:_SHOWN])
            raise Unknown(f"{name} is a group of values, such as {inner}")
        return value

    def _condition(self, node: ast.BoolOp) -> bool:
        deciding = isinstance(node.op, ast.Or)
        for part in node.values:
            if _truth(self._eval(part)) is deciding:
                return deciding
        return not deciding

    def _items(self, node: ast.List | ast.Tuple) -> list[Any]:
        return [self._eval(item) for item in node.elts]


def _kind(value: Any) -> str:
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        return "a list"
    return "a group of values" if isinstance(value, Mapping) else f"a {type(value).__name__}"


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unknown(f"{shown(value)} is not true or false")
    return value


def _need(kind: str, *values: Any) -> None:
    for value in values:
        if _kind(value) != kind:
            raise Unknown(f"{shown(value)} is not {kind}")


def _alike(left: Any, right: Any) -> None:
    kinds = _kind(left), _kind(right)
    if kinds[0] != kinds[1] or kinds[0] == "an empty value":
        raise Unknown(f"{shown(left)} is {kinds[0]} and {shown(right)} is {kinds[1]}")


def _equality(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        _alike(left, right)
        return bool(test(left, right))

    return compare


def _order(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        _alike(left, right)
        if _kind(left) not in ("a number", "text"):
            raise Unknown(f"{_kind(left)} has no order")
        choices = next((each.choices for each in (left, right) if isinstance(each, Choice)), None)
        if choices is not None:
            strange = next((each for each in (left, right) if each not in choices), None)
            if strange is not None:
                raise Unknown(f"{shown(strange)} is none of {', '.join(choices)}")
            left, right = choices.index(left), choices.index(right)
        return bool(test(left, right))

    return compare


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def calculate(left: Any, right: Any) -> Any:
        _need("a number", left, right)
        return _finite(compute(left, right))

    return calculate


def _finite(number: Any) -> Any:
    if not math.isfinite(number):
        raise Unknown("a number gets too large")
    return number


def _add(left: Any, right: Any) -> Any:
    if not isinstance(left, str):
        return _arithmetic(operator.add)(left, right)
    _need("text", right)
    if len(left) + len(right) > MAX_TEXT:
        raise Unknown("a text gets too long")
    return left + right


def _negative(value: Any) -> Any:
    _need("a number", value)
    return -value


def _within(item: Any, whole: Any) -> bool:
    if isinstance(whole, str):
        _need("text", item)
        return item in whole
    _need("a list", whole)
    alike = [each for each in whole if _kind(each) == _kind(item)]
    if whole and not alike:
        raise Unknown(f"{shown(item)} is {_kind(item)}, and nothing in {shown(whole)} is")
    return item in alike


def _text(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        _need("text", *arguments)
        return function(*arguments)

    return call


def _number(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        _need("a number", *arguments)
        return function(*arguments)

    return call


def _extreme(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        _need("text" if isinstance(arguments[0], str) else "a number", *arguments)
        return function(arguments)

    return call


def _length(value: Any) -> int:
    if not isinstance(value, str | list | tuple):
        raise Unknown(f"{shown(value)} has no length")
    return len(value)


_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Eq: _equality(operator.eq),
    ast.NotEq: _equality(operator.ne),
    ast.Lt: _order(operator.lt),
    ast.LtE: _order(operator.le),
    ast.Gt: _order(operator.gt),
    ast.GtE: _order(operator.ge),
    ast.In: _within,
    ast.NotIn: lambda item, whole: not _within(item, whole),
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.Not: lambda value: not _truth(value),
    ast.USub: _negative,
    ast.Add: _add,
    ast.Sub: _arithmetic(operator.sub),
    ast.Mult: _arithmetic(operator.mul),
    ast.Div: _arithmetic(operator.truediv),
    ast.FloorDiv: _arithmetic(operator.floordiv),
    ast.Mod: _arithmetic(operator.mod),
}

_IMPLEMENTED: dict[str, Callable[..., Any]] = {
    "lower": _text(str.lower),
    "upper": _text(str.upper),
    "length": _length,
    "abs": _number(abs),
    "round": _number(round),
    "min": _extreme(min),
    "max": _extreme(max),
    "contains": lambda whole, item: _within(item, whole),
    "startswith": _text(str.startswith),
    "endswith": _text(str.endswith),
}
_FUNCTIONS = {name: _IMPLEMENTED[name] for name in FUNCTIONS}
