"""Measure what commands cost in stores of different sizes, beside the same rows by plain sqlite3.

    python tests/benchmarks/scale.py
    python tests/benchmarks/scale.py --sizes 100,10000,100000,1000000 --json scale.json

A store is made by an import, which is measured with it; one of over 100,000 tasks by an import of
10,000, whose rows are then copied with other ids. The floor of that is fair: it reads the
same lines, encodes the JSON of the same events, and inserts the same rows (those of the tasks and
those of their events) into the same tables, with the same indexes and triggers, settings and
durability. It need not check anything, ask plugins, choose ids or compute digests: `tm` adds that.

See README.md beside this file. Nothing is asserted: a figure needs its machine beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from metrics import PEOPLE, instant  # type: ignore[import-not-found]  # the script beside this one
from startup import Environment, say  # type: ignore[import-not-found]  # the script beside this one

from tm_core import TaskManager

WARM_UP = 3
PAGE = 50
FILTER = "estimated_hours > 12 and priority == 'high'"
SPAN_DAYS = 300
MOST = 100_000
"""Tasks that are imported at most; more come by copying rows."""
FEW = 10_000
"""Tasks that are imported where more come by copying rows."""
AT_ONCE = 1000
"""Rows that the floor hands to SQLite at once."""


class Timed(NamedTuple):
    """One measurement, in milliseconds."""

    wall: float
    cpu: float

    def part(self, count: int) -> Timed:
        """What one of many took."""
        return Timed(self.wall / count, self.cpu / count)


def timed(work: Callable[[], Any]) -> Timed:
    """Do it and tell how long it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Timed(1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu))


class Floor:
    """A copy of a store, written and read by plain sqlite3: what any tool on SQLite must pay.

    It has the store's tables, indexes and triggers, its settings, and is as durable.
    """

    def __init__(self, store: Path, path: Path, tm: TaskManager) -> None:
        if not path.exists():
            with sqlite3.connect(store) as source, sqlite3.connect(path) as target:
                source.backup(target)
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute("PRAGMA foreign_keys = ON")
        pages = tm.database.query("PRAGMA cache_size")[0]["cache_size"]
        self.connection.execute(f"PRAGMA cache_size = {pages}")
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
        for name, taken in list(self.tm.items()):
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


def records(size: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Tasks of 300 days; a quarter of them is ready."""
    rng = random.Random(seed)
    now = datetime.now(UTC)
    for number, value in enumerate(rng.sample(range(16**8), size)):
        created = now - timedelta(days=SPAN_DAYS * rng.random())
        done = min(created + timedelta(hours=rng.lognormvariate(3.2, 1.3)), now)
        estimated = round(rng.uniform(0.5, 16), 1)
        record: dict[str, Any] = {
            "id": f"{value:08x}",
            "title": f"Task number {number} about something that is to be done",
            "description": "More about it. " * 8,
            "priority": rng.choice(("low", "medium", "high")),
            "created_by": "ada",
            "created_at": instant(created),
            "estimated_hours": estimated,
        }
        if rng.random() < 0.9:
            record["assignee"] = rng.choice(PEOPLE)
        if rng.random() < 0.25:
            yield record | {"status": "pending", "updated_at": record["created_at"]}
            continue
        actual = round(estimated * rng.lognormvariate(0.25, 0.5), 2)
        record |= {"updated_at": instant(done), "actual_hours": actual}
        ended = {"status": "completed", "completed_at": instant(done)}
        yield record | (ended if rng.random() < 0.95 else {"status": "cancelled"})


def make_store(folder: Path, size: int, rows: Rows) -> None:
    """A store of so many tasks, and beside it the floor's."""
    folder.mkdir()
    imported = size if size <= MOST else FEW
    lines = folder / "lines.jsonl"
    with lines.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records(imported))
    with TaskManager.open(str(folder), create=True) as tm:
        floor = Floor(store_of(folder), folder / "floor.db", tm)
        ours = timed(lambda: tm.import_(str(lines)))
        if size == imported:
            each = import_floor(tm, floor, lines).part(size)
            rows.add("import, each", ours.part(size), each)
        floor.connection.close()
        tm.database.query("PRAGMA wal_checkpoint(TRUNCATE)")
    lines.unlink()
    if size > imported:
        multiply(store_of(folder), size // imported)
        (folder / "floor.db").unlink()
        shutil.copyfile(store_of(folder), folder / "floor.db")


def multiply(path: Path, times: int) -> None:
    """Have each task so often, with its event and with ids of its own."""
    database = sqlite3.connect(path, isolation_level=None)
    run = database.execute
    run("PRAGMA journal_mode = OFF")
    run("PRAGMA synchronous = OFF")
    run("PRAGMA cache_size = -1000000")
    # Sorting once is several times as fast as keeping indexes in order.
    found = run(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger')"
        " AND sql IS NOT NULL"
    ).fetchall()
    for kind, name, _ in found:
        run(f'DROP {kind} "{name}"')
    run(
        f"CREATE TEMP TABLE copy AS WITH RECURSIVE number(n) AS (SELECT 2 UNION ALL SELECT n + 1"
        f" FROM number WHERE n < {times}) SELECT id AS old, n, lower(hex(randomblob(4))) AS new"
        " FROM number JOIN task"
    )
    run("CREATE INDEX copy_new ON copy (new)")
    run("DELETE FROM copy WHERE new IN (SELECT new FROM copy GROUP BY new HAVING count(*) > 1)")
    run("DELETE FROM copy WHERE new IN (SELECT id FROM task)")
    for table, key in (("task", "id"), ("event", "task_id")):
        names = [row[1] for row in run(f"PRAGMA table_info({table})") if row[1] != "seq"]
        taken = {key: "copy.new"}
        if table == "event":  # the digests of others would not fit
            taken |= {"id": "printf('%022x', copy.rowid)", "digest": "NULL"}
        values = ", ".join(taken.get(name, f"{table}.{name}") for name in names)
        run(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM copy"
            f" CROSS JOIN {table} WHERE {table}.{key} = copy.old"
        )
        if table == "task":
            run("CREATE INDEX event_task_id ON event (task_id, seq)")
    run("DROP INDEX event_task_id")
    for _, _, sql in found:
        run(sql)
    run("PRAGMA journal_mode = WAL")
    database.close()


def import_floor(tm: TaskManager, floor: Floor, lines: Path) -> Timed:
    """The rows of an import by plain sqlite3, in transactions of the same size.

    What it writes is read from the store in between, and not counted.
    """
    run, total = floor.connection, Timed(0.0, 0.0)
    names = {
        table: list(tm.database.query(f"SELECT * FROM {table} LIMIT 1")[0])
        for table in ("task", "event")
    }
    sql = {
        table: f"INSERT INTO {table} ({', '.join(columns)})"
        f" VALUES ({', '.join('?' * len(columns))})"
        for table, columns in names.items()
    }
    place = names["event"].index("data")

    def bring_in(
        file: TextIO, tasks: list[tuple[Any, ...]], events: list[tuple[Any, ...]], data: list[Any]
    ) -> None:
        run.execute("BEGIN IMMEDIATE")
        for start in range(0, len(tasks), AT_ONCE):
            end = start + AT_ONCE
            for _, line in zip(range(start, min(end, len(tasks))), file, strict=False):
                json.loads(line)
            run.executemany(sql["task"], tasks[start:end])
            run.executemany(
                sql["event"],
                [
                    (*event[:place], json.dumps(told), *event[place + 1 :])
                    for event, told in zip(events[start:end], data[start:end], strict=True)
                ],
            )
        run.execute("COMMIT")

    source = sqlite3.connect(tm.database.url)
    events = source.execute("SELECT * FROM event ORDER BY seq")
    tasks = source.execute(
        "SELECT task.* FROM event JOIN task ON task.id = event.task_id ORDER BY seq"
    )
    with lines.open(encoding="utf-8") as file:
        while found := events.fetchmany(MOST):
            same, data = tasks.fetchmany(MOST), [json.loads(event[place]) for event in found]
            taken = timed(lambda: bring_in(file, same, found, data))  # noqa: B023  # called at once
            total = Timed(total.wall + taken.wall, total.cpu + taken.cpu)
    source.close()
    return total


def in_process(folders: Sequence[tuple[int, Path]], rounds: int, found: Mapping[int, Rows]) -> None:
    """Single calls of one process that has the stores open, each beside its floor.

    The stores take turns, so that a slow moment of the machine falls on each of them.
    """
    with ExitStack() as stack:
        opened = []
        for size, folder in folders:
            tm = stack.enter_context(TaskManager.open(str(folder)))
            floor = Floor(store_of(folder), folder / "floor.db", tm)
            stack.callback(floor.connection.close)
            opened.append((found[size], tm, floor))
        for number in range(WARM_UP + rounds):
            for rows, tm, floor in opened:
                one_round(tm, floor, rows if number >= WARM_UP else Rows(), number)


def store_of(folder: Path) -> Path:
    """The store's file."""
    return folder / ".task-orchestrator" / "tasks.db"


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
        "SELECT * FROM task WHERE status <> 'deleted' ORDER BY created_at DESC, id DESC"
        f" LIMIT {PAGE}",
    )
    read(
        "filter",
        lambda: tm.find(FILTER, limit=PAGE),
        "SELECT * FROM task WHERE status <> 'deleted' AND estimated_hours > 12 AND priority ="
        f" 'high' ORDER BY created_at DESC, id DESC LIMIT {PAGE}",
    )
    rows.add("ready", timed(lambda: tm.ready(limit=20)))
    write("claim", lambda: tm.claim(upcoming=True), "claims_lease")
    write("complete", lambda: tm.complete(task))


def in_bulk(folder: Path, size: int, rows: Rows) -> None:
    """An export of all, and the same by plain sqlite3 and json."""
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
        rows.add("export, each", ours.part(size), timed(export_floor).part(size))
        rows.add("metrics", timed(lambda: tm.metrics(fresh=True)))
    floor.close()


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
        " (wall) | (CPU) | growth (wall) | (CPU) | of the floor (CPU) |",
        "| ---: | --- |" + " ---: |" * 9,
    ]
    for row in rows:
        cells = [f"{row['tasks']:,}", row["what"], f"{row['wall_ms']:.3f}", f"{row['cpu_ms']:.3f}"]
        if "floor_wall_ms" in row:
            cells += [f"{row[key]:.3f}" for key in ("floor_wall_ms", "floor_cpu_ms")]
            cells += [f"{row[key]:.2f}" for key in ("rate_wall", "rate_cpu")]
        else:
            cells += [""] * 4
        for key in ("wall_ms", "cpu_ms", "floor_cpu_ms"):
            first = base[row["what"]].get(key)
            cells.append(f"{row[key] / first:.2f}" if first and key in row else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="100,10000,100000", metavar="N,N", help="tasks")
    parser.add_argument("--rounds", type=int, default=31, metavar="N", help="of single calls")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="processes of each kind")
    parser.add_argument("--no-bulk", action="store_true", help="no export")
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
            make_store(folder, size, found[size])
            say(f"store of {size:,} made, load {os.getloadavg()[0]:.1f}")
            say(table(found[size].told(size)))
        in_process(folders, options.rounds, found)
        if not options.no_bulk:
            for size, folder in folders:
                in_bulk(folder, size, found[size])
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
