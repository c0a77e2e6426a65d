"""`tm plugins`: what is installed, what is on, and what failed."""

from __future__ import annotations

import click

from tm_core.api import Run, current_run, visible

from .locking import check, lock, sync
from .sets import plugin_sets


@click.group(
    invoke_without_command=True, help="Show what is installed, what is on, and what failed."
)
@click.option("--hooks", is_flag=True, help="Who implements which hook, in calling order")
@click.pass_context
def plugins(ctx: click.Context, hooks: bool) -> None:
    """The list is what one mostly wants."""
    if ctx.invoked_subcommand is None:
        if hooks:
            from .seeing import show_hooks

            show_hooks(current_run())
        else:
            _list_plugins(current_run())


plugins.add_command(plugin_sets)
plugins.add_command(lock)
plugins.add_command(check)
plugins.add_command(sync)


@plugins.command("list", help="List plugins with source, version, state, hooks and failures.")
def list_plugins() -> None:
    """One row each."""
    _list_plugins(current_run())


@plugins.command(
    "trace",
    help="Run a command, and tell on stderr of each call of a plugin: its time, its result."
    " Options of tm itself stand before: tm -p NAME plugins trace COMMAND.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def trace_command(command: tuple[str, ...]) -> None:
    """The command does all that it does otherwise."""
    from .seeing import trace

    trace(current_run(), command)


@plugins.command(
    "doctor", help="Tell what plugins use that is to go. Exit code 1 if one is broken."
)
@click.argument("name", nargs=-1)
@click.pass_context
def examine_plugins(ctx: click.Context, name: tuple[str, ...]) -> None:
    """Of these plugins, or of all."""
    from .evolution import examine

    run = current_run()
    findings = list(examine(run, name))
    if run.output.as_json:
        run.output.json([finding.as_dict() for finding in findings])
    else:
        for level, subject, message, hint, _ in findings:
            advice = f" ({hint})" if hint else ""
            run.output.data(f"{level}\t{subject}\t{visible(message + advice)}")
    ctx.exit(1 if any(finding.level == "error" for finding in findings) else 0)


def _list_plugins(run: Run) -> None:
    host = run.workspace.host
    rows = []
    for one in host.installed:
        state = "failed" if one.error else "on" if one.name in host.enabled else "off"
        rows.append(
            {
                "name": one.name,
                "state": state,
                "source": one.distribution or "made in code",
                "version": one.version,
                "hooks": sorted(one.manifest.hooks) if one.manifest is not None else [],
                "why": one.error or host.reasons.get(one.name, ""),
                "summary": one.manifest.summary if one.manifest is not None else "",
            }
        )
    if run.output.as_json:
        run.output.json(rows)
        return
    columns = ["name", "state", "source", "version", "hooks", "why"]
    run.output.table(columns, [[row[name] for name in columns] for row in rows])
