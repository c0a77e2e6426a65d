"""The demonstration runs to its end, and leaves nothing behind but what was asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tm_core.testing import Cli, run_readme


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tm_core", "demo", *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
    )


def test_every_step_does_what_it_should(tm_environ: Path) -> None:
    done = demo(tm_environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "criteria unmet: 1. no test fails: tests.failed == 0: tests.failed is 1" in done.stdout
    assert "waits for" in done.stdout
    assert "total actual hours: 8" in done.stdout
    assert list(tm_environ.iterdir()) == []


def test_kept_folder_holds_the_store(tm_environ: Path) -> None:
    assert demo(tm_environ, "--keep", "shown").returncode == 0
    assert (tm_environ / "shown" / ".task-orchestrator" / "tasks.db").exists()


def test_an_existing_folder_is_refused(tm_environ: Path) -> None:
    done = demo(tm_environ, "--keep", ".")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_the_users_own_configuration_is_left_out(
    tm_environ: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Path(tm_environ.parent / "home" / "task-orchestrator" / "config.yaml")
    settings.parent.mkdir()
    settings.write_text("plugins:\n  disable: [feedback]\n", encoding="utf-8")
    assert demo(tm_environ).returncode == 0


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)
