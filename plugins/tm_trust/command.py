"""`tm trust`: shows what asked to run on this machine, and lets its user approve exactly that."""

from __future__ import annotations

import sys
from typing import Any, Protocol

import click

from tm_core.api import Approval, Approvals, Output, ValidationError, visible

_DIGITS = 8
"""Of a digest, as they are shown; where two begin alike, more are asked for."""


class Run(Protocol):
    """One run of `tm`: the object that all commands share."""

    output: Output


@click.group(
    help="List what asked to run on this machine, approve it, or withdraw an approval. Each"
    " approval is of one exact content: when a byte of it changes, you are asked anew.",
    invoke_without_command=True,
)
@click.pass_context
def trust(ctx: click.Context) -> None:
    """Without a subcommand, the list."""
    if ctx.invoked_subcommand is None:
        _list(ctx.obj)


@trust.command("list", help="List what asked to run here, and what of it may.")
@click.pass_context
def list_approvals(ctx: click.Context) -> None:
    """The same as the bare command."""
    _list(ctx.obj)


@trust.command("approve", help="Allow exactly this content to run on this machine, from now on.")
@click.argument("digest")
@click.option("--yes", is_flag=True, help="Do not ask")
@click.option("--dry-run", is_flag=True, help="Check all, write nothing")
@click.pass_context
def approve(ctx: click.Context, digest: str, yes: bool, dry_run: bool) -> None:
    """Shows all of it before it asks."""
    run: Run = ctx.obj
    run.output.dry_run = dry_run
    approvals = Approvals()
    found = approvals.find(digest)
    if not dry_run:
        if not yes:
            _confirm(found)
        found = approvals.approve(found.digest)
    _tell(run, found, f"Approved: {found.kind}: {visible(found.what)}")


@trust.command("withdraw", help="Take an approval back, or turn down what was asked for.")
@click.argument("digest")
@click.option("--dry-run", is_flag=True, help="Check all, write nothing")
@click.pass_context
def withdraw(ctx: click.Context, digest: str, dry_run: bool) -> None:
    """The next time, it is asked for again."""
    run: Run = ctx.obj
    run.output.dry_run = dry_run
    approvals = Approvals()
    found = approvals.find(digest)
    if not dry_run:
        approvals.withdraw(found.digest)
    _tell(run, found, f"Withdrawn: {found.kind}: {visible(found.what)}")


def _list(run: Run) -> None:
    out = run.output
    found = list(Approvals())
    if out.as_json:
        out.json([each._asdict() for each in found])
        return
    rows = [
        [
            each.digest[:_DIGITS],
            "approved" if each.approved_at else "asked",
            out.when(each.approved_at or each.asked_at),
            each.kind,
            each.what,
        ]
        for each in found
    ]
    if rows:
        out.table(["digest", "state", "since", "for", "what"], rows)
    else:
        out.say("Nothing has asked to run on this machine")


def _confirm(found: Approval) -> None:
    """Let a person at a terminal decide. Raises ValidationError for a no, or if nobody is there."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ValidationError(
            f"nobody is here to be asked about: {visible(found.what)}",
            f"tm trust approve {found.digest[:_DIGITS]} --yes",
        )
    question = f"{found.kind} wants to run: {visible(found.what)}\nAllow exactly this?"
    if not click.confirm(question, err=True):
        raise ValidationError("it was not approved")


def _tell(run: Run, found: Approval, sentence: str) -> None:
    if run.output.as_json:
        shown: dict[str, Any] = found._asdict()
        run.output.json(shown)
    else:
        run.output.say(sentence)
