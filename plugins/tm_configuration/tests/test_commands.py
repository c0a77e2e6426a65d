"""Minimal mode, and setting the configuration file aside."""

from pathlib import Path

from tm_configuration.resetting import set_aside
from tm_core.testing import Cli


def test_minimal_mode_is_written_when_it_is_off_too(tm_cli: Cli) -> None:
    for state, value in (("on", "true"), ("off", "false")):
        tm_cli("config", "minimal-mode", state)
        text = (tm_cli.folder / ".task-orchestrator" / "config.yaml").read_text()
        assert f"minimal_mode: {value}" in text


def test_reset_moves_the_file_aside_even_if_it_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: [")
    assert set_aside(str(path), dry_run=True) == f"{path}.bak"
    assert path.exists()
    assert set_aside(str(path)) == f"{path}.bak"
    assert set_aside(str(path)) is None
    path.write_text("b: 1")
    assert set_aside(str(path)) == f"{path}.bak2"
    assert Path(f"{path}.bak").read_text() == "a: ["
