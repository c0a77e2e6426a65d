"""What `--json` gives, read from what the actions say that they return."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recorded import keys_of

from tm_core.api import Action, Document, Event, Task
from tm_core.command_line.invocation import Invocation
from tm_core.workspace import Workspace

_WORDS = {str: "string", int: "integer", float: "number", bool: "true or false", Any: "any value"}


class Shapes:
    """Describes types, and remembers the records that it met."""

    def __init__(self) -> None:
        self.records: dict[str, type] = {}

    def told(self, hint: Any) -> str:
        """A type in words, with links to the records."""
        if hint in _WORDS:
            return _WORDS[hint]
        if hint is None or hint is types.NoneType:
            return "null"
        if hint is Task:
            return "[task](#task)"
        if hint is Document:
            return "text as it is, not JSON"
        origin, parts = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            return self.told(parts[0])
        if origin in (types.UnionType, typing.Union):
            return " or ".join(self.told(part) for part in parts)
        kind = origin or hint
        if inspect.isclass(kind):
            if hasattr(kind, "as_dict"):
                returned = typing.get_type_hints(kind.as_dict).get("return", Any)
                text = (inspect.getdoc(kind.as_dict) or "").splitlines()[:1]
                return f"{self.told(returned)}: {''.join(text).rstrip('.').lower()}"
            if hasattr(kind, "_fields") or typing.is_typeddict(kind):
                return self._record(kind)
            if issubclass(kind, Mapping):
                values = self.told(parts[1]) if len(parts) > 1 else "any value"
                return "object" if values == "any value" else f"object, by name: {values}"
            if issubclass(kind, tuple) and parts and parts[-1] is not Ellipsis:
                return f"list: {', '.join(self.told(part) for part in parts)}"
            if issubclass(kind, Iterable):
                return f"list of {self.told(parts[0])}" if parts else "list"
        return "string"

    def _record(self, kind: type) -> str:
        name = kind.__name__
        while self.records.setdefault(name, kind) is not kind:
            name = f"{kind.__module__.partition('.')[0]}-{name}"
        return f"[{name}](#{name.lower()})"

    def record(self, name: str) -> Iterator[str]:
        """One record: what it is, and its keys."""
        kind = self.records[name]
        yield f"\n### {name}\n\n{(inspect.getdoc(kind) or '').splitlines()[0]}\n"
        try:
            hints = typing.get_type_hints(kind, include_extras=False)
        except NameError:
            hints = dict.fromkeys(kind.__annotations__, Any)
        for key, hint in hints.items():
            yield f"- `{key}`: {self.told(hint)}"


def _keys(function: Any) -> str:
    """The keys of the object that an action writes down as its result; empty where it does not."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    found: list[list[str]] = []
    for each in ast.walk(tree):
        if isinstance(each, ast.Return) and each.value is not None:
            value = each.value.elt if isinstance(each.value, ast.ListComp) else each.value
            keys = keys_of(value, tree)
            if keys and keys not in found:
                found.append(keys)
    ways = [", ".join(f"`{key}`" for key in keys) for keys in found]
    return f": {'; or '.join(ways)}" if ways else ""


def page(workspace: Workspace) -> Iterator[str]:
    """The page about results."""
    shapes = Shapes()
    shapes.told(Event)
    yield "# Results in JSON"
    yield ""
    yield "With `--json`, a command prints one JSON value on standard output, and `TaskManager`'s"
    yield "method of the same name gives it as Python objects. Each warning is one line on standard"
    yield 'error, `{"warning": "..."}`, and so is an error, `{"error": {"code": "not_found",'
    yield '"exit": 3, "message": "...", "hint": "..."}}`; the hint may be absent.'
    yield ""
    yield "The keys of an object are those that the action's code writes down; where it names none,"
    yield "the code puts them together, and the feature's page tells more."
    yield ""
    yield "| command | result |\n| --- | --- |"
    for name, (plugin, entry) in sorted(Invocation(False, workspace).entries().items()):
        if isinstance(entry, Action):
            function = workspace.host.load(plugin, entry.target)
            try:
                returned = typing.get_type_hints(function).get("return", Any)
            except NameError:  # a type that is imported for checks only
                returned = Any
            yield f"| `{name}` | {shapes.told(returned)}{_keys(function)} |"
    yield "\n## Task\n"
    yield "An object with each [field](fields.md) of the features that are on, null where it has no"
    yield "value, and what features tell beside that (`criteria`, `claim`, ...). Times are UTC."
    yield "\n## Records"
    done: set[str] = set()
    while missing := sorted(shapes.records.keys() - done):
        for name in missing:
            done.add(name)
            yield from shapes.record(name)
