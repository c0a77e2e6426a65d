"""The commands `tm log` and `tm undo`; what undo does is tested with the kernel."""

from __future__ import annotations

from pathlib import Path

from tm_core.testing import Cli, run_readme


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_the_command_says_what_it_took_back(tm_cli: Cli) -> None:
    task_id = tm_cli.add("x")
    tm_cli("update", task_id, "--title", "y")
    tm_cli("undo", "--dry-run")
    assert "y" in tm_cli("show", task_id).out
    assert task_id in (undone := tm_cli("undo")).out + undone.err
    assert tm_cli("list").out == f"[{task_id}] x - pending\n"
    tm_cli("undo", "nonsense", code=5)
    tm_cli("undo", "77", code=3)


def test_both_are_there_in_minimal_mode_and_gone_when_named(tm_cli: Cli) -> None:
    tm_cli.add("x")
    for options in (["-c", "minimal_mode=true"], ["--safe"]):
        assert "task.created" in tm_cli(*options, "log").out
        tm_cli(*options, "undo", "--dry-run")
    for command in ("log", "undo"):
        done = tm_cli("-p", "no:history", command, code=8)
        assert done.err == "tm: feature 'history' is disabled (tm config enable history)\n"
