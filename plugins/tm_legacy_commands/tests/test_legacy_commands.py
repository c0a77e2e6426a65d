from __future__ import annotations

from pathlib import Path

import pytest

from tm_core.testing import Cli, run_readme


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


@pytest.mark.parametrize(
    "line",
    [
        ("hooks", "report"),
        ("hooks", "report", "task_validate", "7"),
        ("hooks", "alerts", "critical", "24"),
        ("hooks", "thresholds", "1", "2", "3"),
        ("validate-orchestration",),
        ("fix-orchestration", "--interactive"),
        ("maintenance",),
        ("processes",),
    ],
)
def test_earlier_commands_go_on(line: tuple[str, ...], tm_cli: Cli) -> None:
    tm_cli.add("x")
    tm_cli(*line)
    tm_cli(*line, "--json")


def test_processes_are_those_of_the_log(tm_cli: Cli) -> None:
    tm_cli("add", "x", "--actor", "ada")
    (row,) = tm_cli("processes", "--json").json
    assert (row["actor"], row["events"]) == ("ada", 1)
