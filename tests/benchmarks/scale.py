"""Measure what commands cost in stores of different sizes, beside the same rows by plain sqlite3.

    python tests/benchmarks/scale.py
    python tests/benchmarks/scale.py --sizes 100,10000,100000,1000000 --json scale.json

See README.md beside this file. Nothing is asserted: a figure needs its machine beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from metrics import generate  # type: ignore[import-not-found]  # the script beside this one
from startup import Environment, say  # type: ignore[import-not-found]  # the script beside this one

from tm_core import TaskManager

WARM_UP = 3
PAGE = 50
FILTER = "estimated_hours > 12 and priority == 'high'"
CHANGED = (
    "status = 'pending', completed_at = NULL, actual_hours = NULL WHERE status <> 'deleted'"
    " AND substr(id, 1, 1) IN ('0', '1', '2', '3')"
)
"""A quarter of the generated tasks is made ready; the generator leaves none."""


class Timed(NamedTuple):
    """One measurement, in milliseconds."""

    wall: float
    cpu: float


def timed(work: Callable[[], Any]) -> Timed:
    """Do it and tell how long it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Timed(1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu))


class Floor:
    """A copy of a store, written and read by plain sqlite3: what any tool on SQLite must pay.

    It has the store's indexes and triggers, and is as durable.
    """

    def __init__(self, store: Path, path: Path) -> None:
        shutil.copyfile(store, path)
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute("PRAGMA foreign_keys = ON")
        mode = self.connection.execute("PRAGMA journal_mode = WAL").fetchone()
        assert mode == ("wal",)

    def write(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Put rows into tables in one transaction; a task that is there is updated."""
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        for table, row in rows:
            names = ", ".join(row)
            marks = ", ".join("?" * len(row))
            sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"
            if table == "task":
                changes = ", ".join(f"{name} = excluded.{name}" for name in row)
                sql += f" ON CONFLICT (id) DO UPDATE SET {changes}"
            run(sql, tuple(row.values()))
        run("COMMIT")

    def read(self, sql: str, *values: Any) -> list[Any]:
        """Rows of a query."""
        return self.connection.execute(sql, values).fetchall()


def written(tm: TaskManager, after: int, task_id: str, *tables: str) -> list[tuple[str, Any]]:
    """The rows that a write of `tm` left: the task, its events, and what is told besides."""
    rows: list[tuple[str, Any]] = []
    for table, key in (("task", "id"), *((table, "task_id") for table in tables)):
        found = tm.database.query(f"SELECT * FROM {table} WHERE {key} = ?", [task_id])
        rows += [(table, dict(row)) for row in found]
    events = tm.database.query("SELECT * FROM event WHERE seq > ? ORDER BY seq", [after])
    return rows + [("event", dict(row)) for row in events]


def last(tm: TaskManager) -> int:
    """The number of the last event."""
    return int(tm.database.query("SELECT max(seq) AS seq FROM event")[0]["seq"] or 0)


class Rows:
    """Measurements by what was measured, of `tm` and of the floor."""

    def __init__(self) -> None:
        self.tm: dict[str, list[Timed]] = {}
        self.floor: dict[str, list[Timed]] = {}

    def add(self, name: str, ours: Timed, floor: Timed | None = None) -> None:
        """Keep one of each, taken one after the other."""
        self.tm.setdefault(name, []).append(ours)
        if floor is not None:
            self.floor.setdefault(name, []).append(floor)

    def told(self, size: int) -> list[dict[str, Any]]:
        """A row for each, with medians."""
        rows = []
        for name, taken in self.tm.items():
            row: dict[str, Any] = {"tasks": size, "what": name, "runs": len(taken)}
            row["wall_ms"] = statistics.median(each.wall for each in taken)
            row["cpu_ms"] = statistics.median(each.cpu for each in taken)
            if name in self.floor:
                floor = self.floor[name]
                row["floor_wall_ms"] = statistics.median(each.wall for each in floor)
                row["floor_cpu_ms"] = statistics.median(each.cpu for each in floor)
                row["rate_wall"] = row["floor_wall_ms"] / row["wall_ms"]
                row["rate_cpu"] = row["floor_cpu_ms"] / row["cpu_ms"] if row["cpu_ms"] else 0.0
            rows.append(row)
        return rows


def make_store(folder: Path, size: int) -> Path:
    """A store of so many tasks; gives its file."""
    folder.mkdir()
    TaskManager.open(str(folder), create=True).close()
    path = folder / ".task-orchestrator" / "tasks.db"
    generate(str(path), size)
    database = sqlite3.connect(path)
    database.execute(f"UPDATE task SET {CHANGED}")
    database.commit()
    database.execute("PRAGMA journal_mode = WAL")
    database.close()
    return path


def in_process(folder: Path, store: Path, rounds: int, rows: Rows) -> None:
    """Single calls of one process that has the store open, each beside its floor."""
    floor = Floor(store, folder / "floor.db")
    with TaskManager.open(str(folder)) as tm:
        for number in range(WARM_UP + rounds):
            kept = rows if number >= WARM_UP else Rows()
            one_round(tm, floor, kept, number)
    floor.connection.close()


def one_round(tm: TaskManager, floor: Floor, rows: Rows, number: int) -> None:
    """Each call once, and what plain sqlite3 needs for the same rows."""
    made: list[str] = []

    def write(name: str, work: Callable[[], Any], *tables: str) -> None:
        seq = last(tm)
        ours = timed(lambda: made.append(work().id))
        same = written(tm, seq, made[-1], *tables)
        rows.add(name, ours, timed(lambda: floor.write(same)))

    def read(name: str, work: Callable[[], Any], sql: str, *values: Any) -> None:
        rows.add(name, timed(work), timed(lambda: floor.read(sql, *values)))

    write("add", lambda: tm.add(f"Measured {number}"))
    task = made[-1]
    read("show", lambda: tm.get(task), "SELECT * FROM task WHERE id = ?", task)
    read(
        "list",
        lambda: tm.find(limit=PAGE),
        f"SELECT * FROM task WHERE status <> 'deleted' ORDER BY created_at, id LIMIT {PAGE}",
    )
    read(
        "filter",
        lambda: tm.find(FILTER, limit=PAGE),
        "SELECT * FROM task WHERE status <> 'deleted' AND estimated_hours > 12 AND priority ="
        f" 'high' ORDER BY created_at, id LIMIT {PAGE}",
    )
    rows.add("ready", timed(lambda: tm.ready(limit=20)))
    write("claim", lambda: tm.claim(upcoming=True), "claims_lease")
    write("complete", lambda: tm.complete(task))


def in_bulk(folder: Path, size: int, rows: Rows) -> None:
    """Export and import of all, and the same by plain sqlite3 and json."""
    exported, other = folder / "export.jsonl", folder / "floor.jsonl"
    floor = sqlite3.connect(folder / "floor.db")
    floor.row_factory = sqlite3.Row

    def export_floor() -> None:
        with other.open("w", encoding="utf-8") as file:
            for row in floor.execute("SELECT * FROM task"):
                events = floor.execute("SELECT * FROM event WHERE task_id = ?", (row["id"],))
                told = {**dict(row), "events": [dict(event) for event in events]}
                file.write(json.dumps(told) + "\n")

    with TaskManager.open(str(folder)) as tm:
        ours = timed(lambda: tm.export(output=str(exported), format="jsonl"))
        rows.add("export", ours, timed(export_floor))
        rows.add("metrics", timed(lambda: tm.metrics(fresh=True)))
    floor.close()

    lines, empty = folder / "lines.jsonl", folder / "empty"
    with lines.open("w", encoding="utf-8") as file:
        for number in range(size):
            record = {"title": f"Task number {number}", "priority": "high", "estimated_hours": 2}
            file.write(json.dumps(record) + "\n")
    empty.mkdir()
    TaskManager.open(str(empty), create=True).close()
    copy = Floor(empty / ".task-orchestrator" / "tasks.db", folder / "empty.db")
    with TaskManager.open(str(empty)) as tm:
        ours = timed(lambda: tm.import_(str(lines)))
        tables = ("task", "event")
        same = [(each, tm.database.query(f"SELECT * FROM {each}")) for each in tables]

        def import_floor() -> None:
            with lines.open(encoding="utf-8") as file:
                for line in file:
                    json.loads(line)
            copy.connection.execute("BEGIN IMMEDIATE")
            for table, found in same:
                names = ", ".join(f":{name}" for name in found[0])
                sql = f"INSERT INTO {table} ({names.replace(':', '')}) VALUES ({names})"
                for row in found:
                    copy.connection.execute(sql, row)
            copy.connection.execute("COMMIT")

        rows.add("import", ours, timed(import_floor))
        copy.connection.close()
    shutil.rmtree(empty)


def as_commands(folders: Sequence[tuple[int, Path]], scratch: Path, runs: int) -> dict[int, Rows]:
    """Processes of `tm`, the stores in turns."""
    environment = Environment(Path(sys.prefix), scratch)
    rows = {size: Rows() for size, _ in folders}
    tm = environment.tm
    for number in range(WARM_UP + runs):
        for size, folder in folders:
            kept = rows[size] if number >= WARM_UP else Rows()
            added = environment.run(tm, "-q", "add", f"For a command {number}", cwd=folder)
            task = added.stdout.strip()
            for name, arguments in {
                "tm add": ("add", f"Command {number}"),
                "tm show": ("show", task),
                "tm list": ("list",),
                "tm ready": ("ready",),
                "tm claim --next": ("claim", "--next"),
                "tm complete": ("complete", task),
                "tm list --where": ("list", "--where", FILTER),
                "tm metrics": ("metrics",),
            }.items():
                sample = environment.measure((tm, *arguments), folder)
                kept.add(name, Timed(sample.wall, sample.cpu))
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """All of it as Markdown; growth is against the smallest store."""
    base: dict[str, dict[str, Any]] = {}
    for row in rows:
        base.setdefault(row["what"], row)
    lines = [
        "| tasks | what | wall ms | CPU ms | floor wall ms | floor CPU ms | rate, of the floor's"
        " (wall) | (CPU) | growth (wall) | (CPU) |",
        "| ---: | --- |" + " ---: |" * 8,
    ]
    for row in rows:
        cells = [f"{row['tasks']:,}", row["what"], f"{row['wall_ms']:.2f}", f"{row['cpu_ms']:.2f}"]
        if "floor_wall_ms" in row:
            cells += [f"{row[key]:.2f}" for key in ("floor_wall_ms", "floor_cpu_ms")]
            cells += [f"{row[key]:.2f}" for key in ("rate_wall", "rate_cpu")]
        else:
            cells += [""] * 4
        for key in ("wall_ms", "cpu_ms"):
            first = base[row["what"]][key]
            cells.append(f"{row[key] / first:.2f}" if first else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="100,10000,100000", metavar="N,N", help="tasks")
    parser.add_argument("--rounds", type=int, default=31, metavar="N", help="of single calls")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="processes of each kind")
    parser.add_argument("--no-bulk", action="store_true", help="neither export nor import")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    load = [round(each, 1) for each in os.getloadavg()]
    print(f"{os.cpu_count()} CPUs, load before: {load}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tm-scale-") as name:
        scratch = Path(name)
        found = {size: Rows() for size in sizes}
        folders = [(size, scratch / f"store-{size}") for size in sizes]
        for size, folder in folders:
            store = make_store(folder, size)
            say(f"store of {size:,} made, load {os.getloadavg()[0]:.1f}")
            in_process(folder, store, options.rounds, found[size])
            if not options.no_bulk:
                in_bulk(folder, size, found[size])
            say(table(found[size].told(size)))
        rows = [row for size in sizes for row in found[size].told(size)]
        if options.runs:
            processes = as_commands(folders, scratch, options.runs)
            rows += [row for size in sizes for row in processes[size].told(size)]
    order = list(dict.fromkeys(row["what"] for row in rows))
    rows.sort(key=lambda row: order.index(row["what"]))
    print(table(rows))
    print(f"load after: {os.getloadavg()[0]:.1f}")
    if options.json:
        told = {"load_before": load, "cpus": os.cpu_count(), "rows": rows}
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
