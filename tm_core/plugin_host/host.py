"""Decides which plugins are on, loads what a hook or command needs, and calls each in isolation."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tm_core.configuration.config import Config
from tm_core.errors import FeatureDisabled, PluginError, TmError
from tm_core.hook_data import Failure
from tm_core.language import values
from tm_core.logs import log
from tm_core.model import TASK_FIELDS, Action, Command, Field, Hook, Plugin
from tm_core.record import Record
from tm_core.storage.migrate import MigrationSet

from .calls import Calls
from .registry import Installed, describe, manifest_fault
from .troubles import Trouble

_COLUMN_TYPES = {"int": "BIGINT", "bool": "BIGINT", "float": "DOUBLE PRECISION"}
_COLUMN_TYPES |= {"duration": "DOUBLE PRECISION"}


class Implementation(Record):
    """One plugin's function for one hook."""

    plugin: Installed
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    hook: str


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
        self.calls = Calls(float(config.get("plugins.time_budget") or 0), report)
        self.strict = strict
        manifests = self.manifests()
        broken = [one.name for one in installed if one.error]
        choice = config.features(manifests, broken)
        self.required = choice.required
        self.reasons = choice.reasons
        self.enabled = {
            one.name: one
            for one in installed
            if one.manifest is not None
            and one.name in choice.enabled
            and (not safe or (one.manifest.essential and one.built_in))
        }
        for one in installed:
            if one.error and not safe:
                self._blame_start(one)
        self.dropped: dict[str, str] = {}
        """Plugins that are on, but that the store cannot serve: name -> why."""
        self.deprecated: list[Failure] = []
        """What plugins use that is to go; found when it is loaded."""
        self._pluggy: Any = None
        self._registered: set[str] = set()
        self._attempted: set[tuple[str, str]] = set()
        self._unusable: dict[tuple[str, str], tuple[str, Exception]] = {}
        """Why a plugin's module gives none of its hooks (""), or not this one; found by a hook."""
        self._declared: dict[str, tuple[Installed, Field]] | None = None
        self._taken: dict[str, dict[str, Field]] = {}
        """The fields that verbs take."""
        self._declaring: dict[str, dict[str, tuple[Installed, Hook]]] = {}
        """By hook, because a change asks for several, and each time there would be all plugins."""
        self._found: dict[tuple[str, frozenset[str] | None], list[Implementation]] = {}
        """By hook and what is touched of what plugins care for: in bulk always the same."""
        self._cared: dict[str, frozenset[str]] = {}

    def _blame_start(self, one: Installed) -> None:
        self.failures.append(Failure(one.name, one.source, "start", one.error))
        line = f"plugin '{one.name}' ({one.source}): {one.error}"
        if one.name in self.required:
            raise PluginError(f"required {line}")
        if self.strict:
            raise PluginError(line)
        self._report(line)

    def blame(
        self, plugin: Installed, where: str, error: BaseException, *, committed: bool = False
    ) -> None:
        """Note and say, in one line, that a plugin did not do its part; say the same only once.

        Args:
            plugin: The plugin.
            where: The hook, or what else it was asked for.
            error: What it raised.
            committed: The change is written, and nothing can stop it any more.

        Raises:
            PluginError: The project requires the plugin.
        """
        if self.strict:
            raise error
        who = f"plugin '{plugin.name}' ({plugin.source})"
        cause = error.message if isinstance(error, TmError) else describe(error)
        failure = Failure(plugin.name, plugin.source, where, cause.removeprefix(f"{who} "))
        line = f"{who}: {where}: {failure.cause}"
        known = failure in self.failures
        if not known:
            self.failures.append(failure)
        if plugin.name in self.required and not committed:
            raise PluginError(f"required {line}") from error
        if not known:
            log("warning", "feature %s: %s failed: %s", plugin.name, where, type(error).__name__)
            self._report(line)

    def manifest(self, name: str) -> Plugin:
        """The manifest of an enabled plugin."""
        manifest = self.enabled[name].manifest
        assert manifest is not None
        return manifest

    def declaring(self, hook: str) -> Mapping[str, tuple[Installed, Hook]]:
        """The enabled plugins that declare a hook, by name, in their order; loads none."""
        found = self._declaring.get(hook)
        if found is None:
            found = self._declaring[hook] = {
                name: (one, where)
                for name, one in self.enabled.items()
                if (where := self.manifest(name).hooks.get(hook)) is not None
                and self._has_something_to_do(name, where)
            }
        return found

    def _has_something_to_do(self, name: str, where: Hook) -> bool:
        if not where.settings:
            return True
        try:
            settings = self.settings(name)
        except TmError:  # it is loaded, and then told what is wrong
            return True
        return any(settings[each] for each in where.settings)

    def manifests(self) -> list[Plugin]:
        """The manifests of all plugins that can be used, on or off."""
        return [one.manifest for one in self.installed if one.manifest is not None]

    def settings(self, name: str) -> Mapping[str, Any]:
        """A plugin's own settings, with defaults."""
        return self.config.section(self.manifest(name)) if name in self.enabled else {}

    def drop(self, name: str, cause: str) -> None:
        """Turn a plugin off for this process, because the store cannot serve it."""
        del self.enabled[name]
        self._forget_hooks()
        self.dropped[name] = cause
        self._declared = None

    def is_known(self, name: str) -> bool:
        """Whether a plugin of this name is installed, on or off."""
        return any(one.name == name and one.manifest is not None for one in self.installed)

    def reconfigure(self, config: Config) -> None:
        """Take over a configuration with further layers; it does not choose plugins."""
        self.config = config
        self._declared = None
        self._forget_hooks()

    def _forget_hooks(self) -> None:
        self._declaring.clear()
        self._found.clear()
        self._cared.clear()

    # What is declared

    @property
    def declared(self) -> dict[str, tuple[Installed, Field]]:
        """The enabled plugins' fields by name; a clash is won by who comes first."""
        if self._declared is None:
            self._declared = {}
            self._taken.clear()
            taken = {field.name for field in TASK_FIELDS} | {"details"}
            for one in self.enabled.values():
                for field in self.manifest(one.name).fields:
                    if field.name in taken:
                        cause = f"the field '{field.name}' is declared already"
                        self.blame(one, "fields", PluginError(cause))
                        continue
                    taken.add(field.name)
                    self._declared[field.name] = (one, self._configured(one, field))
            self._check_options()
        return self._declared

    def _check_options(self) -> None:
        """Blame whoever offers an option that is another's; the first one has it."""
        holders = {(verb, flag): "tm" for field in TASK_FIELDS for verb, flag in _flags(field)}
        for one, field in (self._declared or {}).values():
            for verb, flag in _flags(field):
                holder = holders.setdefault((verb, flag), one.name)
                if holder != one.name:
                    cause = f"the option '{flag}' belongs to '{holder}'"
                    self.blame(one, "fields", PluginError(cause))

    def _configured(self, one: Installed, field: Field) -> Field:
        if not field.choices_setting:
            return field
        choices = tuple(map(str, self.settings(one.name)[field.choices_setting]))
        default = field.default
        if default is not None and default not in choices:
            default = next(iter(choices), None)
        return field._replace(choices=choices, default=default)

    def fields(self) -> list[Field]:
        """The fields that are columns: the kernel's, then the enabled plugins'."""
        return [*TASK_FIELDS, *(field for _, field in self.declared.values() if field.stored)]

    def fields_on(self, verb: str) -> dict[str, Field]:
        """The fields that a verb takes, by name."""
        declared = self.declared
        if verb not in self._taken:
            own = {field.name: field for field in TASK_FIELDS if verb in field.on}
            self._taken[verb] = own | {
                name: field for name, (_, field) in declared.items() if verb in field.on
            }
        return dict(self._taken[verb])

    def reading_options(self, command: str) -> dict[str, Field]:
        """The options by which plugins decide what state of the store a command reads."""
        found: dict[str, Field] = {}
        for name, (one, field) in self.declared.items():
            hook = self.manifest(one.name).hooks.get("task_reading")
            if command in field.on and hook is not None and name in hook.when:
                found[name] = field
        return found

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

    def parts(self) -> frozenset[str]:
        """What the enabled plugins care for when they take part in a change."""
        hooks = self.declaring("task_write").values()
        return frozenset(name for _, hook in hooks for name in hook.when)

    def feature_of(self, field: str) -> str:
        """The installed plugin, on or off, that declares a field; empty if none does."""
        if field in self.declared:
            return self.declared[field][0].name
        for one in self.installed:
            if one.manifest is not None and any(f.name == field for f in one.manifest.fields):
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
        """What the enabled plugins expect to have been done to the store.

        A step named `NNNN_name@feature.sql` needs that feature's tables: it comes after all others,
        and only where the feature is on.
        """
        sets: list[MigrationSet] = []
        late: list[MigrationSet] = []
        for one in self.enabled.values():
            own = [f for holder, f in self.declared.values() if holder is one and f.stored]
            plain = [name for name in one.migrations if "@" not in name]
            names = (*(f"field:{field.name}" for field in own), *plain)
            if names:
                sets.append(MigrationSet(one.name, names, _reader(one, own)))
            joint = tuple(name for name in one.migrations if _needed(name) in self.enabled)
            if joint:
                late.append(MigrationSet(one.name, joint, _reader(one, own)))
        return sets + late

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
            if self.strict:
                raise
            raise PluginError(
                f"plugin '{plugin.name}' ({plugin.source}) cannot load {target}: {describe(error)}",
                f"tm config disable {plugin.name}",
            ) from error

    def implementations(
        self,
        hook: str,
        touched: Iterable[str] | None = None,
        *,
        only: Iterable[str] | None = None,
        committed: bool = False,
    ) -> list[Implementation]:
        """The enabled plugins' functions for a hook, in calling order; loads what is needed.

        Args:
            hook: The hook's name.
            touched: What a change touches; plugins that do not care for it are left out unloaded.
            only: From these plugins; from all by default.
            committed: The change is written: also a required plugin cannot stop it any more.
        """
        names = None if touched is None else self._cared_for(hook).intersection(touched)
        known = self._found.get((hook, names)) if only is None else None
        if known is not None:
            return known
        wanted: dict[str, Installed] = {}
        for name, (one, where) in self.declaring(hook).items():
            if only is not None and name not in only:
                continue
            if names is not None and where.when and names.isdisjoint(where.when):
                continue
            wanted[_registration(one, where)] = one
            self._register(one, where, hook, committed)
        if not wanted and only is None:
            return self._keep(hook, names, [])
        if not wanted or self._pluggy is None:
            return []
        order = list(self.enabled)
        found: list[tuple[int, int, Implementation]] = []
        for each in getattr(self._pluggy.hook, hook).get_hookimpls():
            if each.plugin_name in wanted:
                plugin = wanted[each.plugin_name]
                turn = 0 if each.tryfirst else 2 if each.trylast else 1
                call = Implementation(plugin, each.function, tuple(each.argnames), hook)
                found.append((turn, order.index(plugin.name), call))
        calls = [call for _, _, call in sorted(found, key=lambda item: item[:2])]
        whole = only is None and len({call.plugin.name for call in calls}) == len(wanted)
        return self._keep(hook, names, calls) if whole else calls  # who fails is to be told again

    def _keep(
        self, hook: str, names: frozenset[str] | None, calls: list[Implementation]
    ) -> list[Implementation]:
        self._found[hook, names] = calls
        return calls

    def _cared_for(self, hook: str) -> frozenset[str]:
        """What the plugins that declare a hook want to be called for."""
        if hook not in self._cared:
            whens = (where.when for _, where in self.declaring(hook).values())
            self._cared[hook] = frozenset(name for when in whens for name in when)
        return self._cared[hook]

    def _register(self, one: Installed, where: Hook, hook: str, committed: bool) -> None:
        target = where.target
        name = _registration(one, where)
        fault = self._fault(name, hook)
        if fault is not None:
            self.blame(one, *fault, committed=committed)
            return
        if (name, hook) in self._attempted:
            return
        self._attempted.add((name, hook))
        manager = self._manager()
        try:
            module = self.load(one, target)
            if name not in self._registered:
                self._registered.add(name)
                self.deprecated += [
                    Failure(one.name, one.source, hook, text)
                    for text in _deprecations(manager, module, name)
                ]
                manager.check_pending()
        except Exception as error:  # pluggy's own refusals, too: unknown hook, wrong arguments
            if manager.has_plugin(name):
                manager.unregister(name=name)
            self._unusable[name, ""] = (hook, error)
            self.blame(one, hook, error, committed=committed)
            return
        if not any(each.plugin_name == name for each in self._hookimpls(hook)):
            missing = PluginError(f"{target} has no @hookimpl function '{hook}'")
            self._unusable[name, hook] = (hook, missing)
            self.blame(one, hook, missing, committed=committed)

    def _fault(self, name: str, hook: str) -> tuple[str, Exception] | None:
        return self._unusable.get((name, "")) or self._unusable.get((name, hook))

    def unusable(self, hook: str) -> list[Installed]:
        """The enabled plugins that declare a hook and whose module could not be used for it."""
        if not self._unusable:
            return []
        return [
            one
            for one, where in self.declaring(hook).values()
            if self._fault(_registration(one, where), hook) is not None
        ]

    def _hookimpls(self, hook: str) -> list[Any]:
        return list(getattr(self._manager().hook, hook).get_hookimpls())

    def _manager(self) -> Any:
        if self._pluggy is None:
            import pluggy

            from tm_core.hookspecs import Hooks

            self._pluggy = pluggy.PluginManager("tm")
            self._pluggy.add_hookspecs(Hooks)
        return self._pluggy

    def invoke(self, implementation: Implementation, **arguments: Any) -> Any:
        """Call one plugin's function for a hook; a generator is run to its end."""
        log("debug", "feature %s: %s", implementation.plugin.name, implementation.hook)
        chosen = {name: arguments[name] for name in implementation.arguments}
        return self.calls.call(
            implementation.plugin, implementation.hook, implementation.function, **chosen
        )

    def troubles(self, now: str) -> list[Trouble]:
        """What plugins did wrong in this process, apart from those that could not begin.

        What a handler failed at is not among it: the outbox remembers that until it is dealt with.
        """
        failed = [
            Trouble(each.plugin, each.source, each.where, "error", each.cause, now, 1)
            for each in self.failures
            if each.where != "start" and not each.where.startswith("handler ")
        ]
        return failed + [
            Trouble(each.plugin, each.source, each.where, "warning", each.cause, now, count)
            for each, count in self.calls.slow.items()
        ]

    def collect(
        self,
        hook: str,
        context: Callable[[str], Any],
        *,
        only: Iterable[str] | None = None,
        committed: bool = False,
    ) -> list[tuple[Installed, Any]]:
        """All items that the plugins give for a collecting hook, with their givers.

        Args:
            hook: The hook's name.
            context: Makes the context for a plugin's name.
            only: From these plugins; from all by default.
            committed: As for `implementations`.
        """
        found: list[tuple[Installed, Any]] = []
        for implementation in self.implementations(hook, only=only, committed=committed):
            plugin = implementation.plugin
            try:
                items = list(self.invoke(implementation, ctx=context(plugin.name)) or ())
            except Exception as error:
                self.blame(plugin, hook, error, committed=committed)
                continue
            found.extend((plugin, item) for item in items)
        return found


def _flags(field: Field) -> Iterator[tuple[str, str]]:
    """The options that a field brings: (verb, spelling)."""
    for verb in field.on:
        for flag in field.options or ("--" + field.name.replace("_", "-"),):
            yield verb, flag


def in_code(plugins: Iterable[Plugin], installed: Iterable[Installed]) -> list[Installed]:
    """Plugins that were made in code rather than installed. Raises PluginError."""
    taken = {one.name: one.source for one in installed}
    made: list[Installed] = []
    for plugin in plugins:
        fault = manifest_fault(plugin, plugin.name)
        if not fault and plugin.name in taken:
            fault = f"the name '{plugin.name}' belongs to {taken[plugin.name]}"
        if fault:
            raise PluginError(f"plugin '{plugin.name}': {fault}")
        made.append(Installed(plugin.name, plugin))
        taken[plugin.name] = made[-1].source
    return made


def _deprecations(manager: Any, module: Any, name: str) -> list[str]:
    """Register a module, and give what pluggy warns of."""
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        manager.register(module, name=name)
    return [str(each.message) for each in caught]


def _registration(one: Installed, where: Hook) -> str:
    """The name under which pluggy knows the module (or object) that has a plugin's hooks."""
    return f"{one.name}/{where.target if isinstance(where.target, str) else id(where.target)}"


def _needed(step: str) -> str:
    """The feature whose tables a migration step needs; empty if none."""
    return step.partition("@")[2].removesuffix(".sql")


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
        if field.default is not None:
            # Tasks that are there already, and those added while the plugin is off, have it too.
            value = str(values.to_column(field, field.default)).replace("'", "''")
            kind += f" DEFAULT '{value}'"
        text = f'ALTER TABLE task ADD COLUMN "{field.name}" {kind};\n'
        if field.indexed:
            text += (
                f'CREATE INDEX "task_{field.name}" ON task ("{field.name}", id)'
                f' WHERE "{field.name}" IS NOT NULL;\n'
            )
        return text

    return read
