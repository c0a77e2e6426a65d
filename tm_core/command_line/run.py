"""What a command about the tool itself is handed: it may run where there is no store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from tm_core.manager import TaskManager
from tm_core.workspace import Workspace

from .output import Output

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Run(Protocol):
    """One run of `tm`: its global options, with workspace and store opened when asked for."""

    options: dict[str, Any]
    """The global options that were given, by name, such as `dry_run`."""
    output: Output

    @property
    def workspace(self) -> Workspace:
        """The folder, the configuration and the plugins."""

    @property
    def manager(self) -> TaskManager:
        """The store. Raises NoStore where there is none."""

    def create(self, folder: str, store: str) -> TaskManager:
        """Make a store, with its folder; `store` is a path or URL, or empty for the usual file."""

    def parse(self, words: Sequence[str]) -> tuple[str, dict[str, Any], str]:
        """What words after `tm` ask of an action: its name, what is given, the idempotency key."""

    def forget(self) -> None:
        """Look around anew when next asked, since the configuration has changed."""


def current_run(context: Any = None) -> Run:
    """The run that a plain command belongs to.

    Args:
        context: Click's context, where there is no current one: when the shell completes a word.
    """
    import click

    root = (context or click.get_current_context()).find_root()
    run: Any = root.obj
    run.take(root.params)
    found: Run = run
    return found


def dry_run_option(command: _Command) -> _Command:
    """Give a plain command `--dry-run`: it finds it in `current_run().output.dry_run`."""
    import click

    def take(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            run: Any = ctx.find_root().obj
            run.options["dry_run"] = run.output.dry_run = True

    return click.option(
        "--dry-run",
        is_flag=True,
        expose_value=False,
        callback=take,
        help="Check all, write nothing",
    )(command)
