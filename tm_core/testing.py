"""Fixtures for testing plugins: a store, and the command line, each in a folder of its own.

Load them with `-p tm_core.testing` in pytest's `addopts`, or with
`pytest_plugins = ["tm_core.testing"]` in a `conftest.py`.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pytest

from .command_line.cli import run
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
        out, err = _stream(), _stream()
        got = self._run(arguments, out, err)
        result = Result(got, _content(out), _content(err))
        if code is not None and got != code:
            raise AssertionError(f"tm {' '.join(arguments)}: {result}")
        return result

    def transcript(self, *arguments: str) -> str:
        """Run one command and give all that it says, on both streams, in its order."""
        said = _stream()
        self._run(arguments, said, said)
        return _content(said)

    def _run(self, arguments: Sequence[str], out: TextIO, err: TextIO) -> int:
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                return run(arguments)
        finally:
            os.chdir(before)

    def add(self, title: str, *arguments: str) -> str:
        """Add a task and give its id."""
        return self("add", title, *arguments).out.strip()

    def show(self, task_id: str) -> dict[str, Any]:
        """A task as `tm show --json` gives it."""
        shown: dict[str, Any] = self("show", task_id, "--json").json
        return shown


def _stream() -> TextIO:
    """As a pipe is: text over bytes, which some programs write themselves."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="", write_through=True)


def _content(stream: TextIO) -> str:
    stream.seek(0)
    return stream.read()


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


_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CAPTURE = re.compile(r"(\w+)=\$\((.*)\)")
_VARYING = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d\.\d{6}Z)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "<id>"),
)


def run_readme(path: Path, cli: Cli) -> None:
    """Run the commands of a page and compare what they say with what the page says.

    In every ```` ```console ```` block a line that begins with `$ tm` is a command, and the lines
    up to the next one are all that it says, on both streams, as into a pipe. `$ ID=$(tm add "x")`
    keeps standard output for later commands, which say `$ID`. Task ids and times may differ; a
    line of `...` stands for any lines. A backslash continues a line. Blocks share one store.

        def test_the_readme_is_a_run(tm_cli):
            run_readme(Path(__file__).parents[1] / "README.md", tm_cli)

    Raises AssertionError where the page is wrong, or holds no command.
    """
    commands = 0
    variables: dict[str, str] = {}
    for block in _BLOCK.findall(path.read_text(encoding="utf-8")):
        for step in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
            line, _, expected = step.partition("\n")
            captured = _CAPTURE.fullmatch(line)
            command = captured[2] if captured else line
            words = [
                re.sub(r"\$(\w+)", lambda name: variables[name[1]], word)
                for word in shlex.split(command)
            ]
            assert words[0] == "tm", f"{path.name}: only tm can be run: {line}"
            if captured:
                result = cli(*words[1:])
                variables[captured[1]], said = result.out.strip(), result.err
            else:
                said = cli.transcript(*words[1:])
            pattern = "".join(
                r"(?:.*\n)*?" if part == "..." else re.escape(part + "\n")
                for part in _same(expected).splitlines()
            )
            assert re.fullmatch(pattern, _same(said)), (
                f"$ {line}\n{said}--- {path.name}:\n{expected}"
            )
            commands += 1
    assert commands, f"{path} has no ```console block with a command"


def _same(text: str) -> str:
    """What a command said, without what differs from run to run, and without blank lines."""
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return "".join(f"{line}\n" for line in text.splitlines() if line.strip())


@pytest.fixture(scope="session")
def tm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the plugin index, shared by all tests, since it takes a while to make."""
    return tmp_path_factory.mktemp("cache")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known that says which tests run on every storage engine."""
    for line in (
        "every_backend: runs on each storage engine of the option --tm-backends",
        "only_backend(name): within what is marked every_backend, runs on this engine alone",
    ):
        config.addinivalue_line("markers", line)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--tm-backends`."""
    parser.addoption(
        "--tm-backends",
        default="sqlite",
        help="Engines that tests marked every_backend run on: sqlite, and any NAME for which there"
        " is a fixture tm_url_NAME that gives a new store's URL",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that are marked `every_backend` on each engine."""
    marked = metafunc.definition.get_closest_marker("every_backend")
    if marked is not None and "tm_backend" in metafunc.fixturenames:
        names = metafunc.config.getoption("--tm-backends").split(",")
        only = metafunc.definition.get_closest_marker("only_backend")
        names = [name for name in names if only is None or name in only.args]
        metafunc.parametrize("tm_backend", names, indirect=True)


@pytest.fixture
def tm_backend(request: pytest.FixtureRequest) -> str:
    """The storage engine that this test runs on: `sqlite`, unless it is marked `every_backend`."""
    return str(getattr(request, "param", "sqlite"))


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
def tm_process(tm_environ: Path) -> Process:
    """The command line as processes, in an empty folder."""
    return Process(tm_environ)
