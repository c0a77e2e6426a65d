"""What `tm hello` tells, and that the plugin stands what every plugin must stand."""

from __future__ import annotations

from pathlib import Path

from tm_core.testing import Cli, PluginConformance, run_readme


def test_it_greets_whoever_calls(tm_cli: Cli) -> None:
    assert tm_cli("hello").out == "Hello, tester!\nNothing waits for you.\n"


def test_it_tells_what_comes_first(tm_cli: Cli) -> None:
    tm_cli.add("Water the plants", "--assignee", "ann", "--priority", "low")
    urgent = tm_cli.add("Put out the fire", "--assignee", "ann", "--priority", "critical")
    tm_cli.add("Not for ann", "--assignee", "bob", "--priority", "critical")
    told = tm_cli("hello", "--person", "ann", "--json").json
    assert (told["waiting"], told["next"]["id"]) == (2, urgent)


def test_the_word_is_a_setting(tm_cli: Cli) -> None:
    tm_cli("config", "set", "hello.greeting", "Good morning")
    assert tm_cli("hello").out.startswith("Good morning, tester!")


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


class TestConformance(PluginConformance):
    plugin = "hello"
