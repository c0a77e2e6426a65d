"""The shape of a criterion, as a task's `success_criteria` holds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tm_core.api import ExpressionError, Problem, Record, parse

_HINT = 'a criterion is {"criterion": "text"}, with "measurable" or "validator" if a machine judges'


class Criterion(Record):
    """One criterion. With neither an expression nor a validator a person confirms it."""

    text: str
    expression: str = ""
    validator: str = ""
    raw: Mapping[str, Any] = {}
    """All that was written down, which is what a validator gets."""
    fault: str = ""
    """Why nobody can judge it; criteria from an import may be in any shape."""
    hint: str = ""

    @property
    def manual(self) -> bool:
        """A person confirms it."""
        return not (self.expression or self.validator or self.fault)

    @property
    def kind(self) -> str:
        """`expression`, `validator`, `manual` or `faulty`."""
        if self.fault:
            return "faulty"
        return "expression" if self.expression else "validator" if self.validator else "manual"


def read(item: object) -> Criterion:
    """One item of a list of criteria; what is wrong with it is in its `fault`.

    A text alone is an expression if it is one and compares something; otherwise it is manual.
    """
    if isinstance(item, str):
        raw: Mapping[str, Any] = {"criterion": item}
        if is_comparison(item):
            raw = {"criterion": item, "measurable": item}
    elif isinstance(item, Mapping):
        raw = item
    else:
        return Criterion("", fault="it is neither an object nor a text", hint=_HINT)
    text = raw.get("criterion")
    if not isinstance(text, str) or not text.strip():
        return Criterion("", fault='it has no text as its "criterion"', hint=_HINT)
    fault, hint = _fault(raw)
    if "\0" in text:
        fault = "its text holds a NUL character"
    if fault:
        return Criterion(text, raw=raw, fault=fault, hint=hint)
    return Criterion(text, raw.get("measurable", ""), raw.get("validator", ""), raw)


def _fault(raw: Mapping[str, Any]) -> tuple[str, str]:
    if "validator" in raw:
        if "measurable" in raw:
            return 'it has both "measurable" and "validator"', "make it two criteria"
        name = raw["validator"]
        if not isinstance(name, str) or not name.strip():
            return 'its "validator" is not a name', _HINT
        return "", ""  # all further keys are the validator's
    unknown = sorted(map(str, raw.keys() - {"criterion", "measurable"}))
    if unknown:
        return f"it has the unknown key {unknown[0]!r}", _HINT
    if "measurable" not in raw:
        return "", ""
    expression = raw["measurable"]
    if not isinstance(expression, str) or not expression.strip():
        return (
            'its "measurable" has no expression',
            "leave it out, and a person confirms the criterion",
        )
    try:
        parse(expression)
    except ExpressionError as error:
        return error.message, error.hint
    return "", ""


def is_comparison(text: str) -> bool:
    """Whether a text is an expression that compares something."""
    import ast

    try:
        tree = parse(text)
    except ExpressionError:
        return False
    return any(isinstance(node, ast.Compare) for node in ast.walk(tree))


def read_all(value: object) -> list[Criterion]:
    """A task's criteria; a value that is no list is one criterion that nobody can judge."""
    if value is None:
        return []
    if not isinstance(value, list):
        return [Criterion("", fault="success_criteria is not a list", hint=_HINT)]
    return [read(item) for item in value]


def problems(value: object) -> Iterator[Problem]:
    """What must be corrected before a task is given these criteria."""
    if value is not None and not isinstance(value, list):
        yield Problem("success_criteria must be a list", "success_criteria", hint=_HINT)
        return
    for number, criterion in enumerate(read_all(value), 1):
        if criterion.fault:
            yield Problem(
                f"criterion {number}: {criterion.fault}", "success_criteria", hint=criterion.hint
            )


def short(text: str, limit: int = 80) -> str:
    """A criterion's text as a message quotes it."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
