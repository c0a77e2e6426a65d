"""The fixtures: a store, and the command line, each in a folder of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tm_core.hookspecs import hookimpl
from tm_core.manager import TaskManager
from tm_core.model import Hook, Plugin
from tm_core.plugin_host.host import Host
from tm_core.workspace import Workspace

from .clock import Clock
from .command_line import Cli, Process


@pytest.fixture(scope="session")
def tm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the plugin index, shared by all tests, since it takes a while to make."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tm_environ(
    tmp_path: Path,
    tm_cache: Path,
    tm_backend: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Path:
    """An environment that knows nothing of the user's own files; gives an empty folder."""
    home = tmp_path / "home"
    home.mkdir()
    for name in [name for name in os.environ if name.startswith("TM_")]:
        monkeypatch.delenv(name)
    for name in ("HOME", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tm_cache))
    monkeypatch.setenv("USER", "tester")
    monkeypatch.setenv("NO_COLOR", "1")
    folder = tmp_path / "project"
    folder.mkdir()
    if tm_backend != "sqlite":
        monkeypatch.setenv("TM_DB_PATH", request.getfixturevalue(f"tm_url_{tm_backend}"))
    return folder


@pytest.fixture
def tm_open(tm_environ: Path, tm_backend: str) -> Iterator[Callable[..., TaskManager]]:
    """Opens the test's store, making it at first; takes what `TaskManager.open` takes."""
    opened: list[TaskManager] = []

    def open_store(**options: Any) -> TaskManager:
        create = not (tm_environ / ".task-orchestrator").exists()
        if tm_backend != "sqlite" and "environ" in options:
            ours = {name: value for name, value in os.environ.items() if name.startswith("TM_")}
            options["environ"] = {**ours, **options["environ"]}
        manager = TaskManager.open(str(tm_environ), create=create, **options)
        opened.append(manager)
        return manager

    yield open_store
    for manager in opened:
        manager.close()


@pytest.fixture
def tm_store(tm_open: Callable[..., TaskManager]) -> TaskManager:
    """A new store with the features that are on by default."""
    return tm_open()


@pytest.fixture
def tm_cli(tm_environ: Path) -> Cli:
    """The command line in a folder with a new store."""
    cli = Cli(tm_environ)
    cli("init")
    return cli


@pytest.fixture
def tm_clock() -> Clock:
    """A clock that stands still, for `tm_open(clock=...)` or `Cli(folder, clock=...)`."""
    return Clock()


@pytest.fixture
def tm_host(tm_environ: Path) -> Callable[..., Host]:
    """Gives the host of some plugins: `tm_host(only=["hello"])`, with no store opened.

    `only` names the installed plugins that are on, `plugins` are further ones made in code.
    """

    def make_host(*, only: Sequence[str] = (), plugins: Sequence[Plugin] = ()) -> Host:
        names = ",".join([*only, *(plugin.name for plugin in plugins)])
        workspace = Workspace(
            str(tm_environ), plugins=plugins, settings=[f"plugins.only={names}"], report=print
        )
        return workspace.host

    return make_host


@pytest.fixture
def tm_failing() -> Callable[..., Plugin]:
    """Makes a plugin whose hooks raise: `tm_open(plugins=[tm_failing("task_write")])`."""

    def make_failing(*hooks: str, name: str = "failing") -> Plugin:
        def fail() -> None:
            raise RuntimeError("this plugin always fails")

        target = SimpleNamespace(**{hook: hookimpl(fail) for hook in hooks})
        return Plugin(name, "Always fails", hooks=dict.fromkeys(hooks, Hook(target)))

    return make_failing


@pytest.fixture
def tm_process(tm_environ: Path) -> Process:
    """The command line as processes, in an empty folder."""
    return Process(tm_environ)
