"""The files of a new plugin package, made from what its author has chosen."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from keyword import iskeyword
from string import Template
from typing import NamedTuple

from tm_core.api import API_VERSION

from . import examples, pages

_SOURCES = {
    "typing": ("Annotated", "Any", "NamedTuple"),
    "collections.abc": ("Callable", "Iterable", "Iterator", "Mapping", "Sequence"),
    "pathlib": ("Path",),
    "tm_core": ("TaskManager",),
    "tm_core.testing": ("Cli", "PluginConformance", "run_readme"),
    "tm_core.api": (
        *("OPEN", "Change", "ConfigProvider", "Context", "Event", "Finding", "Handler"),
        *("MetricCalculator", "Output", "Param", "Problem", "Task", "TaskId", "TaskSet"),
        *("UsageError", "ValidationError", "Validator", "hookimpl"),
    ),
}
_ORIGIN = {name: module for module, names in _SOURCES.items() for name in names}
_STANDARD = ("collections.abc", "pathlib", "typing")
_MODULES = {"json": True, "os": True, "pytest": False}
"""Modules that are imported as such, and whether they are of the standard library."""


class FieldChoice(NamedTuple):
    """A field that the new plugin declares."""

    name: str
    type: str
    choices: tuple[str, ...] = ()


class Choices(NamedTuple):
    """What an author wants of a new package."""

    name: str
    """The plugin's name: lower case, digits and dashes."""
    summary: str
    author: str
    hooks: tuple[str, ...] = ()
    fields: tuple[FieldChoice, ...] = ()
    actions: tuple[str, ...] = ()
    """Names of commands; a space makes a subcommand."""
    migration: bool = False
    """Whether it has a table of its own, with actions that use it."""

    @property
    def ident(self) -> str:
        """The name as an identifier."""
        return self.name.replace("-", "_")

    @property
    def package(self) -> str:
        """The name of the package."""
        return f"tm_{self.ident}"

    @property
    def distribution(self) -> str:
        """The name of the distribution, and of its folder."""
        return f"tm-{self.name}"

    def fill(self, text: str, **more: str) -> str:
        """A template with the plugin's names put in."""
        return Template(text).substitute(
            name=self.name,
            ident=self.ident,
            package=self.package,
            distribution=self.distribution,
            prefix=f"{self.ident}_",
            title=_camel(self.name),
            **more,
        )


def files(choices: Choices) -> dict[str, str]:
    """Text by path within the package's folder."""
    source = f"src/{choices.package}"
    found = {
        "pyproject.toml": choices.fill(
            pages.PROJECT,
            summary=_quoted(choices.summary),
            author=_quoted(choices.author),
        ),
        ".gitignore": pages.IGNORED,
        ".github/workflows/test.yml": pages.WORKFLOW,
        "README.md": _readme(choices),
        f"{source}/__init__.py": _manifest(choices),
        f"{source}/py.typed": "",
        "tests/test_conformance.py": _conformance(choices),
        f"tests/test_{choices.ident}.py": _tests(choices),
    }
    parts: dict[str, list[str]] = {}
    for hook in choices.hooks:
        example = examples.HOOKS[hook]
        parts.setdefault(example.module, []).append(choices.fill(example.code))
    for module, code in parts.items():
        found[f"{source}/{module}.py"] = _module(pages.MODULES[module], code)
    actions = [examples.ACTION_ROW] if choices.actions else []
    for action in choices.actions:
        actions.append(choices.fill(examples.ACTION, **_action_names(action)))
    if choices.migration:
        actions.append(choices.fill(examples.NOTE_ACTIONS))
    if actions:
        found[f"{source}/actions.py"] = _module("What people can do with this plugin.", actions)
    if choices.actions:
        text = "What its results look like to a person."
        own = ["from .actions import Load"]
        found[f"{source}/views.py"] = _module(text, [examples.ACTION_VIEW], own)
    tables = [examples.HOOKS[hook].table for hook in choices.hooks]
    tables += [examples.NOTE_TABLE] if choices.migration else []
    script = "\n".join(choices.fill(table).strip() + "\n" for table in tables if table)
    if script:
        found[f"{source}/migrations/0001_create.sql"] = script
    return found


def _action_names(action: str) -> dict[str, str]:
    function = re.sub(r"\W", "_", action)
    words = ", ".join(map(_quoted, action.split()))
    return {
        "function": f"{function}_" if iskeyword(function) else function,
        "test_name": function,
        "words": words,
    }


def _manifest(choices: Choices) -> str:
    lines = [f"name={_quoted(choices.name)},", f"summary={_quoted(choices.summary)},"]
    lines.append(f"api=({API_VERSION[0]}, {API_VERSION[1]}),")
    used = {"Plugin"}
    if choices.fields:
        used.add("Field")
        lines += ["fields=(", *(f"    {line}" for f in choices.fields for line in _field(f)), "),"]
    if choices.hooks:
        used.add("Hook")
        lines.append("hooks={")
        for hook in choices.hooks:
            example = examples.HOOKS[hook]
            arguments = [_quoted(f"{choices.package}.{example.module}")]
            if example.when:
                arguments.append(f"when={_tuple(example.when)}")
            lines += _call(f"{_quoted(hook)}: Hook", arguments)
        lines.append("},")
    actions: list[tuple[str, list[str]]] = []
    for action in choices.actions:
        targets = (f"actions:{_action_names(action)['function']}", "views:counted")
        target, shown = (_quoted(f"{choices.package}.{each}") for each in targets)
        actions.append((action, [target, '"Count the open tasks of each person"', shown]))
    if choices.migration:
        target = f"{choices.package}.actions"
        keep = [_quoted(f"{target}:note"), '"Keep a note about a task"', "writes=True"]
        actions += [
            (f"{choices.name} note", keep),
            (f"{choices.name} notes", [_quoted(f"{target}:notes"), '"List the notes"']),
        ]
    if actions:
        used.add("Action")
        lines.append("actions={")
        for name, arguments in actions:
            lines += _call(f"{_quoted(name)}: Action", arguments)
        lines.append("},")
    if choices.migration or any(examples.HOOKS[hook].table for hook in choices.hooks):
        lines.append('migrations="migrations",')
    body = "\n".join(f"    {line}" for line in lines)
    return (
        f'"""{choices.summary}."""\n\n'
        f"from tm_core.api import {', '.join(sorted(used))}\n\n"
        f"plugin = Plugin(\n{body}\n)\n"
    )


def _field(field: FieldChoice) -> list[str]:
    arguments = [_quoted(field.name), _quoted(field.type)]
    arguments += ['on=("add", "update", "list")'] if field.type != "json" else []
    arguments.append(f"help={_quoted(field.name.replace('_', ' ').capitalize())}")
    arguments += [f"choices={_tuple(field.choices)}"] if field.choices else []
    return ["Field(", *(f"    {argument}," for argument in arguments), "),"]


def _call(name: str, arguments: Iterable[str]) -> list[str]:
    arguments = list(arguments)
    if len(arguments) == 1:
        return [f"    {name}({arguments[0]}),"]
    return [f"    {name}(", *(f"        {argument}," for argument in arguments), "    ),"]


def _conformance(choices: Choices) -> str:
    return _module(
        "The plugin stands what every plugin must stand, and its page says what happens.",
        [choices.fill(pages.CONFORMANCE)],
    )


def _tests(choices: Choices) -> str:
    parts = [choices.fill(examples.HOOKS[hook].test) for hook in choices.hooks]
    for field in choices.fields:
        value = examples.FIELD_VALUES.get(field.type) or _quoted(field.choices[0])
        parts.append(choices.fill(examples.FIELD_TEST, field=field.name, value=value))
    for action in choices.actions:
        parts.append(choices.fill(examples.ACTION_TEST, **_action_names(action)))
    if choices.migration:
        parts.append(choices.fill(examples.NOTE_TEST))
    parts = parts or [choices.fill(pages.BARE_TEST)]
    return _module("What the plugin does, through a store and through the command line.", parts)


def _readme(choices: Choices) -> str:
    steps = ['$ ID=$(tm add "Try it")\nTask created']
    for field in choices.fields:
        value = _shell(field)
        flag = "--" + field.name.replace("_", "-")
        steps.append(f"$ tm update $ID {flag} {value}\n...")
    steps += [f"$ tm {action}\nnobody\t1" for action in choices.actions]
    if choices.migration:
        steps += [f'$ tm {choices.name} note $ID "Ask ann"\n...', f"$ tm {choices.name} notes\n..."]
    if len(steps) == 1:
        steps.append("$ tm show $ID\n...")
    return choices.fill(pages.README, summary=choices.summary, session="\n".join(steps))


def _shell(field: FieldChoice) -> str:
    if field.choices:
        return field.choices[0]
    value = ast.literal_eval(examples.FIELD_VALUES[field.type])
    if isinstance(value, dict):
        return f"'{json.dumps(value)}'"
    text = value[0] if isinstance(value, list) else str(value)
    return f'"{text}"' if " " in text else text.lower() if value is True else text


def _module(docstring: str, parts: Iterable[str], own: Iterable[str] = ()) -> str:
    """A module of these parts, which imports what they name."""
    bodies = [part.strip("\n") for part in parts]
    code = "\n\n\n".join(bodies)
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    local = {name for line in own for name in re.findall(r"\w+", line.partition("import")[2])}
    groups = [
        [*_plain(used, True), *_from(used - local, _STANDARD)],
        [
            *_plain(used, False),
            *_from(used - local, ("tm_core", "tm_core.api", "tm_core.testing")),
        ],
        list(own),
    ]
    imports = "\n\n".join("\n".join(group) for group in groups if group)
    return f'"""{docstring}"""\n\nfrom __future__ import annotations\n\n{imports}\n\n\n{code}\n'


def _plain(used: set[str], standard: bool) -> list[str]:
    return [
        f"import {name}" for name, kind in _MODULES.items() if kind is standard and name in used
    ]


def _from(used: set[str], modules: Iterable[str]) -> list[str]:
    lines = []
    for module in modules:
        names = sorted(
            (name for name in used if _ORIGIN.get(name) == module),
            key=lambda name: (name != name.upper(), not name[0].isupper(), name),
        )
        line = f"from {module} import {', '.join(names)}"
        if len(line) > 100:
            line = f"from {module} import (\n" + "".join(f"    {n},\n" for n in names) + ")"
        lines += [line] if names else []
    return lines


def _camel(text: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[\W_]+", text))


def _tuple(items: Iterable[str]) -> str:
    inner = ", ".join(map(_quoted, items))
    return f"({inner},)" if inner.count(",") == 0 else f"({inner})"


def _quoted(text: str) -> str:
    """As Python, TOML and JSON write a string."""
    return json.dumps(text, ensure_ascii=False)
