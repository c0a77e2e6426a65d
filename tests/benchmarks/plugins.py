"""Measure what plugins cost that are installed and not used, and handlers that do nothing.

    python tests/benchmarks/plugins.py --runs 31

See README.md beside this file. Nothing is asserted: a figure needs its machine beside it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from startup import (  # type: ignore[import-not-found]  # the script beside this one
    Environment,
    make_venv,
    say,
)

from tm_core import TaskManager
from tm_core.api import Context, Event, Handler, Hook, Plugin, hookimpl

WARM_UP = 3

MANIFEST = """
from tm_core.api import Action, Field, Hook, Plugin, Setting

plugin = Plugin(
    name="bench-{number}",
    summary="Installed, on, and of no use to tm add",
    fields=({field}),
    hooks={{"task_validate": Hook("tm_bench_{number}.hooks", when=("bench_{number}",))}},
    actions={{"bench-{number}": Action("tm_bench_{number}.actions:act", "Do nothing")}},
    config={{"limit": Setting("int", 1, "Of no use")}},
)
"""
FIELD = 'Field("bench_{number}", "int", help="Of no use"),'


def install(site: Path, plugins: int, others: int) -> None:
    """Write plugins and other distributions, as pip leaves them."""
    for number in range(plugins):
        package = site / f"tm_bench_{number}"
        package.mkdir()
        # Every fifth has a field: a column, and an option of `tm add`.
        field = FIELD.format(number=number) if number % 5 == 0 else ""
        text = textwrap.dedent(MANIFEST).format(number=number, field=field)
        (package / "__init__.py").write_text(text, encoding="utf-8")
        point = f"[tm.plugins]\nbench-{number} = tm_bench_{number}:plugin\n"
        _distribution(site, f"tm_bench_{number}", point)
    for number in range(others):
        (site / f"unrelated_{number}").mkdir()
        (site / f"unrelated_{number}" / "__init__.py").touch()
        _distribution(site, f"unrelated_{number}", "")


def _distribution(site: Path, name: str, entry_points: str) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    (info / "METADATA").write_text(text, encoding="utf-8")
    files = [f"{info.name}/METADATA,,"]
    if entry_points:
        (info / "entry_points.txt").write_text(entry_points, encoding="utf-8")
        files.append(f"{info.name}/entry_points.txt,,")
    (info / "RECORD").write_text("\n".join(files) + "\n", encoding="utf-8")


def site_of(environment: Environment, cwd: Path) -> Path:
    """Where an environment's packages are."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(environment.run(environment.python, "-c", code, cwd=cwd).stdout.strip())


def measure_start(python: str, scratch: Path, runs: int, plugins: int, others: int) -> None:
    """`tm add` in two environments, in turns; and how long the index takes to make."""
    places: list[tuple[str, Environment, Path]] = []
    for name in ("built-ins alone", f"{plugins} plugins, {others} distributions more"):
        folder = scratch / name.replace(" ", "-")
        folder.mkdir()
        make_venv(folder / "venv", python)
        environment = Environment(folder / "venv", folder)
        if places:
            install(site_of(environment, folder), plugins, others)
        begun = time.perf_counter()
        environment.run(environment.tm, "init", cwd=folder)
        say(f"{name}: tm init, which makes the index, {time.perf_counter() - begun:.2f} s")
        places.append((name, environment, folder))
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in places}
    for number in range(WARM_UP + runs):
        for name, environment, folder in places:
            sample = environment.measure((environment.tm, "add", f"Task {number}"), folder)
            if number >= WARM_UP:
                samples[name].append((sample.wall, sample.cpu))
    print("| `tm add` with | min ms | median ms | CPU ms, median |")
    print("| --- | ---: | ---: | ---: |")
    figures = []
    for name, taken in samples.items():
        walls, cpus = [wall for wall, _ in taken], [cpu for _, cpu in taken]
        figures.append((min(walls), statistics.median(walls), statistics.median(cpus)))
        print(f"| {name} | " + " | ".join(f"{figure:.1f}" for figure in figures[-1]) + " |")
    ratios = [after / before for before, after in zip(*figures, strict=True)]
    print("| ratio (promise: <= 1.1) | " + " | ".join(f"{ratio:.3f}" for ratio in ratios) + " |")


class Idle:
    """A handler that does nothing."""

    pattern = "task.*"

    def __init__(self, number: int) -> None:
        self.name = f"idle-{number}"

    def handle(self, event: Event) -> None:
        """Nothing follows."""


def idle_plugin(name: str, handlers: int) -> Plugin:
    """A plugin with so many of them."""

    def event_handlers(ctx: Context) -> Sequence[Handler]:
        return [Idle(number) for number in range(handlers)]

    module = SimpleNamespace(event_handlers=hookimpl(event_handlers))
    return Plugin(name, "Handlers that do nothing", hooks={"event_handlers": Hook(module)})


def measure_handlers(scratch: Path, rounds: int, handlers: int) -> None:
    """Transactions of one process, without handlers, with one plugin's and with many plugins'."""
    kinds = {
        "no handlers": [],
        f"{handlers} handlers of one plugin": [idle_plugin("idle", handlers)],
        f"{handlers} plugins with one each": [
            idle_plugin(f"idle-{number}", 1) for number in range(handlers)
        ],
    }
    stores = []
    for number, (name, plugins) in enumerate(kinds.items()):
        folder = scratch / f"handlers-{number}"
        folder.mkdir()
        manager = TaskManager.open(str(folder), create=True, plugins=plugins, environ={})
        stores.append((name, manager))
    walls: dict[str, list[float]] = {name: [] for name in kinds}
    cpus: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(WARM_UP + rounds):
        for name, manager in stores:
            wall, cpu = time.perf_counter(), time.process_time()
            manager.add(f"Task {number}")
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if number >= WARM_UP:
                walls[name].append(1000 * wall)
                cpus[name].append(1000 * cpu)
    print(f"| a transaction (`tm.add`), store in {scratch} | ms | ratio | CPU ms | ratio |")
    print("| --- | ---: | ---: | ---: | ---: |")
    first: list[float] = []
    for name in kinds:
        medians = [statistics.median(walls[name]), statistics.median(cpus[name])]
        first = first or medians
        told = [
            f"{taken:.2f} | {taken / base:.2f}" for taken, base in zip(medians, first, strict=True)
        ]
        print(f"| {name} | " + " | ".join(told) + " |")
    for _, manager in stores:
        manager.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=31, metavar="N", help="processes of each kind")
    parser.add_argument("--rounds", type=int, default=300, metavar="N", help="transactions of each")
    parser.add_argument("--plugins", type=int, default=50, metavar="N")
    parser.add_argument("--distributions", type=int, default=200, metavar="N")
    parser.add_argument("--handlers", type=int, default=50, metavar="N")
    parser.add_argument("--folder", help="where the stores are: on a disk, or in memory")
    parser.add_argument("--python", default=sys.executable, help="for the environments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tm-plugins-", dir=options.folder) as name:
        scratch = Path(name)
        if options.rounds:
            measure_handlers(scratch, options.rounds, options.handlers)
        if options.runs:
            print()
            measure_start(
                options.python, scratch, options.runs, options.plugins, options.distributions
            )


if __name__ == "__main__":
    main()
