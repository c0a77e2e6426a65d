"""What a template is, read from a file that anybody may have written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from tm_core.api import ValidationError

from .variables import Variable, read_variable

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_BRACES = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_KEYS = frozenset(
    ("name", "version", "description", "tags", "variables", "tasks", "dependencies", "hooks")
)
MOST_TASKS = 1000


class Template(NamedTuple):
    """Tasks to be, in the order of the file."""

    name: str
    version: str
    description: str
    tags: list[str]
    variables: dict[str, Variable]
    """By name; one that is used and not declared is a required text."""
    tasks: list[dict[str, Any]]
    """Fields by name, with placeholders in them."""
    depends_on: list[list[int]]
    """For each task, the places of those that it waits for, from 0."""
    remarks: list[str]
    """What of the file is left out."""

    @property
    def order(self) -> list[int]:
        """The places of the tasks, each after those that it waits for."""
        return list(TopologicalSorter(dict(enumerate(self.depends_on))).static_order())


def read_template(data: object, name: str, origin: str) -> Template:
    """A template from the values of its file.

    Args:
        data: What the file holds.
        name: The file's name, without its ending.
        origin: Names the file in errors.

    Raises:
        ValidationError: It is no template.
    """
    try:
        return _read(data, name)
    except ValueError as error:
        raise ValidationError(f"{origin}: {error}", "correct the template") from None


def _read(data: object, name: str) -> Template:
    if not isinstance(data, Mapping):
        raise ValueError("a template has name, variables and tasks")
    if unknown := sorted(map(str, data.keys() - _KEYS)):
        raise ValueError(f"a template has no '{unknown[0]}'; it has {', '.join(sorted(_KEYS))}")
    tasks, depends_on = _tasks(data)
    declared = data.get("variables") or {}
    if not isinstance(declared, Mapping):
        raise ValueError("'variables' is not a mapping by name")
    variables = {str(key): read_variable(str(key), value) for key, value in declared.items()}
    for used in _used(tasks):
        variables.setdefault(used, Variable(used))
    try:
        TopologicalSorter(dict(enumerate(depends_on))).prepare()
    except CycleError as error:
        path = " -> ".join(map(str, error.args[1]))
        raise ValueError(f"tasks wait for each other in a circle: {path}") from None
    tags = data.get("tags") or []
    return Template(
        str(data.get("name") or name),
        str(data.get("version") or ""),
        str(data.get("description") or ""),
        [str(tag) for tag in tags] if isinstance(tags, list) else [str(tags)],
        variables,
        tasks,
        depends_on,
        ["its hooks are left out: a template runs nothing"] if data.get("hooks") else [],
    )


def _tasks(data: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[list[int]]]:
    raw = data.get("tasks")
    if not isinstance(raw, list) or not raw:
        raise ValueError("a template has at least one task, in a list 'tasks'")
    if len(raw) > MOST_TASKS:
        raise ValueError(f"a template has at most {MOST_TASKS} tasks, not {len(raw)}")
    tasks: list[dict[str, Any]] = []
    depends_on: list[list[int]] = []
    for place, item in enumerate(raw):
        if not isinstance(item, Mapping) or not isinstance(item.get("title"), str):
            raise ValueError(f"task {place} has no title")
        fields = {str(key).replace("-", "_"): value for key, value in item.items()}
        depends_on.append(_places(fields.pop("depends_on", None), place, len(raw)))
        if "criteria" in fields:
            fields["success_criteria"] = fields.pop("criteria")
        for text in _texts(fields):
            _check_braces(text, place)
        tasks.append({name: value for name, value in fields.items() if value is not None})
    extra = data.get("dependencies") or {}
    if not isinstance(extra, Mapping):
        raise ValueError("'dependencies' is not a mapping from a task's place to a list of places")
    for key, value in extra.items():
        (place,) = _places(key, -1, len(raw))
        depends_on[place] += [
            each for each in _places(value, place, len(raw)) if each not in depends_on[place]
        ]
    return tasks, depends_on


def _places(value: object, place: int, count: int) -> list[int]:
    """Places of tasks, from 0; also a single one, also as text."""
    if value is None:
        return []
    found: list[int] = []
    for each in value if isinstance(value, list) else [value]:
        number = int(each) if isinstance(each, str) and each.isdecimal() else each
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < count:
            who = f"task {place} depends on" if place >= 0 else "'dependencies' names"
            raise ValueError(f"{who} {each!r}, which is no place from 0 to {count - 1}")
        if number == place:
            raise ValueError(f"task {place} depends on itself")
        found += [number] if number not in found else []
    return found


def _check_braces(text: str, place: int) -> None:
    for found in _BRACES.findall(text):
        if not PLACEHOLDER.fullmatch(found):
            raise ValueError(
                f"task {place}: {found[:60]!r} is not understood: only a variable's name may stand"
                " between the braces"
            )


def _texts(value: object) -> Iterator[str]:
    """All texts in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _used(tasks: list[dict[str, Any]]) -> list[str]:
    return [name for text in _texts(tasks) for name in PLACEHOLDER.findall(text)]


def filled(value: Any, values: Mapping[str, Any]) -> Any:
    """A value with its placeholders replaced, once: what is put in is text and nothing else.

    A text that is one placeholder becomes the variable's value, of whatever type that is.
    """
    if isinstance(value, Mapping):
        return {key: filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, values) for item in value]
    if not isinstance(value, str):
        return value
    whole = PLACEHOLDER.fullmatch(value.strip())
    if whole:
        return values[whole[1]]
    return PLACEHOLDER.sub(lambda found: as_text(values[found[1]]), value)


def as_text(value: Any) -> str:
    """A variable's value within a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, list):
        return ", ".join(map(as_text, value))
    return str(value)
