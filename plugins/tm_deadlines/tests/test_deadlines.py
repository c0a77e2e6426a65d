"""Deadlines, through the command line and the facade."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.testing import Cli, run_readme

pytestmark = pytest.mark.every_backend


def _in(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        ("2025-03-01T10:00:00Z", "2025-03-01T10:00:00"),
        ("2025-03-01T10:00:00+02:00", "2025-03-01T08:00:00"),
        ("20250301T100000Z", "2025-03-01T10:00:00"),
    ],
)
def test_a_deadline_is_stored_in_utc(tm_store: TaskManager, given: str, begins: str) -> None:
    assert tm_store.add("x", deadline=given)["deadline"].startswith(begins)


def test_a_bare_day_means_its_end(tm_store: TaskManager) -> None:
    day = tm_store.add("x", deadline="2025-03-01")["deadline"]
    assert datetime.fromisoformat(day).astimezone().strftime("%F %T") == "2025-03-01 23:59:59"
    for relative in ("3d", "friday", "tomorrow"):
        assert tm_store.add("x", deadline=relative)["deadline"] > tm_store.changes.now


@pytest.mark.parametrize("wrong", ["2025-02-30", "2025-13-01", "2025-03-01T25:00", "soon", "1e400"])
def test_what_is_no_date_is_refused(tm_cli: Cli, wrong: str) -> None:
    refused = tm_cli("add", "x", "--deadline", wrong, code=5)
    assert "deadline is wrong" in refused.err
    assert refused.out == ""
    assert tm_cli("list").out == ""


def test_overdue_is_what_is_open_and_late_most_overdue_first(tm_cli: Cli) -> None:
    late, later = tm_cli.add("late", "--deadline", _in(-5)), tm_cli.add("later", "--deadline=-50h")
    done, dropped = (tm_cli.add(name, "--deadline", _in(-9)) for name in ("done", "dropped"))
    tm_cli.add("some day")
    tm_cli("complete", done)
    tm_cli("delete", dropped)
    soon, next_week = tm_cli.add("soon", "--deadline", "2h"), tm_cli.add("far", "--deadline", "6d")
    rows = tm_cli("overdue", "--json").json
    assert [row["id"] for row in rows] == [later, late]
    assert rows[1]["hours_left"] == pytest.approx(-5, abs=0.1)
    assert "1 more is due within 24 hours" in tm_cli("overdue").err
    assert (
        "2 more are due within 200 h"
        in tm_cli("-c", "deadlines.warn_before_hours=200", "overdue").err
    )
    assert "there are more" in tm_cli("overdue", "--limit", "1").err
    assert [row["id"] for row in tm_cli("upcoming", "--json").json] == [soon, next_week]
    assert [row["id"] for row in tm_cli("upcoming", "--within", "1d", "--json").json] == [soon]


def test_titles_cannot_drive_the_terminal(tm_cli: Cli) -> None:
    tm_cli.add("a\x1b[2Jb", "--deadline", _in(-1))
    assert r"a\x1b[2Jb" in tm_cli("overdue").out


def test_an_empty_deadline_takes_it_away_and_undo_brings_it_back(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--deadline", "2025-03-01")
    before = tm_cli.show(task)["deadline"]
    tm_cli("update", task, "--deadline", "")
    assert tm_cli.show(task)["deadline"] is None
    assert tm_cli("overdue").err == "Nothing is overdue\n"
    tm_cli("undo")
    assert tm_cli.show(task)["deadline"] == before


def test_bad_options(tm_cli: Cli) -> None:
    tm_cli("upcoming", "--within", "-1h", code=5)
    tm_cli("upcoming", "--within", "9999999", code=5)
    tm_cli("overdue", "--limit", "-1", code=5)


def test_met_and_missed_are_measured(tm_cli: Cli) -> None:
    assert tm_cli("metrics", "deadlines", "--json").json == {
        "deadlines": {"met": 0, "missed": 0, "overdue": 0}
    }
    for title, hours in (("late", -2), ("later", -4), ("in time", 3), ("open", -1)):
        task = tm_cli.add(title, "--deadline", _in(hours))
        if title != "open":
            tm_cli("complete", task)
    figures = tm_cli("metrics", "deadlines", "--json").json["deadlines"]
    assert figures.pop("mean_lateness_hours") == pytest.approx(3, abs=0.1)
    assert figures == {"met": 1, "missed": 2, "met_share": 0.333, "overdue": 1}


def test_off_and_on_again(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--deadline", "2025-03-01")
    tm_cli("config", "disable", "deadlines")
    assert "feature 'deadlines' is disabled" in tm_cli("overdue", code=8).err
    assert "disabled" in tm_cli("update", task, "--deadline", "3d", code=8).err
    assert "deadline" not in tm_cli.show(task)
    tm_cli("config", "enable", "deadlines")
    assert [row["id"] for row in tm_cli("overdue", "--json").json] == [task]


def test_an_exported_deadline_comes_back(tm_store: TaskManager) -> None:
    record: dict[str, Any] = tm_store.add("x", deadline="2025-03-01").as_dict()
    tm_store.delete(record["id"], purge=True)
    assert tm_store.restore(record)["deadline"] == record["deadline"]
