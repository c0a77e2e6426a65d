"""`tm migrate` on a server that others share: on request only, by one of many, and killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence

import psycopg
import pytest

from tm_core.testing import Cli

pytestmark = [pytest.mark.every_backend, pytest.mark.only_backend("postgresql")]

KERNEL = ("-c", "plugins.only=postgres,schema-migrations")
FEW = ("-c", "plugins.only=postgres,schema-migrations,feedback,time-tracking,doctor")
STEPS = {
    "feedback:0001_review.sql": "feedback_review",
    "time-tracking:0001_entry.sql": "time_tracking_entry",
}


@pytest.fixture
def shared(
    tm_environ: object, tm_url_postgresql_new: str, monkeypatch: pytest.MonkeyPatch, tm_cli: Cli
) -> Cli:
    """A store that others share, from before two of its features were there."""
    monkeypatch.setenv("TM_DB_PATH", tm_url_postgresql_new)
    monkeypatch.delenv("TM_POSTGRES_SOLE_USER", raising=False)
    tm_cli(*KERNEL, "init")
    tm_cli(*KERNEL, "add", "one")
    return tm_cli


def tables() -> set[str]:
    url, _, schema = os.environ["TM_DB_PATH"].partition("schema=")
    with psycopg.connect(url.rstrip("?&")) as connection:
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
        return {row[0] for row in connection.execute(sql, [schema])}


def test_a_new_feature_waits_for_the_request(shared: Cli) -> None:
    assert "lacks" in shared(*FEW, "add", "two", code=6).err
    assert shared(*KERNEL, "add", "two").code == 0  # who does not have the feature works on
    assert shared(*FEW, "migrate", "--check", code=1).out == ""
    assert "CREATE TABLE feedback_review" in shared(*FEW, "migrate", "--apply", "--dry-run").out
    assert "feedback_review" not in tables()
    pending = len(shared(*FEW, "migrate", "--status", "--json").json["pending"])
    assert shared(*FEW, "migrate", "--apply").err == f"{pending} migrations were applied\n"
    assert shared(*FEW, "migrate", "--apply").err == "The store is already up to date\n"
    assert "structure sound" in shared(*FEW, "doctor").out
    task = shared(*FEW, "add", "three", "--estimated-hours", "2").out.strip()
    shared(*FEW, "complete", task)
    shared(*FEW, "feedback", task, "--quality", "4")
    assert task in shared(*KERNEL, "list").out  # the old version does not mind the tables


def test_of_many_who_apply_at_once_each_step_is_done_by_one(shared: Cli) -> None:
    pending = len(shared(*FEW, "migrate", "--status", "--json").json["pending"])
    command = [sys.executable, "-m", "tm_core", *FEW, "migrate", "--apply"]
    processes = [
        subprocess.Popen(command, cwd=shared.folder, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], said
    counts = [int(found[1]) for text in said if (found := re.match(r"(\d+) migration", text))]
    assert sum(counts) == pending, said
    assert "already up to date" in shared(*FEW, "migrate", "--apply").err


def killed_at(statement: int, cli: Cli, command: Sequence[str]) -> bool:
    """Run a command in a child that is killed before this statement; False if it ended first."""
    child = os.fork()
    if child == 0:
        execute = psycopg.Connection.execute
        left = statement

        def counting(*arguments: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return execute(*arguments, **named)  # type: ignore[call-overload]

        psycopg.Connection.execute = counting  # type: ignore[assignment, method-assign]
        code = 99
        try:
            code = cli(*command, code=None).code
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.skipif(sys.platform == "win32", reason="there is neither fork nor SIGKILL")
def test_one_that_is_killed_is_completed_by_the_next(shared: Cli) -> None:
    kills, statement = 0, 0
    while killed_at(statement, shared, [*FEW, "migrate", "--apply"]):
        kills, statement = kills + 1, statement + 5
        status = shared(*FEW, "migrate", "--status", "--json").json
        applied = {one["migration"] for one in status["applied"]}
        there = tables()
        for step, table in STEPS.items():
            assert (step in applied) is (table in there)
        shared(*FEW, "migrate", "--apply")
        assert set(STEPS.values()) <= tables()
        shared(*FEW, "migrate", "--to", "kernel", "--yes")
    assert kills > 3
