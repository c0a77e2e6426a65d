"""Sources on this machine and in the store: a file, variables, a table, an installed package."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tm_core.api import (
    Config,
    ConfigError,
    Context,
    default_cache_folder,
    describe,
    parse_value,
    quote,
    read_config,
    user_config_path,
)

from .source import Source, ensure_consent, nested, settings_in

_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class File(Source):
    """A YAML or JSON file, written to as a configuration file is: comments stay."""

    kind = "file"

    def __init__(self, ctx: Context, name: str, path: str, *, personal: bool) -> None:
        """A path of the user's own is relative to the user's configuration, else to the project.

        Raises ConfigError for a path by which the project leaves its own folder.
        """
        super().__init__(name or f"file {path}", personal=personal)
        base = os.path.dirname(user_config_path(ctx.environ)) if personal else ctx.project
        self._path = os.path.join(base, os.path.expanduser(path) if personal else path)
        if not personal and not _within(os.path.realpath(self._path), [base]):
            raise ConfigError(
                f"{self.name}: not in the project's folder",
                "name it in your own configuration: config-providers.sources",
            )
        self._cache = default_cache_folder(ctx.environ)

    def read(self) -> Mapping[str, Any]:
        """As `Source.read`."""
        return read_config(self._path, self._cache)

    def set_config(self, config: Mapping[str, Any], *, dry_run: bool = False) -> None:
        """As `Source.set_config`."""
        from tm_core.api import set_config_value, unset_config_value

        # All are tried first, so that one that cannot be written leaves the others unwritten too.
        for trial in (True,) if dry_run else (True, False):
            for key, value in settings_in(config):
                if value is None:
                    unset_config_value(self._path, key, dry_run=trial)
                else:
                    set_config_value(self._path, key, value, dry_run=trial)

    def note(self) -> tuple[str, bool]:
        """As `Source.note`."""
        missing = not os.path.exists(self._path)
        return "there is no such file" if missing else "", missing


class Environment(Source):
    """Variables with a prefix of one's own: `ACME_LIST_LIMIT` is `list.limit`."""

    kind = "environment"
    read_only = "set the variable where your shell starts"

    def __init__(self, ctx: Context, name: str, prefix: str, *, personal: bool) -> None:
        super().__init__(name or f"environment {prefix}", personal=personal)
        if not _PREFIX.fullmatch(prefix) or prefix.upper() == "TM_":
            raise ConfigError(
                f"{quote(prefix)} is no prefix of variables", "like ACME_; TM_ counts already"
            )
        self._prefix = prefix
        self._ctx = ctx

    def read(self) -> Mapping[str, Any]:
        """As `Source.read`."""
        config: Config = self._ctx.tasks.workspace.config
        return nested(self._set(config))

    def _set(self, config: Config) -> Iterator[tuple[str, Any]]:
        for key in config.all_keys():
            text = self._ctx.environ.get(self._prefix + re.sub(r"[.-]", "_", key).upper())
            if text:
                yield key, parse_value(text, config.setting(key), key)


class Database(Source):
    """A table in the store: settings that all share who use it, or one team of them."""

    kind = "database"

    def __init__(self, ctx: Context, name: str, team: str = "", *, personal: bool) -> None:
        super().__init__(name or f"database {team}".strip(), personal=personal)
        self._ctx = ctx
        self._team = team

    def read(self) -> Mapping[str, Any]:
        """As `Source.read`."""
        rows = self._ctx.query(
            "SELECT name, value FROM config_providers_setting WHERE team = ? ORDER BY name",
            [self._team],
        )
        return nested((row["name"], json.loads(row["value"])) for row in rows)

    def set_config(self, config: Mapping[str, Any], *, dry_run: bool = False) -> None:
        """As `Source.set_config`."""
        # A dry run is taken back with its transaction.
        with self._ctx.event("configuration.set", team=self._team, settings=dict(config)):
            for key, value in settings_in(config):
                row = None if value is None else {"value": json.dumps(value, ensure_ascii=False)}
                self._ctx.put("config_providers_setting", {"team": self._team, "name": key}, row)


class Package(Source):
    """A mapping in an installed package, or a function without arguments that gives one."""

    kind = "package"
    read_only = "it comes with the package"

    def __init__(self, ctx: Context, name: str, target: str, *, personal: bool) -> None:
        super().__init__(name or f"package {target}", personal=personal)
        if not _TARGET.fullmatch(target):
            raise ConfigError(f"{quote(target)} is not written module:attribute")
        self._ctx = ctx
        self._target = target

    def read(self) -> Mapping[str, Any]:
        """As `Source.read`."""
        module, _, attribute = self._target.partition(":")
        place = self._installed(module.partition(".")[0])
        if not self.personal:
            ensure_consent(
                self._ctx, f"settings from the package {self._target}", self._target, place
            )
        import importlib

        try:
            found = getattr(importlib.import_module(module), attribute)
            values = found() if callable(found) else found
        except Exception as error:
            raise ConfigError(f"{self.name}: {describe(error)}") from error
        if not isinstance(values, Mapping):
            raise ConfigError(f"{self.name}: gave {type(values).__name__}, not a mapping")
        return dict(values)

    def _installed(self, module: str) -> str:
        """Where a top-level module is, without importing it.

        Raises ConfigError if it is not there, or lies in the project's or the current folder
        without having been installed: what was only checked out must not be run.
        """
        import importlib.util
        import sysconfig

        spec = importlib.util.find_spec(module)
        places = [] if spec is None else [*(spec.submodule_search_locations or ()), spec.origin]
        place = os.path.realpath(places[0] or "") if places else ""
        if not place:
            raise ConfigError(f"{self.name}: {module} is not installed", f"install {module}")
        installed = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        own = [self._ctx.project, os.getcwd()]
        if _within(place, own) and not _within(place, installed):
            raise ConfigError(f"{self.name}: {module} lies in the project, it is not installed")
        return place


def _within(path: str, folders: list[str]) -> bool:
    return any(path.startswith(os.path.join(os.path.realpath(each), "")) for each in folders)
