"""Loads what a hook or command needs of the plugins that are on, and calls each in isolation."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tm_core.configuration.config import Config
from tm_core.errors import PluginError
from tm_core.hook_data import Failure
from tm_core.logs import log
from tm_core.model import Hook
from tm_core.record import Record

from .calls import Calls
from .registry import Installed, describe
from .roster import Roster
from .troubles import Trouble


class Implementation(Record):
    """One plugin's function for one hook."""

    plugin: Installed
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    hook: str


class Host(Roster):
    """The plugins of one process, and how they are called."""

    def __init__(
        self,
        installed: Sequence[Installed],
        config: Config,
        *,
        report: Callable[[str], None],
        strict: bool = False,
        safe: bool = False,
    ) -> None:
        super().__init__(installed, config, report=report, strict=strict, safe=safe)
        self.calls = Calls(float(config.get("plugins.time_budget") or 0), report)
        self.deprecated: list[Failure] = []
        """What plugins use that is to go; found when it is loaded."""
        self._pluggy: Any = None
        self._registered: set[str] = set()
        self._attempted: set[tuple[str, str]] = set()
        self._unusable: dict[tuple[str, str], tuple[str, Exception]] = {}
        """Why a plugin's module gives none of its hooks (""), or not this one; found by a hook."""
        self._found: dict[tuple[str, frozenset[str] | None], list[Implementation]] = {}
        """By hook and what is touched of what plugins care for: in bulk always the same."""
        self._cared: dict[str, frozenset[str]] = {}

    def _forget_hooks(self) -> None:
        super()._forget_hooks()
        self._found.clear()
        self._cared.clear()

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
