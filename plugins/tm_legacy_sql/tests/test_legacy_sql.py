from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tm_core.testing import Cli, run_readme

COLUMNS = (
    *("id", "title", "description", "status", "priority", "assignee", "created_by"),
    *("created_at", "updated_at", "completed_at", "success_criteria", "feedback_quality"),
    *("feedback_timeliness", "feedback_notes", "completion_summary", "deadline"),
    *("estimated_hours", "actual_hours", "context", "phase_id"),
)


def ask(cli: Cli, sql: str) -> list[Any]:
    """As a script does, with nothing of ours."""
    with closing(sqlite3.connect(cli.folder / ".task-orchestrator" / "tasks.db")) as connection:
        cursor = connection.execute(sql)
        return [tuple(row) for row in cursor.fetchall()]


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_tasks_has_the_columns_of_the_earlier_tool(tm_cli: Cli) -> None:
    needed = tm_cli.add("Needed")
    task = tm_cli.add(
        *("Write", "--estimated-hours", "8", "--deadline", "2030-01-02", "--context", "why"),
        *("--depends-on", needed),
    )
    gone = tm_cli.add("Gone")
    tm_cli("delete", gone)
    tm_cli("complete", needed, "--summary", "done", "--actual-hours", "6")
    tm_cli("feedback", needed, "--quality", "4", "--timeliness", "5", "--note", "Good")
    assert [row[1] for row in ask(tm_cli, "PRAGMA table_info(tasks)")] == list(COLUMNS)
    assert ask(tm_cli, "SELECT id FROM tasks ORDER BY created_at") == [(needed,), (task,)]
    assert ask(
        tm_cli,
        "SELECT completion_summary, actual_hours, feedback_quality, feedback_notes"
        f" FROM tasks WHERE id = '{needed}'",
    ) == [("done", 6.0, 4, "Good")]
    assert ask(tm_cli, f"SELECT estimated_hours, context FROM tasks WHERE id = '{task}'") == [
        (8.0, "why")
    ]
    assert ask(
        tm_cli, "SELECT task_id, quality_score, timeliness_score, notes FROM task_feedback"
    ) == [(needed, 4, 5, "Good")]
    assert ask(tm_cli, "SELECT task_id, depends_on FROM dependencies") == [(task, needed)]


def test_the_last_review_counts(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("complete", task)
    tm_cli("feedback", task, "--quality", "1", "--actor", "zoe")
    tm_cli("feedback", task, "--quality", "5", "--actor", "ada")
    assert ask(tm_cli, "SELECT feedback_quality FROM tasks") == [(5,)]


def test_features_may_come_later(tm_environ: Path) -> None:
    cli = Cli(tm_environ)
    only = "plugins.only=legacy-sql"
    cli("-c", only, "init")
    task = cli("-c", only, "add", "x").out.strip()
    assert ask(cli, "SELECT id, feedback_quality, deadline FROM tasks") == [(task, None, None)]
    with pytest.raises(sqlite3.OperationalError):
        ask(cli, "SELECT * FROM task_feedback")
    cli("update", task, "--deadline", "2030-01-02T00:00:00Z")  # with all features on
    assert ask(cli, "SELECT deadline FROM tasks") == [("2030-01-02T00:00:00.000000Z",)]
    assert ask(cli, "SELECT * FROM task_feedback") == []


def test_views_cannot_be_written(tm_cli: Cli) -> None:
    tm_cli.add("x")
    with pytest.raises(sqlite3.OperationalError, match="view"):
        ask(tm_cli, "UPDATE tasks SET title = 'y'")


def test_a_rollback_brings_the_plain_view_back(tm_environ: Path) -> None:
    cli = Cli(tm_environ)
    cli("-c", "plugins.only=legacy-sql", "init")
    cli("list")  # with all features: a second batch
    cli("migrate", "--rollback")
    columns = [row[1] for row in ask(cli, "PRAGMA table_info(tasks)")]
    assert columns == list(COLUMNS)
    with pytest.raises(sqlite3.OperationalError):
        ask(cli, "SELECT * FROM task_feedback")
