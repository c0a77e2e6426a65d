"""The README's session is a run."""

from __future__ import annotations

from pathlib import Path

from tm_core.testing import Cli, run_readme


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)
