"""Decides which plugins are on, loads what a hook or command needs, and calls each in isolation."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .config import Config
from .errors import FeatureDisabled, PluginError, TmError
from .logs import log
from .migrate import MigrationSet
from .model import TASK_FIELDS, Action, Command, Failure, Field, Hook, Plugin
from .registry import Installed, describe, manifest_fault

_COLUMN_TYPES = {"int": "BIGINT", "bool": "BIGINT", "float": "DOUBLE PRECISION"}
_COLUMN_TYPES |= {"duration": "DOUBLE PRECISION"}


class Implementation(NamedTuple):
    """One plugin's function for one hook."""

    plugin: Installed
    function: Callable[..., Any]
    arguments: tuple[str, ...]


class Host:
    """The plugins of one process: what they declare, and how they are called."""

    def __init__(
        self,
        installed: Sequence[Installed],
        config: Config,
        *,
        report: Callable[[str], None],
        strict: bool = False,
        safe: bool = False,
    ) -> None:
        self.installed = list(installed)
        self.config = config
        self.failures: list[Failure] = []
        self._report = report
        self._strict = strict
        manifests = [one.manifest for one in installed if one.manifest is not None]
        choice = config.features(manifests)
        self.required = choice.required
        self.reasons = choice.reasons
        on = frozenset[str]() if safe else choice.enabled
        self.enabled = {
            one.name: one for one in installed if one.manifest is not None and one.name in on
        }
        for one in installed:
            if one.error and not safe:
                self._blame_start(one)
        self.dropped: dict[str, str] = {}
        """Plugins that are on, but that the store cannot serve: name -> why."""
        self._pluggy: Any = None
        self._registered: set[str] = set()
        self._attempted: set[tuple[str, str]] = set()
        self._declared: dict[str, tuple[Installed, Field]] | None = None

    def _blame_start(self, one: Installed) -> None:
        failure = Failure(one.name, one.source, "start", one.error)
        self.failures.append(failure)
        if one.name in self.required:
            raise PluginError(f"required plugin '{one.name}' ({one.source}): {one.error}")
        self._report(f"plugin '{one.name}' ({one.source}): {one.error}")

    def blame(self, plugin: Installed, where: str, error: BaseException) -> None:
        """Note and say, in one line, that a plugin did not do its part.

        Raises:
            PluginError: The project requires the plugin.
        """
        if self._strict:
            raise error
        log("warning", "feature %s: %s failed: %s", plugin.name, where, type(error).__name__)
        cause = error.message if isinstance(error, TmError) else describe(error)
        self.failures.append(Failure(plugin.name, plugin.source, where, cause))
        line = f"plugin '{plugin.name}' ({plugin.source}): {where}: {cause}"
        if plugin.name in self.required:
            raise PluginError(f"required {line}") from error
        self._report(line)

    def manifest(self, name: str) -> Plugin:
        """The manifest of an enabled plugin."""
        manifest = self.enabled[name].manifest
        assert manifest is not None
        return manifest

    def settings(self, name: str) -> Mapping[str, Any]:
        """A plugin's own settings, with defaults."""
        return self.config.section(self.manifest(name)) if name in self.enabled else {}

    def drop(self, name: str, cause: str) -> None:
        """Turn a plugin off for this process, because the store cannot serve it."""
        del self.enabled[name]
        self.dropped[name] = cause
        self._declared = None

    def is_known(self, name: str) -> bool:
        """Whether a plugin of this name is installed, on or off."""
        return any(one.name == name and one.manifest is not None for one in self.installed)

    def reconfigure(self, config: Config) -> None:
        """Take over a configuration with further layers; it does not choose plugins."""
        self.config = config
        self._declared = None

    # What is declared

    @property
    def declared(self) -> dict[str, tuple[Installed, Field]]:
        """The enabled plugins' fields by name; a clash is won by who comes first."""
        if self._declared is None:
            self._declared = {}
            taken = {field.name for field in TASK_FIELDS} | {"details"}
            for one in self.enabled.values():
                for field in self.manifest(one.name).fields:
                    if field.name in taken:
                        cause = f"the field '{field.name}' is declared already"
                        self.blame(one, "fields", PluginError(cause))
                        continue
                    taken.add(field.name)
                    if field.choices_setting:
                        choices = tuple(self.settings(one.name)[field.choices_setting])
                        field = field._replace(choices=choices)  # as configured
                    self._declared[field.name] = (one, field)
        return self._declared

    def fields(self) -> list[Field]:
        """The fields that are columns: the kernel's, then the enabled plugins'."""
        return [*TASK_FIELDS, *(field for _, field in self.declared.values() if field.stored)]

    def fields_on(self, verb: str) -> dict[str, Field]:
        """The fields that a verb takes, by name."""
        own = {field.name: field for field in TASK_FIELDS if verb in field.on}
        return own | {name: field for name, (_, field) in self.declared.items() if verb in field.on}

    def option_defaults(self, verb: str) -> dict[str, Any]:
        """What settings say of the verb's options that are not stored, where they say something."""
        found: dict[str, Any] = {}
        for name, (one, field) in self.declared.items():
            if field.default_setting and verb in field.on and not field.stored:
                value = self.settings(one.name)[field.default_setting]
                if value:
                    found[name] = value
        return found

    def actions(self) -> dict[str, tuple[Installed, Action]]:
        """The enabled plugins' actions by command name."""
        return self._table("actions")

    def commands(self) -> dict[str, tuple[Installed, Command]]:
        """The enabled plugins' plain commands by name."""
        return self._table("commands")

    def _table(self, kind: str) -> dict[str, tuple[Installed, Any]]:
        found: dict[str, tuple[Installed, Any]] = {}
        for one in self.enabled.values():
            for name, value in getattr(self.manifest(one.name), kind).items():
                holder = found.setdefault(name, (one, value))
                if holder[0] is not one:
                    cause = f"the command '{name}' belongs to {holder[0].source}"
                    self.blame(one, kind, PluginError(cause))
        return found

    def owner_of(self, command: str) -> str:
        """The installed plugin that is off and would offer this command; empty if none."""
        for one in self.installed:
            if one.manifest is None or one.name in self.enabled:
                continue
            offered = [*one.manifest.actions, *one.manifest.commands]
            if any(name == command or name.startswith(command + " ") for name in offered):
                return one.name
        return ""

    def owner_of_option(self, verb: str, flag: str) -> str:
        """The installed plugin that is off and would offer this option; empty if none."""
        for one in self.installed:
            if one.manifest is None or one.name in self.enabled:
                continue
            for field in one.manifest.fields:
                flags = field.options or ("--" + field.name.replace("_", "-"),)
                if verb in field.on and (flag in flags or flag == field.name):
                    return one.name
        return ""

    def check_enabled(self, name: str) -> None:
        """Raise FeatureDisabled when the plugin is installed but off, PluginError when dropped."""
        if name in self.dropped:
            why = self.dropped[name]
            raise PluginError(f"feature '{name}' is off: {why}", "tm migrate --apply")
        if name not in self.enabled and self.is_known(name):
            raise FeatureDisabled(name)

    def migration_sets(self) -> list[MigrationSet]:
        """What the enabled plugins expect to have been done to the store."""
        sets: list[MigrationSet] = []
        for one in self.enabled.values():
            own = [f for holder, f in self.declared.values() if holder is one and f.stored]
            names = (*(f"field:{field.name}" for field in own), *one.migrations)
            if names:
                sets.append(MigrationSet(one.name, names, _reader(one, own)))
        return sets

    # Calling

    def load(self, plugin: Installed, target: Any) -> Any:
        """What `module:name` names, imported now. Raises PluginError."""
        if not isinstance(target, str):
            return target
        import importlib

        module, _, attribute = target.partition(":")
        try:
            with contextlib.redirect_stdout(sys.stderr):
                found = importlib.import_module(module)
                return getattr(found, attribute) if attribute else found
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if self._strict:
                raise
            raise PluginError(
                f"plugin '{plugin.name}' ({plugin.source}) cannot load {target}: {describe(error)}",
                f"tm config disable {plugin.name}",
            ) from error

    def implementations(
        self, hook: str, touched: Iterable[str] | None = None
    ) -> list[Implementation]:
        """The enabled plugins' functions for a hook, in calling order; loads what is needed.

        Args:
            hook: The hook's name.
            touched: What a change touches; plugins that do not care for it are left out unloaded.
        """
        names = None if touched is None else set(touched)
        wanted: set[str] = set()
        for one in self.enabled.values():
            where = self.manifest(one.name).hooks.get(hook)
            if where is None:
                continue
            if names is not None and where.when and names.isdisjoint(where.when):
                continue
            wanted.add(one.name)
            self._register(one, where, hook)
        if not wanted or self._pluggy is None:
            return []
        order = list(self.enabled)
        found: list[tuple[int, int, Implementation]] = []
        for each in getattr(self._pluggy.hook, hook).get_hookimpls():
            name = each.plugin_name.partition("/")[0]
            if name in wanted:
                turn = 0 if each.tryfirst else 2 if each.trylast else 1
                call = Implementation(self.enabled[name], each.function, tuple(each.argnames))
                found.append((turn, order.index(name), call))
        return [call for _, _, call in sorted(found, key=lambda item: item[:2])]

    def _register(self, one: Installed, where: Hook, hook: str) -> None:
        target = where.target
        name = f"{one.name}/{target if isinstance(target, str) else id(target)}"
        if (name, hook) in self._attempted:
            return
        self._attempted.add((name, hook))
        manager = self._manager()
        try:
            module = self.load(one, target)
            if name not in self._registered:
                self._registered.add(name)
                manager.register(module, name=name)
                manager.check_pending()
            if not any(each.plugin_name == name for each in self._hookimpls(hook)):
                raise PluginError(f"{target} has no @hookimpl function '{hook}'")
        except TmError as error:
            self.blame(one, hook, error)
        except Exception as error:  # pluggy's own refusals: unknown hook, wrong arguments
            if manager.has_plugin(name):
                manager.unregister(name=name)
            self.blame(one, hook, error)

    def _hookimpls(self, hook: str) -> list[Any]:
        return list(getattr(self._manager().hook, hook).get_hookimpls())

    def _manager(self) -> Any:
        if self._pluggy is None:
            import pluggy

            from .hookspecs import Hooks

            self._pluggy = pluggy.PluginManager("tm")
            self._pluggy.add_hookspecs(Hooks)
        return self._pluggy

    def invoke(self, implementation: Implementation, **arguments: Any) -> Any:
        """Call one plugin's function; what it prints goes to stderr."""
        chosen = {name: arguments[name] for name in implementation.arguments}
        name = implementation.function.__name__
        log("debug", "feature %s: %s", implementation.plugin.name, name)
        with contextlib.redirect_stdout(sys.stderr):
            try:
                return implementation.function(**chosen)
            except SystemExit as error:
                raise PluginError(f"it called sys.exit({error.code!r})") from error

    def collect(self, hook: str, context: Callable[[str], Any]) -> list[tuple[Installed, Any]]:
        """All items that the plugins give for a collecting hook, with their givers.

        Args:
            hook: The hook's name.
            context: Makes the context for a plugin's name.
        """
        found: list[tuple[Installed, Any]] = []
        for implementation in self.implementations(hook):
            plugin = implementation.plugin
            try:
                items = list(self.invoke(implementation, ctx=context(plugin.name)) or ())
            except Exception as error:
                self.blame(plugin, hook, error)
                continue
            found.extend((plugin, item) for item in items)
        return found


def in_code(plugin: Plugin) -> Installed:
    """A plugin that was made in code rather than installed. Raises PluginError."""
    fault = manifest_fault(plugin, plugin.name)
    if fault:
        raise PluginError(f"plugin '{plugin.name}': {fault}")
    return Installed(plugin.name, plugin)


def _reader(one: Installed, fields: Sequence[Field]) -> Callable[[str], str]:
    by_name = {f"field:{field.name}": field for field in fields}

    def read(name: str) -> str:
        field = by_name.get(name)
        if field is None:
            import os

            folder = one.manifest.migrations if one.manifest is not None else ""
            with open(os.path.join(one.folder, folder, name), encoding="utf-8") as file:
                return file.read()
        kind = _COLUMN_TYPES.get(field.type, "TEXT")
        text = f'ALTER TABLE task ADD COLUMN "{field.name}" {kind};\n'
        if field.indexed:
            text += (
                f'CREATE INDEX "task_{field.name}" ON task ("{field.name}", id)'
                f' WHERE "{field.name}" IS NOT NULL;\n'
            )
        return text

    return read
