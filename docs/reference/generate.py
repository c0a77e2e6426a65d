"""Writes the reference pages from the code: `python docs/reference/generate.py [--check]`.

With `--check` nothing is written; exit code 1 names the pages that have drifted.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import recorded
import shapes

import tm_core.api
import tm_core.testing
from tm_core import errors
from tm_core.command_line.invocation import Invocation
from tm_core.configuration.settings import KERNEL_SETTINGS
from tm_core.hookspecs import HOOKS, Hooks
from tm_core.model import TASK_FIELDS, Action, Field, Plugin
from tm_core.plugin_host.actions import Parameter, signature_of
from tm_core.plugin_host.host import Host
from tm_core.workspace import Workspace

HERE = Path(__file__).parent
NOTE = "<!-- Written by docs/reference/generate.py: edit the code, not this page. -->"


def main(arguments: list[str]) -> int:
    """Write or check all pages."""
    # Without anybody's configuration, and with every feature on.
    bare = Workspace("/", environ={}, report=print)
    everything = [manifest.name for manifest in _manifests(bare.host)]
    workspace = Workspace("/", environ={}, plugin_flags=everything, report=print)
    pages = {
        "api.md": api(),
        "hooks.md": hooks(),
        "commands.md": commands(workspace),
        "configuration.md": configuration(workspace.host),
        "fields.md": fields(workspace.host),
        "exit-codes.md": exit_codes(),
        "events.md": recorded.page(),
        "results.md": shapes.page(workspace),
        "kernel.md": kernel(),
    }
    stale = []
    for name, lines in pages.items():
        text = f"{NOTE}\n\n" + "\n".join(lines).rstrip() + "\n"
        path = HERE / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    if stale:
        print(f"{'stale' if '--check' in arguments else 'written'}: {', '.join(stale)}")
    return 1 if stale and "--check" in arguments else 0


def api() -> Iterator[str]:
    """All that a plugin may import: a change of it shows as a change of this page."""
    yield "# The API of plugins"
    yield ""
    version = ".".join(map(str, tm_core.api.API_VERSION))
    yield f"Version {version}. A manifest names the one that it needs, as a major one, `api=1`,"
    yield "or with the least minor one, `api=(1, 0)`. A minor version only adds. What goes stays"
    yield "for two minor versions, and `tm plugins doctor` tells who uses it."
    for title, module in (("For plugins", tm_core.api), ("For their tests", tm_core.testing)):
        yield ""
        yield f"## {title}: `{module.__name__}`"
        yield ""
        for name in sorted(module.__all__, key=str.lower):
            yield f"- `{name}{_shape(getattr(module, name))}`"


def _shape(value: Any) -> str:
    """What tells whether a public name is still the same: its parameters, fields or methods."""
    if inspect.isclass(value):
        parts = list(getattr(value, "_fields", ()))
        if not parts and not issubclass(value, BaseException):
            parts = sorted(name for name in _members(value) if not name.startswith("_"))
        return f": {', '.join(parts)}" if parts else ""
    if inspect.isfunction(value):
        return f"({', '.join(inspect.signature(value).parameters)})"
    return ""


def _members(kind: type) -> set[str]:
    """The names that a class and those that it is made from define, of ours."""
    ours = [each for each in kind.__mro__ if each.__module__.startswith("tm_core")]
    return {n for each in ours for n in (*vars(each), *inspect.get_annotations(each))}


def kernel() -> Iterator[str]:
    """Every module of the kernel, by its folder, with what it says of itself."""
    yield "# The kernel's modules"
    yield ""
    yield "What each module of `tm_core` is for, in its own words. [How it is"
    yield "built](../explanation/architecture.md) tells how they work together."
    folder = Path(tm_core.api.__file__).parent
    for room in (folder, *sorted(path.parent for path in folder.glob("*/__init__.py"))):
        yield f"\n## {room.relative_to(folder.parent).as_posix()}\n"
        yield f"{_first_sentences(room / '__init__.py')}\n"
        yield "| module | what it is for |"
        yield "| --- | --- |"
        for path in sorted(room.glob("[!_]*.py")):
            yield f"| `{path.stem}` | {_first_sentences(path)} |"


def _first_sentences(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def hooks() -> Iterator[str]:
    """Every hook with its arguments and its docstring."""
    yield "# Hooks"
    yield ""
    yield "What a plugin can implement. The text of each entry is the hook's own docstring."
    for name in HOOKS:
        function = getattr(Hooks, name)
        arguments = [p for p in inspect.signature(function).parameters if p != "self"]
        yield f"\n## {name}\n\n`{name}({', '.join(arguments)})`\n"
        yield inspect.getdoc(function) or ""


def commands(workspace: Workspace) -> Iterator[str]:
    """Every command of the kernel and the built-in plugins."""
    invocation = Invocation(False, workspace)
    yield "# Commands"
    yield ""
    yield "`tm COMMAND --help` says the same. Every command takes `--json`, `--actor` and"
    yield "`--debug`; every command that writes takes `--dry-run` and `--key`."
    for name, (plugin, entry) in sorted(invocation.entries().items()):
        yield f"\n## tm {name}\n\n{entry.help}. From `{plugin.name}`.\n"
        if isinstance(entry, Action):
            function = workspace.host.load(plugin, entry.target)
            signature = signature_of(function)
            for parameter in signature.parameters:
                yield _parameter(parameter)
            if signature.takes_fields:
                for field in workspace.host.fields_on(name).values():
                    yield f"- `{_flags(field)}`: {_meaning(field)}"


def _parameter(parameter: Parameter) -> str:
    name = parameter.name.upper() if parameter.kind != "option" else ", ".join(parameter.flags)
    return f"- `{name}`: {_meaning(parameter.field)}"


def _flags(field: Field) -> str:
    return ", ".join(field.options or ("--" + field.name.replace("_", "-"),))


def _meaning(field: Field) -> str:
    parts = [field.help or "as its name says", f"({field.type}"]
    if field.choices:
        parts[-1] += f": {', '.join(field.choices)}"
    if field.minimum is not None or field.maximum is not None:
        parts[-1] += f", from {_bound(field.minimum)} to {_bound(field.maximum)}"
    return " ".join(parts) + ")"


def _bound(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def configuration(host: Host) -> Iterator[str]:
    """Every setting of the kernel and the built-in plugins."""
    yield "# Configuration"
    yield ""
    yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
    settings: dict[str, Any] = dict(KERNEL_SETTINGS)
    for manifest in _manifests(host):
        settings |= {f"{manifest.name}.{key}": value for key, value in manifest.config.items()}
    for key, setting in settings.items():
        yield f"| `{key}` | {setting.type} | `{setting.default!r}` | {setting.help} |"
    yield "\n## Features\n\n| feature | default | what it is |\n| --- | --- | --- |"
    for manifest in _manifests(host):
        state = "on" if manifest.enabled else "off"
        yield f"| `{manifest.name}` | {state} | {manifest.summary} |"


def fields(host: Host) -> Iterator[str]:
    """Every field of a task."""
    yield "# Fields of a task"
    yield ""
    yield "| field | type | from | meaning |\n| --- | --- | --- | --- |"
    tables: list[tuple[str, tuple[Field, ...]]] = [("kernel", TASK_FIELDS)]
    tables += [(manifest.name, manifest.fields) for manifest in _manifests(host)]
    for owner, declared in tables:
        for field in declared:
            if field.stored:
                yield f"| `{field.name}` | {field.type} | {owner} | {field.help} |"


def exit_codes() -> Iterator[str]:
    """Every error, by its exit code."""
    yield "# Exit codes"
    yield ""
    yield "| code | error | when |\n| --- | --- | --- |\n| 0 | | done |"
    found: Mapping[str, type[errors.TmError]] = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.TmError)
    }
    for value in sorted(found.values(), key=lambda each: (each.exit_code, each.code)):
        summary = (inspect.getdoc(value) or "").splitlines()[0]
        yield f"| {value.exit_code} | `{value.code}` | {summary} |"


def _manifests(host: Host) -> list[Plugin]:
    return [one.manifest for one in host.installed if one.manifest is not None and one.built_in]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
