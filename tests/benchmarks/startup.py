"""Measure what a user feels: how long `tm` takes from start to exit, in a clean environment.

    python tests/benchmarks/startup.py --runs 31 --json startup.json

See README.md beside this file. Nothing is asserted: a figure needs its machine beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = "import click, pluggy, sqlite3, json"
BASE = f'python -c "{IMPORTS}"'
WARM_UP = 3
"""Rounds that are not counted: they write the plugin index and fill the caches of the system."""


class Sample(NamedTuple):
    """One process, in milliseconds."""

    wall: float
    cpu: float
    """User and system time, of the process and its children."""


class Case(NamedTuple):
    """One command line that is measured."""

    name: str
    cwd: Path
    command: Callable[[int], Sequence[str]]
    """The command line of the nth run."""
    base: str
    """The name of the case that it is compared with; empty for a yardstick."""
    target: float | None = None
    """The ratio that we promise to stay under."""


class Environment:
    """A virtual environment with the project in it, and a home of its own."""

    def __init__(self, venv: Path, scratch: Path) -> None:
        bin_folder = venv / "bin"
        self.python = str(bin_folder / "python")
        self.tm = str(bin_folder / "tm")
        home = scratch / "home"
        home.mkdir()
        # Only what a process needs, so that no setting of the caller takes part in the figures.
        self.env = {
            "PATH": os.pathsep.join((str(bin_folder), os.defpath)),
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "LANG": "C.UTF-8",
        }

    def measure(self, command: Sequence[str], cwd: Path) -> Sample:
        """Run one command as a script would, its output into pipes."""
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        # wait4 after the pipe is drained: it alone tells the CPU time of just this process.
        with process.stdout as pipe:
            output = pipe.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{command}: exit {process.returncode}\n{output.decode(errors='replace')}")
        return Sample(1000 * wall, 1000 * (usage.ru_utime + usage.ru_stime))

    def run(self, *command: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command that prepares something, and return what it said."""
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
        )
        if check and done.returncode:
            sys.exit(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done


def say(text: str) -> None:
    """Report progress beside the results."""
    print(text, file=sys.stderr, flush=True)


def make_venv(venv: Path, python: str) -> None:
    """Make a virtual environment with the project in it, unless it is there already."""
    if (venv / "bin" / "tm").exists():
        say(f"using {venv} as it is")
        return
    say("making a virtual environment")
    subprocess.run([python, "-m", "venv", venv], check=True)
    pip = (str(venv / "bin" / "python"), "-m", "pip", "install", "-q")
    subprocess.run([*pip, "--disable-pip-version-check", str(ROOT)], check=True)


def make_store(
    environment: Environment, scratch: Path, name: str, tasks: int, features: Sequence[str]
) -> Path:
    """Make a store with that many tasks, and turn the features on there."""
    folder = scratch / name
    folder.mkdir()
    environment.run(environment.tm, "init", cwd=folder)
    for feature in features:
        done = environment.run(environment.tm, "config", "enable", feature, cwd=folder, check=False)
        if done.returncode:
            say(f"could not enable {feature}: {done.stderr.strip()}")
    if tasks:
        lines = scratch / f"{name}.jsonl"
        with lines.open("w", encoding="utf-8") as file:
            for number in range(tasks):
                file.write(json.dumps({"title": f"Task number {number}"}) + "\n")
        start = time.perf_counter()
        environment.run(environment.tm, "import", "--from", "jsonl", str(lines), cwd=folder)
        say(f"imported {tasks} tasks in {time.perf_counter() - start:.1f} s")
        lines.unlink()
    return folder


def feature_names(environment: Environment, cwd: Path) -> list[str]:
    """Every plugin that is installed there."""
    code = (
        "from importlib.metadata import entry_points\n"
        "print(*sorted(p.name for p in entry_points(group='tm.plugins')), sep='\\n')"
    )
    return environment.run(environment.python, "-c", code, cwd=cwd).stdout.split()


def make_cases(environment: Environment, scratch: Path, runs: int, big: int) -> list[Case]:
    """Prepare the stores, and say what is to be measured in them."""
    features = feature_names(environment, scratch)
    python, tm = environment.python, environment.tm
    plain = make_store(environment, scratch, "plain", 100, ())
    full = make_store(environment, scratch, "full", 100, features)

    # One open task for each run: a task can be completed once.
    say("adding tasks to complete")
    ids = [
        environment.run(tm, "add", f"To complete {number}", cwd=full).stdout.strip()
        for number in range(WARM_UP + runs)
    ]

    def fixed(*command: str) -> Callable[[int], Sequence[str]]:
        return lambda number: command

    def add(number: int) -> Sequence[str]:
        return (tm, "add", f"Measured {number}")

    cases = [
        Case("python -c pass", full, fixed(python, "-c", "pass"), ""),
        Case(BASE, full, fixed(python, "-c", IMPORTS), ""),
        Case("tm --version", full, fixed(tm, "--version"), BASE),
        Case("tm --safe add (kernel only)", plain, lambda n: (tm, "--safe", *add(n)[1:]), BASE),
        Case("tm add (features as delivered)", plain, add, BASE),
        Case("tm add (all features on)", full, add, BASE, 1.3),
        Case("tm list", full, fixed(tm, "list"), BASE),
        Case("tm show", full, fixed(tm, "show", ids[0]), BASE),
        Case("tm complete", full, lambda n: (tm, "complete", ids[n]), BASE),
    ]
    if big:
        # Two stores made the same way: only their size differs.
        small = make_store(environment, scratch, "small", 100, features)
        large = make_store(environment, scratch, "large", big, features)
        few, many = "tm add, store of 100 tasks", f"tm add, store of {big:,} tasks"
        cases += [Case(few, small, add, BASE), Case(many, large, add, few, 1.1)]
    return cases


def measure(environment: Environment, cases: Sequence[Case], runs: int) -> dict[str, list[Sample]]:
    """Run A B C A B C ..., so that a slow minute of the machine falls on all of them."""
    samples: dict[str, list[Sample]] = {case.name: [] for case in cases}
    for number in range(WARM_UP + runs):
        for case in cases:
            sample = environment.measure(case.command(number), case.cwd)
            if number >= WARM_UP:
                samples[case.name].append(sample)
        if number >= WARM_UP and (number - WARM_UP + 1) % 10 == 0:
            say(f"{number - WARM_UP + 1} of {runs} rounds")
    return samples


def describe(environment: Environment, runs: int) -> dict[str, Any]:
    """The machine and what was installed, without which no figure means anything."""
    version = environment.run(environment.python, "--version", cwd=ROOT).stdout.strip()
    load = os.getloadavg()
    return {
        "python": version,
        "tm": environment.run(environment.tm, "--version", cwd=ROOT).stdout.strip(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load_before": [round(value, 2) for value in load],
        "runs": runs,
        "warm_up": WARM_UP,
    }


def summarize(cases: Sequence[Case], samples: dict[str, list[Sample]]) -> list[dict[str, Any]]:
    """One row for each case."""
    rows = []
    for case in cases:
        walls = [sample.wall for sample in samples[case.name]]
        cpus = [sample.cpu for sample in samples[case.name]]
        row: dict[str, Any] = {
            "name": case.name,
            "min_ms": min(walls),
            "median_ms": statistics.median(walls),
            "max_ms": max(walls),
            "cpu_median_ms": statistics.median(cpus),
            "compared_with": case.base or None,
            "target": case.target,
            "wall_ms": walls,
            "cpu_ms": cpus,
        }
        if case.base:
            base_walls = [sample.wall for sample in samples[case.base]]
            base_cpus = [sample.cpu for sample in samples[case.base]]
            row["ratio_median"] = row["median_ms"] / statistics.median(base_walls)
            row["ratio_min"] = row["min_ms"] / min(base_walls)
            row["ratio_cpu"] = row["cpu_median_ms"] / statistics.median(base_cpus)
        rows.append(row)
    return rows


def table(machine: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """The results as Markdown."""
    lines = [
        f"{machine['tm']}, {machine['python']}, {machine['system']}, {machine['cpus']} CPUs, load "
        f"{machine['load_before'][0]} before; {machine['runs']} interleaved rounds after "
        f"{machine['warm_up']} to warm up.",
        "",
        "| command | min ms | median ms | max ms | CPU ms | ratio of medians | of minima | of CPU "
        "| target |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        figures = (row["min_ms"], row["median_ms"], row["max_ms"], row["cpu_median_ms"])
        cells = [f"`{row['name']}`", *(f"{figure:.1f}" for figure in figures)]
        if row["compared_with"]:
            cells += [f"{row[key]:.2f}" for key in ("ratio_median", "ratio_min", "ratio_cpu")]
        else:
            cells += [""] * 3
        cells.append(f"<= {row['target']:.1f}" if row["target"] else "")
        lines.append("| " + " | ".join(cells) + " |")
    big = rows[-1]["compared_with"]
    other = f" The last row is compared with `{big}`." if big and big != BASE else ""
    lines += [
        "",
        f"Ratios are to `{BASE}`.{other} The distance from min to max is the noise of this "
        "machine: a difference smaller than that proves nothing.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=31, metavar="N", help="rounds (default: 31)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument(
        "--venv", type=Path, metavar="DIR", help="make the environment there, or use it if it is"
    )
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter for a new environment"
    )
    parser.add_argument(
        "--big", type=int, default=100_000, metavar="N", help="tasks in the large store; 0: none"
    )
    options = parser.parse_args()
    if not hasattr(os, "wait4"):
        parser.error("this needs os.wait4, which this system has not")
    if options.runs < 1:
        parser.error("--runs must be at least 1")

    with tempfile.TemporaryDirectory(prefix="tm-startup-") as name:
        scratch = Path(name)
        venv = (options.venv or scratch / "venv").absolute()
        make_venv(venv, options.python)
        environment = Environment(venv, scratch)
        cases = make_cases(environment, scratch, options.runs, options.big)
        machine = describe(environment, options.runs)
        rows = summarize(cases, measure(environment, cases, options.runs))
    print(table(machine, rows))
    if options.json:
        options.json.write_text(
            json.dumps({"machine": machine, "cases": rows}, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
