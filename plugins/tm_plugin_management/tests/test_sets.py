"""Plugin sets: where they are found, what they mean, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core.api import ConfigError, FeatureDisabled, TaskManager
from tm_core.testing import Cli, Process, run_readme

SETS = """\
# the teams
sets:
  base:
    summary: What all teams have
    plugins: {disable: [feedback, tags]}
    list: {limit: 7}
  backend:
    summary: The backend team
    extends: [base]
    plugins: {enable: [tags]}
"""


@pytest.fixture
def teams(tm_cli: Cli) -> Cli:
    (tm_cli.folder / ".task-orchestrator" / "config.yaml").write_text(SETS)
    return tm_cli


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_a_set_is_used_and_left_again(teams: Cli) -> None:
    assert [row["name"] for row in teams("plugins", "set", "list", "--json").json] == [
        "backend",
        "base",
    ]
    teams("plugins", "set", "use", "backend")
    assert teams("config", "get", "list.limit").out == "7\n"
    assert "feature 'feedback' is disabled" in teams("feedback", "x", code=8).err
    teams("add", "x", "--tag", "ui")
    assert (teams.folder / ".task-orchestrator" / "config.yaml").read_text().startswith(SETS)
    teams("plugins", "set", "use", "none")
    assert teams("config", "get", "list.limit").out == "50\n"


@pytest.mark.parametrize("text", ["features: {enable: [x]}", "plugins: {disable: 3}"])
def test_a_set_that_cannot_be_used_is_not_named(tm_cli: Cli, text: str) -> None:
    """Otherwise no command could run any more, not even the one that takes it back."""
    (tm_cli.folder / "bad.yaml").write_text(text, "utf-8")
    assert "correct it there" in tm_cli("plugins", "set", "use", "./bad.yaml", code=1).err
    assert tm_cli("list", "-q").err == ""


def test_what_stands_above_a_set_wins(teams: Cli) -> None:
    teams("plugins", "set", "use", "backend")
    teams("config", "set", "list.limit", "9")
    assert teams("config", "get", "list.limit").out == "9\n"
    assert teams("-c", "list.limit=3", "config", "get", "list.limit").out == "3\n"
    assert [row["value"] for row in teams("config", "explain", "list.limit", "--json").json] == [
        50,
        7,
        9,
    ]


def test_show_and_diff(teams: Cli) -> None:
    shown = teams("plugins", "set", "show", "backend", "--json").json
    assert [each["name"] for each in shown["sets"]] == ["base", "backend"]
    assert shown["says"] == {
        "plugins.disable": ["feedback", "tags"],
        "plugins.enable": ["tags"],
        "list.limit": 7,
    }
    assert teams("plugins", "set", "diff", "base", "backend", "--json").json == [
        {"key": "plugins.enable", "first": None, "second": ["tags"]}
    ]
    assert teams("plugins", "set", "diff", "base", "base").err == "No difference\n"


def test_two_teams_on_one_store_in_one_process(
    teams: Cli, tm_open: Callable[..., TaskManager]
) -> None:
    plain, lean = tm_open(), tm_open(plugin_set="base")
    task = plain.add("x", tags=["ui"])
    assert lean.get(task.id).title == "x"
    assert "tags" not in lean.get(task.id)
    with pytest.raises(FeatureDisabled):
        lean.add("y", tags=["ui"])
    assert plain.get(task.id)["tags"] == ["ui"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- a\n", "keys with values"),
        ("extends: 3\n", "must hold names of sets"),
        ("extends: nosuch\n", "no plugin set 'nosuch'"),
        ("extends: ./team.yaml\n", "in a circle"),
        ("store: {url: x.db}\n", "cannot set 'store'"),
        ("plugins: {set: other}\n", "by extends"),
        ("list: {limit: many}\n", "must be a whole number"),
    ],
)
def test_a_bad_file_is_told_and_leaves_a_way_out(tm_cli: Cli, text: str, complaint: str) -> None:
    (tm_cli.folder / "team.yaml").write_text(text)
    tm_cli("config", "set", "plugins.set", "./team.yaml")
    done = tm_cli("add", "x", code=1)
    assert complaint in done.err
    assert done.err.count("\n") == 1
    tm_cli("--safe", "config", "unset", "plugins.set")
    tm_cli("add", "x")


def test_a_set_that_is_not_there_cannot_be_used(tm_cli: Cli) -> None:
    assert "no plugin set 'nosuch'" in tm_cli("plugins", "set", "use", "nosuch", code=1).err
    assert "there is no file" in tm_cli("plugins", "set", "use", "./no.yaml", code=1).err


PACKAGES: dict[str, tuple[str, Any]] = {
    "good": ("team = {'plugins': {'disable': ['tags']}, 'summary': 'Packed'}", None),
    "raising": ("raise ValueError('broken')", "cannot be used: ValueError: broken"),
    "other": ("team = object()", "is no mapping of literals"),
}


@pytest.mark.parametrize("kind", PACKAGES)
def test_a_set_of_a_package(tm_process: Process, tmp_path: Path, kind: str) -> None:
    text, complaint = PACKAGES[kind]
    site = tmp_path / "site"
    info = site / "team_set-2.dist-info"
    info.mkdir(parents=True)
    (site / "team_set.py").write_text(text)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: team-set\nVersion: 2\n")
    (info / "entry_points.txt").write_text("[tm.sets]\nteam = team_set:team\n")
    (info / "RECORD").write_text("team_set-2.dist-info/entry_points.txt,,\n")

    def tm(*arguments: str, code: int = 0) -> Any:
        return tm_process(*arguments, code=code, PYTHONPATH=str(site))

    tm("init")
    (row,) = tm("plugins", "set", "list", "--json").json
    assert (row["name"], row["source"]) == ("team", "team-set 2")
    if complaint:
        assert complaint in tm("plugins", "set", "use", "team", code=1).err
    else:
        tm("plugins", "set", "use", "team")
        assert "feature 'tags' is disabled" in tm("add", "x", "--tag", "ui", code=8).err
        assert tm("add", "x").err == "Task created\n"


def test_a_set_enables_nothing_that_is_not_installed(tm_cli: Cli) -> None:
    (tm_cli.folder / "team.yaml").write_text("plugins: {enable: [from-nowhere]}\n")
    tm_cli("config", "set", "plugins.set", "./team.yaml")
    done = tm_cli("add", "x")
    assert "feature 'from-nowhere' is configured, but not installed" in done.err


def test_a_set_in_python_must_be_there(teams: Cli, tm_open: Callable[..., TaskManager]) -> None:
    with pytest.raises(ConfigError, match="no plugin set"):
        tm_open(plugin_set="nosuch")
