"""Let many processes write to one store at once, and count what came of it.

    python tests/benchmarks/race.py
    python tests/benchmarks/race.py --processes 8 --adds 1000 --tasks 200 --json race.json

Three races: adding; claiming, each task by exactly one; and claiming and completing what unblocks
more, while one process adds edges. What must hold is checked, and a violation is exit code 1; the
times are printed with the machine's load, and mean something only beside it.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tm_core import TaskManager
from tm_core.api import Conflict, NotFound, ValidationError


def worker(race: str, folder: str, share: int) -> dict[str, Any]:
    """What one process does; its times are in seconds."""
    with TaskManager.open(folder, actor=f"worker-{os.getpid()}") as tm:
        print("ready", flush=True)
        sys.stdin.readline()
        return {"add": adds, "claim": claims, "unblock": unblocks, "edges": edges}[race](tm, share)


def adds(tm: TaskManager, share: int) -> dict[str, Any]:
    """Add so many tasks, each in a transaction of its own."""
    times: list[float] = []
    ids = []
    for number in range(share):
        begun = time.perf_counter()
        ids.append(tm.add(f"task {number}").id)
        times.append(time.perf_counter() - begun)
    return {"ids": ids, "times": times}


def claims(tm: TaskManager, _: int) -> dict[str, Any]:
    """Claim until nothing is left."""
    times: list[float] = []
    ids = []
    while True:
        begun = time.perf_counter()
        try:
            ids.append(tm.claim(upcoming=True).id)
        except NotFound:
            return {"ids": ids, "times": times}
        times.append(time.perf_counter() - begun)


def unblocks(tm: TaskManager, _: int) -> dict[str, Any]:
    """Claim and complete until no task is open."""
    times = []
    ids = []
    while tm.count(status=("pending", "in_progress", "blocked")):
        begun = time.perf_counter()
        try:
            task = tm.claim(upcoming=True)
        except NotFound:
            time.sleep(0.01)  # others are about to complete what the rest waits for
            continue
        try:
            tm.complete(task.id)
        except ValidationError:  # an edge was added meanwhile: it must wait, and comes again
            tm.release(task.id)
            continue
        times.append(time.perf_counter() - begun)
        ids.append(task.id)
    return {"ids": ids, "times": times}


def edges(tm: TaskManager, share: int) -> dict[str, Any]:
    """Add edges between tasks that are open, from the younger to the older, so without a cycle."""
    times: list[float] = []
    for number in range(share):
        ids = [task.id for task in tm.find(status=("pending", "blocked"), sort="created_at,id")]
        if len(ids) < 3:
            break
        begun = time.perf_counter()
        try:
            tm.dependencies_add(ids[-1 - number % (len(ids) // 2)], ids[0])
        except (Conflict, ValidationError):  # one of them was completed or claimed meanwhile
            continue
        times.append(time.perf_counter() - begun)
    return {"ids": [], "times": times}


def race(folder: str, jobs: list[tuple[str, int]]) -> tuple[float, list[dict[str, Any]]]:
    """Start all processes, let them go at once, and give the time and what each tells."""
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--worker", name, folder, str(share)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, share in jobs
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    begun = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    found = []
    for process in processes:
        out, err = process.communicate()
        if process.returncode or err:
            raise SystemExit(f"a process said: {err[-2000:]} (exit {process.returncode})")
        found.append(json.loads(out))
    return time.perf_counter() - begun, found


def figures(seconds: float, found: list[dict[str, Any]]) -> dict[str, Any]:
    """How long it took in all, and how long single calls took, in milliseconds."""
    times = sorted(each for one in found for each in one["times"])
    return {
        "writes": len(times),
        "seconds": round(seconds, 2),
        "per_second": round(len(times) / seconds, 1) if seconds else 0,
        "median_ms": round(times[len(times) // 2] * 1000, 1) if times else 0,
        "p99_ms": round(times[len(times) * 99 // 100] * 1000, 1) if times else 0,
        "slowest_ms": round(times[-1] * 1000, 1) if times else 0,
    }


def adding(processes: int, count: int) -> dict[str, Any]:
    """No add is lost."""
    with store() as folder:
        share = count // processes
        seconds, found = race(folder, [("add", share)] * processes)
        told = {each for one in found for each in one["ids"]}
        with TaskManager.open(folder) as tm:
            kept = {task.id for task in tm.select()}
        check(told == kept, f"{len(told)} adds were told, {len(kept)} are there")
        check(len(kept) == share * processes, "an id was given twice")
        return figures(seconds, found)


def claiming(processes: int, count: int) -> dict[str, Any]:
    """Each task is taken exactly once, and none that is ready is left."""
    with store() as folder:
        with TaskManager.open(folder) as tm, tm.transaction():
            for number in range(count):
                tm.add(f"task {number}")
        seconds, found = race(folder, [("claim", 0)] * processes)
        taken = collections.Counter(each for one in found for each in one["ids"])
        check(max(taken.values()) == 1, "a task was taken twice")
        check(len(taken) == count, f"{len(taken)} of {count} were taken")
        with TaskManager.open(folder) as tm:
            check(not tm.ready(limit=1).tasks, "a ready task is left")
            check(len(tm.claims()) == count, "a claim is missing")
        return figures(seconds, found)


def unblocking(processes: int, count: int) -> dict[str, Any]:
    """Each is completed exactly once, after all that it waited for."""
    with store() as folder:
        with TaskManager.open(folder) as tm, tm.transaction():
            ids: list[str] = []
            for number in range(count):
                before = ids[(number - 1) // 2] if number else None
                waits_for = [before] if before and number % 3 else []
                ids.append(tm.add(f"task {number}", depends_on=waits_for).id)
        jobs = [("unblock", 0)] * (processes - 1) + [("edges", count // 4)]
        seconds, found = race(folder, jobs)
        done = collections.Counter(each for one in found for each in one["ids"])
        check(set(done) == set(ids) and max(done.values()) == 1, "not each completed exactly once")
        with TaskManager.open(folder) as tm:
            late = tm.database.query(
                "SELECT edge.task_id FROM dependencies_edge AS edge"
                " JOIN task ON task.id = edge.task_id JOIN task AS before"
                " ON before.id = edge.depends_on WHERE task.completed_at < before.completed_at"
                " AND edge.created_at < task.completed_at"  # else it came to a completed one
            )
            check(not late, f"{len(late)} task(s) were completed before what they waited for")
            bad = [each.message for each in tm.health() if each.subject == "dependencies"]
            check(len(bad) == 1 and "no cycle" in bad[0], str(bad))
        return figures(seconds, found)


@contextlib.contextmanager
def store() -> Iterator[str]:
    """A new store in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="tm-race-") as folder:
        TaskManager.open(folder, create=True).close()
        yield folder


def check(holds: bool, otherwise: str) -> None:
    """End with exit code 1 where something is violated."""
    if not holds:
        raise SystemExit(f"violated: {otherwise}")


def load() -> str:
    """How busy the machine is besides."""
    return ", ".join(f"{each:.1f}" for each in os.getloadavg()) if hasattr(os, "getloadavg") else ""


def main() -> None:
    """Run the races and print a table."""
    if "--worker" in sys.argv[1:2]:
        print(json.dumps(worker(sys.argv[2], sys.argv[3], int(sys.argv[4]))))
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=32)
    parser.add_argument("--adds", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=2_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"{options.processes} processes on {os.cpu_count()} CPUs, load before: {load()}")
    races = {"add": (adding, options.adds), "claim": (claiming, options.tasks)}
    races["claim, complete, edges"] = (unblocking, options.tasks // 2)
    told = {}
    for name, (run, count) in races.items():
        told[name] = run(options.processes, count)
        print(f"{name}: {told[name]}, load after: {load()}")
    if options.json:
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
