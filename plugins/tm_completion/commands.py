"""`tm completion`: Click's own completion scripts."""

from __future__ import annotations

import click

from tm_core.api import TmError, current_run


@click.command(help="Print the completion script of a shell, to be sourced in its start-up file.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Click's own completion."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise TmError(f"no completion for {shell}")
    source = kind(ctx.find_root().command, {}, "tm", "_TM_COMPLETE").source()
    current_run().output.data(source)
