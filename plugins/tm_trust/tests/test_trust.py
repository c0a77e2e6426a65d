"""What asked to run here, and what of it may."""

from __future__ import annotations

from pathlib import Path

import pytest

from tm_core.api import Approvals
from tm_core.testing import Cli, run_readme


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_asked_approved_withdrawn(tm_cli: Cli) -> None:
    asked = Approvals().ask("hook", "make \x1b[2J", "make")
    shown = tm_cli("trust").out
    assert shown.split("\t")[:2] == [asked.digest[:8], "asked"]
    assert "\x1b" not in shown
    dry = tm_cli("trust", "approve", asked.digest[:8], "--yes", "--dry-run")
    assert "nothing was written" in dry.err
    assert Approvals().find(asked.digest).approved_at is None
    result = tm_cli("trust", "approve", asked.digest[:8], "--yes")
    assert (result.out, result.err) == ("", "Approved: hook: make \\x1b[2J\n")
    (listed,) = tm_cli("trust", "list", "--json").json
    assert listed["digest"] == asked.digest
    assert listed["approved_at"] is not None
    tm_cli("trust", "withdraw", asked.digest, "--dry-run")
    assert len(tm_cli("trust", "--json").json) == 1
    assert tm_cli("trust", "withdraw", asked.digest, "--json").json == listed
    assert tm_cli("trust").err == "Nothing has asked to run on this machine\n"


def test_where_nobody_can_be_asked_nothing_is_approved(tm_cli: Cli) -> None:
    asked = Approvals().ask("hook", "make", "make")
    result = tm_cli("trust", "approve", asked.digest, code=5)
    assert "nobody is here to be asked about: make" in result.err
    assert Approvals().find(asked.digest).approved_at is None


@pytest.mark.parametrize("command", ["approve", "withdraw"])
@pytest.mark.parametrize("digest", ["000000", "0", "../x", ""])
def test_unknown_digits(tm_cli: Cli, command: str, digest: str) -> None:
    result = tm_cli("trust", command, digest, code=3)
    assert result.err.startswith("tm: no approval has a digest that begins with")


def test_off_and_on_again(tm_cli: Cli) -> None:
    asked = Approvals().ask("hook", "make", "make")
    tm_cli("trust", "approve", asked.digest, "--yes")
    tm_cli("config", "disable", "trust")
    assert "feature 'trust' is disabled" in tm_cli("trust", code=8).err
    tm_cli("config", "enable", "trust")
    assert tm_cli("trust", "--json").json[0]["approved_at"] is not None
