"""Claims as real processes make them at once. tests/benchmarks/race.py has larger ones."""

import collections
import json
import subprocess
import sys
from pathlib import Path

from tm_core import TaskManager

BEGIN = """
import json, sys
from tm_core import TaskManager
from tm_core.api import Conflict, NotFound, ValidationError
done = []
with TaskManager.open(sys.argv[1], actor="agent") as tm:
    print("ready", flush=True)
    sys.stdin.readline()
"""
CLAIM = """
    while True:
        try:
            done.append(tm.claim(upcoming=True).id)
        except NotFound:
            break
"""
WORK = """
    while tm.count(status=("pending", "in_progress", "blocked")):
        try:
            task = tm.claim(upcoming=True)
        except NotFound:
            continue
        try:
            tm.complete(task.id)
            done.append(task.id)
        except ValidationError:
            tm.release(task.id)
"""
EDGES = """
    for number in range(30):
        ids = [task.id for task in tm.find(status=("pending", "blocked"), sort="title")]
        if len(ids) < 2:
            break
        try:
            tm.dependencies_add(ids[-1 - number % (len(ids) // 2)], ids[0])
        except (Conflict, ValidationError):
            pass
"""
END = """
print(json.dumps(done))
"""


def race(folder: Path, *programs: str) -> list[list[str]]:
    """Run all at once and give what each has done; whatever one says on stderr is a failure."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BEGIN + program + END, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for program in programs
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate() for process in processes]
    assert [err for _, err in told if err] == []
    return [json.loads(out) for out, _ in told]


def test_each_task_is_taken_by_one(tm_store: TaskManager, tm_environ: Path) -> None:
    with tm_store.transaction():
        ids = [tm_store.add(f"task {number}").id for number in range(60)]
    done = race(tm_environ, *[CLAIM] * 8)
    taken = collections.Counter(task_id for one in done for task_id in one)
    assert taken == collections.Counter(ids)
    assert tm_store.ready().tasks == []
    assert len(tm_store.claims()) == 60
    assert {claim["token"] for claim in tm_store.claims()} == {1}


def test_work_is_unblocked_while_edges_are_added(tm_store: TaskManager, tm_environ: Path) -> None:
    ids: list[str] = []
    with tm_store.transaction():
        for number in range(24):
            before = [ids[number // 2]] if number % 3 and number > 1 else []
            ids.append(tm_store.add(f"task {number:02}", depends_on=before).id)
    done = race(tm_environ, *[WORK] * 4, EDGES)
    finished = collections.Counter(task_id for one in done for task_id in one)
    assert finished == collections.Counter(ids)
    # An edge may also have come to a task that was completed already.
    late = tm_store.database.query(
        "SELECT edge.task_id FROM dependencies_edge AS edge JOIN task ON task.id = edge.task_id"
        " JOIN task AS before ON before.id = edge.depends_on"
        " WHERE task.completed_at < before.completed_at"
        " AND edge.created_at < task.completed_at"
    )
    assert late == []
    assert tm_store.database.query("SELECT * FROM dependencies_weight") == []
    levels = {each.level for each in tm_store.health() if each.subject == "dependencies"}
    assert levels == {"ok"}
