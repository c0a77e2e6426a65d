"""`tm critical-path`."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from tm_core.api import OPEN, Context, Param, Row, TaskId, ValidationError

from . import durations, network
from .durations import UNITS, Duration, Ratios
from .network import Plan
from .result import METHOD, Path


def critical_path(
    ctx: Context,
    root: TaskId | None = None,
    *,
    format: Annotated[
        str, Param("How it is written", choices=("text", "json", "graphviz", "mermaid"))
    ] = "text",
    dot: Annotated[bool, Param("The same as --format graphviz")] = False,
    what_if: Annotated[
        list[str], Param("Suppose ID=HOURS for a task; may be repeated", options=("--set",))
    ] = [],  # noqa: B006  # never changed
    assume: Annotated[
        float | None,
        Param("Hours of a task without an estimate", type="duration", minimum=0, maximum=1e6),
    ] = None,
    calibrated: Annotated[
        str | None,
        Param("Stretch estimates by what such tasks really took", choices=("p50", "p80")),
    ] = None,
    chains: Annotated[int, Param("Tell at most so many critical chains", minimum=1)] = 5,
    limit: Annotated[
        int | None, Param("At most so many tasks as text; 0 for all", minimum=0)
    ] = None,
    verbose: Annotated[bool, Param("The same as --limit 0")] = False,
) -> Path:
    """Show the tasks that decide when all is finished, and the slack of the others.

    The method is that of Kelley and Walker (1959), over unfinished tasks and their dependencies.
    Times are hours of work from now, when as much as possible is done side by side: it knows no
    calendar and no limit of people. A task without slack is critical: its delay delays the end.

    Args:
        root: Only this task and what it waits for; all unfinished tasks by default.
        format: How it is written: `text`, `json`, `graphviz` or `mermaid`.
        dot: The same as `format="graphviz"`.
        what_if: Suppose other durations, `ID=HOURS` each; the result tells both ends.
        assume: Hours of a task without an estimate; by default `critical-path.assumed_hours`.
        calibrated: Multiply each estimate by the ratio of actual to estimated hours that half
            (`p50`) or four of five (`p80`) of the finished tasks like it stay within.
        chains: Tell at most so many critical chains.
        limit: Tasks to show as text.
        verbose: The same as `limit=0`.

    Raises:
        NotFound: There is no such task.
        InvalidValue: What is supposed is not `ID=HOURS`.
        ValidationError: Tasks wait for each other in a circle.
    """
    quantile = calibrated or ""
    hours = ctx.settings["assumed_hours"] if assume is None else assume
    rows, edges = _network(ctx, root)
    changes = durations.supposed(ctx, what_if)
    ratios = durations.calibrate(ctx, rows, quantile) if quantile else {}
    times = durations.of_tasks(rows, hours, changes, ratios)
    found = _plan(ctx, times, edges)
    told = _told(rows, times, found, chains) | {
        "root": root,
        "method": METHOD,
        "assumed": {
            "hours": hours,
            "tasks": sum(each.source == "assumed" for each in times.values()),
        },
    }
    if quantile:
        told["calibration"] = _calibration(ctx, quantile, ratios, times)
    if changes:
        before = durations.of_tasks(rows, hours, {}, ratios)
        told["what_if"] = {
            "hours_before": _plan(ctx, before, edges).length / UNITS,
            "changes": [
                {"id": task, "hours_before": before[task].units / UNITS, "hours": each / UNITS}
                for task, each in changes.items()
                if task in before
            ],
        }
    if strange := [task for task in changes if task not in times]:
        ctx.warn(
            f"{', '.join(strange)}: no unfinished task that counts here, so it changes nothing"
        )
    usual = 0 if verbose else int(ctx.setting("list.limit"))
    most = usual if limit is None else limit
    return Path(told, "graphviz" if dot else format, most)


def _network(ctx: Context, root: str | None) -> tuple[list[Row], list[tuple[str, str]]]:
    """The unfinished tasks that count, oldest first, and who waits for whom among them."""
    columns = ["id", "title", "status", "assignee"]
    columns += [name for name in ("estimated_hours", "type") if name in ctx.fields]
    states = ", ".join(f"'{status}'" for status in OPEN)
    with ctx.snapshot():
        rows = ctx.query(
            f"SELECT {', '.join(columns)} FROM task WHERE status IN ({states})"
            " ORDER BY created_at, id"
        )
        pairs = [(e["task_id"], e["depends_on"]) for e in ctx.tasks.dependencies_list()]
    if root:
        before: dict[str, list[str]] = {}
        for task, awaited in pairs:
            before.setdefault(task, []).append(awaited)
        counting = network.awaited_by(root, before)
        rows = [row for row in rows if row["id"] in counting]
    return [{"estimated_hours": None, **row} for row in rows], pairs


def _plan(ctx: Context, times: Mapping[str, Duration], edges: list[tuple[str, str]]) -> Plan:
    try:
        return network.plan({task: each.units for task, each in times.items()}, edges)
    except network.Cyclic as error:
        path = error.path if len(error.path) <= 8 else [*error.path[:7], "..."]
        raise ValidationError(
            f"tasks wait for each other in a circle: {' -> '.join(path)}",
            "tm doctor tells which dependency to remove",
        ) from None


def _told(
    rows: Sequence[Row], times: Mapping[str, Duration], found: Plan, most: int
) -> dict[str, Any]:
    """The figures in hours, the tasks with the least slack first."""
    tasks = []
    for row in rows:
        span = found.spans[row["id"]]
        tasks.append(
            {
                **{name: row[name] for name in ("id", "title", "status", "assignee")},
                "hours": times[row["id"]].units / UNITS,
                "hours_from": times[row["id"]].source,
                "early_start": span.early_start / UNITS,
                "early_finish": span.early_finish / UNITS,
                "late_start": span.late_start / UNITS,
                "late_finish": span.late_finish / UNITS,
                "slack": span.slack / UNITS,
                "critical": not span.slack,
                "depends_on": found.before[row["id"]],
            }
        )
    # Sorting is stable, and `spans` goes from what comes first to what comes last.
    place = {task: number for number, task in enumerate(found.spans)}
    tasks.sort(key=lambda task: (task["slack"], task["early_start"], place[task["id"]]))
    return {
        "hours": found.length / UNITS,
        "chains": list(itertools.islice(network.chains(found), most)),
        "critical_chains": network.how_many_chains(found),
        "tasks": tasks,
    }


def _calibration(
    ctx: Context, quantile: str, ratios: Mapping[str, Ratios], times: Mapping[str, Duration]
) -> dict[str, Any]:
    """What the calibration rests on."""
    used = Counter(each for task, each in ratios.items() if times[task].source == "calibrated")
    return {
        "quantile": quantile,
        "minimum_tasks": ctx.settings["minimum_tasks"],
        "rests_on": [
            {"group": r.group, "tasks": r.tasks, "ratio": r.ratio, "applied_to": number}
            for r, number in sorted(used.items())
        ],
        "uncalibrated": sum(each.source == "estimate" for each in times.values()),
    }
