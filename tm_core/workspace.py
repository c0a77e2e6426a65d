"""What is known before a store is opened: where it is, what is configured, which plugins are on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .configuration.cache import default_cache_folder
from .configuration.config import Config
from .configuration.settings import Layer
from .errors import BlankStore, DatabaseError, ForeignStore, NoStore, PluginError, is_refusal
from .hook_data import Foreign
from .language.when import instant_now
from .model import Plugin
from .plugin_host.host import Host
from .plugin_host.registry import (
    LOCK_FILE,
    Installed,
    describe,
    installed_plugins,
    packaged_sets,
)
from .plugin_host.roster import in_code
from .plugin_host.troubles import Trouble, recall, remember
from .storage import location
from .storage.location import FILE, FOLDER
from .storage.sqlite import SQLiteBackend

if TYPE_CHECKING:
    from .configuration.sets import Sets
    from .context import Context
    from .storage.backend import Backend, Database


class Workspace:
    """A project folder, or the lack of one, with its configuration and its plugins."""

    def __init__(
        self,
        directory: str = ".",
        *,
        environ: Mapping[str, str] | None = None,
        store: str = "",
        settings: Sequence[str] = (),
        plugin_flags: Sequence[str] = (),
        plugins: Sequence[Plugin] = (),
        safe: bool = False,
        strict: bool = False,
        like: Workspace | None = None,
        report: Callable[[str], None],
    ) -> None:
        """Look around from a folder.

        Args:
            directory: Where to look for the store: here, then in each parent.
            environ: The environment; the process's own by default.
            store: A path or URL that overrides what is found.
            settings: `key=value`, above every other layer of the configuration.
            plugin_flags: `NAME` or `no:NAME`.
            plugins: Plugins made in code, beside the installed ones.
            safe: Kernel only.
            strict: Re-raise what a plugin raises.
            like: One whose storage backend opens this one's store, too, if it is of a plugin: so
                threads share what the backend keeps, such as connections.
            report: Takes one line about something that is not as it should be.

        Raises:
            ConfigError: The configuration cannot be used.
            PluginError: A required plugin cannot be used.
        """
        environ = os.environ if environ is None else environ
        self.environ = environ
        self.report = report
        cache = default_cache_folder(environ)
        override = store or environ.get("TM_DB_PATH", "")
        place = location.find(directory)
        found = place.folder if place is not None else None
        if override and "://" not in override:
            found = _folder_of(override)
        self._place = place if place is not None and place.folder == found else None
        self.folder = found or ""
        """The store's folder; empty where there is none."""
        config = Config.load(
            found, environ, settings, plugin_flags=plugin_flags, cache_folder=cache, safe=safe
        )
        self.url = _url(override or str(config.get("store.url") or ""), self.folder)
        installed = installed_plugins(cache, report)
        installed += in_code(plugins, installed)
        self._cache = cache
        self._chosen = config
        self.config = self._with_set_and_plugins(config, installed, safe)
        strict = strict or environ.get("TM_STRICT", "") not in ("", "0")
        self.host = Host(installed, self.config, report=report, strict=strict, safe=safe)
        self._database: Database | None = None
        self.backend: Backend | None = like.backend if like is not None else None
        """What a plugin offered to open the store with."""
        self._own: dict[str, Any] = like._own if like is not None else {}
        self._compare_with_lock(safe)

    def _with_set_and_plugins(
        self, config: Config, installed: Sequence[Installed], safe: bool
    ) -> Config:
        """A configuration with what the plugin set says and plugins know, checked."""
        named = str(config.get("plugins.set") or "")
        for one in self.sets.chain(named) if named and not safe else ():
            config = config.with_layer(one.layer)
        manifests = [one.manifest for one in installed if one.manifest is not None]
        config = config.with_plugins(manifests)
        for warning in config.check(manifests, (one.name for one in installed if one.error)):
            self.report(warning)
        return config

    def _compare_with_lock(self, safe: bool) -> None:
        """Say before anything runs that the plugins are not those that the project locked."""
        if safe or not self.folder or not os.path.exists(os.path.join(self.folder, LOCK_FILE)):
            return
        from .plugin_host.lock import deviations, read_lock

        locked = read_lock(self.folder) or {}
        found = deviations(locked, self.host.enabled.values())
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            self.report(
                f"not as in plugins.lock: '{found[0].plugin}' {found[0].message}{more}"
                " (tm plugins check)"
            )

    @property
    def sets(self) -> Sets:
        """The plugin sets that can be named here."""
        from .configuration.sets import Sets

        return Sets(self._chosen, self.project, lambda: packaged_sets(self._cache), self._cache)

    @property
    def project(self) -> str:
        """The folder that holds the store's folder, or stands for it here; or the current one."""
        if self._place is not None:
            return self._place.project
        if os.path.basename(self.folder) == FOLDER:
            return os.path.dirname(self.folder)
        return self.folder or os.getcwd()

    @property
    def actor(self) -> str:
        """Who acts, when nobody else is named."""
        named = str(self.config.get("actor") or "")
        if named:
            return named
        for name in ("USER", "LOGNAME", "USERNAME"):
            if self.environ.get(name):
                return self.environ[name]
        return "unknown"

    def add_providers(self, context: Callable[[str], Context]) -> bool:
        """Phase 2 of the configuration: what plugins provide; gives whether there is any."""
        found = False
        for plugin, provider in self.host.collect("config_providers", context):
            try:
                where = f"provider '{provider.name}'"
                given = self.host.calls.call(plugin, where, provider.get_config)
                layer = Layer("providers", f"{plugin.name}/{provider.name}", given)
                config = self.config.with_layer(layer)
                config.check(self.host.manifests())
            except Exception as error:
                self.host.blame(plugin, "config_providers", error)
                continue
            self.config = config
            self.host.reconfigure(self.config)
            found = True
        return found

    def open_database(self, *, create: bool = False) -> Database:
        """Connect to the store.

        Raises:
            NoStore: There is none, and `create` is not set.
            DatabaseError: It cannot be used.
        """
        if self._database is None:
            if not self.url:
                raise NoStore("there is no task store here or in a parent folder", "tm init")
            scheme = self.url.partition("://")[0] if "://" in self.url else "sqlite"
            settings = {
                name: self.config.get(name) for name in ("store.busy_timeout", "store.synchronous")
            }
            if scheme == "sqlite":
                self._database = SQLiteBackend().open(self.url, create=create, settings=settings)
                return self._database
            if self.backend is None:
                self.backend, self._own = self._offered(scheme)
            settings |= self._own
            self._database = self.backend.open(self.url, create=create, settings=settings)
        return self._database

    def check_ours(self, database: Database) -> None:
        """Raise if a database is no task store, saying what it is and what to do instead.

        Raises:
            BlankStore: Nothing is in it.
            ForeignStore: A plugin knows what it is, and can carry it over.
            DatabaseError: Nobody knows what it is.
        """
        if database.columns("schema_fingerprint"):
            return
        url = database.url
        if database.is_blank():
            raise BlankStore(f"{url} is empty", "tm init makes a task store of it")
        for each in self.host.implementations("foreign_store"):
            try:
                found = self.host.invoke(each, path=url) or None
                if not isinstance(found, Foreign | None):
                    raise TypeError(f"foreign_store gave {type(found).__name__}, not a Foreign")
            except Exception as error:
                self.host.blame(each.plugin, "foreign_store", error)
                continue
            if found is not None:
                raise ForeignStore(f"{url} {found.what}", found.command)
        raise DatabaseError(f"{url} is not a task store", "tm init in a new folder")

    def _offered(self, scheme: str) -> tuple[Backend, dict[str, Any]]:
        """What opens stores of this kind, with the settings of the plugin that offers it."""
        known = ["sqlite"]
        for implementation in self.host.implementations("storage_backends"):
            try:
                offered: Mapping[str, Any] = self.host.invoke(implementation)
                known.extend(offered)
                if scheme in offered:
                    name = implementation.plugin.name
                    own = self.host.settings(name)
                    return offered[scheme], {f"{name}.{key}": own[key] for key in own}
            except Exception as error:
                if is_refusal(error):
                    raise
                raise PluginError(
                    f"plugin '{implementation.plugin.name}' ({implementation.plugin.source})"
                    f" cannot offer its storage: {describe(error)}"
                ) from error
        raise NoStore(
            f"no plugin opens stores of the kind '{scheme}:' (known: {', '.join(known)})",
            "install and enable one, or change store.url",
        )

    def troubles(self) -> list[Trouble]:
        """What enabled plugins, as they are installed now, did wrong here in the last day."""
        sources = {name: one.source for name, one in self.host.enabled.items()}
        found = recall(self.folder, instant_now())
        return [each for each in found if sources.get(each.plugin) == each.source]

    def close(self) -> None:
        """Let go of the store, and remember what plugins did wrong."""
        if self._database is not None:
            self._database.close()
            self._database = None
            now = instant_now()
            if self.folder and (troubles := self.host.troubles(now)):
                remember(self.folder, troubles, now)


def _folder_of(store: str) -> str:
    """The folder of a store that is named by a path."""
    path = os.path.expanduser(store)
    return os.path.abspath(
        os.path.dirname(path) or "." if path.endswith(".db") else location.named(path)
    )


def _url(override: str, folder: str) -> str:
    """A URL of another engine, a path that ends in `.db`, or the usual file in a folder."""
    if "://" in override and not override.startswith("sqlite://"):
        return override
    path = override.removeprefix("sqlite://")
    if path.endswith(".db"):
        return os.path.abspath(os.path.expanduser(path))
    folder = os.path.abspath(location.named(os.path.expanduser(path))) if path else folder
    return os.path.join(folder, FILE) if folder else ""
