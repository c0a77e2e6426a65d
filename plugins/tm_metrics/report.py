"""`tm report`: gathers what the last days tell, and writes it in one of four forms."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tm_core.api import OPEN, STATUSES, Context, TaskSet, UsageError, write_atomically

from . import figures
from .findings import find
from .periods import counted, stored, weeks
from .periods import days as days_between
from .task_set import snapshot

_DAILY = 35
"""Up to so many days are charted by day, more by week."""
_POINTS = 400
_LISTED = 20
_NOTICED = 0.05
"""Smaller changes are neither better nor worse."""
_LEAD_TIMES = (
    ("< 1 h", 1.0),
    ("1-4 h", 4.0),
    ("4-24 h", 24.0),
    ("1-3 days", 72.0),
    ("3-7 days", 168.0),
    ("1-2 weeks", 336.0),
    ("2-4 weeks", 672.0),
)
_LONGER = "> 4 weeks"
_COMPARED = (
    ("Completed tasks", "flow", ("completed",), "up"),
    ("Median lead time, hours", "flow", ("lead_time_hours", "p50"), "down"),
    ("Median cycle time, hours", "flow", ("cycle_time_hours", "p50"), "down"),
    ("Median of actual by estimated hours", "time", ("p50_ratio",), ""),
    ("Mean quality, of 5", "feedback", ("mean_quality",), "up"),
    ("Mean timeliness, of 5", "feedback", ("mean_timeliness",), "up"),
    ("First-pass validations", "success", ("first_pass_rate",), "up"),
    ("Forced completions", "success", ("forced_share",), "down"),
    ("Reopened tasks", "success", ("reopened_share",), "down"),
)
"""What an assessment compares: its name, the calculator, the figure, and which way is better."""


class Report(dict[str, Any]):
    """What a report tells, with the text that was made of it."""

    text = ""
    format = ""
    path = ""
    """Where the text was written; empty for stdout."""


def make(ctx: Context, *, days: int, assessment: bool, format: str, output: str) -> Report:
    """Gather, render, and write where that is wanted."""
    endings = {".html": "html", ".htm": "html", ".json": "json", ".csv": "csv"}
    chosen = format or endings.get(os.path.splitext(output)[1].lower(), "text")
    found = gather(ctx, days, assessment)
    found.format = chosen
    if chosen == "html":
        from .page import page

        found.text = page(found)
    elif chosen == "csv":
        found.text = _csv(found)
    elif chosen == "json":
        found.text = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    else:
        from .plain import text

        found.text = text(found)
    if output and output != "-":
        _write(output, found.text)
        found.path = output
    return found


def _write(path: str, text: str) -> None:
    content = text.encode("utf-8", "backslashreplace")
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe
            with open(path, "wb") as file:
                file.write(content)
        else:
            write_atomically(path, content, mode=0o644)
    except OSError as error:
        raise UsageError(f"the report cannot be written to {path}: {error.strerror}") from error


def gather(ctx: Context, days: int, assessment: bool) -> Report:
    """All that a report tells, as plain data."""
    now = ctx.now
    midnight = datetime.fromisoformat(now).astimezone().replace(tzinfo=None)
    midnight = midnight.replace(hour=0, minute=0, second=0, microsecond=0)
    since = stored(midnight - timedelta(days=days - 1))
    view = figures.View(since, "", "assignee")
    report = Report(
        title=os.path.basename(ctx.project.rstrip("/\\")) or "Tasks",
        generated_at=now,
        days=days,
        since=since,
        metrics=figures.measure(ctx, [], view),
        findings=find(ctx, figures.View(since))["findings"],
    )
    with snapshot(ctx, since=since) as tasks:
        report |= {
            "now": _now(tasks),
            "throughput": _throughput(tasks, since, now, days),
            "lead_times": _lead_times(tasks),
            "estimates": _estimates(ctx, tasks),
            "overdue": _overdue(ctx, tasks, now),
            "oldest_open": tasks.query(
                "SELECT id, title, status, assignee, created_at FROM task"
                f" WHERE {_open()} ORDER BY created_at, id LIMIT {_LISTED // 2}"
            ),
        }
    if assessment:
        before = stored(midnight - timedelta(days=2 * days - 1))
        report["previous"] = figures.measure(ctx, [], figures.View(before, since))
        report["assessment"] = list(_compared(report["metrics"], report["previous"]))
    return report


def _open() -> str:
    return f"status IN ({', '.join(repr(status) for status in OPEN)})"


def _now(tasks: TaskSet) -> dict[str, int]:
    rows = tasks.query(
        "SELECT status, count(*) AS n FROM task WHERE status <> 'deleted' GROUP BY status"
    )
    counts = {row["status"]: row["n"] for row in rows}
    return {status: counts[status] for status in STATUSES if status in counts}


def _throughput(tasks: TaskSet, since: str, now: str, days: int) -> dict[str, Any]:
    by_day = days <= _DAILY
    spans = days_between(since, now) if by_day else weeks(since, now, days // 7 + 2)
    done = counted(tasks, spans, "task.completed_at", "task.status = 'completed'")
    made = counted(tasks, spans, "task.created_at", "task.status <> 'deleted'")
    return {
        "unit": "day" if by_day else "week",
        "spans": [
            {"begins": label, "completed": done[label], "created": made[label]}
            for label, _, _ in spans
        ],
    }


def _lead_times(tasks: TaskSet) -> dict[str, int]:
    """Completed tasks by how long they took from creation to completion; empty without any."""
    hours = tasks.dialect.hours_between("created_at", "completed_at")
    cases = " ".join(f"WHEN {hours} < {most} THEN {n}" for n, (_, most) in enumerate(_LEAD_TIMES))
    rows = tasks.query(
        f"SELECT CASE {cases} ELSE {len(_LEAD_TIMES)} END AS bin, count(*) AS n FROM task"
        f" WHERE status = 'completed' AND completed_at >= created_at"
        f" AND {tasks.within('completed_at')} GROUP BY bin"
    )
    counts = {row["bin"]: row["n"] for row in rows}
    names = [*(name for name, _ in _LEAD_TIMES), _LONGER]
    return {name: counts.get(n, 0) for n, name in enumerate(names)} if counts else {}


def _estimates(ctx: Context, tasks: TaskSet) -> list[dict[str, Any]]:
    """The last completed tasks with an estimate and hours, where these are kept."""
    names = {field.name for manifest in ctx.features.values() for field in manifest.fields}
    if not {"estimated_hours", "actual_hours"} <= names:
        return []
    return tasks.query(
        "SELECT id, title, estimated_hours, actual_hours FROM task WHERE status = 'completed'"
        " AND estimated_hours IS NOT NULL AND actual_hours IS NOT NULL"
        f" AND {tasks.within('completed_at')} ORDER BY completed_at DESC, id LIMIT {_POINTS}"
    )


def _overdue(ctx: Context, tasks: TaskSet, now: str) -> dict[str, Any]:
    """Open tasks past their deadline, the latest first; empty where no feature keeps deadlines."""
    names = {field.name for manifest in ctx.features.values() for field in manifest.fields}
    if "deadline" not in names:
        return {}
    late = f"{_open()} AND deadline < ?"
    count = tasks.query(f"SELECT count(*) AS n FROM task WHERE {late}", [now])[0]["n"]
    rows = tasks.query(
        "SELECT id, title, status, assignee, deadline FROM task"
        f" WHERE {late} ORDER BY deadline, id LIMIT {_LISTED}",
        [now],
    )
    return {"count": count, "tasks": rows}


def _compared(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, calculator, path, better in _COMPARED:
        pair = [_at(told.get(calculator, {}), path) for told in (now, before)]
        if pair != [None, None]:
            change = None if None in pair or not pair[1] else round(pair[0] / pair[1] - 1, 3)
            verdict = ""
            if better and change and abs(change) >= _NOTICED:
                verdict = "better" if (change > 0) == (better == "up") else "worse"
            yield {
                "figure": name,
                "now": pair[0],
                "before": pair[1],
                "change": change,
                "share": path[-1].endswith(("_share", "_rate")),
                "verdict": verdict,
            }


def _at(figures: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        figures = figures.get(name) if isinstance(figures, Mapping) else None
    return figures


def _csv(report: Report) -> str:
    """One figure a line: metric, group, figure, value."""
    import csv
    import io

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["metric", "group", "figure", "value"])
    for metric, told in report["metrics"].items():
        writer.writerows([metric, *row] for row in _rows(told))
    for span in report["throughput"]["spans"]:
        for name in ("completed", "created"):
            writer.writerow(["throughput", span["begins"], name, span[name]])
    for each in report.get("assessment", ()):
        for name in ("now", "before", "change"):
            writer.writerow(["assessment", "", f"{each['figure']}: {name}", each[name]])
    for each in report["findings"]:
        writer.writerow(
            ["findings", _cell(each["group"] or ""), _cell(each["finding"]), each["tasks"]]
        )
    return stream.getvalue()


def _rows(figures: Mapping[str, Any], group: str = "", path: str = "") -> Iterator[list[Any]]:
    for name, value in figures.items():
        if isinstance(value, Mapping) and name.startswith("by_") and not path:
            for key, share in value.items():
                yield from _rows(share, _cell(key), "")
        elif isinstance(value, Mapping):
            yield from _rows(value, group, f"{path}{name}.")
        else:
            yield [group, path + _cell(name), value]


def _cell(text: str) -> str:
    """Text from tasks that a spreadsheet would run as a formula is kept from that."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
