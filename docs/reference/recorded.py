"""Which events there are, read from the code that records them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from tm_core.api import STATUSES, Change, Task
from tm_core.engine.happening import event_data, type_of

ROOT = Path(__file__).parents[2]
_TYPE = re.compile(r"[a-z_]+\.[a-z_]+")
_OF_THE_CALL = ("private_to",)


class Recorded(NamedTuple):
    """A type of event, from one place that records it."""

    type: str
    source: str
    """The package."""
    data: tuple[str, ...]
    """Keys of its data; one that is not always there ends in a question mark."""
    more: bool
    """Whether there are keys that cannot be read from the call."""


def page() -> Iterator[str]:
    """The page about events."""
    yield "# Events"
    yield ""
    yield "Every transaction appends events to the log. `tm log --json` gives each as an object of"
    yield "`seq`, `id`, `transaction_id`, `at`, `actor`, `session`, `type`, `task_id` and `data`."
    yield "Handlers get the same, and `--type` and a handler's `pattern` match the type."
    yield ""
    yield "## Changes of a task"
    yield ""
    yield "| type | when |\n| --- | --- |"
    for kind, when in _of_changes().items():
        yield f"| `{kind}` | {when} |"
    yield ""
    yield inspect.getdoc(event_data) or ""
    yield "`data` has `before` (null for a new task) and `after`, objects of the fields that"
    yield "changed; and, where there are any, `rows` (what plugins wrote: table, key, before,"
    yield "after), `forced` (messages of what `--force` passed) and `plugins` (by name, what"
    yield "plugins add)."
    yield ""
    yield "## What else is recorded"
    yield ""
    yield "`rows` may be there, too. A key with a question mark is not always there, and `...`"
    yield "stands for keys that are put together at run time. Of an event that is private to"
    yield "somebody, others see only that there was one."
    yield ""
    yield "| type | from | data |\n| --- | --- | --- |"
    by_type: dict[tuple[str, str], list[Recorded]] = {}
    for each in recorded():
        by_type.setdefault((each.type, each.source), []).append(each)
    for (kind, source), places in sorted(by_type.items()):
        yield f"| `{kind}` | {source} | {_keys(places)} |"


def _keys(places: list[Recorded]) -> str:
    names = {name for place in places for name in place.data}
    everywhere = {name for name in names if all(name in place.data for place in places)}
    told = [f"`{n.rstrip('?')}{'' if n in everywhere and n[-1] != '?' else '?'}`" for n in names]
    return ", ".join([*sorted(set(told)), *(["..."] if any(p.more for p in places) else [])])


def _of_changes() -> dict[str, str]:
    """What the kernel calls each change, found by asking it about every change of status."""
    task = Task({"id": "0", "title": "x", "status": "pending"})
    found: dict[str, list[tuple[str, str]]] = {}
    for before, after in product(STATUSES, STATUSES):
        then, now = task.copy(), task.copy()
        then["status"], now["status"] = before, after
        found.setdefault(type_of(Change("update", "", then, now)), []).append((before, after))
    words = {
        type_of(Change("add", "", None, task)): "it is added",
        type_of(Change("import", "", None, task)): "it is imported",
    }
    for kind, moves in sorted(found.items()):
        sources = [source for source in STATUSES if source in {before for before, _ in moves}]
        targets = [target for target in STATUSES if target in {after for _, after in moves}]
        words[kind] = f"from {' or '.join(sources)} to {' or '.join(targets)}"
    words["task.updated"] = "anything else of it changes"
    return words


def recorded() -> Iterator[Recorded]:
    """Every type of event that a call in the code names."""
    for folder in (ROOT / "tm_core", *sorted((ROOT / "plugins").iterdir())):
        paths = [p for p in folder.rglob("*.py") if not {"tests", "testing"} & {*p.parts}]
        trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
        for tree in trees.values():
            for function in ast.walk(tree):
                if isinstance(function, ast.FunctionDef):
                    yield from _in_function(function, folder.name, trees)


def _in_function(
    function: ast.FunctionDef, source: str, trees: dict[str, ast.Module]
) -> Iterator[Recorded]:
    for call in ast.walk(function):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args):
            continue
        if call.func.attr not in ("event", "append"):
            continue
        types = [text for text in _texts(call.args[0], trees) if _TYPE.fullmatch(text)]
        data = call.args[2] if call.func.attr == "append" and len(call.args) > 2 else None
        if not types or (call.func.attr == "append" and data is None):
            continue
        keys: list[str] = [k.arg for k in call.keywords if k.arg and k.arg not in _OF_THE_CALL]
        spread = [k.value for k in call.keywords if k.arg is None] + ([data] if data else [])
        more = False
        for value in spread:
            found = keys_of(value, function)
            keys += found or []
            more |= found is None
        for kind in types:
            yield Recorded(kind, source, tuple(keys), more)


def _texts(node: ast.expr, trees: dict[str, ast.Module]) -> list[str]:
    """The strings that an expression may be: a literal, one of two, or an item of a constant."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.IfExp):
        return _texts(node.body, trees) + _texts(node.orelse, trees)
    if isinstance(node, ast.Subscript):
        place = node.value
        name = place.attr if isinstance(place, ast.Attribute) else getattr(place, "id", "")
        for tree in trees.values():
            for each in tree.body:
                value = getattr(each, "value", None)
                if not (isinstance(each, ast.Assign) and isinstance(value, ast.Dict)):
                    continue
                if name in (getattr(target, "id", "") for target in each.targets):
                    return [text for item in value.values for text in _texts(item, {})]
    return []


def keys_of(node: ast.expr, function: ast.FunctionDef) -> list[str] | None:
    """The keys of a dictionary that the function writes down; None where they cannot be read."""
    if isinstance(node, ast.Dict):
        if any(key is None for key in node.keys):
            return None
        return [str(key.value) for key in node.keys if isinstance(key, ast.Constant)]
    if not isinstance(node, ast.Name):
        return None
    keys: list[str] | None = None
    for each in ast.walk(function):
        target = getattr(each, "target", None) or next(iter(getattr(each, "targets", ())), None)
        value = getattr(each, "value", None)
        if isinstance(target, ast.Name) and target.id == node.id and isinstance(value, ast.Dict):
            keys = keys_of(value, function)
    if keys is None:
        return None
    for each in ast.walk(function):
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Subscript):
            part = each.targets[0]
            if getattr(part.value, "id", "") == node.id and isinstance(part.slice, ast.Constant):
                keys.append(f"{part.slice.value}?")
    return keys
