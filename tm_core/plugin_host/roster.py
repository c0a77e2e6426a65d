"""Decides which plugins are on, tells what they declare, and keeps what they failed at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tm_core.configuration.config import Config
from tm_core.errors import FeatureDisabled, PluginError, TmError
from tm_core.hook_data import Failure
from tm_core.logs import log
from tm_core.model import TASK_FIELDS, Action, Command, Field, Hook, Plugin

from .registry import Installed, describe, manifest_fault


class Roster:
    """The plugins of one process: which are on, what they declare, and what they failed at."""

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
        self._declared: dict[str, tuple[Installed, Field]] | None = None
        self._taken: dict[str, dict[str, Field]] = {}
        """The fields that verbs take."""
        self._declaring: dict[str, dict[str, tuple[Installed, Hook]]] = {}
        """By hook, because a change asks for several, and each time there would be all plugins."""

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
