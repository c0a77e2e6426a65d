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


def idle_plugin(handlers: int) -> Plugin:
    """A plugin with so many of them."""

    def event_handlers(ctx: Context) -> Sequence[Handler]:
        return [Idle(number) for number in range(handlers)]

    module = SimpleNamespace(event_handlers=hookimpl(event_handlers))
    return Plugin("idle", "Handlers that do nothing", hooks={"event_handlers": Hook(module)})


def measure_handlers(scratch: Path, rounds: int, handlers: int) -> None:
    """Transactions of one process, with and without handlers, in turns."""
    stores = []
    for count in (0, handlers):
        folder = scratch / f"{count}-handlers"
        folder.mkdir()
        made = [idle_plugin(count)] if count else []
        manager = TaskManager.open(str(folder), create=True, plugins=made, environ={})
        stores.append((f"{count} handlers", manager))
    samples: dict[str, list[float]] = {name: [] for name, _ in stores}
    for number in range(WARM_UP + rounds):
        for name, manager in stores:
            begun = time.perf_counter()
            manager.add(f"Task {number}")
            if number >= WARM_UP:
                samples[name].append(1000 * (time.perf_counter() - begun))
    print("| a transaction (`tm.add`) with | min ms | median ms |")
    print("| --- | ---: | ---: |")
    figures = []
    for name, taken in samples.items():
        figures.append((min(taken), statistics.median(taken)))
        print(f"| {name} | {figures[-1][0]:.2f} | {figures[-1][1]:.2f} |")
    ratios = [after / before for before, after in zip(*figures, strict=True)]
    print("| ratio (promise: <= 1.1) | " + " | ".join(f"{ratio:.3f}" for ratio in ratios) + " |")
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
    parser.add_argument("--python", default=sys.executable, help="for the environments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tm-plugins-") as name:
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
