"""The names that criteria may use, and where each value comes from.

A value given by `--set` counts before measured evidence, and that before the task's own fields.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tm_core.api import Context, InvalidValue, Record, Task

_NAME = re.compile(r"[^\W\d_]\w*(\.[^\W\d_]\w*)*")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_LONG, _MANY = 200, 20
_TRUTH = {"true": True, "false": False}


class Lookup(Record):
    """What a name stands for."""

    found: bool
    value: Any = None


def lookup(context: Mapping[str, Any], name: str) -> Lookup:
    """The value of a dotted name: a key of its own, or a way into nested groups.

    A group with a member `value` stands for that value: `coverage` is `coverage.value`.
    """
    found = _inside(context, name)
    if isinstance(found.value, Mapping) and "value" in found.value:
        return Lookup(True, found.value["value"])
    return found


def _inside(context: Mapping[str, Any], name: str) -> Lookup:
    if name in context:
        return Lookup(True, context[name])
    for position, character in enumerate(name):
        if character == ".":
            group = context.get(name[:position])
            if isinstance(group, Mapping):
                inner = _inside(group, name[position + 1 :])
                if inner.found:
                    return inner
    return Lookup(False)


def plain(value: Any) -> Any:
    """A value as the log keeps it: a JSON scalar or a short list, else a description."""
    if isinstance(value, str):
        return value if len(value) <= _LONG else value[: _LONG - 1] + "…"
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple) and len(value) <= _MANY:
        return [plain(item) for item in value]
    return "a group of values" if isinstance(value, Mapping) else f"a {type(value).__name__}"


class Choice(str):
    """A value of an enum field: its order is that of the field's choices."""

    __slots__ = ("choices",)
    choices: tuple[str, ...]

    @classmethod
    def of(cls, value: str, choices: tuple[str, ...]) -> Choice:
        """The value, knowing its place among the choices."""
        made = cls(value)
        made.choices = choices
        return made


class Facts(Record):
    """Everything that is known when criteria are checked, by source."""

    claimed: dict[str, Any]
    """Given by `--set`: somebody says so."""
    measured: Mapping[str, Any]
    """From the `evidence` hooks."""
    fields: Mapping[str, Any]
    """The task's own."""

    @property
    def context(self) -> dict[str, Any]:
        """All names together, the first source winning."""
        return {**self.fields, **self.measured, **self.claimed}

    def source(self, name: str) -> str:
        """Where a name's value comes from: `claimed`, `measured` or `task`; empty if unknown."""
        for source, values in zip(("claimed", "measured", "task"), self, strict=True):
            if lookup(values, name).found:
                return source
        return ""

    def reports(self, name: str) -> list[dict[str, Any]]:
        """The reports that a measured value was read from: `name`, `file`, `sha256`, `commit`.

        The `evidence` hook tells them under `evidence.sources`, by the first part of their names.
        """
        if self.source(name) != "measured":
            return []
        told = lookup(self.measured, "evidence.sources").value
        return [
            {key: each.get(key) for key in ("name", "file", "sha256", "commit")}
            for each in (told if isinstance(told, list) else ())
            if isinstance(each, Mapping) and f"{name}.".startswith(f"{each.get('name')}.")
        ]

    def claims(self) -> dict[str, dict[str, Any]]:
        """What was claimed, each beside what was measured, if it was."""
        told: dict[str, dict[str, Any]] = {}
        for name, value in self.claimed.items():
            told[name] = {"value": plain(value)}
            measured = lookup(self.measured, name)
            if measured.found:
                told[name]["measured"] = plain(measured.value)
        return told

    def contradictions(self) -> list[str]:
        """A sentence for each claim that is not what was measured."""
        return [
            f"{name} is claimed to be {claim['value']}, and was measured as {claim['measured']}"
            for name, claim in self.claims().items()
            if "measured" in claim and claim["measured"] != claim["value"]
        ]


def gather(ctx: Context, task: Task, measured: Mapping[str, Any], given: Iterable[str]) -> Facts:
    """What is known of a task that is about to be completed.

    Raises:
        InvalidValue: A measurement is not `NAME=VALUE`.
    """
    fields = {name: _field(ctx, name, value) for name, value in task.items()}
    return Facts(parse_measurements(given), measured, fields)


def _field(ctx: Context, name: str, value: Any) -> Any:
    choices = ctx.field_choices(name) if isinstance(value, str) else ()
    return Choice.of(value, choices) if choices else value


def parse_measurements(given: Iterable[str]) -> dict[str, Any]:
    """Values by name from `NAME=VALUE` texts; a value is a JSON number, text or truth, else text.

    Raises:
        InvalidValue: It is not of this shape, not finite, or named twice.
    """
    found: dict[str, Any] = {}
    for text in given:
        name, equals, raw = text.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise InvalidValue(
                f"--set takes NAME=VALUE, not '{text[:60]}'", "such as --set tests.failed=0"
            )
        if name in found:
            raise InvalidValue(f"--set gives {name} twice")
        found[name] = _scalar(name, raw.strip())
    return found


def _scalar(name: str, raw: str) -> Any:
    if _NOT_FINITE.fullmatch(raw):
        raise InvalidValue(f"--set {name}: a number must be finite, not {raw}")
    if raw.lower() in _TRUTH:
        return _TRUTH[raw.lower()]
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return raw
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidValue(f"--set {name}: the number is too large")
    return raw if isinstance(value, list | dict) else value
