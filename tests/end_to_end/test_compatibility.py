"""Shell scripts as the earlier tool's users have them, and each command that it documents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tm_core.testing import Cli

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def script(tm_environ: Path, tmp_path: Path) -> Script:
    """Runs a shell script with `tm` on the path, in a folder with a new store."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    command = bin_folder / "tm"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tm_core "$@"\n')
    command.chmod(0o755)
    Cli(tm_environ)("init")

    def run(text: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["sh", "-c", text],
            cwd=tm_environ,
            env={**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, (text, done)
        return done

    return run


if sys.platform == "win32":
    pytestmark = pytest.mark.skip(reason="the scripts are for a POSIX shell")


@pytest.mark.parametrize(
    "capture",
    [
        "$(tm add 'A task' | grep -o '[a-f0-9]\\{8\\}')",
        "$(tm add 'A task' 2>&1 | grep -o '[a-f0-9]\\{8\\}')",
        "$(tm add 'A task' 2>/dev/null)",
        "$(tm add 'deadbeef is in the title' 2>&1 | grep -o '[a-f0-9]\\{8\\}' | tail -1)",
    ],
)
def test_a_script_captures_the_id(capture: str, script: Script) -> None:
    done = script(f"ID={capture}\ntm show $ID --json | grep '\"id\"'\necho $ID")
    task_id = done.stdout.split()[-1]
    assert f'"id": "{task_id}"' in done.stdout
    assert len(task_id) == 8


def test_writes_say_nothing_on_standard_output(script: Script) -> None:
    done = script(
        """set -e
ID=$(tm add "x" 2>/dev/null)
tm update $ID --status in_progress
tm update $ID --priority high --assignee ada
tm assign $ID bea
tm complete $ID --summary "done" --actual-hours 2
tm feedback $ID --quality 5 --timeliness 4 --note "fine"
tm config --disable feedback
tm config --enable feedback"""
    )
    assert done.stdout == ""
    for word in ("updated", "assigned to bea", "completed", "recorded", "disabled", "enabled"):
        assert word in done.stderr, word


def test_the_whole_loop(script: Script) -> None:
    criteria = json.dumps([{"criterion": "no test fails", "measurable": "tests.failed == 0"}])
    done = script(
        f"""set -e
A=$(tm add "Design" -p critical --tag ui --tag db --estimated-hours 2 2>/dev/null)
B=$(tm add "Build" --depends-on $A --criteria '{criteria}' --deadline 2030-01-02 2>/dev/null)
tm complete $A --summary "Variant B" 2>/dev/null
tm watch 2>/dev/null || true
if tm complete $B --validate 2>unmet; then exit 9; fi
grep -q "criteria unmet" unmet
tm complete $B --validate --force 2>/dev/null
tm show $B --json"""
    )
    shown = json.loads(done.stdout[done.stdout.index("{\n") :])
    assert shown["success_criteria"][0]["measurable"] == "tests.failed == 0"
    assert '"success_criteria":' in done.stdout
    assert shown["completion_summary"] is None
    assert shown["status"] == "completed"


def test_a_second_review_is_refused(script: Script) -> None:
    done = script(
        """ID=$(tm add "x" 2>/dev/null)
tm feedback $ID --quality 5 && exit 9
tm complete $ID
tm feedback $ID --quality 5
tm feedback $ID --quality 4 && exit 9
tm feedback $ID --quality 4 --amend"""
    )
    assert "already has feedback" in done.stderr
    assert "is pending" in done.stderr


def test_a_hundred_criteria_are_accepted_with_a_warning(script: Script) -> None:
    criteria = json.dumps([{"criterion": f"c{n}", "measurable": "true"} for n in range(100)])
    done = script(f"tm add x --criteria '{criteria}'")
    assert "Maximum recommended: 10" in done.stderr


def test_lists_and_documents(script: Script) -> None:
    done = script(
        """set -e
A=$(tm add "Needed" 2>/dev/null)
B=$(tm add "Needs it" --depends-on $A 2>/dev/null)
tm list
tm list --has-deps
tm list --format json > list.json
tm export --format markdown | head -1
tm export --format json --output out.json 2>/dev/null
tm export --format tsv | head -1 | cut -f1"""
    )
    lines = done.stdout.splitlines()
    assert [line.partition("] ")[2] for line in lines[:3]] == [
        "Needs it - blocked",
        "Needed - pending",
        "Needs it - blocked",
    ]
    assert lines[3:5] == ["# Task Orchestrator Export", "id"]


def test_a_file_option_takes_several_values(script: Script) -> None:
    done = script(
        """ID=$(tm add "Fix it" --file src/a.py:10 src/b.py:1:5 --priority high 2>/dev/null)
tm show $ID --json"""
    )
    shown = json.loads(done.stdout)
    assert shown["file_refs"] == ["src/a.py:10", "src/b.py:1:5"]
    assert shown["priority"] == "high"


def test_dependencies_take_several_values(script: Script) -> None:
    done = script(
        """A=$(tm add A 2>/dev/null); B=$(tm add B 2>/dev/null)
C=$(tm add "C" --depends-on $A $B 2>/dev/null)
tm show $C --json"""
    )
    assert len(json.loads(done.stdout)["depends_on"]) == 2


def test_sqlite_queries_are_answered(script: Script) -> None:
    code = (
        "import sqlite3, sys; c = sqlite3.connect('.task-orchestrator/tasks.db');"
        " print(c.execute(sys.argv[1]).fetchone()[0])"
    )
    done = script(
        f"""set -e
ID=$(tm add "x" --assignee ada 2>/dev/null)
tm complete $ID 2>/dev/null
tm feedback $ID --quality 4 2>/dev/null
"{sys.executable}" -c "{code}" "SELECT feedback_quality FROM tasks WHERE assignee = 'ada'"
"{sys.executable}" -c "{code}" "SELECT quality_score FROM task_feedback" """
    )
    assert done.stdout.split() == ["4", "4"]


def test_the_agent_may_stand_anywhere(script: Script) -> None:
    done = script(
        """tm --agent-id ada add one >/dev/null 2>&1
tm add two --agent-id bea >/dev/null 2>&1
TM_AGENT_ID=cy tm add three >/dev/null 2>&1
tm log --json | grep '"actor"' | sort"""
    )
    assert done.stdout.split() == [
        *('"actor":', '"ada",'),
        *('"actor":', '"bea",'),
        *('"actor":', '"cy",'),
    ]


def test_a_request_is_done_once(script: Script) -> None:
    done = script(
        """ID=$(tm add x 2>/dev/null)
export TM_REQUEST_ID=r1
tm progress $ID "half" 2>/dev/null
tm progress $ID "half" 2>/dev/null
unset TM_REQUEST_ID
tm progress $ID --json | grep -c half"""
    )
    assert done.stdout.split()[-1] == "1"


def test_what_fails_says_so(script: Script) -> None:
    for command in ("complete", "progress", "feedback", "note", "show", "delete"):
        more = {"progress": "x", "note": "x", "feedback": "--quality 3"}.get(command, "")
        assert "no task" in script(f"tm {command} deadbeef {more}", code=3).stderr
    assert script("tm add x --colour red", code=2).stderr.startswith("tm: ")
    assert script("tm add ''", code=5).stdout == ""
    assert script("tm list | wc -l").stdout.split() == ["0"]


def test_a_disabled_feature_says_so(script: Script) -> None:
    done = script(
        """tm config --disable feedback
ID=$(tm add x 2>/dev/null)
tm complete $ID
tm feedback $ID --quality 4 && exit 9
tm config --show"""
    )
    assert "feature 'feedback' is disabled" in done.stderr
    assert "Current configuration" in done.stdout
    assert "feedback: disabled" in done.stdout


COMMANDS = [
    "add T -d D -p low --file a.py:1 b.py --meta core --context why --assignee ada",
    "add T --criteria [] --deadline 2030-01-02 --estimated-hours 3",
    "list --status pending --assignee ada --limit 5",
    "list --format json",
    "update $ID --impact wide",
    "update $ID --assignee ada --priority low",
    "complete $ID --impact-review --summary done --actual-hours 3",
    "export --format tsv",
    "watch",
    "join $ID",
    "share $ID hello",
    "note $ID mine",
    "discover $ID found",
    "sync $ID here",
    "progress $ID half",
    "context $ID",
    "context $ID --shared",
    "metrics --feedback",
    "metrics --period week",
    "report --assessment",
    "report --format csv --days 7",
    "config --show",
    "config --show-enforcement",
    "config --enforcement-level strict",
    "config --enforce-orchestration true",
    "config --enforce-usage false",
    "hooks report",
    "hooks alerts critical 24",
    "hooks thresholds",
    "hooks cleanup 7",
    "phase-create One --description D",
    "phase-list",
    "agent-register a1 Agent --type dev --capabilities a,b",
    "agent-list",
    "agent-status",
    "agent-workload",
    "agent-metrics --range week",
    "agent-message a1 broadcast hello --priority high",
    "agent-redistribute --threshold 3",
    "validate-orchestration",
    "fix-orchestration --interactive",
    "processes",
    "maintenance",
    "migrate --status",
    "migrate --apply",
    "migrate --check",
    "migrate --dry-run",
    "critical-path",
    "critical-path --dot",
    "critical-path --verbose",
    "critical-path --format graphviz",
    "template list",
    "delete $ID",
    "help",
    "-h",
    "--version",
    "config --minimal-mode",
    "config --reset",
]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_documented_command_works(line: str, tm_cli: Cli) -> None:
    task_id = tm_cli.add("x")
    tm_cli(*(word.replace("$ID", task_id) for word in line.split()))


def test_phases_by_their_earlier_names(tm_cli: Cli) -> None:
    first = tm_cli("phase-create", "First").out.strip()
    second = tm_cli("phase-create", "Second").out.strip()
    tm_cli("phase-add-dependency", second, first)
    tm_cli("phase-add-gate", first, "--type", "approval", "--criteria", "Ada agrees")
    tm_cli("phase-update", first, "--status", "active")
    assert "Ada agrees" in tm_cli("phase-show", first).out
    tm_cli.add("x", "--phase", first)
