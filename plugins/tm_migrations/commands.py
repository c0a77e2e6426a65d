"""`tm migrate`."""

from __future__ import annotations

import sys

import click

from tm_core.api import Run, TmError, UsageError, current_run, dry_run_option

from .manager import MigrationManager, Undoing


@click.command(help="Show what is to be done to the store's schema; do it, or take it back.")
@click.option("--status", is_flag=True, help="Name what is applied and what is pending")
@click.option("--check", is_flag=True, help="Exit code 1 if something is pending")
@click.option("--apply", "apply_", is_flag=True, help="Apply what is pending")
@click.option("--rollback", is_flag=True, help="Undo the schema of the last batch")
@click.option("--to", metavar="OWNER[:NAME]", help="Undo all that came after this one instead")
@click.option("--yes", "--force", "yes", is_flag=True, help="Roll back although data is lost")
@dry_run_option
@click.pass_context
def migrate(
    ctx: click.Context,
    status: bool,
    check: bool,
    apply_: bool,
    rollback: bool,
    to: str | None,
    yes: bool,
) -> None:
    """What is done is said on stderr; stdout has the status, or the SQL of a dry run."""
    run = current_run()
    rollback = rollback or to is not None
    if status + check + apply_ + rollback > 1:
        raise UsageError(
            "--status, --check, --apply and --rollback exclude each other", "give one of them"
        )
    manager = MigrationManager(run.workspace)
    if rollback:
        _roll_back(run, manager, manager.plan(to or ""), yes=yes)
    elif check:
        pending = manager.pending()
        _tell(run, len(pending), "is pending", "are pending")
        ctx.exit(1 if pending else 0)
    elif apply_ or run.output.dry_run:
        _apply(run, manager)
    else:
        _show(run, manager)


def _tell(run: Run, count: int, one: str, several: str) -> None:
    if count == 1:
        run.output.say(f"1 migration {one}")
    elif count:
        run.output.say(f"{count} migrations {several}")
    else:
        run.output.say("The store is already up to date")


def _show(run: Run, manager: MigrationManager) -> None:
    found = manager.get_status()
    if run.output.as_json:
        run.output.json(found)
        return
    held = set(found["rolled_back"])
    rows = [["applied", one["migration"], run.output.when(one["at"])] for one in found["applied"]]
    rows += [
        ["rolled back" if name.partition(":")[0] in held else "pending", name, ""]
        for name in found["pending"]
    ]
    run.output.table(["state", "migration", "at"], rows)
    if not found["pending"]:
        _tell(run, 0, "", "")


def _apply(run: Run, manager: MigrationManager) -> None:
    if run.output.dry_run:
        pending = manager.pending()
        if run.output.as_json:
            run.output.json([{"migration": name, "sql": sql} for name, sql in pending])
            return
        for name, sql in pending:
            run.output.data(f"-- {name}\n" + "\n".join(f"{each.rstrip(';')};" for each in sql))
        _tell(run, len(pending), "would be applied", "would be applied")
        return
    whole = manager.apply_migrations()
    _tell(run, len(manager.done), "was applied", "were applied")
    if run.output.as_json:
        run.output.json(manager.get_status())
    if not whole:
        raise TmError("not every migration could be applied", "tm doctor")


def _roll_back(run: Run, manager: MigrationManager, plan: list[Undoing], *, yes: bool) -> None:
    dry_run = run.output.dry_run
    for step in plan:
        lost = f", which loses {', '.join(step.losses)}" if step.losses else ""
        run.output.say(f"{'Would undo' if dry_run else 'Undoing'} {step.migration}{lost}")
    if dry_run and run.output.as_json:
        run.output.json([{**step._asdict(), "migration": step.migration} for step in plan])
        return
    if dry_run:
        run.output.data("\n".join(f"{each.rstrip(';')};" for step in plan for each in step.sql))
        return
    if any(step.losses for step in plan) and not yes:
        _ask()
    backup = manager.undo(plan)
    if run.output.as_json:
        undone = [step.migration for step in plan]
        run.output.json({"undone": undone, "backup": str(backup) if backup else None})
    owners = ", ".join(sorted({step.owner for step in plan} - {"kernel"}))
    run.output.say(f"What was there before: {backup}" if backup else "This engine made no backup")
    _tell(run, len(plan), "was rolled back", "were rolled back")
    if owners:
        run.output.say(f"Off until tm migrate --apply: {owners}")
    if any(step.owner == "kernel" for step in plan):
        run.output.say("Install the earlier version of tm now; this one would apply it again")


def _ask() -> None:
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "the rollback would lose data; nothing was done", "--yes does it, after a backup"
        )
    question = "This data would be lost, except in the backup that is made first. Go on?"
    click.confirm(question, abort=True, err=True)
