"""`tm plugins`: what is installed, what is on, and what failed."""

from __future__ import annotations

import click

from tm_core.api import Run, current_run


@click.group(
    invoke_without_command=True, help="Show what is installed, what is on, and what failed."
)
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """The list is what one mostly wants."""
    if ctx.invoked_subcommand is None:
        _list_plugins(current_run())


@plugins.command("list", help="List plugins with source, version, state, hooks and failures.")
def list_plugins() -> None:
    """One row each."""
    _list_plugins(current_run())


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
