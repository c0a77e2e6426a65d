"""What is well and what is not: store, plugins and configuration, as `tm doctor` shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tm_core.api import (
    HOOKS,
    Finding,
    Host,
    NoStore,
    TaskManager,
    TmError,
    Workspace,
    describe,
    format_local,
    signature_of,
)

from .surroundings import look_around


def examine(workspace: Workspace, open_store: Callable[[], TaskManager]) -> Iterator[Finding]:
    """Look at everything, whatever fails on the way; imports every enabled plugin whole."""
    yield from _configuration(workspace)
    manager: TaskManager | None = None
    trouble: list[Finding] = []
    try:
        manager = open_store()  # first: a plugin whose migration fails is found out here
    except TmError as error:
        level = "warning" if isinstance(error, NoStore) else "error"
        trouble.append(Finding(level, "store", error.message, error.hint))
    yield from _plugins(workspace.host)
    yield from trouble
    yield from look_around(workspace.folder, workspace.url)
    failed = {failure.plugin for failure in workspace.host.failures}
    for name, cause in workspace.host.dropped.items():
        if name not in failed:
            yield Finding("warning", f"plugin {name}", f"off: {cause}", "tm migrate --apply")
    if manager is not None:
        yield from _store(manager)
        yield from _left_behind(manager)
        yield from _handlers(manager)
    told = [] if manager is None else list(manager.health())
    yield from told
    for finding in (*_failures(workspace.host), *_earlier(workspace)):
        if not any(_says(each, finding) for each in told):
            yield finding


def _says(own: Finding, about: Finding) -> bool:
    """Whether a feature's own finding tells what is also told about it, and better.

    A file that somebody spoilt is nothing that the feature's authors must hear of.
    """
    name = about.subject.removeprefix("plugin ")
    cause = own.message.partition(": ")[2]
    same = own.level != "ok" and own.subject in (name, about.subject)
    if own.message.startswith("health check: "):  # that it failed is all that it tells
        return False
    return same and bool(cause) and cause in about.message


def _configuration(workspace: Workspace) -> Iterator[Finding]:
    layers = workspace.config.layers
    files = [each.origin for each in layers if each.name in ("user", "project") and each.values]
    yield Finding("ok", "configuration", ", ".join(files) or "defaults only")


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


def _failures(host: Host) -> Iterator[Finding]:
    for failure in host.failures:
        hint = f"tm config disable {failure.plugin}, or tell its authors"
        text = f"{failure.source}: {failure.where}: {failure.cause}"
        yield Finding("error", f"plugin {failure.plugin}", text, hint)


def _earlier(workspace: Workspace) -> Iterator[Finding]:
    """What plugins did wrong in earlier commands, whose lines nobody may have read."""
    told = {(each.plugin, each.where, each.cause) for each in workspace.host.failures}
    for trouble in workspace.troubles():
        if (trouble.plugin, trouble.where, trouble.cause) not in told:
            often = f", {trouble.times} times" if trouble.times > 1 else ""
            yield Finding(
                trouble.level,
                f"plugin {trouble.plugin}",
                f"{trouble.source}: {trouble.where}: {trouble.cause}"
                f" (last {format_local(trouble.at)}{often})",
                f"tm config disable {trouble.plugin}, or tell its authors",
            )


def _left_behind(manager: TaskManager) -> Iterator[Finding]:
    known = {one.name for one in manager.host.installed} | {"kernel"}
    for row in manager.database.query("SELECT DISTINCT owner FROM migration ORDER BY owner"):
        if row["owner"] not in known:
            text = f"'{row['owner']}' is not installed; all that it wrote is kept"
            yield Finding("warning", f"plugin {row['owner']}", text, "install it to use it again")


def _store(manager: TaskManager) -> Iterator[Finding]:
    faults = manager.database.check()
    for fault in faults:
        yield Finding("error", "store", fault, "restore a backup")
    if not faults:
        count = manager.count()
        number = "1 task" if count == 1 else f"{count} tasks"
        yield Finding("ok", "store", f"{manager.database.url}, {number}, structure sound")


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
