import json
import os
import stat
import sys
from pathlib import Path

import pytest

from tm_core.testing import Cli, run_readme

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the program that shows bubbles is another one"
)


class Screen:
    """Stands in for notify-send, which needs a desktop: a program that notes its arguments."""

    def __init__(self, folder: Path) -> None:
        self.notes = folder / "shown"
        self.program = folder / "notify-send"
        self.program.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            f"open({str(self.notes)!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
        )
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    @property
    def shown(self) -> list[list[str]]:
        if not self.notes.exists():
            return []
        return [json.loads(line) for line in self.notes.read_text().splitlines()]


@pytest.fixture
def screen(tmp_path: Path, tm_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Screen:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("USER", "ada")
    tm_cli("config", "enable", "desktop-notify")
    return Screen(folder)


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_what_others_do_is_shown(tm_cli: Cli, screen: Screen) -> None:
    task = tm_cli.add("Mine")
    assert screen.shown == []
    tm_cli("--actor", "agent", "complete", task)
    other = tm_cli("--actor", "agent", "add", "Given", "--assignee", "ada").out.strip()
    tm_cli("--actor", "agent", "add", "Not mine")
    foreign = tm_cli("--actor", "agent", "add", "Elsewhere").out.strip()
    tm_cli("--actor", "agent", "share", foreign, "look here, @ada")
    tm_cli("--actor", "agent", "note", other, "private")
    headings = [arguments[2] for arguments in screen.shown]
    assert headings == ["tm: Mine", "tm: Given", "tm: Elsewhere"]
    assert screen.shown[0][3] == "agent: completed: status: pending -&gt; completed"
    assert screen.shown[2][3] == "agent: collaboration shared: look here, @ada"


def test_who_is_called_anywhere_is_told(tm_cli: Cli, screen: Screen) -> None:
    task = tm_cli("--actor", "bea", "add", "Ask @ada", "-d", "not @adam").out.strip()
    tm_cli("--actor", "bea", "update", task, "--title", "Ask somebody")
    tm_cli("--actor", "bea", "progress", task, "stuck, @ada")
    tm_cli("--actor", "bea", "agents", "message", "ada", "lunch?")
    assert [arguments[2] for arguments in screen.shown] == [
        "tm: Ask @ada",
        "tm: Ask somebody",
        "tm",
    ]
    assert screen.shown[2][3] == "bea: agents.messaged: lunch?".replace(".", " ")


def test_words_are_words(tm_cli: Cli, screen: Screen) -> None:
    title = "--help $(touch evil) `x` <b>\x1b[2J"
    tm_cli("--actor", "-x", "add", "--assignee", "ada", "--", title)
    (arguments,) = screen.shown
    shown = "--help $(touch evil) `x` <b>\\x1b[2J"
    assert arguments == [
        "--app-name=tm",
        "--",
        f"tm: {shown}",
        "-x: created: " + shown.replace("<", "&lt;").replace(">", "&gt;"),
    ]
    assert not (tm_cli.folder / "evil").exists()


def test_one_command_shows_five_at_most(tm_cli: Cli, screen: Screen) -> None:
    tm_cli("config", "disable", "desktop-notify")
    tm_cli("config", "enable", "desktop-notify")
    tm_cli.add("to make its place in the log")
    tm_cli("config", "disable", "desktop-notify")
    for number in range(8):
        tm_cli("--actor", "agent", "add", f"task {number}", "--assignee", "ada")
    tm_cli("config", "enable", "desktop-notify")
    tm_cli.add("x")
    assert len(screen.shown) == 5


def test_a_program_that_fails_or_is_missing_is_no_failure(tm_cli: Cli, screen: Screen) -> None:
    screen.program.write_text("#!/bin/sh\nexit 1\n")
    assert tm_cli("--actor", "agent", "add", "x", "--assignee", "ada").err == "Task created\n"
    (finding,) = [
        row for row in tm_cli("doctor", "--json").json if row["subject"] == "desktop-notify"
    ]
    assert finding["level"] == "ok"


def test_without_the_program_it_is_said_once(
    tm_cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tm_cli("config", "enable", "desktop-notify")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tm_cli("--actor", "agent", "add", "x", "--assignee", "tester").err == "Task created\n"
    (finding,) = [
        row for row in tm_cli("doctor", "--json").json if row["subject"] == "desktop-notify"
    ]
    assert finding["level"] == "warning"
    assert "there is no notify-send" in finding["message"]


def test_off_by_default(tm_cli: Cli, screen: Screen) -> None:
    tm_cli("config", "disable", "desktop-notify")
    tm_cli("--actor", "agent", "add", "x", "--assignee", "ada")
    assert screen.shown == []


def test_a_program_that_hangs_is_left(
    tm_cli: Cli, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tm_desktop.hooks._PATIENCE", 0.1)
    screen.program.write_text(f"#!/bin/sh\necho '[]' >> {screen.notes}\nexec sleep 60\n")
    task = tm_cli("--actor", "agent", "add", "x", "--assignee", "ada").out.strip()
    tm_cli("--actor", "agent", "complete", task)
    assert len(screen.shown) <= 2
