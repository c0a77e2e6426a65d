"""The journal, the figures, the shared settings, and what each has to tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tm_core import TaskManager
from tm_core.api import UsageError
from tm_core.testing import Cli, Clock, PluginConformance, run_readme
from tm_standup.team_file import TeamFile


def journal(folder: Path) -> dict[str, list[str]]:
    """The lines of each day, without their marks."""
    files = (folder / ".task-orchestrator" / "standup").glob("*.md")
    return {
        path.stem: [line.partition(" <!--")[0] for line in path.read_text("utf-8").splitlines()]
        for path in files
    }


def test_the_journal_has_a_file_for_each_day(
    tm_open: Callable[..., TaskManager], tm_clock: Clock, tm_environ: Path
) -> None:
    tm = tm_open(clock=tm_clock, actor="ann")
    task = tm.add("Write")
    tm.update(task.id, status="in_progress")
    tm_clock.advance("1d")
    tm.complete(task.id)
    assert journal(tm_environ) == {
        "2030-01-01": ["- ann started Write"],
        "2030-01-02": ["- ann completed Write"],
    }


def test_an_event_that_comes_again_is_written_once(
    tm_open: Callable[..., TaskManager], tm_environ: Path
) -> None:
    tm = tm_open()
    tm.complete(tm.add("Once").id)
    with tm.transaction():  # as after a crash between the handler and the note that it was served
        tm.database.execute("UPDATE delivery SET seq = 0")
        tm.database.execute("INSERT INTO waiting (plugin, seq) VALUES ('standup', 0)")
    tm.deliver()
    (lines,) = journal(tm_environ).values()
    assert lines == ["- tester completed Once"]


def test_the_journal_can_be_turned_off(tm_cli: Cli) -> None:
    tm_cli("config", "set", "standup.journal", "false")
    tm_cli("complete", tm_cli.add("Quiet"))
    assert journal(tm_cli.folder) == {}


def test_what_is_held_up_is_measured(tm_cli: Cli) -> None:
    for status in ("in_progress", "in_progress", "blocked", "pending"):
        tm_cli("update", tm_cli.add("x", "--assignee", "ann"), "--status", status)
    figures = tm_cli("metrics", "standup", "--by", "assignee", "--json").json["standup"]
    assert figures["by_assignee"]["ann"] == {"under_way": 2, "held_up": 1, "held_up_share": 0.333}


def test_the_team_comes_from_its_file(tm_cli: Cli) -> None:
    (tm_cli.folder / "team.toml").write_text('[standup]\nteam = ["bob", "ann"]\n', "utf-8")
    tm_cli.add("x", "--assignee", "carl")
    assert [report["person"] for report in tm_cli("standup", "--json").json] == ["bob", "ann"]


def test_a_broken_team_file_stops_nobody(tm_cli: Cli) -> None:
    (tm_cli.folder / "team.toml").write_text("[standup\n", "utf-8")
    said = tm_cli("add", "x").err
    assert "plugin 'standup'" in said
    assert "TOMLDecodeError" in said


def test_the_team_file_is_changed_by_hand(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="by hand"):
        TeamFile(str(tmp_path)).set_config({})


def test_each_tells_what_was_done_and_is_being_done(tm_cli: Cli) -> None:
    done = tm_cli.add("Done", "--assignee", "ann")
    tm_cli("complete", done)
    doing = tm_cli.add("Doing", "--assignee", "ann")
    tm_cli("update", doing, "--status", "in_progress")
    held = tm_cli.add("Held up", "--assignee", "bob")
    tm_cli("update", held, "--status", "blocked")
    assert tm_cli("standup").out == (
        f"ann\n  done: Done [{done}]\n  doing: Doing [{doing}]\nbob\n  held up: Held up [{held}]\n"
    )


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


class TestConformance(PluginConformance):
    plugin = "standup"
