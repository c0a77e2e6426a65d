"""`tm trust`: shows what asked to run on this machine, and lets its user approve exactly that."""

from __future__ import annotations

import sys
from typing import Any

import click

from tm_core.api import (
    Approval,
    Approvals,
    Output,
    ValidationError,
    current_run,
    dry_run_option,
    visible,
)

_DIGITS = 8
"""Of a digest, as they are shown; where two begin alike, more are asked for."""


@click.group(
    help="List what asked to run on this machine, approve it, or withdraw an approval. Each"
    " approval is of one exact content: when a byte of it changes, you are asked anew.",
    invoke_without_command=True,
)
@click.pass_context
def trust(ctx: click.Context) -> None:
    """Without a subcommand, the list."""
    if ctx.invoked_subcommand is None:
        _list(current_run().output)


@trust.command("list", help="List what asked to run here, and what of it may.")
def list_approvals() -> None:
    """The same as the bare command."""
    _list(current_run().output)


@trust.command("approve", help="Allow exactly this content to run on this machine, from now on.")
@click.argument("digest")
@click.option("--yes", is_flag=True, help="Do not ask")
@dry_run_option
def approve(digest: str, yes: bool) -> None:
    """Shows all of it before it asks."""
    out = current_run().output
    approvals = Approvals()
    found = approvals.find(digest)
    if not out.dry_run:
        if not yes:
            _confirm(found)
        found = approvals.approve(found.digest)
    _tell(out, found, f"Approved: {found.kind}: {visible(found.what)}")


@trust.command("withdraw", help="Take an approval back, or turn down what was asked for.")
@click.argument("digest")
@dry_run_option
def withdraw(digest: str) -> None:
    """The next time, it is asked for again."""
    out = current_run().output
    approvals = Approvals()
    found = approvals.find(digest)
    if not out.dry_run:
        approvals.withdraw(found.digest)
    _tell(out, found, f"Withdrawn: {found.kind}: {visible(found.what)}")


def _list(out: Output) -> None:
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


def _tell(out: Output, found: Approval, sentence: str) -> None:
    if out.as_json:
        shown: dict[str, Any] = found._asdict()
        out.json(shown)
    else:
        out.say(sentence)
