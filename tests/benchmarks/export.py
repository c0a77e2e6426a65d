"""Measure how much memory `tm export` takes of a small store and of a large one, in each format.

    python tests/benchmarks/export.py --sizes 10000,1000000 --json export.json

See README.md beside this file. Nothing is asserted: a figure needs its machine beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FORMATS = ("json", "jsonl", "csv", "tsv", "markdown")
MAKE = (
    "import sys; sys.path.insert(0, sys.argv[1]); import metrics; from tm_core import TaskManager;"
    " TaskManager.open(sys.argv[2], create=True).close();"
    " metrics.generate(sys.argv[2] + '/.task-orchestrator/tasks.db', int(sys.argv[3]))"
)
"""A process of its own: the peak of this one counts for those that it starts, too."""


def peak(folder: Path, *arguments: str) -> tuple[float, float, int]:
    """Run `tm` and give its peak RSS in MiB, its CPU seconds, and how many bytes it wrote.

    `os.wait4` gives the child's own `getrusage`. Its peak covers the moment before `exec`, when
    the child still is a copy of this process, which therefore imports next to nothing.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TM_")}
    reading, writing = os.pipe()
    command = [str(Path(sys.executable).parent / "tm"), *arguments]
    actions = [(os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_CLOSE, reading)]
    before = os.getcwd()
    os.chdir(folder)
    child = os.posix_spawn(command[0], command, environ, file_actions=actions)
    os.chdir(before)
    os.close(writing)
    size = 0
    while piece := os.read(reading, 65536):
        size += len(piece)
    os.close(reading)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"tm {' '.join(arguments)} ended with {status}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return usage.ru_maxrss / unit, usage.ru_utime + usage.ru_stime, size


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="10000,1000000", metavar="N,N", help="tasks")
    parser.add_argument("--formats", default=",".join(FORMATS), metavar="F,F")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the stores there, keep them")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    small, large = (int(size) for size in options.sizes.split(","))
    rows = []
    with tempfile.TemporaryDirectory(prefix="tm-export-") as scratch:
        stores = {}
        for size in (small, large):
            stores[size] = (options.keep or Path(scratch)) / str(size)
            if not (stores[size] / ".task-orchestrator").exists():
                stores[size].mkdir(parents=True)
                here = str(Path(__file__).parent)
                command = [sys.executable, "-c", MAKE, here, str(stores[size]), str(size)]
                subprocess.run(command, check=True)
        print(
            f"| format | {small:,}: MiB | {large:,}: MiB | ratio | target | MB written | CPU s |\n"
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
        )
        for name in options.formats.split(","):
            least, _, _ = peak(stores[small], "export", "--format", name)
            most, cpu, written = peak(stores[large], "export", "--format", name)
            rows.append({"format": name, "small": least, "large": most, "cpu_s": cpu})
            print(
                f"| {name} | {least:.1f} | {most:.1f} | {most / least:.2f} | <= 1.2 |"
                f" {written / 1e6:,.0f} | {cpu:.0f} |",
                flush=True,
            )
    if options.json:
        text = json.dumps({"sizes": [small, large], "formats": rows}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
