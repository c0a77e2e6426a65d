"""The wizard, at a pseudo-terminal as people meet it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tm_core.testing import Cli, run_readme

terminals = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_without_a_terminal_nothing_is_asked(tm_cli: Cli) -> None:
    result = tm_cli("wizard", "--quick", code=2)
    assert "here is no terminal" in result.err
    assert result.out == ""


def answer(cli: Cli, answers: Sequence[str], *arguments: str) -> tuple[int, str, str]:
    """Run the wizard at a terminal; gives exit code, standard output and what was on the screen."""
    import pty

    screen, terminal = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "tm_core", "wizard", *arguments],
        cwd=cli.folder,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(terminal)
    os.write(screen, "".join(f"{line}\n" for line in answers).encode())
    try:
        out, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    shown = b""
    while True:
        try:
            part = os.read(screen, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(screen)
    return running.returncode, out.decode(), shown.decode()


@terminals
def test_every_answer_is_checked_and_kept(tm_cli: Cli) -> None:
    other = tm_cli.add("first")
    answers = ["", "Fix it", "", "urgent", "high", "bug", "ada", "soon", "90m", "2030-01-31"]
    answers += ["ui, a11y", "ffffffff", other[:6], "tests.failed == 0", "read by bob", "", "y"]
    code, out, shown = answer(tm_cli, answers)
    assert code == 0, shown
    for refusal in ("a task needs a title", "priority must be one of", "is not a duration"):
        assert f"Error: {refusal}" in shown or refusal in shown
    assert "no task has the id 'ffffffff'" in shown
    task = tm_cli.show(out[1:9])
    assert out == f"[{task['id']}] Fix it - blocked\n"
    assert (task["priority"], task["type"], task["assignee"]) == ("high", "bug", "ada")
    assert (task["estimated_hours"], task["tags"]) == (1.5, ["ui", "a11y"])
    assert task["depends_on"] == [other]
    assert task["success_criteria"] == ["tests.failed == 0", "read by bob"]
    assert task["description"] is None


@terminals
@pytest.mark.parametrize("last", ["n", "\x04"])
def test_who_does_not_agree_adds_nothing(tm_cli: Cli, last: str) -> None:
    _, out, _ = answer(tm_cli, ["x", "", "", last], "--quick")
    assert out == ""
    assert tm_cli("list", "--json").json == []


@terminals
def test_a_dry_run_asks_and_adds_nothing(tm_cli: Cli) -> None:
    code, out, shown = answer(tm_cli, ["x", "", "", "y"], "--quick", "--dry-run")
    assert (code, out) == (0, "x - pending\n")
    assert "would be added" in shown
    assert tm_cli("list", "--json").json == []


@terminals
def test_a_template_asks_for_its_variables(tm_cli: Cli) -> None:
    folder = tm_cli.folder / ".task-orchestrator" / "templates"
    folder.mkdir()
    text = "variables: {hours: 4}\ntasks: [{title: 'Do {{it}}', estimated_hours: '{{hours}}'}]"
    (folder / "one.yaml").write_text(text)
    code, out, shown = answer(tm_cli, ["two", "one", "3", "", "this", "y"])
    assert code == 0, shown
    assert "there is no such template" in shown
    task = tm_cli.show(out[1:9])
    assert (task["title"], task["estimated_hours"]) == ("Do this", 3)


@terminals
def test_only_fields_of_features_that_are_on_are_asked_for(tm_cli: Cli) -> None:
    for feature in ("success-criteria", "tags", "templates"):
        tm_cli("config", "disable", feature)
    _, _, shown = answer(tm_cli, ["x", "", "", "", "", "", "", "", "y"])
    assert "Tags" not in shown
    assert "criterion" not in shown
    assert [task["title"] for task in tm_cli("list", "--json").json] == ["x"]
