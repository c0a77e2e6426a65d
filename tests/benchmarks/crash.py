"""Kill `tm` at random moments, again and again, and look whether the store is as it must be.

    python tests/benchmarks/crash.py --runs 500 --json crash.json
    python tests/benchmarks/crash.py --runs 200 --postgres

Each run starts commands in a process group of their own, kills the group with SIGKILL, and then
checks: the store opens and is sound, every acknowledged write is there, no change is there in part,
`tm verify` finds nothing, and every event reaches a handler. A violation is exit code 1.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tm_core import TaskManager

TM = f'"{sys.executable}" -m tm_core -q'
WORK = f'"{sys.executable}" "{Path(__file__).resolve()}" --work'
LOOK = 0.001
"""Seconds between two looks whether a command has begun to write."""
LONGEST = 120.0
"""Seconds after which commands are killed that are only to show how long they take."""
PER_STORE = 20
"""Kills after which the next store is made, so that looking at all of it stays quick."""

WITNESS = """
from tm_core.api import Hook, Plugin
plugin = Plugin(
    "witness", "Notes which events reach it",
    hooks={"event_handlers": Hook("tp_witness.hooks", when=("task.*",))},
)
"""
WITNESS_HOOKS = """
import os
from tm_core.api import hookimpl

class Witness:
    name = "witness"
    pattern = "task.*"
    def handle(self, event):
        file = os.open(os.environ["CRASH_WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, (event["id"] + "\\n").encode())
        os.close(file)

@hookimpl
def event_handlers(ctx):
    return [Witness()]
"""
LATE = """
from tm_core.api import Plugin
plugin = Plugin("{name}", "Makes tables when it is first there", migrations="migrations")
"""
LATE_STEPS = {
    "0001_create.sql": "CREATE TABLE {name}_row (a TEXT NOT NULL, b TEXT NOT NULL);\n"
    "CREATE TABLE {name}_other (a TEXT PRIMARY KEY NOT NULL);\n",
    "0002_fill.sql": "INSERT INTO {name}_row (a, b) SELECT x.id, y.id FROM task AS x, task AS y;\n"
    "INSERT INTO {name}_other (a) SELECT id FROM task;\n",
    "0003_index.sql": "CREATE INDEX {name}_row_b ON {name}_row (b);\n",
}


class Board:
    """A store that is killed at, and what is known about it."""

    def __init__(self, folder: Path, url: str, tasks: int) -> None:
        folder.mkdir()
        self.folder = folder
        self.site, self.late_site = folder / "site", folder / "late"
        install(self.site, "witness", {"__init__.py": WITNESS, "hooks.py": WITNESS_HOOKS})
        self.witness = folder / "witness.txt"
        self.write_log = folder / ".task-orchestrator" / "tasks.db-wal"
        (folder / "home").mkdir()
        self.environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder / "home"),
            "XDG_CACHE_HOME": str(folder / "home" / "cache"),
            "PYTHONPATH": str(self.site),
            "CRASH_WITNESS": str(self.witness),
        }
        if url:
            schema = f"crash_{uuid.uuid4().hex[:10]}"
            address = url + ("&" if "?" in url else "?") + f"schema={schema}"
            self.environ.update(TM_DB_PATH=address, TM_POSTGRES_SOLE_USER="true")
            self.write_log = folder / "out.txt"  # what the server writes is not seen from here
        self.there: set[str] = set()
        self.completed: set[str] = set()
        self.claimed: set[str] = set()
        self.pending: list[str] = []
        if tasks:
            self.run("init")
            lines = self.lines("tasks", tasks, ".jsonl")
            self.run("import", "--from", "jsonl", str(lines))
            self.pending = [
                each["id"] for each in json.loads(self.run("list", "--limit", "0", "--json"))
            ]
            self.there.update(self.pending)

    def run(self, *arguments: str) -> str:
        """Run a command that is not killed; gives its output."""
        done = subprocess.run(
            [sys.executable, "-m", "tm_core", "-q", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode or done.stderr:
            raise SystemExit(f"tm {arguments}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def lines(self, label: str, count: int, ending: str) -> Path:
        """A file of tasks, for import or batch, whose titles are the label and a number."""
        path = self.folder / f"{label}{ending}"
        titles = [{"title": f"{label} {number}"} for number in range(count)]
        records = titles if ending == ".jsonl" else [{"command": "add", "args": t} for t in titles]
        path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
        return path

    def look(self, late: str = "") -> dict[str, Any]:
        """What a process of its own finds in the store; see `look`."""
        done = subprocess.run(
            [sys.executable, __file__, "--look", str(self.folder), str(self.late_site), late],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode or done.stderr:
            raise Violation(f"the store cannot be looked at: {done.stderr[-1500:]}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found


class Violation(Exception):
    """Something does not hold."""


def install(site: Path, name: str, modules: Mapping[str, str]) -> None:
    """Write a plugin as pip leaves it."""
    for module, text in modules.items():
        path = site / f"tp_{name}" / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    info = site / f"tm_{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tm-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tm.plugins]\n{name} = tp_{name}:plugin\n")
    (info / "RECORD").write_text(f"{info.name}/METADATA,,\n{info.name}/entry_points.txt,,\n")


def look(folder: str, late_site: str, late: str) -> dict[str, Any]:
    """Open the store, hand out what waits, and tell what is in it."""
    found: dict[str, Any] = {"sound": True, "late": {}}
    with TaskManager.open(folder) as tm:
        if "://" not in os.environ.get("TM_DB_PATH", ""):
            found["sound"] = tm.database.query("PRAGMA integrity_check") == [
                {"integrity_check": "ok"}
            ]
        if late:
            found["late"] = steps_of(tm, late)
        found["claims"] = [each["task_id"] for each in tm.claims()]
    if late:
        sys.path.insert(1, late_site)  # the first is the script's own folder, which does not count
    later = datetime.now(UTC) + timedelta(days=1)  # what a dead process held is free by then
    instant = later.isoformat(timespec="microseconds")[:26] + "Z"
    with TaskManager.open(folder, clock=lambda: instant) as tm:
        tm.deliver()
        found["waiting"] = tm.database.query("SELECT plugin, seq FROM waiting")
        found["late_now"] = steps_of(tm, late) if late else {}
        rows = tm.database.query("SELECT id, title, status FROM task")
        found["tasks"] = {row["id"]: [row["title"], row["status"]] for row in rows}
        rows = tm.database.query("SELECT id FROM event WHERE type LIKE 'task.%'")
        found["events"] = [row["id"] for row in rows]
        found["differences"] = [str(each) for each in tm.verify().differences]
    return found


def work(what: str, label: str, *ids: str) -> None:
    """Write again and again in one process, and print what was acknowledged as soon as it was."""
    with TaskManager.open(".", actor=label) as tm:
        for number in range(len(ids) if ids else 100):
            if what == "add":
                done = tm.add(f"{label} {number}").id
            elif what == "complete":
                done = tm.complete(ids[number]).id
            else:
                done = tm.claim(upcoming=True).id
            print(done, flush=True)


def steps_of(tm: TaskManager, late: str) -> dict[str, Any]:
    """Which steps of the late plugin are noted, and which of their effects are there."""
    steps = tm.database.query("SELECT name FROM migration WHERE owner = ?", [late])
    found: dict[str, Any] = {"noted": sorted(row["name"] for row in steps)}
    for table in ("row", "other"):
        there = bool(tm.database.columns(f"{late}_{table}"))
        query = f"SELECT count(*) AS n FROM {late}_{table}"
        found[table] = int(tm.database.query(query)[0]["n"]) if there else -1
    return found


Judge = Callable[[dict[str, Any], list[str]], None]
"""Compares what is found in the store with what the killed commands had printed."""


class Plan:
    """What one run does: a shell script, and how to judge what it left."""

    def __init__(self, script: str, judge: Judge, late: str = "", *, fresh: bool = False) -> None:
        self.script = script
        self.judge = judge
        self.late = late
        self.fresh = fresh


def acknowledged(kept: set[str]) -> Judge:
    """What was printed was acknowledged: it is looked for from now on."""

    def judge(found: dict[str, Any], printed: list[str]) -> None:
        kept.update(printed)

    return judge


def adds(board: Board, label: str) -> Plan:
    """Two processes at a time add tasks."""
    loop = f'(n=0; while [ $n -lt 4 ]; do n=$((n+1)); {TM} add "{label} $n" || exit; done)'
    return Plan(f"{loop} & {loop} & wait", acknowledged(board.there))


def completes(board: Board, label: str) -> Plan:
    """Tasks are completed one after the other."""
    chosen = [board.pending.pop() for _ in range(5)]

    script = f"for id in {' '.join(chosen)}; do {TM} complete $id && echo $id; done"
    return Plan(script, acknowledged(board.completed))


def claims(board: Board, label: str) -> Plan:
    """Two processes at a time take what is ready."""
    loop = f"(for n in 1 2 3; do {TM} --actor {label} claim --next; done)"

    def judge(found: dict[str, Any], printed: list[str]) -> None:
        require(len(set(printed)) == len(printed), "a task was taken twice")
        board.claimed.update(printed)
        board.pending = [each for each in board.pending if each not in found["claims"]]

    return Plan(f"{loop} & {loop} & wait", judge)


def adds_at_once(board: Board, label: str) -> Plan:
    """Two processes add one task after the other."""
    return Plan(f"{WORK} add {label} & {WORK} add {label} & wait", acknowledged(board.there))


def completes_at_once(board: Board, label: str) -> Plan:
    """One process completes one task after the other."""
    chosen = [board.pending.pop() for _ in range(15)]

    script = f"{WORK} complete {label} {' '.join(chosen)}"
    return Plan(script, acknowledged(board.completed))


def claims_at_once(board: Board, label: str) -> Plan:
    """Two processes take one task after the other."""
    loop = f"{WORK} claim {label} {'x ' * 8}"
    return Plan(f"{loop} & {loop} & wait", claims(board, label).judge)


def imports(board: Board, label: str) -> Plan:
    """All tasks of a file come in, or none."""
    path = board.lines(label, 150, ".jsonl")
    return Plan(f"{TM} import --from jsonl {path} && echo done", whole(label, 150, 150))


def imports_in_parts(board: Board, label: str) -> Plan:
    """Ten at a time."""
    path = board.lines(label, 150, ".jsonl")
    return Plan(f"{TM} import --batch 10 --from jsonl {path} && echo done", whole(label, 150, 10))


def batches(board: Board, label: str) -> Plan:
    """All lines of a batch are done, or none."""
    path = board.lines(label, 60, ".lines")
    return Plan(f"{TM} batch {path} >/dev/null && echo done", whole(label, 60, 60))


def batches_of_each(board: Board, label: str) -> Plan:
    """Each line of a batch by itself, in order."""
    path = board.lines(label, 60, ".lines")
    return Plan(f"{TM} batch --each {path} >/dev/null && echo done", whole(label, 60, 1))


def whole(label: str, count: int, unit: int) -> Judge:
    """Of so many tasks, those that are there come first, and are whole units."""

    def judge(found: dict[str, Any], printed: list[str]) -> None:
        titles = {title for title, _ in found["tasks"].values() if title.startswith(label + " ")}
        number = len(titles)
        require(titles == {f"{label} {n}" for n in range(number)}, "a gap within what was written")
        require(number % unit == 0, f"{number} of {count} are there, in units of {unit}")
        require(number == count or not printed, f"all was acknowledged, {number} are there")

    return judge


def migrations(board: Board, label: str) -> Plan:
    """A plugin is there for the first time, and makes its tables."""
    name = label.replace("-", "")
    modules = {"__init__.py": LATE.format(name=name)}
    modules |= {f"migrations/{key}": text.format(name=name) for key, text in LATE_STEPS.items()}
    install(board.late_site, name, modules)

    def judge(found: dict[str, Any], printed: list[str]) -> None:
        late, now = found["late"], found["late_now"]
        noted = late["noted"]
        require(noted == sorted(LATE_STEPS)[: len(noted)], f"steps out of order: {noted}")
        for table in ("row", "other"):
            require((late[table] >= 0) == (len(noted) > 0), f"step 1 in part: {late}")
            require((late[table] > 0) == (len(noted) > 1), f"step 2 in part: {late}")
        require(now["noted"] == sorted(LATE_STEPS), f"not completed by the next: {now}")
        require(now["row"] == now["other"] ** 2 > 0, f"not whole: {now}")
        board.there.update(printed)

    path = f'PYTHONPATH="{board.site}:{board.late_site}"'
    return Plan(f'{path} {TM} add "{label} x"', judge, name)


def inits(board: Board, label: str) -> Plan:
    """A store is made; if that was cut short, the next `tm init` completes it."""
    return Plan(f"{TM} init && echo done", lambda found, printed: None, fresh=True)


SCENARIOS: dict[str, Callable[[Board, str], Plan]] = {
    "add": adds,
    "complete": completes,
    "claim": claims,
    "add, in one process": adds_at_once,
    "complete, in one process": completes_at_once,
    "claim, in one process": claims_at_once,
    "import": imports,
    "import --batch": imports_in_parts,
    "batch": batches,
    "batch --each": batches_of_each,
    "a plugin's first start": migrations,
    "init": inits,
}


def require(holds: bool, otherwise: str) -> None:
    """Raise Violation where something does not hold."""
    if not holds:
        raise Violation(otherwise)


def run_killed(board: Board, plan: Plan, delay: float, aimed: float) -> tuple[list[str], float]:
    """Run the script and kill its group; gives what it printed, and seconds if it ended first.

    Args:
        board: Where.
        plan: What.
        delay: Seconds until the kill.
        aimed: If not negative, the kill comes so many seconds after the first write instead; on a
            server, after the first acknowledgement.
    """
    out, err = board.folder / "out.txt", board.folder / "err.txt"
    begun = time.monotonic()
    with out.open("wb") as stdout, err.open("wb") as stderr:
        before = stamp(board.write_log)
        process = subprocess.Popen(
            ["sh", "-c", plan.script],
            cwd=board.folder,
            env=board.environ,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        moment = begun + delay
        while process.poll() is None and (left := moment - time.monotonic()) > 0:
            time.sleep(min(LOOK, left))
            if aimed >= 0 and stamp(board.write_log) != before:
                moment, aimed = time.monotonic() + aimed, -1
        took = time.monotonic() - begun if process.poll() is not None else -1.0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    said = err.read_text(errors="replace")
    require(not said.strip().removesuffix("Killed"), f"an error was shown: {said[-500:]}")
    # The last line counts only if it is whole.
    return out.read_text().split("\n")[:-1], took


def stamp(path: Path) -> tuple[int, int]:
    """What changes about a file when it is written."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def check(board: Board, plan: Plan, printed: list[str]) -> int:
    """Look at the store after a kill; gives how many events were handed out twice."""
    if plan.fresh:
        board.run("init")
        board.there.add(board.run("add", "first").strip())
    found = board.look(plan.late)
    require(found["sound"], "integrity_check")
    require(not found["differences"], f"verify: {found['differences'][:3]}")
    plan.judge(found, printed)
    statuses = {each: status for each, (_, status) in found["tasks"].items()}
    require(board.there <= statuses.keys(), "an acknowledged add is lost")
    require(all(statuses[each] == "completed" for each in board.completed), "a completion is lost")
    require(board.claimed <= set(found["claims"]), "a claim is lost")
    working = {each for each, status in statuses.items() if status == "in_progress"}
    require(working == set(found["claims"]), "a claim is there in part")
    require(not found["waiting"], f"events wait for ever: {found['waiting']}")
    handled = collections.Counter(board.witness.read_text().split())
    require(set(found["events"]) <= handled.keys(), "an event reached no handler")
    for path in (board.folder / ".task-orchestrator").glob("backups/*.db"):
        with contextlib.closing(sqlite3.connect(path)) as copy:
            require(copy.execute("PRAGMA integrity_check").fetchone() == ("ok",), str(path))
        path.unlink()
    return sum(count - 1 for count in handled.values())


def harness(scratch: Path, url: str, runs: int, seconds: float, seed: int) -> list[dict[str, Any]]:
    """Kill so many times, or for so long; gives a row for each kind of command."""
    end = time.monotonic() + (seconds or float("inf"))
    chance = random.Random(seed)
    names = list(SCENARIOS)
    rows = {name: collections.Counter[str]() for name in names}
    spans: dict[str, float] = {}
    board = Board(scratch / "store-0", url, 120)
    kills = twice = number = 0
    while kills < runs and time.monotonic() < end:
        name = names[number % len(names)]
        number += 1
        row = rows[name]
        place = Board(scratch / f"fresh-{number}", url, 0) if name == "init" else board
        plan = SCENARIOS[name](place, f"r{number}-x")
        # The first of each kind is not killed, and shows how long it takes.
        delay = chance.uniform(0.15, 1.0) * spans[name] if name in spans else LONGEST
        aimed = chance.uniform(0.0, 0.04) if name in spans and chance.random() < 0.4 else -1.0
        try:
            printed, took = run_killed(place, plan, delay, aimed)
            again = check(place, plan, printed)
        except Violation as violation:
            row["violations"] += 1
            print(f"violated, {name}, run {number}: {violation}", flush=True)
            board = Board(scratch / f"store-{number}", url, 120)
            kills += 1
            continue
        if took >= 0:
            spans[name] = (spans.get(name, took) + took) / 2
            row["ended before"] += 1
        else:
            spans[name] = spans.get(name, LONGEST) * (1.02 if printed else 1.05)
            kills += 1
            row["kills"] += 1
            row["acknowledged before"] += len(printed)
        if place is board:
            row["events handed out twice"] += max(0, again - twice)
            twice = again
        if number % PER_STORE == 0:
            board, twice = Board(scratch / f"store-{number}", url, 120), 0
    return [{"commands": name, **row} for name, row in rows.items()]


COLUMNS = (
    "kills",
    "ended before",
    "acknowledged before",
    "events handed out twice",
    "violations",
)


@contextlib.contextmanager
def server(url: str, own: bool) -> Iterator[str]:
    """The URL of the server, which is started if it is to be one's own."""
    if not own:
        yield url
        return
    from tm_postgres.testing import Server

    running = Server(Path(tempfile.mkdtemp(prefix="tm-postgresql-")))
    yield running.url
    running.close()


def main(arguments: Sequence[str]) -> None:
    """Kill, look and print a table."""
    if arguments[:1] == ["--look"]:
        print(json.dumps(look(*arguments[1:])))
        return
    if arguments[:1] == ["--work"]:
        work(*arguments[1:])
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100, metavar="N", help="kills")
    parser.add_argument("--seconds", type=float, default=0, metavar="N", help="at most so long")
    parser.add_argument("--url", default="", help="a PostgreSQL server, instead of files")
    parser.add_argument("--postgres", action="store_true", help="one's own, while it runs")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    with (
        server(options.url, options.postgres) as url,
        tempfile.TemporaryDirectory(prefix="tm-crash-") as scratch,
    ):
        rows = harness(Path(scratch), url, options.runs, options.seconds, options.seed)
    total = {name: sum(row.get(name, 0) for row in rows) for name in COLUMNS}
    print(f"seed {options.seed}, {time.monotonic() - begun:.0f} s, load {os.getloadavg()[0]:.1f}")
    print("| commands | " + " | ".join(COLUMNS) + " |")
    print("| --- |" + " ---: |" * len(COLUMNS))
    for row in [*rows, {"commands": "all", **total}]:
        print(f"| {row['commands']} | " + " | ".join(str(row.get(c, 0)) for c in COLUMNS) + " |")
    if options.json:
        told = {"seed": options.seed, "engine": "postgresql" if url else "sqlite", "rows": rows}
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    if total["violations"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
