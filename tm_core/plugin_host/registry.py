"""Finds the installed plugins, and keeps their manifests in an index so that none is imported.

The index is one JSON file per interpreter path. It holds as long as the folders of the path, the
manifests, the migration folders and the `entry_points.txt` files have the times that it noted.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tm_core.configuration.cache import cache_path, read_json, write_json_atomically
from tm_core.configuration.settings import RESERVED_NAMES
from tm_core.model import API_VERSION, FIELD_TYPES, Action, Command, Field, Hook, Plugin, Setting
from tm_core.record import Record

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from tm_core.configuration.sets import PluginSet

GROUP = "tm.plugins"
SETS_GROUP = "tm.sets"
LOCK_FILE = "plugins.lock"
"""Beside a project's configuration: see `lock`."""
_LONG = 0.5
"""Seconds of work that are worth a word."""
OWN_DISTRIBUTION = "task-orchestrator"
_FORMAT = 4
_NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_FIELD_NAME = r"[a-z][a-z0-9_]*"


class Installed(Record):
    """A plugin that is there, or the reason why it cannot be used."""

    name: str
    manifest: Plugin | None
    module: str = ""
    distribution: str = ""
    version: str = ""
    error: str = ""
    folder: str = ""
    migrations: tuple[str, ...] = ()
    """The names of its migration files, in order."""

    @property
    def built_in(self) -> bool:
        """It comes with `tm` itself."""
        return self.distribution == OWN_DISTRIBUTION

    @property
    def source(self) -> str:
        """Distribution and version, for a person."""
        return f"{self.distribution} {self.version}".strip() or "made in code"


def installed_plugins(
    cache_folder: str | None, report: Callable[[str], None] | None = None
) -> list[Installed]:
    """All plugins of this interpreter, built-ins first, then by name; from the index if it holds.

    Args:
        cache_folder: Where the index is kept; None to look at everything anew.
        report: Is told when making the index was so much work that somebody wonders.
    """
    key = _key()
    index_file = _index_file(cache_folder, key)
    if index_file:
        indexed = _from_index(read_json(index_file), key)
        if indexed is not None:
            return indexed
    begun = time.process_time()
    found = _scan()
    spent = time.process_time() - begun
    if spent > _LONG and report is not None:
        report(f"looking at all installed plugins anew took {spent:.1f} s")
    # Why an import fails may lie in any file; it is tried anew until it works.
    if index_file and not any(one.error and not one.folder for one, _ in found):
        sets, files = _scan_sets()
        stamps = {path: _stamp(path) for path in [*_search_path(), *_files(found), *files]}
        plugins = [one for one, _ in found]
        write_json_atomically(
            index_file, {"key": key, "stamps": stamps, "plugins": plugins, "sets": sets}
        )
    return [one for one, _ in found]


def packaged_sets(cache_folder: str | None) -> list[PluginSet]:
    """The plugin sets of installed packages; from the index, after `installed_plugins` made it."""
    from tm_core.configuration.sets import PluginSet

    key = _key()
    index_file = _index_file(cache_folder, key)
    index: Any = read_json(index_file) if index_file else None
    try:
        if index["key"] == key and _holds(index["stamps"]):
            return [PluginSet(*row) for row in index["sets"]]
    except (KeyError, TypeError):
        pass
    return _scan_sets()[0]


def _search_path() -> list[str]:
    return sys.path if sys.flags.safe_path else sys.path[1:]


def _key() -> list[Any]:
    return [_FORMAT, list(API_VERSION), sys.version, *_search_path()]


def _index_file(cache_folder: str | None, key: list[Any]) -> str:
    if cache_folder is None:
        return ""
    return cache_path(cache_folder, "index", repr(key))


def _from_index(index: Any, key: list[Any]) -> list[Installed] | None:
    """What an index file says; None when it is of no use, whoever wrote it."""
    try:
        if index["key"] == key and _holds(index["stamps"]):
            return [_decoded(row) for row in index["plugins"]]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        pass
    return None


def _stamp(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _holds(stamps: Mapping[str, int]) -> bool:
    stat = os.stat  # some hundred files at every start: what is not there is looked at apart
    try:
        if any(stat(path).st_mtime_ns != noted for path, noted in stamps.items() if noted):
            return False
    except OSError:
        return False
    return not any(_stamp(path) for path, noted in stamps.items() if not noted)


def _files(found: Sequence[tuple[Installed, str]]) -> list[str]:
    files: list[str] = []
    for one, entry_points in found:
        files.append(entry_points)
        if one.folder:
            files.append(os.path.join(one.folder, "__init__.py"))
        if one.folder and one.manifest and one.manifest.migrations:
            files.append(os.path.join(one.folder, one.manifest.migrations))
    return [file for file in files if file]


def _scan() -> list[tuple[Installed, str]]:
    import importlib.metadata

    found: list[tuple[Installed, str]] = []
    # Once for each distribution: its metadata and its list of files are parsed at each question.
    known: dict[Distribution | None, tuple[str, str, str]] = {None: ("", "", "")}
    for entry in importlib.metadata.entry_points(group=GROUP):
        one = entry.dist
        if one is not None and one not in known:
            known[one] = (one.name, one.version, next(iter(_entry_point_files(one)), ""))
        name, version, file = known[one]
        found.append((_load(entry.name, entry.module, entry.attr, name, version), file))
    found.sort(key=lambda pair: (not pair[0].built_in, pair[0].name, pair[0].distribution))
    return _without_clashes(found)


def _entry_point_files(distribution: Distribution) -> list[str]:
    return [
        str(file.locate()) for file in distribution.files or () if file.name == "entry_points.txt"
    ]


def _scan_sets() -> tuple[list[PluginSet], list[str]]:
    """The packages' sets by name, and the files that they come from.

    What is wrong with one is told when somebody names it.
    """
    import contextlib
    import importlib.metadata

    from tm_core.configuration.sets import PluginSet

    sets: dict[str, PluginSet] = {}
    files: list[str] = []
    for entry in importlib.metadata.entry_points(group=SETS_GROUP):
        dist = entry.dist
        origin = f"{dist.name} {dist.version}" if dist is not None else entry.value
        error, values = "", {}
        try:
            with contextlib.redirect_stdout(sys.stderr):
                values = entry.load()
            if not isinstance(values, Mapping) or not _is_literal(values):
                raise TypeError(f"{entry.value} is no mapping of literals")
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # a package may raise anything, SystemExit included
            error, values = describe(raised), {}
        files.append(getattr(sys.modules.get(entry.module), "__file__", None) or "")
        files += _entry_point_files(dist) if dist is not None else []
        sets.setdefault(entry.name, PluginSet(entry.name, origin, dict(values), error))
    return [sets[name] for name in sorted(sets)], [file for file in files if file]


def _without_clashes(found: list[tuple[Installed, str]]) -> list[tuple[Installed, str]]:
    holders: dict[str, Installed] = {}
    kept: list[tuple[Installed, str]] = []
    for plugin, file in found:
        holder = holders.setdefault(plugin.name, plugin)
        if holder is not plugin:
            if (holder.module, holder.distribution) == (plugin.module, plugin.distribution):
                continue  # the same installation, seen twice on the path
            error = f"the name '{plugin.name}' belongs to {holder.source}"
            plugin = plugin._replace(manifest=None, error=error)  # as marked
        kept.append((plugin, file))
    return kept


def _load(name: str, module: str, attribute: str, distribution: str, version: str) -> Installed:
    import contextlib
    import importlib

    blank = Installed(name, None, module, distribution, version)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            package = importlib.import_module(module)
            manifest = getattr(package, attribute or "plugin")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything, SystemExit included
        return blank._replace(error=f"cannot be imported: {describe(error)}")
    folder = os.path.dirname(getattr(package, "__file__", None) or "")
    blank = blank._replace(folder=folder)
    fault = manifest_fault(manifest, name)
    if not fault and not _is_literal(manifest):
        fault = "its manifest holds more than literals"
    if fault:
        return blank._replace(error=fault)
    migrations: tuple[str, ...] = ()
    if manifest.migrations:
        try:
            names = sorted(os.listdir(os.path.join(folder, manifest.migrations)))
        except OSError as error:
            return blank._replace(error=f"its migrations cannot be read: {error.strerror}")
        migrations = tuple(name for name in names if name.endswith(".sql"))
    return blank._replace(manifest=manifest, migrations=migrations)


def describe(error: BaseException) -> str:
    """An error in one line: `ValueError: bad`."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def manifest_fault(manifest: object, name: str) -> str:
    """What is wrong with a manifest, in one line; empty when nothing is."""
    from tm_core.hookspecs import HOOKS

    if not isinstance(manifest, Plugin):
        return f"its entry point gives {type(manifest).__name__}, not a Plugin"
    if manifest.name != name:
        return f"its manifest is named '{manifest.name}', its entry point '{name}'"
    if name in RESERVED_NAMES:
        return f"the name '{name}' is the kernel's own"
    if not re.fullmatch(_NAME, name):
        return f"'{name}' is not a plugin name: lower-case letters, digits and dashes"
    wanted = (manifest.api, 0) if isinstance(manifest.api, int) else tuple(manifest.api)
    if len(wanted) != 2 or wanted[0] != API_VERSION[0] or wanted[1] > API_VERSION[1]:
        version = ".".join(map(str, wanted))
        return f"it needs plugin API {version}, this is {API_VERSION[0]}.{API_VERSION[1]}"
    for hook, where in manifest.hooks.items():
        if hook not in HOOKS:
            return f"there is no hook '{hook}'"
        if not isinstance(where, Hook):
            return f"hook '{hook}' is not given as Hook(...)"
        for setting in where.settings:
            if setting not in manifest.config:
                return f"hook '{hook}' depends on the setting '{setting}', which it does not have"
    for field in manifest.fields:
        if not isinstance(field, Field) or field.type not in FIELD_TYPES:
            return f"field {field!r} is not of a known type"
        if not re.fullmatch(_FIELD_NAME, field.name):
            return f"'{field.name}' is not a field name: lower-case letters, digits, underscores"
    kinds: tuple[tuple[str, Mapping[str, Any], type], ...] = (
        ("action", manifest.actions, Action),
        ("command", manifest.commands, Command),
        ("setting", manifest.config, Setting),
    )
    for kind, table, wanted_type in kinds:
        for key, value in table.items():
            if not isinstance(value, wanted_type):
                return f"{kind} '{key}' is not given as {wanted_type.__name__}(...)"
    return ""


def _is_literal(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_literal(item) for key, item in value.items())
    if isinstance(value, (tuple, list)):
        return all(map(_is_literal, value))
    return value is None or isinstance(value, (str, int, float, bool))


def _decoded(row: list[Any]) -> Installed:
    name, manifest, module, distribution, version, error, folder, migrations = row
    plugin = _manifest(manifest) if manifest is not None else None
    return Installed(name, plugin, module, distribution, version, error, folder, tuple(migrations))


def _manifest(row: list[Any]) -> Plugin:
    name, summary, api, fields, hooks, actions, commands, config, folder, requires, *rest = row
    return Plugin._make(
        (
            name,
            summary,
            api if isinstance(api, int) else (api[0], api[1]),
            tuple([Field._make(map(_frozen, item)) for item in fields]),
            {
                name: Hook._make((target, tuple(when), tuple(needed)))
                for name, (target, when, needed) in hooks.items()
            },
            {name: Action._make(item) for name, item in actions.items()},
            {name: Command._make(item) for name, item in commands.items()},
            {
                name: Setting._make((kind, default, text, tuple(choices), *more))
                for name, (kind, default, text, choices, *more) in config.items()
            },
            folder,
            tuple(requires),
            *rest,
        )
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
