"""`tm doctor`: shows what an examination finds."""

from __future__ import annotations

import click

from tm_core.api import Finding, TmError, current_run, describe, dry_run_option

from .examination import examine


@click.command(help="Check store, plugins and configuration. Exit code 1 when something is wrong.")
@click.option("--fix", is_flag=True, help="Mend what can be mended without losing data")
@dry_run_option
@click.pass_context
def doctor(ctx: click.Context, fix: bool) -> None:
    """Every finding is a line: level, subject, what it is, what to do."""
    run = current_run()
    findings = list(examine(run.workspace, lambda: run.manager))
    if fix and not run.output.dry_run:
        findings = [mended(finding) for finding in findings]
    if run.output.as_json:
        run.output.json([finding.as_dict() for finding in findings])
    else:
        colors = {"ok": "green", "warning": "yellow", "error": "red"}
        for level, subject, message, hint, mends in findings:
            mark = run.output.style(level, colors.get(level, "bold"))
            hint = "tm doctor --fix" if mends else hint
            advice = f" ({hint})" if hint else ""
            run.output.data(f"{mark}\t{subject}\t{message}{advice}")
    ctx.exit(1 if any(finding.level == "error" for finding in findings) else 0)


def mended(finding: Finding) -> Finding:
    """What is left of a finding once it is mended, if it can be."""
    if finding.fix is None:
        return finding
    try:
        finding.fix()
    except Exception as error:
        cause = error.message if isinstance(error, TmError) else describe(error)
        return finding._replace(message=f"{finding.message}; not mended: {cause}", fix=None)
    return Finding("ok", finding.subject, f"mended: {finding.message}")
