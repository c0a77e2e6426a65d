"""`tm demo`: runs real commands in a scratch folder and shows each with what it printed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from typing import NamedTuple

import click


class Step(NamedTuple):
    """One command of the demonstration."""

    says: str
    """What it shows, for the reader."""
    line: str
    """After `tm`; `{name}` stands for an id that an earlier step kept."""
    keeps: str = ""
    """The name under which the printed id is kept."""
    code: int = 0
    """The exit code that it must have."""
    report: str = ""
    """Content of `junit.xml`, which a test runner would have written by then."""


_PASSED = '<testcase classname="login" name="test_password"/>'
_FAILED = '<testcase classname="login" name="test_tab_order"><failure message="lost"/></testcase>'
FAILING_RUN = f'<testsuite name="login">{_PASSED}{_FAILED}</testsuite>'
PASSING_RUN = f'<testsuite name="login">{_PASSED}</testsuite>'

CRITERIA = (
    '[{"criterion": "no test fails", "measurable": "tests.failed == 0"},'
    ' {"criterion": "enough is covered", "measurable": "coverage >= 80"}]'
)

STEPS = (
    Step("A store for this folder.", "init"),
    Step(
        "Work to be done, with an estimate.",
        "add 'Design the login form' --estimated-hours 2 --tag ui --assignee ada",
        keeps="design",
    ),
    Step(
        "What must wait for it, with 'done' written down as measurable criteria.",
        "add 'Build the login form' --depends-on {design} --priority high --deadline 3d"
        f" --estimated-hours 4 --type feature --criteria {shlex.quote(CRITERIA)}",
        keeps="build",
    ),
    Step("One task can be started, the other one waits.", "ready"),
    Step("And why it waits:", "blocked"),
    Step("Progress, by whoever makes it.", "progress {design} 'Two variants drawn' --percent 60"),
    Step(
        "Completed; the work that waited is released in the same transaction.",
        "complete {design} --actual-hours 3 --summary 'Variant B, agreed with support'",
    ),
    Step("Now the form can be built.", "ready"),
    Step(
        "'Done' is measured: the test run's report has a failure, so the task stays open.",
        "complete {build} --validate --evidence junit.xml --set coverage=84",
        code=5,
        report=FAILING_RUN,
    ),
    Step(
        "Mended and run again; now it is done.",
        "complete {build} --validate --evidence junit.xml --set coverage=84 --actual-hours 5",
        report=PASSING_RUN,
    ),
    Step(
        "A review by a colleague.",
        "feedback {build} --quality 5 --timeliness 4 --note 'Keyboard access works' --actor bob",
    ),
    Step("All that is known of the task.", "show {build}"),
    Step("What happened, and who did it.", "log {build}"),
    Step("What can be learned.", "metrics tasks time feedback"),
)


@click.command(help="Run the Core Loop in a scratch folder: each command with its real output.")
@click.option("--keep", metavar="FOLDER", help="Use this new folder, and leave it there")
@click.pass_context
def demo(ctx: click.Context, keep: str | None) -> None:
    """Exit code 1 when a step does not do what it should."""
    if keep:
        try:
            os.makedirs(keep)
        except OSError as error:
            raise click.UsageError(f"cannot make the folder {keep}: {error.strerror}") from error
        failed = _play(keep)
    else:
        with tempfile.TemporaryDirectory(prefix="tm-demo-") as folder:
            failed = _play(folder)
    if failed is not None:
        click.echo(f"tm: the demonstration failed at: tm {failed.line}", err=True)
        ctx.exit(1)


def _play(folder: str) -> Step | None:
    """Run the steps; gives the one that did not end as it should, after which nothing follows."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TM_")}
    # The user's own configuration may have features off that the demonstration shows.
    environ |= {"XDG_CONFIG_HOME": folder, "APPDATA": folder, "USER": "ada", "NO_COLOR": "1"}
    ids: dict[str, str] = {}
    for step in STEPS:
        if step.report:
            with open(os.path.join(folder, "junit.xml"), "w", encoding="utf-8") as file:
                file.write(step.report)
        line = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], found[0]), step.line)
        click.echo(f"\n# {step.says}\n$ tm {line}")
        done = subprocess.run(
            [sys.executable, "-m", "tm_core", *shlex.split(line)],
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
        )
        click.echo(done.stdout, nl=False)
        if done.returncode:
            click.echo(f"(exit code {done.returncode})")
        if done.returncode != step.code:
            return step
        if step.keeps:
            ids[step.keeps] = done.stdout.split()[-1]
    return None
