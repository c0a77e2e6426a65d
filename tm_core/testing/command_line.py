"""The command line under test: in this process, or in one of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tm_core.command_line.cli import run
from tm_core.language.when import instant_now


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

    def __init__(self, folder: Path, *options: str, clock: Callable[[], str] = instant_now) -> None:
        """Work in a folder.

        Args:
            folder: The current folder of each command.
            options: Global options of each command, such as `-p`, `hello`.
            clock: Gives the present instant.
        """
        self.folder = folder
        self.options = options
        self.clock = clock

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
                return run([*self.options, *arguments], self.clock)
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
