"""`tm doctor`: shows what an examination finds."""

from __future__ import annotations

import click

from tm_core.api import current_run

from .examination import examine


@click.command(help="Check store, plugins and configuration. Exit code 1 when something is wrong.")
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Every finding is a line: level, subject, what it is, what to do."""
    run = current_run()

    findings = list(examine(run.workspace, lambda: run.manager))
    if run.output.as_json:
        run.output.json([finding._asdict() for finding in findings])
    else:
        colors = {"ok": "green", "warning": "yellow", "error": "red"}
        for level, subject, message, hint in findings:
            mark = run.output.style(level, colors.get(level, "bold"))
            advice = f" ({hint})" if hint else ""
            run.output.data(f"{mark}\t{subject}\t{message}{advice}")
    ctx.exit(1 if any(finding.level == "error" for finding in findings) else 0)
