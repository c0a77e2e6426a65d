"""Evidence through the command line: what it makes pass, and what it never does."""

from __future__ import annotations

import hashlib
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


COVERAGE = {
    "meta": {"format": 3, "version": "7.6.0", "branch_coverage": False},
    "totals": {"covered_lines": 30, "num_statements": 40, "percent_covered": 75.0},
}


def completed_by(cli: Cli, criterion: str, *evidence: str) -> str:
    """A task that was completed by one criterion and these reports."""
    task = cli.add("x", "--criteria", json.dumps([criterion]))
    complete(cli, task, *(word for each in evidence for word in ("--evidence", each)))
    return task


def write(cli: Cli, name: str, content: object) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (cli.folder / name).write_text(text)


def test_a_criterion_of_the_earlier_tool_is_measured(tm_cli: Cli) -> None:
    write(tm_cli, "coverage.json", COVERAGE)
    task = tm_cli.add("x", "--criteria", '["coverage >= 80"]')
    assert "coverage is 75.0" in complete(tm_cli, task, "--evidence", "coverage.json", code=5)
    completed_by(tm_cli, "coverage >= 70 and coverage < 76", "coverage.json")


def test_a_result_keeps_the_report_with_digest_and_commit(tm_cli: Cli) -> None:
    write(tm_cli, "load.json", {"p95_ms": 80.5, "by": {"route": 3}})
    task = completed_by(tm_cli, "load.p95_ms < 100 and load.by.route == 3", "load.json")
    event = tm_cli("log", task, "--json").json[0]
    (result,) = event["data"]["plugins"]["success-criteria"]["results"]
    digest = hashlib.sha256((tm_cli.folder / "load.json").read_bytes()).hexdigest()
    assert result["values"] == {"load.p95_ms": 80.5, "load.by.route": 3}
    assert result["evidence"] == [
        {"name": "load", "file": "load.json", "sha256": digest, "commit": None}
    ]


def state(cli: Cli, task: str, *more: str, code: int = 0) -> str:
    (found,) = cli("criteria", "recheck", task, "--json", *more, code=code).json["tasks"]
    return str(found["state"])


def test_a_recheck_tells_what_no_longer_holds(tm_cli: Cli) -> None:
    write(tm_cli, "junit.xml", PASSING)
    task = completed_by(tm_cli, "tests.failed == 0", "junit.xml")
    assert state(tm_cli, task) == "holds"
    write(tm_cli, "junit.xml", PASSING + "\n")
    assert state(tm_cli, task) == "stale"
    assert state(tm_cli, task, "--strict", code=5) == "stale"
    assert "junit.xml has changed" in tm_cli("criteria", "recheck").out
    write(tm_cli, "junit.xml", FAILING)
    assert state(tm_cli, task, code=5) == "failed"
    (tm_cli.folder / "junit.xml").unlink()
    assert state(tm_cli, task, code=5) == "unknown"
    write(tm_cli, "elsewhere.xml", PASSING)
    assert state(tm_cli, task, "--evidence", "elsewhere.xml") == "stale"


def test_a_report_under_a_name_of_its_own_is_found_again(tm_cli: Cli) -> None:
    write(tm_cli, "a[1].json", {"ms": 3})
    assert state(tm_cli, completed_by(tm_cli, "fast.ms == 3", "fast=a[[]1].json")) == "holds"


def test_a_claim_stands_until_it_is_measured(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--criteria", '["tests.failed == 0"]')
    complete(tm_cli, task, "--set", "tests.failed=0")
    assert state(tm_cli, task) == "holds"
    write(tm_cli, "junit.xml", FAILING)
    assert state(tm_cli, task, "--evidence", "junit.xml", code=5) == "failed"


def test_only_completed_tasks_are_rechecked(tm_cli: Cli, task: str) -> None:
    assert "No completed task was checked" in tm_cli("criteria", "recheck").err
    assert "is pending, not completed" in tm_cli("criteria", "recheck", task, code=2).err
    tm_cli("complete", task)
    assert "No completed task was checked" in tm_cli("criteria", "recheck").err
    assert state(tm_cli, task, code=5) == "unknown"


def test_another_commit_makes_a_measurement_stale(tm_cli: Cli) -> None:
    git(tm_cli, "init", "-q")
    write(tm_cli, "junit.xml", PASSING)
    git(tm_cli, "commit", "-q", "--allow-empty", "-m", "one")
    task = completed_by(tm_cli, "tests.failed == 0", "junit.xml")
    assert state(tm_cli, task) == "holds"
    git(tm_cli, "commit", "-q", "--allow-empty", "-m", "two")
    assert state(tm_cli, task) == "stale"


def git(cli: Cli, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=cli.folder, check=True, capture_output=True)


def test_a_check_takes_reports_at_any_time(tm_cli: Cli, task: str) -> None:
    write(tm_cli, "junit.xml", PASSING)
    checked = tm_cli("criteria", "check", task, "--evidence", "junit.xml", "--json").json
    assert checked["results"][0]["evidence"][0]["file"] == "junit.xml"
    tm_cli("config", "disable", "evidence")
    refused = tm_cli("criteria", "check", task, "--evidence", "junit.xml", code=2)
    assert "tm config enable evidence" in refused.err


@pytest.mark.parametrize("name", ["git.json", "evidence.json"])
def test_a_report_cannot_pass_for_the_repository(tm_cli: Cli, name: str) -> None:
    git(tm_cli, "init", "-q")
    git(tm_cli, "commit", "-q", "--allow-empty", "-m", "one")
    write(tm_cli, "dirty.txt", "x")
    write(tm_cli, name, {"clean": True, "sources": []})
    task = tm_cli.add("x", "--criteria", '[{"criterion": "clean", "measurable": "git.clean"}]')
    assert "git.clean is false" in complete(tm_cli, task, "--evidence", name, code=5)
