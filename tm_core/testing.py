"""Fixtures for testing plugins: a store, and the command line, each in a folder of its own.

Load them with `-p tm_core.testing` in pytest's `addopts`, or with
`pytest_plugins = ["tm_core.testing"]` in a `conftest.py`.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .cli import run
from .manager import TaskManager


class Result(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.out)


class Cli:
    """Runs `tm` in this process, in a folder, as from a pipe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, code: int | None = 0) -> Result:
        """Run one command.

        Args:
            arguments: What comes after `tm`.
            code: The exit code that is expected; None for any.
        """
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                got = run(arguments)
        finally:
            os.chdir(before)
        for stream in (out, err):
            stream.seek(0)
        result = Result(got, out.read(), err.read())
        if code is not None and got != code:
            raise AssertionError(f"tm {' '.join(arguments)}: {result}")
        return result

    def add(self, title: str, *arguments: str) -> str:
        """Add a task and give its id."""
        return self("add", title, *arguments).out.strip()

    def show(self, task_id: str) -> dict[str, Any]:
        """A task as `tm show --json` gives it."""
        shown: dict[str, Any] = self("show", task_id, "--json").json
        return shown


class Process:
    """Runs `tm` as a process of its own, in a folder, with pipes and no standard input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        *arguments: str | bytes,
        code: int | None = 0,
        folder: Path | None = None,
        prepare: Callable[[], None] | None = None,
        **environ: str,
    ) -> Result:
        """Run one command.

        Args:
            arguments: What comes after `tm`; bytes need not be UTF-8.
            code: The exit code that is expected; None for any.
            folder: Where it runs; the test's folder by default.
            prepare: Called in the new process before `tm` is started, not on Windows.
            environ: Variables, beside those of this process.
        """
        done = subprocess.run(
            [sys.executable, "-m", "tm_core", *arguments],
            cwd=folder or self.folder,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            preexec_fn=prepare,
            timeout=60,
        )
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        if code is not None and done.returncode != code:
            raise AssertionError(f"tm {arguments}: {result}")
        return result


@pytest.fixture(scope="session")
def tm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the plugin index, shared by all tests, since it takes a while to make."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tm_environ(tmp_path: Path, tm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
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
    return folder


@pytest.fixture
def tm_open(tm_environ: Path) -> Iterator[Callable[..., TaskManager]]:
    """Opens the test's store, making it at first; takes what `TaskManager.open` takes."""
    opened: list[TaskManager] = []

    def open_store(**options: Any) -> TaskManager:
        create = not (tm_environ / ".task-orchestrator" / "tasks.db").exists()
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
def tm_process(tm_environ: Path) -> Process:
    """The command line as processes, in an empty folder."""
    return Process(tm_environ)
