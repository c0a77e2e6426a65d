"""Measure what `tm metrics` costs on a large store, beside the best SQL written by hand for it.

    python tests/benchmarks/metrics.py --tasks 1000000 --json metrics.json

See README.md beside this file. Nothing is asserted: a figure needs its machine beside it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tm_core import TaskManager

PEOPLE = [f"person-{number}" for number in range(12)]
SPAN_DAYS = 300
QUANTILES = """(SELECT max(CASE WHEN place = (n * 50 + 99) / 100 THEN v END) AS p50,
 max(CASE WHEN place = (n * 80 + 99) / 100 THEN v END) AS p80, {more}
 FROM (SELECT *, row_number() OVER (ORDER BY v) AS place, count(v) OVER () AS n FROM ({source})))"""
HOURS = "(julianday({1}) - julianday({0})) * 24.0"
"""Nearest ranks by window functions: what SQLite has for it."""


def instant(moment: datetime) -> str:
    """An instant as the store has it."""
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def generate(path: str, tasks: int, seed: int = 1) -> None:
    """Fill a new store with tasks, their events, hours and reviews, in bulk."""
    rng = random.Random(seed)
    now = datetime.now(UTC)
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA journal_mode = OFF")
    # Sorting once is several times as fast as keeping indexes in order.
    indexes = database.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        database.execute(f'DROP INDEX "{name}"')
    serials = itertools.count()
    events: list[tuple[Any, ...]] = []
    reviews: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []

    def happened(kind: str, at: datetime, task: str, **data: Any) -> None:
        serial = f"{next(serials):022x}"  # in order, as the kernel's are
        text = json.dumps({"before": {}, "after": {}, **data}, separators=(",", ":"))
        events.append((serial, serial, instant(at), "ada", "s", kind, task, text))

    def flush() -> None:
        database.executemany(
            "INSERT INTO task (id, title, description, status, priority, assignee, created_by,"
            " created_at, updated_at, completed_at, version, estimated_hours, actual_hours)"
            " VALUES (?, ?, ?, ?, ?, ?, 'ada', ?, ?, ?, 1, ?, ?)",
            rows,
        )
        database.executemany(
            "INSERT INTO event (id, transaction_id, at, actor, session, type, task_id, data)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            events,
        )
        database.executemany(
            "INSERT INTO feedback_review (task_id, reviewer, quality, timeliness, at)"
            " VALUES (?, ?, ?, ?, ?)",
            reviews,
        )
        for each in (rows, events, reviews):
            each.clear()

    ids = iter(rng.sample(range(16**8), tasks))
    for number, value in enumerate(ids):
        task = f"{value:08x}"
        created = now - timedelta(days=SPAN_DAYS * rng.random())
        age = (now - created).total_seconds() / 3600
        lead = rng.lognormvariate(3.2, 1.3)
        start = created + timedelta(hours=lead * rng.random())
        done = created + timedelta(hours=lead)
        estimated = round(rng.uniform(0.5, 16), 1)
        actual = round(estimated * rng.lognormvariate(0.25, 0.5), 2)
        person = rng.choice(PEOPLE) if rng.random() < 0.9 else None
        status = "completed" if lead < age else "in_progress" if start < now else "pending"
        if rng.random() < 0.03:
            status = "cancelled" if rng.random() < 0.7 else "deleted"
        happened("task.created", created, task)
        if status in ("in_progress", "completed"):
            happened("task.started", min(start, now), task)
        if status == "completed":
            more: dict[str, Any] = {"forced": ["unmet"]} if rng.random() < 0.03 else {}
            if rng.random() < 0.3:
                more["plugins"] = {"success-criteria": {"results": []}}
                if rng.random() < 0.2:
                    happened("task.completion_refused", start, task, refused=["criteria unmet"])
            if rng.random() < 0.05:
                happened("task.completed", start, task, **more)
                happened("task.reopened", start, task, before={"status": "completed"})
            happened("task.completed", done, task, **more)
            for reviewer in rng.sample(("bea", "cyd"), rng.choice((0, 1, 1, 2))):
                scores = (min(5, max(1, round(rng.gauss(3.9, 1)))), rng.randint(1, 5))
                reviews.append((task, reviewer, *scores, instant(done)))
                happened("feedback.given", done, task, rows=[["feedback_review", {}, None, {}]])
        rows.append(
            (
                task,
                f"Task number {number} about something that is to be done",
                "More about it. " * 8,
                status,
                rng.choice(("low", "medium", "high")),
                person,
                instant(created),
                instant(done if status == "completed" else created),
                instant(done) if status == "completed" else None,
                estimated,
                actual if status == "completed" else None,
            )
        )
        if len(rows) == 20_000:
            flush()
    flush()
    database.commit()
    for _, sql in indexes:
        database.execute(sql)
    database.execute("PRAGMA journal_mode = WAL")
    database.close()


def by_hand(now: str, week_bounds: Sequence[tuple[str, str]]) -> dict[str, str]:
    """For each metric one statement that finds the same figures."""
    measured = "status = 'completed' AND estimated_hours IS NOT NULL AND actual_hours IS NOT NULL"
    ratio = "CASE WHEN estimated_hours > 0 THEN actual_hours / estimated_hours END AS v"
    lead = HOURS.format("created_at", "completed_at")
    cycle = HOURS.format("start.at", "completed_at")
    age = HOURS.format("created_at", f"'{now}'")
    scores = ", ".join(
        f"sum({score} = {number})" for score in ("quality", "timeliness") for number in range(1, 6)
    )
    undeleted = "task_id NOT IN (SELECT id FROM task WHERE status = 'deleted')"
    bounds = ", ".join(f"('{first}', '{past}')" for first, past in week_bounds)
    forced = "event.type = 'task.completed' AND data LIKE '%\"forced\":%'"
    checked = "event.type = 'task.completed' AND data LIKE '%\"success-criteria\":%'"
    validated = f"SELECT task_id, min(seq) AS seq FROM event WHERE {checked} GROUP BY task_id"
    refused = "event.type = 'task.completion_refused'"
    reopened = (
        "event.type = 'task.reopened' AND json_extract(data, '$.before.status') = 'completed'"
    )
    return {
        "tasks": "SELECT status, count(*) FROM task WHERE status <> 'deleted' GROUP BY status",
        "time": "SELECT * FROM "
        + QUANTILES.format(
            more="count(*), sum(estimated_hours), sum(actual_hours), avg(v)",
            source=f"SELECT estimated_hours, actual_hours, {ratio} FROM task WHERE {measured}",
        ),
        "feedback": "SELECT count(*), count(DISTINCT task_id), "
        f"{scores} FROM feedback_review WHERE {undeleted}",
        "flow": "SELECT * FROM "
        + QUANTILES.format(
            more="avg(v), max(v)",
            source=f"SELECT {lead} AS v FROM task WHERE status = 'completed'"
            " AND completed_at >= created_at",
        )
        + ", "
        + QUANTILES.format(
            more="avg(v), max(v)",
            source=f"SELECT {cycle} AS v FROM (SELECT task_id, min(at) AS at FROM event"
            " WHERE type = 'task.started' GROUP BY task_id) AS start JOIN task ON"
            " task.id = start.task_id WHERE status = 'completed' AND completed_at >= start.at",
        )
        + ", "
        + QUANTILES.format(
            more="avg(v), max(v), sum(status = 'in_progress')",
            source=f"SELECT status, {age} AS v FROM task"
            " WHERE status IN ('pending', 'in_progress', 'blocked')",
        )
        + f" LEFT JOIN (WITH w(first, past) AS (VALUES {bounds}) SELECT first, (SELECT count(*)"
        " FROM task WHERE status = 'completed' AND completed_at >= first"
        " AND completed_at < past) FROM w)",
        "success": "SELECT (SELECT count(*) FROM task WHERE status = 'completed'),"
        " (SELECT count(*) FROM task WHERE status = 'cancelled'),"
        " (SELECT count(DISTINCT task_id) FROM event CROSS JOIN task WHERE task.id = task_id"
        f" AND {forced} AND json_extract(data, '$.forced') IS NOT NULL"
        " AND status = 'completed'),"
        " (SELECT count(DISTINCT task_id) FROM event CROSS JOIN task WHERE task.id = task_id"
        f" AND {reopened} AND status <> 'deleted'),"
        f" (SELECT count(*) FROM event CROSS JOIN task WHERE task.id = task_id AND {refused}"
        " AND status <> 'deleted'), (SELECT count(DISTINCT task_id) FROM event AS e CROSS JOIN task"
        f" WHERE task.id = task_id AND {refused.replace('event.', 'e.')}"
        " AND status = 'completed' AND NOT EXISTS (SELECT 1 FROM event"
        f" WHERE task_id = e.task_id AND {checked})), count(*),"
        f" sum(x.seq IS NULL AND r.seq IS NULL) FROM ({validated}) AS f CROSS JOIN task"
        f" LEFT JOIN (SELECT seq FROM event WHERE {forced}) AS x ON x.seq = f.seq"
        f" LEFT JOIN (SELECT task_id, min(seq) AS seq FROM event WHERE {refused}"
        " GROUP BY task_id) AS r ON r.task_id = f.task_id AND r.seq < f.seq"
        f" LEFT JOIN (SELECT task_id, max(seq) AS seq FROM event WHERE {reopened}"
        " GROUP BY task_id) AS a ON a.task_id = f.task_id AND a.seq > f.seq"
        " WHERE task.id = f.task_id AND status <> 'deleted'"
        " AND (status = 'completed' OR a.seq IS NOT NULL)",
        "adoption": "SELECT * FROM (SELECT count(*), count(estimated_hours), count(actual_hours),"
        " count(completion_summary) FROM task WHERE status <> 'deleted'),"
        " (SELECT json_group_object(type, n) FROM (SELECT type, count(*) AS n FROM event"
        " WHERE type NOT LIKE 'task.%' GROUP BY type))",
    }


def timed(work: Callable[[], Any]) -> float:
    """Seconds of processor time, which other programs on the machine disturb least."""
    start = time.process_time()
    work()
    return time.process_time() - start


def processes(commands: Sequence[Sequence[str]], runs: int, cwd: Path) -> list[list[float]]:
    """Milliseconds of each command, run in turns; the first three rounds warm up."""
    found: list[list[float]] = [[] for _ in commands]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TM_")}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for number in range(runs + 3):
        for command, samples in zip(commands, found, strict=True):
            start = time.perf_counter()
            subprocess.run(command, cwd=cwd, env=environ, check=True, stdout=subprocess.DEVNULL)
            if number >= 3:
                samples.append(1000 * (time.perf_counter() - start))
    return found


def measured(folder: Path, names: Sequence[str], rounds: int) -> Iterator[dict[str, Any]]:
    """Each metric against the statement by hand, in turns, in this process."""
    now = instant(datetime.now(UTC))
    monday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday -= timedelta(days=monday.weekday())
    weeks = [monday - timedelta(weeks=back) for back in range(12)]
    statements = by_hand(now, [(instant(w), instant(w + timedelta(weeks=1))) for w in weeks])
    plain = sqlite3.connect(folder / ".task-orchestrator" / "tasks.db")
    with TaskManager.open(str(folder)) as manager:
        for name in names:
            yield compared(manager, plain, name, statements[name], rounds)


def compared(
    manager: TaskManager, plain: sqlite3.Connection, name: str, statement: str, rounds: int
) -> dict[str, Any]:
    """The least time of each, which is the one that was disturbed least."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        theirs.append(timed(lambda: plain.execute(statement).fetchall()))
        ours.append(timed(lambda: manager.metrics(name, fresh=True)))
    return {
        "metric": name,
        "tm_s": min(ours),
        "sql_s": min(theirs),
        "ratio": min(ours) / min(theirs),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="per metric")
    parser.add_argument("--runs", type=int, default=31, metavar="N", help="processes")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the store there, keep it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tm-metrics-") as scratch:
        folder = options.keep or Path(scratch)
        store = folder / ".task-orchestrator" / "tasks.db"
        if not store.exists():
            TaskManager.open(str(folder), create=True).close()
            start = time.perf_counter()
            generate(str(store), options.tasks)
            print(f"generated {options.tasks:,} tasks in {time.perf_counter() - start:.0f} s")
        print(
            "\n| metric | tm s | by hand s | ratio | target |\n| --- | ---: | ---: | ---: | ---: |"
        )
        rows = []
        names = ("tasks", "flow", "success", "time", "feedback", "adoption")
        for row in measured(folder, names, options.rounds):
            rows.append(row)
            print(
                f"| {row['metric']} | {row['tm_s']:.3f} | {row['sql_s']:.3f} |"
                f" {row['ratio']:.2f} | <= 1.5 |",
                flush=True,
            )
        tm = str(Path(sys.executable).parent / "tm")
        commands = ([tm, "--version"], [tm, "metrics"])
        subprocess.run([tm, "metrics"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        version, repeated = processes(commands, options.runs, folder)
        ratio = statistics.median(repeated) / statistics.median(version)
        print(
            f"\ntm --version {statistics.median(version):.1f} ms (least {min(version):.1f}),"
            f" tm metrics again {statistics.median(repeated):.1f} ms (least {min(repeated):.1f}):"
            f" {ratio:.2f} of medians, {min(repeated) / min(version):.2f} of minima,"
            " target <= 1.2"
        )
    if options.json:
        figures = {"tasks": options.tasks, "metrics": rows, "version_ms": version}
        text = json.dumps({**figures, "repeated_ms": repeated}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
