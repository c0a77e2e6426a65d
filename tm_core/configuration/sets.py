"""Plugin sets: named lists of features with their settings, which a team shares and may extend.

A set is what a configuration file is, with two more keys: `summary`, and `extends`, the sets that
it builds on. `plugins.set` names the one in force, in any of these ways, looked for in this order:
a file (its name holds a slash or ends in `.yaml`), a set of the configuration's own under `sets`,
a set of an installed package (entry-point group `tm.sets`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tm_core.errors import ConfigError
from tm_core.record import Record

from .config import Config, read_config
from .settings import Layer, nearest, shown

_OWN_KEYS = ("summary", "extends")


class PluginSet(Record):
    """One set, as it was found."""

    name: str
    origin: str
    """The file or distribution that it comes from."""
    values: dict[str, Any]
    error: str = ""
    """Why it cannot be used."""

    @property
    def summary(self) -> str:
        """What it is for."""
        return str(self.values.get("summary") or "")

    @property
    def extends(self) -> list[str]:
        """The names of the sets that it builds on. Raises ConfigError if they are no such."""
        named = self.values.get("extends") or []
        named = [named] if isinstance(named, str) else named
        if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
            raise ConfigError(
                f"{self.origin}: extends must hold names of sets, not {shown(named)}",
                "correct it there",
            )
        return named

    @property
    def layer(self) -> Layer:
        """What it configures."""
        values = {key: value for key, value in self.values.items() if key not in _OWN_KEYS}
        return Layer("set", self.origin, values)


class Sets:
    """The sets that can be named from one place."""

    def __init__(
        self,
        config: Config,
        folder: str,
        packaged: Callable[[], Sequence[PluginSet]],
        cache_folder: str | None = None,
    ) -> None:
        """Look from a project.

        Args:
            config: The configuration, whose `sets` count.
            folder: Where relative files start.
            packaged: Gives the installed packages' sets; asked only when one is needed.
            cache_folder: Where read files are cached.
        """
        self._config = config
        self._folder = folder
        self._packaged = packaged
        self._cache_folder = cache_folder

    def known(self) -> list[PluginSet]:
        """All sets that have a name: the configuration's own, then those of packages."""
        found: dict[str, PluginSet] = {}
        for layer in reversed(self._config.layers):
            for name, values in layer.section("sets").items():
                found.setdefault(name, self._checked(name, layer.origin, values))
        for each in self._packaged():
            found.setdefault(each.name, each)
        return [found[name] for name in sorted(found)]

    def find(self, name: str, asking: str = "plugins.set") -> PluginSet:
        """The set of this name. Raises ConfigError where there is none, or it cannot be read."""
        if "/" in name or os.sep in name or name.endswith((".yaml", ".yml", ".json")):
            path = os.path.join(self._folder, os.path.expanduser(name))
            if not os.path.isfile(path):
                raise ConfigError(f"{asking}: there is no file {path}", "tm plugins set list")
            return self._checked(name, path, read_config(path, self._cache_folder))
        for layer in reversed(self._config.layers):
            values = layer.section("sets").get(name)
            if values is not None:
                return self._checked(name, f"{layer.origin}: sets.{name}", values)
        packaged = list(self._packaged())
        for each in packaged:
            if each.name == name and each.error:
                raise ConfigError(
                    f"plugin set {name!r} of {each.origin} cannot be used: {each.error}",
                    "tell its authors, or name another",
                )
            if each.name == name:
                return self._checked(name, each.origin, each.values)
        known = [each.name for each in self.known()]
        raise ConfigError(
            f"{asking}: there is no plugin set {name!r}{nearest(name, known)}",
            f"known: {', '.join(known)}" if known else "tm plugins set list",
        )

    def chain(self, name: str) -> list[PluginSet]:
        """A set after all that it builds on, each once. Raises ConfigError, also for a circle."""
        found: dict[str, PluginSet] = {}
        self._follow(name, "plugins.set", (), found)
        return list(found.values())

    def _follow(
        self, name: str, asking: str, path: tuple[str, ...], found: dict[str, PluginSet]
    ) -> None:
        if name in path:
            raise ConfigError(
                f"plugin sets extend each other in a circle: {' -> '.join([*path, name])}",
                "take one of them out of extends",
            )
        if name in found:
            return
        one = self.find(name, asking)
        for base in one.extends:
            self._follow(base, f"{one.origin}: extends", (*path, name), found)
        found[name] = one

    def _checked(self, name: str, origin: str, values: Any) -> PluginSet:
        if not isinstance(values, Mapping):
            raise ConfigError(f"{origin}: a plugin set must hold keys with values", "correct it")
        for key in ("sets", "store", "actor"):
            if key in values:
                raise ConfigError(
                    f"{origin}: a plugin set cannot set {key!r}",
                    "it holds features and their settings",
                )
        plugins = values.get("plugins")
        if isinstance(plugins, Mapping) and "set" in plugins:
            raise ConfigError(f"{origin}: a plugin set names others by extends", "not plugins.set")
        return PluginSet(name, origin, dict(values))
