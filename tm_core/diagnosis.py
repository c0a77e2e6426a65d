"""What is well and what is not: store, plugins and configuration, as `tm doctor` shows it."""

from __future__ import annotations

import glob
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from functools import partial

from .actions import signature_of
from .cache import default_cache_folder
from .errors import NoStore, TmError
from .hookspecs import HOOKS
from .host import Host
from .manager import TaskManager
from .model import Finding
from .registry import describe, installed_plugins
from .workspace import FILE, Workspace

_SPACE = 500_000_000
"""Free bytes below which a person should know."""
_ABANDONED = 3600
"""Seconds after which nobody can still be writing a temporary file."""


def examine(workspace: Workspace, open_store: Callable[[], TaskManager]) -> Iterator[Finding]:
    """Look at everything, whatever fails on the way; imports every enabled plugin whole."""
    yield from _configuration(workspace)
    yield from _plugins(workspace.host)
    yield from _index(workspace)
    yield from _folder(workspace)
    try:
        manager = open_store()
    except NoStore as error:
        yield Finding("warning", "store", error.message, error.hint)
        return
    except TmError as error:
        yield Finding("error", "store", error.message, error.hint)
        return
    for name, cause in workspace.host.dropped.items():
        yield Finding("warning", f"plugin {name}", f"off: {cause}", "tm migrate --apply")
    yield from _store(manager)
    yield from _handlers(manager)
    yield from manager.health()


def _configuration(workspace: Workspace) -> Iterator[Finding]:
    files = [layer.origin for layer in workspace.config.layers if layer.name in ("user", "project")]
    yield Finding("ok", "configuration", ", ".join(files) or "defaults only")


def mend(finding: Finding) -> Finding:
    """Do what mends it, if there is such a thing, and tell what came of it."""
    if finding.fix is None:
        return finding
    try:
        finding.fix()
    except Exception as error:
        cause = error.message if isinstance(error, TmError) else describe(error)
        return finding._replace(message=f"{finding.message}; not mended: {cause}", fix=None)
    return Finding("ok", finding.subject, f"mended: {finding.message}")


def _index(workspace: Workspace) -> Iterator[Finding]:
    """The plugin index against what is really installed."""
    fresh = installed_plugins(None)
    if fresh != [one for one in workspace.host.installed if one.module]:
        yield Finding(
            "warning",
            "plugin index",
            "it is not what is installed",
            fix=partial(_forget_index, default_cache_folder(workspace.environ)),
        )


def _forget_index(folder: str) -> None:
    for file in glob.glob(os.path.join(glob.escape(folder), "index-*.json")):
        os.unlink(file)


def _folder(workspace: Workspace) -> Iterator[Finding]:
    """Disk space, and who may read and write what."""
    folder = workspace.folder
    if not os.path.isdir(folder):
        return
    free = shutil.disk_usage(folder).free
    level = "error" if free < _SPACE // 10 else "warning" if free < _SPACE else "ok"
    hint = "free some space" if level != "ok" else ""
    yield Finding(level, "disk", f"{free // 1_000_000} MB free at {folder}", hint)
    for path in (folder, os.path.join(folder, FILE)):
        if os.path.exists(path) and not os.access(path, os.W_OK):
            yield Finding("warning", "permissions", f"you may not write to {path}", "ask its owner")
    if os.name == "posix":
        yield from _exposed(folder)
    old = time.time() - _ABANDONED
    for path in glob.glob(os.path.join(glob.escape(folder), "**", "*.tmp"), recursive=True):
        if os.path.isfile(path) and os.path.getmtime(path) < old:
            yield Finding(
                "warning",
                "leftover",
                f"{path} was left behind by a process that was killed",
                fix=partial(os.unlink, path),
            )


def _exposed(folder: str) -> Iterator[Finding]:
    """Files that hold tasks and that everybody on this machine can get at."""
    if not os.stat(folder).st_mode & 0o001:
        return
    names = [FILE, f"{FILE}-wal", f"{FILE}-shm", "backups", "logs"]
    for path in (os.path.join(folder, name) for name in names):
        if os.path.exists(path) and (mode := os.stat(path).st_mode) & 0o007:
            yield Finding(
                "warning",
                "permissions",
                f"everybody on this machine can read {path}",
                fix=partial(os.chmod, path, stat.S_IMODE(mode) & ~0o007),
            )


def _plugins(host: Host) -> Iterator[Finding]:
    for name, one in list(host.enabled.items()):
        before = len(host.failures)
        manifest = host.manifest(name)
        for hook in HOOKS:
            if hook in manifest.hooks:
                host.implementations(hook)
        for command, action in manifest.actions.items():
            try:
                signature_of(host.load(one, action.target))
                if action.view:
                    host.load(one, action.view)
            except Exception as error:
                cause = error.message if isinstance(error, TmError) else describe(error)
                yield Finding("error", f"plugin {name}", f"'{command}': {cause}")
        if len(host.failures) == before:
            yield Finding("ok", f"plugin {name}", f"{one.source}, all that it declares is there")
    for failure in host.failures:
        hint = f"tm config disable {failure.plugin}, or tell its authors"
        text = f"{failure.source}: {failure.where}: {failure.cause}"
        yield Finding("error", f"plugin {failure.plugin}", text, hint)


def _store(manager: TaskManager) -> Iterator[Finding]:
    faults = manager.database.check()
    for fault in faults:
        yield Finding("error", "store", fault, "restore a backup")
    if not faults:
        count = manager.count()
        yield Finding("ok", "store", f"{manager.database.url}, {count} tasks, structure sound")


def _handlers(manager: TaskManager) -> Iterator[Finding]:
    def again() -> None:
        with manager.database.transaction():
            manager.database.execute("UPDATE delivery SET retry_at = NULL WHERE failures > 0")
        manager.deliver()

    rows = manager.database.query("SELECT * FROM delivery WHERE failures > 0 ORDER BY consumer")
    for row in rows:
        yield Finding(
            "error",
            f"handler {row['consumer']}",
            f"failed {row['failures']} time(s): {row['error']}",
            f"its events are kept; tried again after {row['retry_at']}",
            again,
        )
