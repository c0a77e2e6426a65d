"""Plugins made for one test, in code or as installed packages, and `tm` as a process of its own."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Field, Hook, Plugin, hookimpl
from tm_core.testing import Result


class Made:
    """An object with hook implementations, as a module would have them."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        for name, function in functions.items():
            setattr(self, name, hookimpl(function))


@pytest.fixture
def make() -> Callable[..., Plugin]:
    """Makes a plugin in code: `make("probe", task_write=function)`."""

    def make_plugin(
        name: str = "probe",
        *,
        when: tuple[str, ...] = (),
        fields: tuple[Field, ...] = (),
        manifest: Mapping[str, Any] | None = None,
        **functions: Callable[..., Any],
    ) -> Plugin:
        target = Made(functions)
        hooks = {hook: Hook(target, when) for hook in functions}
        return Plugin(name, "Made for a test", hooks=hooks, fields=fields, **(manifest or {}))

    return make_plugin


@pytest.fixture
def said() -> list[str]:
    """The lines that a store opened with `report=said.append` says."""
    return []


@pytest.fixture
def store(tm_open: Callable[..., TaskManager], said: list[str]) -> Callable[..., TaskManager]:
    """Opens the test's store with hardly any other plugin; what is said goes to `said`."""

    entries = importlib.metadata.entry_points(group="tm.plugins")
    # Only the kernel is under test, on any store; metrics shows what calculators measure.
    off = ",".join(entry.name for entry in entries if entry.name not in ("metrics", "postgres"))

    def open_store(*plugins: Plugin, settings: Sequence[str] = (), **options: Any) -> TaskManager:
        settings = [f"plugins.disable={off}", *settings]
        return tm_open(plugins=plugins, report=said.append, settings=settings, **options)

    return open_store


class Site:
    """A folder of installed packages, as pip leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def write(self, path: str, text: str) -> Path:
        """Write one file, with its folders."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def install(
        self,
        name: str,
        manifest: str,
        *,
        distribution: str = "",
        version: str = "1.2",
        package: str = "",
        **modules: str,
    ) -> str:
        """Install a plugin and give its package's name.

        Args:
            name: The entry point's name.
            manifest: The text of the package's `__init__.py`.
            distribution: The distribution's name; made of the plugin's by default.
            version: Its version.
            package: The package's name; made of the plugin's by default.
            modules: Text of further modules, by name.
        """
        package = package or f"tp_{name.replace('-', '_')}"
        distribution = distribution or f"tm-{name}"
        self.write(f"{package}/__init__.py", manifest)
        for module, text in modules.items():
            self.write(f"{package}/{module}.py", text)
        info = f"{distribution.replace('-', '_')}-{version}.dist-info"
        self.write(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        self.write(f"{info}/entry_points.txt", f"[tm.plugins]\n{name} = {package}:plugin\n")
        self.write(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/entry_points.txt,,\n")
        return package


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A folder of installed packages that `tm` and `script` have on their path."""
    return Site(tmp_path / "site")


class Process:
    """Runs Python in the test's project folder, in a process of its own."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder = folder
        self.site = site

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start it, with pipes."""
        # An empty folder is left out: each path has an index of its own, which takes a while.
        used = any(self.site.folder.iterdir())
        path = {"PYTHONPATH": str(self.site.folder)} if used else {}
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, **path, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def finish(self, process: subprocess.Popen[str], code: int | None = 0) -> Result:
        """Wait for it; `code` is the exit code that is expected, None for any."""
        out, err = process.communicate(timeout=120)
        result = Result(process.returncode, out, err)
        if code is not None and result.code != code:
            raise AssertionError(f"{process.args!r}: {result}")
        return result

    def __call__(self, *arguments: str, code: int | None = 0, **environ: str) -> Result:
        """Run `tm`, installed as for a user."""
        return self.finish(self.start("-m", "tm_core", *arguments, **environ), code)

    def script(self, text: str, *arguments: str, code: int | None = 0, **environ: str) -> Result:
        """Run a Python script."""
        started = self.start("-c", textwrap.dedent(text), *arguments, **environ)
        return self.finish(started, code)


@pytest.fixture
def tm(tm_environ: Path, site: Site) -> Process:
    """The real command in a process of its own; its folder has no store yet."""
    return Process(tm_environ, site)
