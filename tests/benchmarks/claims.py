"""Claims from many processes on one PostgreSQL server, beside a bare `UPDATE ... SKIP LOCKED`.

    python tests/benchmarks/claims.py
    python tests/benchmarks/claims.py --workers 4 --seconds 3 --json claims.json

Both take tasks from boards of the same size, in turns, on the same server and as durably, each
worker a process with one connection; and once more each on a board of its own, where nobody waits
for another. What each did is counted after so many seconds; a task that
was taken twice is exit code 1. The server is one's own while it runs, or that of `--url`.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tm_core import TaskManager

BARE = """
UPDATE task SET status = 'in_progress', assignee = $1, version = version + 1
WHERE id = (
    SELECT id FROM task WHERE status = 'pending' ORDER BY status, created_at, id LIMIT 1
    FOR UPDATE SKIP LOCKED
) RETURNING id
"""
"""The least that a claim is: the oldest pending task, which an index gives, made somebody's."""


def bare(url: str, schema: str) -> Iterator[str]:
    """Claim by one statement, each a transaction of its own."""
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        connection.execute(f'SET search_path TO "{schema}"')
        cursor = connection.cursor()
        yield ""
        while True:
            found = cursor.execute(BARE, [f"worker-{os.getpid()}"]).fetchone()
            yield found[0] if found else ""


def ours(url: str, schema: str) -> Iterator[str]:
    """Claim as `tm claim --next` does."""
    with TaskManager.open(address(url, schema), actor=f"worker-{os.getpid()}") as tm:
        yield ""
        while True:
            yield tm.claim(upcoming=True).id


WORKERS: dict[str, Callable[[str, str], Iterator[str]]] = {
    "bare": bare,
    "tm": ours,
    "tm, a board each": ours,
}
"""The last one waits for nobody: what it does more than the one before is what waiting costs."""


def address(url: str, schema: str) -> str:
    """The URL of a store on the server."""
    return f"{url}{'&' if '?' in url else '?'}schema={schema}"


def work(kind: str, url: str, schema: str, seconds: float) -> dict[str, Any]:
    """What one process does: claim for so long; times are in seconds."""
    taking = WORKERS[kind](url, schema)
    next(taking)
    next(taking)  # the first one imports what it needs, and is not counted
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.perf_counter() + seconds
    used = time.process_time()
    ids: list[str] = []
    times: list[float] = []
    while (begun := time.perf_counter()) < end:
        ids.append(next(taking))
        times.append(time.perf_counter() - begun)
    return {"ids": ids, "times": times, "cpu": time.process_time() - used}


def race(kind: str, workers: int, url: str, tasks: int, seconds: float) -> dict[str, Any]:
    """Let so many workers claim from a new board."""
    boards = workers if kind == "tm, a board each" else 1
    schemas = [f"claims_{uuid.uuid4().hex[:10]}" for _ in range(boards)]
    for schema in schemas:
        fill(url, schema, tasks // boards)
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--work", kind, url, schemas[number % boards], str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(workers)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    found = [json.loads(process.communicate()[0]) for process in processes]
    taken = collections.Counter(each for one in found for each in one["ids"])
    if boards == 1 and max(taken.values()) > 1:
        raise SystemExit(f"violated: {kind} gave a task twice, or the board ran empty")
    times = sorted(each for one in found for each in one["times"])
    with psycopg.connect(url, autocommit=True) as connection:
        for schema in schemas:
            connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
    return {
        "claims": len(times),
        "per_second": len(times) / seconds,
        "median_ms": times[len(times) // 2] * 1000,
        "slowest_ms": times[-1] * 1000,
        "client_cpu_ms": sum(one["cpu"] for one in found) / len(times) * 1000,
    }


def fill(url: str, schema: str, tasks: int) -> None:
    """Make a board of so many pending tasks; by SQL, since only claiming is measured."""
    with TaskManager.open(address(url, schema), create=True) as tm:
        first = tm.add("task 0").id
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'SET search_path TO "{schema}"')
        rows = connection.execute("SELECT * FROM task WHERE id = %s", [first])
        assert rows.description is not None
        columns = [f'"{each.name}"' for each in rows.description if each.name != "id"]
        connection.execute(
            f"INSERT INTO task (id, {', '.join(columns)})"
            f" SELECT lpad(to_hex(number), 8, '0'), {', '.join(columns)}"
            f" FROM task, generate_series(1, {tasks - 1}) AS number"
        )
        connection.execute("VACUUM ANALYZE task")


@contextmanager
def server(url: str) -> Iterator[str]:
    """The URL of the server, or of one's own while it runs; it syncs each commit to the disk."""
    if url:
        yield url
        return
    from tm_postgres.testing import Server

    running = Server(Path(tempfile.mkdtemp(prefix="tm-postgresql-")))
    yield running.url
    running.close()


def main(arguments: Sequence[str]) -> None:
    """Race in turns and print a table."""
    if arguments[:1] == ["--work"]:
        kind, url, schema, seconds = arguments[1:]
        print(json.dumps(work(kind, url, schema, float(seconds))))
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--tasks", type=int, default=40_000, help="on the board")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--url", default="", help="a server, instead of one's own")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    os.environ["TM_POSTGRES_SOLE_USER"] = "true"
    told: dict[str, list[dict[str, Any]]] = {kind: [] for kind in WORKERS}
    with server(options.url) as url:
        for _ in range(options.rounds):
            for kind in WORKERS:
                told[kind].append(race(kind, options.workers, url, options.tasks, options.seconds))
    cpus, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{options.workers} workers on {cpus} CPUs, load {load:.1f}; medians of rounds")
    columns = list(told["tm"][0])
    print("| | " + " | ".join(columns) + " |\n| --- |" + " ---: |" * len(columns))
    rates = {}
    for kind, rounds in told.items():
        middle = {name: sorted(each[name] for each in rounds)[len(rounds) // 2] for name in columns}
        rates[kind] = middle["per_second"]
        print(f"| {kind} | " + " | ".join(f"{middle[name]:.1f}" for name in columns) + " |")
    print(f"tm has {rates['tm'] / rates['bare']:.2f} of the bare loop's rate")
    if options.json:
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
