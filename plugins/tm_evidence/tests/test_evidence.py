"""Evidence through the command line: what it makes pass, and what it never does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tm_core.testing import Cli, run_readme

FAILED = '<testcase name="b"><failure message="x"/></testcase>'
FAILING = f'<testsuite><testcase name="a"/>{FAILED}</testsuite>'
PASSING = '<testsuite><testcase name="a"/></testsuite>'
CRITERIA = '[{"criterion": "tests pass", "measurable": "tests.failed == 0"}]'


@pytest.fixture
def task(tm_cli: Cli) -> str:
    return tm_cli.add("Fix the tab order", "--criteria", CRITERIA)


def complete(cli: Cli, task: str, *more: str, code: int = 0) -> str:
    return cli("complete", task, "--validate", *more, code=code).err


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    (tm_cli.folder / "junit.xml").write_text(FAILING)
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_what_was_measured_decides(tm_cli: Cli, task: str) -> None:
    report = tm_cli.folder / "junit.xml"
    report.write_text(FAILING)
    assert "tests.failed is 1" in complete(tm_cli, task, "--evidence", "junit.xml", code=5)
    report.write_text(PASSING)
    complete(tm_cli, task, "--evidence", "junit.xml")
    data = json.dumps(tm_cli("log", task, "--json").json)
    assert "tests.failed" in data


def test_nothing_missing_passes(tm_cli: Cli, task: str) -> None:
    assert "unmet" in complete(tm_cli, task, code=5)
    assert "no report" in complete(tm_cli, task, "--evidence", "gone.xml", code=3)
    (tm_cli.folder / "half.xml").write_text(FAILING[:40])
    assert "half.xml is no report" in complete(tm_cli, task, "--evidence", "half.xml", code=5)
    assert tm_cli.show(task)["status"] == "pending"


def test_configured_reports_are_read(tm_cli: Cli, task: str) -> None:
    tm_cli("config", "set", "evidence.files", '["build/*.xml"]')
    (tm_cli.folder / "build").mkdir()
    (tm_cli.folder / "build" / "one.xml").write_text(PASSING)
    (tm_cli.folder / "build" / "two.xml").write_text("<testsuite>")
    assert "two.xml is no report" in complete(tm_cli, task)


def test_a_report_outside_the_project_is_refused(tm_cli: Cli, task: str) -> None:
    outside = tm_cli.folder.parent / "outside.xml"
    outside.write_text(PASSING)
    (tm_cli.folder / "link.xml").symlink_to(outside)
    for path in (str(outside), "../outside.xml", "link.xml"):
        assert "outside the project" in complete(tm_cli, task, "--evidence", path, code=5)
    tm_cli("config", "set", "evidence.allow_outside", "true")
    complete(tm_cli, task, "--evidence", "link.xml")


def test_a_report_over_the_limit_is_refused_unread(tm_cli: Cli, task: str) -> None:
    with open(tm_cli.folder / "huge.xml", "wb") as file:
        file.truncate(1_000_000_000)
    assert "1000000000 bytes" in complete(tm_cli, task, "--evidence", "huge.xml", code=5)


def test_git_facts(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--criteria", '[{"criterion": "clean", "measurable": "git.clean"}]')
    assert "unmet" in complete(tm_cli, task, code=5)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    commit = [*identity, "commit", "-q", "-m", "x"]
    for command in (["init", "-q"], ["add", "-A"], commit):
        subprocess.run(["git", *command], cwd=tm_cli.folder, check=True)
    (tm_cli.folder / "new.txt").touch()
    assert "git.clean is false" in complete(tm_cli, task, code=5).lower()
    (tm_cli.folder / "new.txt").unlink()
    complete(tm_cli, task)


def test_off_it_says_so(tm_cli: Cli, task: str) -> None:
    tm_cli("config", "disable", "evidence")
    said = complete(tm_cli, task, "--evidence", "junit.xml", code=8)
    assert "feature 'evidence' is disabled" in said
