"""Configuration in layers, each value with its provenance.

`Config.load` reads the files, the environment and the command line (phase 1), which is enough to
open the store and to decide which plugins are on. `with_plugins` makes the settings of plugins
known, `with_layer` adds what plugin sets and providers say (phase 2). A Config never changes.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tm_core.errors import ConfigError, UsageError
from tm_core.model import Plugin, Setting

from .cache import cache_path, read_json, user_folder, write_json_atomically
from .features import FeatureChoice, check_required, choose, is_legacy
from .settings import KERNEL_SETTINGS, RESERVED_NAMES, Layer, nearest, shown

LAYERS = ("default", "user", "providers", "set", "project", "environment", "command line")
"""Names of layers, lowest precedence first."""
ENVIRONMENT_PREFIX = "TM_"
ENVIRONMENT_ALIASES = (
    ("TM_DB_PATH", "store.url"),
    ("TM_AGENT_ID", "actor"),
    ("TM_PLUGINS", "plugins.only"),
)
"""Variables beside the regular `TM_<SECTION>_<KEY>`, which win over them."""
MAX_FILE_SIZE = 1_000_000
"""Bytes in a configuration file."""

_OF_THE_PROJECT = ("providers", "set", "project")
"""Layers that come, or may be steered, by the files of a project; personal settings skip them."""
_PHASE_1 = ("plugins", "store", "minimal_mode", "features")
_CACHE_FORMAT = 1
_LIST_HINT = "tm config show tells what there is"


def user_config_path(environ: Mapping[str, str]) -> str:
    """The current user's configuration file, whether it exists or not."""
    folder = user_folder(environ, "XDG_CONFIG_HOME", ".config", "APPDATA")
    return os.path.join(folder, "config.yaml")


def project_config_path(store_folder: str) -> str:
    """The configuration file of a store."""
    return os.path.join(store_folder, "config.yaml")


def environment_name(key: str) -> str:
    """The variable that sets a key: `TM_DEADLINES_WARN_BEFORE_HOURS`."""
    return ENVIRONMENT_PREFIX + key.replace(".", "_").replace("-", "_").upper()


def read_config(path: str, cache_folder: str | None = None) -> dict[str, Any]:
    """The values in a YAML or JSON file; empty if there is no such file.

    A file that did not change since it was last read comes from the cache. Raises ConfigError if
    it cannot be read, is larger than `MAX_FILE_SIZE`, or is not a mapping in YAML.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path}: not a file", "move it away")
        if status.st_size > MAX_FILE_SIZE:
            raise ConfigError(f"{path}: larger than {MAX_FILE_SIZE} bytes", "is it the right file?")
        location = os.path.abspath(path)
        stamp = [_CACHE_FORMAT, location, *_version(status)]
        cached = cache_path(cache_folder, "config", location) if cache_folder else ""
        entry = read_json(cached) if cached else None
        if isinstance(entry, dict) and entry.get("stamp") == stamp:
            values = entry.get("values")
            if isinstance(values, dict):
                return values
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_SIZE + 1)
            after = os.fstat(file.fileno())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "check the file's permissions") from error
    from .yaml_file import parse_yaml

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}", "save it as UTF-8") from None
    values = parse_yaml(text, path)
    # A file touched this very moment may change again without a visible change of its time.
    settled = time.time_ns() - status.st_mtime_ns > 100_000_000
    if cached and settled and _version(after) == _version(status):
        write_json_atomically(cached, {"stamp": stamp, "values": values})
    return values


class Config:
    """All layers, and the settings that are known so far."""

    def __init__(
        self,
        layers: Iterable[Layer],
        settings: Mapping[str, Setting],
        environ: Mapping[str, str],
        safe: bool = False,
        unread: Sequence[str] = (),
    ) -> None:
        """Prefer `Config.load`. Default and environment layers are made here, from `settings`."""
        self._settings = settings
        self._sections = {key.partition(".")[0] for key in settings}
        self._environ = environ
        self._safe = safe
        self._unread = unread
        derived = [_default_layer(settings), *_environment_layers(settings, environ)]
        given = [layer for layer in layers if layer.name not in ("default", "environment")]
        self.layers: tuple[Layer, ...] = tuple(
            sorted([*derived, *given], key=lambda layer: LAYERS.index(layer.name))
        )
        """Lowest precedence first; of those with the same name, the later wins."""

    @classmethod
    def load(
        cls,
        store_folder: str | None,
        environ: Mapping[str, str],
        command_line: Sequence[str] = (),
        cache_folder: str | None = None,
        safe: bool = False,
        plugin_flags: Sequence[str] = (),
    ) -> Config:
        """Phase 1: files, environment and command line.

        `command_line` holds `KEY=VALUE` items, `plugin_flags` holds `NAME` and `no:NAME`. `safe`
        leaves on only the features that `plugin_flags` name, and ignores unknown keys and files
        that cannot be used (`check` warns of them), so that it is always a way out. Raises
        ConfigError for an unreadable file and UsageError for a malformed item.
        """
        paths = [("user", user_config_path(environ))]
        if store_folder is not None:
            paths.append(("project", project_config_path(store_folder)))
        layers: list[Layer] = []
        unread: list[str] = []
        for name, path in paths:
            try:
                layer = Layer(name, path, read_config(path, cache_folder))
                if safe:
                    cls([layer], KERNEL_SETTINGS, {}, safe).check(())
                layers.append(layer)
            except ConfigError as error:
                if not safe:
                    raise
                unread.append(f"{error.message}; the file is ignored")
        layers += [_argument_layer(item) for item in command_line]
        if safe:
            layers.append(Layer("command line", "--safe", {"minimal_mode": True}))
        layers += [_flag_layer(flag) for flag in plugin_flags]
        return cls(layers, KERNEL_SETTINGS, environ, safe, unread)

    def with_layer(self, layer: Layer) -> Config:
        """This configuration and one more layer, above those of the same name.

        Raises ConfigError if its values are not a mapping, or if a provider sets what was decided
        before providers are asked: plugins and the store.
        """
        if not isinstance(layer.values, dict):
            raise ConfigError(f"{layer.origin}: gave no mapping", "get_config() must return a dict")
        early = [key for key in _PHASE_1 if layer.name == "providers" and key in layer.values]
        if early:
            raise ConfigError(
                f"{layer.origin}: a provider cannot set {early[0]!r}",
                "set it in a file, in the environment or on the command line",
            )
        return self._variant([*self.layers, layer], self._settings)

    def with_plugins(self, manifests: Iterable[Plugin]) -> Config:
        """This configuration, knowing also the plugins' settings: defaults, types, variables."""
        settings = {
            f"{manifest.name}.{key}": setting
            for manifest in manifests
            for key, setting in manifest.config.items()
        }
        # The kernel's come last: no plugin can redefine them.
        return self._variant(self.layers, settings | dict(self._settings))

    def get(self, key: str) -> Any:
        """The value of a key, converted and checked if its setting is known.

        The highest layer that sets the key wins with its whole value; an empty value (null) sets
        nothing. None if nobody sets it. Raises ConfigError for a value that does not fit, or an
        unknown key in a known section.
        """
        setting = self.setting(key)
        for layer in reversed(self.layers):
            if _is_foreign(layer, setting):
                continue
            value = layer.value(key, setting)
            if value is not None:
                return value
        return None

    def setting(self, key: str) -> Setting | None:
        """What is known about a key; None if its section is not known either.

        Raises ConfigError for an unknown key in a known section.
        """
        setting = self._settings.get(key)
        if setting is None and key.partition(".")[0] in self._sections and not self._safe:
            raise ConfigError(f"no setting {key!r}{nearest(key, self._settings)}", _LIST_HINT)
        return setting

    def section(self, plugin_manifest: Plugin) -> Mapping[str, Any]:
        """A plugin's settings by key, all of them present and checked. Raises ConfigError."""
        name = plugin_manifest.name
        config = self
        if any(f"{name}.{key}" not in self._settings for key in plugin_manifest.config):
            config = self.with_plugins([plugin_manifest])
        for layer in config.layers:
            config._check_section(layer, name, plugin_manifest.config)
        return {key: config.get(f"{name}.{key}") for key in plugin_manifest.config}

    def all_keys(self) -> list[str]:
        """All keys that are known or set, dotted, those with a default first."""
        found: dict[str, None] = dict.fromkeys(self._settings)
        for layer in self.layers:
            for name, value in layer.values.items():
                inner = isinstance(value, dict) and name not in self._settings
                found |= dict.fromkeys([f"{name}.{key}" for key in value] if inner else [name])
        return list(found)

    def explain(self, key: str) -> list[tuple[str, str, Any]]:
        """(layer, origin, value) of each layer that sets the key; the last one is in force.

        Raises ConfigError as `get` does.
        """
        setting = self.setting(key)
        found = [
            (layer.name, layer.origin, layer.value(key, setting))
            for layer in self.layers
            if not _is_foreign(layer, setting)
        ]
        return [entry for entry in found if entry[2] is not None]

    def features(self, manifests: Iterable[Plugin], broken: Iterable[str] = ()) -> FeatureChoice:
        """Decide which plugins are on: see `tm_core.configuration.features.choose`.

        Of those in `broken` there is no manifest, and whoever knows why says so. Raises PluginError
        if another required feature is not installed or off, except when safe.
        """
        choice = choose(self.layers, manifests)
        if not self._safe:
            check_required(choice._replace(required=choice.required - {*broken}))
        return choice

    def check(self, manifests: Iterable[Plugin], broken: Iterable[str] = ()) -> list[str]:
        """Look at every value of every layer; return warnings, each one line.

        Warned about: names and settings of plugins that are not installed, and personal settings
        that a project makes. Raises ConfigError for
        an unknown key or a value that does not fit, PluginError as `features` does.
        """
        broken = frozenset(broken)
        manifests = list(manifests)
        unknown = any(
            f"{m.name}.{key}" not in self._settings for m in manifests for key in m.config
        )
        config = self.with_plugins(manifests) if unknown else self
        known = {manifest.name: manifest.config for manifest in manifests}
        known |= {name: _kernel_section(name) for name in RESERVED_NAMES}
        warnings = list(self._unread)
        for layer in config.layers[1:]:
            for name, value in layer.values.items():
                if name in KERNEL_SETTINGS:
                    layer.value(name, KERNEL_SETTINGS[name])
                elif self._safe and name not in RESERVED_NAMES:
                    continue
                elif name in known and name != "features":
                    config._check_section(layer, name, known[name])
                    warnings += _foreign_keys(layer, name, known[name])
                elif is_legacy(name) or name in broken:
                    continue
                elif value is None or isinstance(value, dict):
                    warnings.append(
                        f"{layer.origin}: settings of {name!r}, which is not installed"
                        + nearest(name, known)
                    )
                else:
                    raise ConfigError(
                        f"{layer.origin}: unknown key {shown(name)}{nearest(name, known)}",
                        "correct it there; tm --safe config show lists what there is",
                    )
        return warnings + [
            f"feature {name!r} is configured, but not installed{nearest(name, known)}"
            for name in config.features(manifests, broken).unknown
            if name not in broken
        ]

    def _variant(self, layers: Iterable[Layer], settings: Mapping[str, Setting]) -> Config:
        return Config(layers, settings, self._environ, self._safe, self._unread)

    def _check_section(self, layer: Layer, name: str, settings: Mapping[str, Setting]) -> None:
        """Raise ConfigError for an unknown key or a wrong value in one section of one layer."""
        for key in layer.section(name):
            if key in settings:
                layer.value(f"{name}.{key}", settings[key])
            elif not self._safe:
                raise ConfigError(
                    f"{layer.origin}: unknown key {shown(key)} in section {name!r}"
                    + nearest(key, settings),
                    "known: " + ", ".join(settings) if settings else f"{name!r} has no settings",
                )


def _is_foreign(layer: Layer, setting: Setting | None) -> bool:
    return setting is not None and setting.personal and layer.name in _OF_THE_PROJECT


def _foreign_keys(layer: Layer, name: str, settings: Mapping[str, Setting]) -> list[str]:
    return [
        f"{layer.origin}: {name}.{key} is ignored, only your own configuration may set it"
        " (tm config set --user)"
        for key in layer.section(name)
        if key in settings and _is_foreign(layer, settings[key])
    ]


def _default_layer(settings: Mapping[str, Setting]) -> Layer:
    values: dict[str, Any] = {}
    for key, setting in settings.items():
        # The index holds literals, in which a list may be a tuple.
        default = setting.default
        _put(values, key, list(default) if isinstance(default, tuple) else default)
    return Layer("default", "built in", values)


def _environment_layers(
    settings: Mapping[str, Setting], environ: Mapping[str, str]
) -> Iterable[Layer]:
    """One layer per variable, so that each value keeps its variable's name."""
    named = any(variable.startswith(ENVIRONMENT_PREFIX) for variable in environ)
    for variable, key in (
        *ENVIRONMENT_ALIASES,
        *((environment_name(key), key) for key in settings if named),
    ):
        if environ.get(variable):
            yield Layer("environment", variable, _put({}, key, environ[variable]))


def _argument_layer(item: str) -> Layer:
    key, equals, text = item.partition("=")
    section, dot, name = key.strip().partition(".")
    if not equals or not section or (dot and not name) or "." in name:
        raise UsageError(f"not a setting: {shown(item)}", "write KEY=VALUE, like list.limit=100")
    return Layer("command line", item, _put({}, key.strip(), text.strip()))


def _flag_layer(flag: str) -> Layer:
    name = flag.removeprefix("no:")
    if not name:
        raise UsageError(f"-p {flag!r} names no feature", "write -p NAME or -p no:NAME")
    key = "enable" if flag == name else "disable"
    return Layer("command line", f"-p {flag}", {"plugins": {key: [name]}})


def _put(values: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    section, dot, name = key.partition(".")
    if dot:
        values.setdefault(section, {})[name] = value
    else:
        values[section] = value
    return values


def _kernel_section(name: str) -> dict[str, Setting]:
    prefix = f"{name}."
    return {
        key.removeprefix(prefix): setting
        for key, setting in KERNEL_SETTINGS.items()
        if key.startswith(prefix)
    }


def _version(status: os.stat_result) -> list[int]:
    """What differs once a file has been edited in place or replaced."""
    return [status.st_mtime_ns, status.st_size, status.st_ino]
