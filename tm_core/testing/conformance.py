"""What every plugin must stand, as tests that an author runs with one class.

from tm_core.testing import PluginConformance

class TestConformance(PluginConformance):
    plugin = "hello"
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from tm_core.configuration.cache import default_cache_folder
from tm_core.errors import TmError
from tm_core.hookspecs import HOOKS, Hooks, hookimpl
from tm_core.manager import TaskManager
from tm_core.model import Field, Plugin, Task
from tm_core.plugin_host.actions import signature_of
from tm_core.plugin_host.host import Host
from tm_core.plugin_host.registry import GROUP, Installed, installed_plugins
from tm_core.plugin_host.schema import migration_sets
from tm_core.storage import migrate

from .command_line import Cli, Result

_TABLE = re.compile(r"CREATE\s+(?:VIRTUAL\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?\"?(\w+)", re.I)
_IMPORTED = """
import importlib, sys
import tm_core.api
for name in tm_core.api.__all__:  # which imports where each comes from
    getattr(tm_core.api, name)
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print(*sorted(set(sys.modules) - before), sep="\\n")
"""
_SAMPLES: Mapping[str, Any] = {
    "str": "sample",
    "int": 1,
    "float": 1.5,
    "bool": True,
    "datetime": "2031-05-06T07:08:09.000000Z",
    "duration": 1.5,
    "list": ["sample"],
    "json": [],
}


class PluginConformance:
    """Examines one installed plugin; subclass it, and name the plugin."""

    plugin = ""
    """The name of the plugin, as its manifest and its entry point have it."""

    def use(self, tm: TaskManager, task: Task) -> None:
        """Make data of the plugin's in a store, about a task, which must outlive being turned off.

        By default each field of the plugin that `tm update` takes gets a value that fits its type.
        Override it to use the plugin as people do, above all where it has tables of its own.
        """
        for name, field in tm.host.fields_on("update").items():
            holder = tm.host.declared.get(name)
            if holder is not None and holder[0].name == self.plugin and field.stored:
                try:
                    tm.update(task.id, **{name: _sample(field, task)})
                except TmError:  # the plugin's own rules ask for more than its type
                    continue

    @pytest.fixture
    def plugin_name(self) -> str:
        """The plugin that is examined."""
        assert self.plugin, f"{type(self).__name__}.plugin must name the plugin"
        return self.plugin

    @pytest.fixture
    def found(self, tm_environ: Path, plugin_name: str) -> Installed:
        """The plugin as `tm` has found it."""
        self.plugin = plugin_name
        installed = installed_plugins(default_cache_folder(os.environ))
        found = [one for one in installed if one.name == plugin_name]
        assert found, f"no installed distribution has the entry point '{plugin_name}' in {GROUP}"
        return found[0]

    @pytest.fixture
    def manifest(self, found: Installed) -> Plugin:
        """The plugin's manifest."""
        assert found.manifest is not None, f"plugin '{found.name}': {found.error}"
        return found.manifest

    @pytest.fixture
    def off(self, found: Installed, tm_cli: Cli) -> Cli:
        """The command line with the plugin off."""
        return Cli(tm_cli.folder, "-p", f"no:{found.name}")

    @pytest.fixture
    def on(self, found: Installed, tm_cli: Cli) -> Cli:
        """The command line with the plugin on, and all that it requires."""
        return Cli(tm_cli.folder, *(word for name in _needed(found) for word in ("-p", name)))

    def test_its_manifest_can_be_used(self, found: Installed) -> None:
        """It is literal, of this API, and named as its entry point."""
        assert found.error == ""
        assert found.manifest is not None
        assert found.manifest.summary.strip(), "a plugin's summary tells what a user gets from it"

    def test_importing_it_imports_nothing_else(self, found: Installed) -> None:
        """Its manifest is read whenever something was installed; modules wait until needed."""
        done = subprocess.run(
            [sys.executable, "-c", _IMPORTED, found.module],
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        parts = found.module.split(".")
        own = {".".join(parts[: length + 1]) for length in range(len(parts))}
        assert set(done.stdout.split()) <= own, (
            f"importing {found.module} must import tm_core.api and nothing else"
        )

    def test_it_imports_only_the_api_and_itself(self, found: Installed) -> None:
        """No other module of the kernel, no other plugin: those may change at any time."""
        others = {
            entry.module.partition(".")[0]
            for entry in importlib.metadata.entry_points(group=GROUP)
            if entry.module != found.module
        }
        wrong = []
        for path in sorted(Path(found.folder).rglob("*.py")):
            allowed = {"tm_core.api"}
            if "tests" in path.relative_to(found.folder).parts:
                allowed |= {"tm_core", "tm_core.testing"}
            for line, module in _imports(path):
                kernel = module.partition(".")[0] == "tm_core" and module not in allowed
                if kernel or module.partition(".")[0] in others:
                    wrong.append(f"{path.name}:{line} imports {module}")
        assert wrong == []

    def test_its_manifest_is_what_it_implements(self, found: Installed, manifest: Plugin) -> None:
        """Each hook, action, view and command is there, and no hook waits in vain."""
        implemented: set[str] = set()
        declared = {hook.target for hook in manifest.hooks.values()}
        for target in sorted(declared):
            module = importlib.import_module(target)
            implemented |= {
                name for name, value in vars(module).items() if hasattr(value, "tm_impl")
            }
        assert implemented == set(manifest.hooks), "hooks of the manifest and with @hookimpl"
        for hook, where in manifest.hooks.items():
            function = getattr(importlib.import_module(where.target), hook)
            known = set(inspect.signature(getattr(Hooks, hook)).parameters) - {"self"}
            taken = set(inspect.signature(function).parameters)
            assert taken <= known, f"{hook} takes {taken - known}, which it is not given"
        for name, action in manifest.actions.items():
            signature = signature_of(_loaded(action.target))
            assert signature.text.strip(), f"the function of '{name}' has no docstring"
            assert not action.view or callable(_loaded(action.view)), action.view
        for name, command in manifest.commands.items():
            assert isinstance(_loaded(command.target), click.Command), name
        for field in manifest.fields:
            for setting in filter(None, (field.choices_setting, field.default_setting)):
                assert setting in manifest.config, f"field {field.name}: there is no {setting}"

    def test_it_uses_nothing_that_is_to_go(
        self, found: Installed, tm_host: Callable[..., Host]
    ) -> None:
        """What is deprecated warns, for two minor versions of the API, before it goes."""
        host = tm_host(only=_needed(found))
        for hook in HOOKS:
            host.implementations(hook)
        for use in host.deprecated:
            if use.plugin == found.name:
                warnings.warn(f"{use.where}: {use.cause}", DeprecationWarning, stacklevel=1)

    def test_every_command_has_help_and_json(
        self, found: Installed, manifest: Plugin, on: Cli
    ) -> None:
        """`--help` tells what each does; `--json` is taken by each; a write takes `--dry-run`."""
        for words, options in _commands(manifest):
            shown = on(*words, "--help").out
            name = " ".join(words)
            assert "Usage: tm" in shown, f"tm {name} --help: {shown}"
            assert re.search(r"^  \w", shown, re.MULTILINE), f"tm {name} --help tells nothing"
            for option in options:
                assert option in shown, f"tm {name} does not take {option}"

    def test_the_core_works_with_it(self, found: Installed, on: Cli, off: Cli) -> None:
        """On, what goes to standard output is data; off, nothing of it is in the way."""
        _core_verbs(on, refusals=True)
        _core_verbs(off)

    def test_off_its_commands_and_options_are_gone(
        self, found: Installed, manifest: Plugin, off: Cli, on: Cli
    ) -> None:
        """Using one says which feature it belongs to."""
        for words in {tuple(name.split()) for name in (*manifest.actions, *manifest.commands)}:
            said = off(*words, "--help", code=None)
            assert said.code in (0, 8), said  # 0: another plugin offers that one, too
            assert said.code == 0 or "is disabled" in said.err, said
        shown = off("add", "--help").out
        flags = set(re.findall(r"--[\w-]+", on("add", "--help").out))
        for field in manifest.fields:
            flag = (field.options or ("--" + field.name.replace("_", "-"),))[0]
            if "add" in field.on and flag in flags:
                assert not re.search(rf"{flag}\b(?!-)", shown), f"{flag} is there while it is off"

    def test_its_data_outlives_being_turned_off(
        self, found: Installed, manifest: Plugin, on: Cli, off: Cli
    ) -> None:
        """Off, its columns and tables stay; on again, everything is as it was."""
        with _opened(on, found) as tm:
            task = tm.add("Kept")
            self.use(tm, task)
            before = _data(tm, found, manifest)
            shown = tm.get(task.id).as_dict()
        off("update", task.id, "--description", "changed while it was off")
        off("add", "Another")
        with _opened(on, found) as tm:
            assert _data(tm, found, manifest) == before
            again = tm.get(task.id).as_dict()
        changes = {"description", "updated_at", "version"}
        changed = {name for name in shown if again.get(name) != shown[name]}
        own = {field.name for field in manifest.fields}
        assert not changed & own - changes, f"{changed & own} changed while it was off"

    def test_a_hook_that_raises_never_breaks_the_core(
        self, found: Installed, manifest: Plugin, on: Cli, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whichever fails, each command ends as it should, and names the plugin if at all."""
        for hook, where in manifest.hooks.items():
            if hook == "storage_backends":
                continue  # without its storage there is no store to go on with
            with monkeypatch.context() as patch:
                patch.setattr(importlib.import_module(where.target), hook, hookimpl(_fail))
                said = _core_verbs(on, refusals=hook == "task_validate")
            for result in said:
                assert "Traceback" not in result.err, f"{hook}: {result.err}"
                for line in result.err.splitlines():
                    if "always fails" in line:
                        assert f"plugin '{found.name}'" in line, line
        with _opened(on, found) as tm:
            assert tm.database.check() == []

    def test_its_migrations_are_done_once(
        self, found: Installed, manifest: Plugin, on: Cli
    ) -> None:
        """Opening again does nothing, and its tables bear its name."""
        prefix = found.name.replace("-", "_") + "_"
        for table in _tables(found, manifest):
            assert table.startswith(prefix), f"{table} must begin with {prefix}"
        with _opened(on, found) as tm:
            # The fingerprint says that all is done; without it each step is looked at again.
            with tm.database.transaction():
                tm.database.execute("DELETE FROM schema_fingerprint")
            sets = migration_sets(tm.host)
            assert migrate.pending(tm.database, sets) == []
        with _opened(on, found) as tm:
            assert tm.migrated == []


def _fail() -> None:
    raise RuntimeError("this hook always fails")


def _sample(field: Field, task: Task) -> Any:
    if field.choices:
        return field.choices[0]
    if field.type == "task":
        return task.id
    value = _SAMPLES[field.type]
    if field.minimum is not None and not isinstance(value, (str, list)):
        value = max(value, field.minimum)
    return value


def _needed(found: Installed) -> list[str]:
    """The plugin and, before it, what it requires, and what that requires."""
    manifests = {
        one.name: one.manifest
        for one in installed_plugins(default_cache_folder(os.environ))
        if one.manifest is not None
    }
    names: list[str] = []

    def add(name: str) -> None:
        if name not in names and name in manifests:
            for other in manifests[name].requires:
                add(other)
            names.append(name)

    add(found.name)
    return names


def _opened(on: Cli, found: Installed) -> TaskManager:
    settings = [f"plugins.enable={','.join(_needed(found))}"]
    return TaskManager.open(str(on.folder), settings=settings)


def _loaded(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.lineno, node.module


def _commands(manifest: Plugin) -> Iterator[tuple[list[str], list[str]]]:
    """The words of each command, and the options that it must take."""
    for name, action in manifest.actions.items():
        yield name.split(), ["--json", *(["--dry-run"] if action.writes else [])]
    for name, command in manifest.commands.items():
        yield from _below(name.split(), _loaded(command.target))


def _below(words: list[str], command: click.Command) -> Iterator[tuple[list[str], list[str]]]:
    yield words, ["--json"]
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _below([*words, name], inner)


def _core_verbs(cli: Cli, *, refusals: bool = False) -> list[Result]:
    """Add, list, show, update, complete and delete; gives what each said.

    Args:
        cli: The command line.
        refusals: A change may be refused (exit code 5), as by a rule of the plugin.
    """
    codes = (0, 5) if refusals else (0,)
    said: list[Result] = []

    def run(*words: str, codes: tuple[int, ...] = codes) -> Result:
        result = cli(*words, code=None)
        assert result.code in codes, f"tm {' '.join(words)}: {result}"
        said.append(result)
        return result

    task_id = run("add", "A task of the examination").out.strip()
    if said[-1].code:
        run("list", codes=(0,))
        return said
    assert re.fullmatch(r"\S+", task_id), f"tm add must print the id alone, not {task_id!r}"
    listed = json.loads(run("list", "--json", codes=(0,)).out)
    assert task_id in [task["id"] for task in listed]
    assert json.loads(run("show", task_id, "--json", codes=(0,)).out)["id"] == task_id
    run("update", task_id, "--title", "Changed")
    run("complete", task_id)
    run("delete", task_id)
    return said


def _tables(found: Installed, manifest: Plugin) -> list[str]:
    """The tables that the plugin's migrations make."""
    names: list[str] = []
    for step in found.migrations:
        text = (Path(found.folder) / manifest.migrations / step).read_text(encoding="utf-8")
        names += _TABLE.findall(text)
    return names


def _data(tm: TaskManager, found: Installed, manifest: Plugin) -> dict[str, list[Any]]:
    """All that the store holds of the plugin's: its tables, and its columns of the first task."""
    rows: dict[str, list[Any]] = {}
    for table in _tables(found, manifest):
        if tm.database.columns(table):
            rows[table] = sorted(map(_ordered, tm.database.query(f'SELECT * FROM "{table}"')))
    columns = [f'"{f.name}"' for f in manifest.fields if f.name in tm.store.fields and f.stored]
    if columns:
        text = f"SELECT {', '.join(columns)} FROM task WHERE title = 'Kept'"
        rows["task"] = [_ordered(row) for row in tm.database.query(text)]
    return rows


def _ordered(row: Mapping[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, default=repr)
