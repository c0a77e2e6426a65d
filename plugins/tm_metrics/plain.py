"""The report as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tm_core.api import format_local, visible

from .numbers import bar_of, shown

_WIDTH = 30
_WORTH_DRAWING = 5
"""Tasks; fewer points make no picture."""


def text(report: Mapping[str, Any], width: int = 0) -> str:
    """A page of plain text.

    Args:
        report: What to tell.
        width: Characters of the terminal, where there is one and plots may be drawn.
    """
    return "\n".join(_lines(report, width)) + "\n"


def _lines(report: Mapping[str, Any], width: int) -> Iterator[str]:
    days = f"{report['days']} days" if report["days"] > 1 else "1 day"
    head = f"{visible(report['title'])}: the last {days}"
    yield from (head, "=" * len(head), f"As of {format_local(report['generated_at'])}")
    if "assessment" in report:
        yield from _section("Compared with as many days before")
        yield from _assessment(report["assessment"])
    yield from _section("What stands out")
    findings = [f"- {visible(each['finding'])}" for each in report["findings"]]
    yield from findings or ["Nothing, or too few tasks to tell."]
    yield from _section("Tasks now")
    yield from _bars((status.replace("_", " "), n) for status, n in report["now"].items())
    spans = report["throughput"]["spans"]
    yield from _section(f"Completed by {report['throughput']['unit']}")
    yield from _bars((span["begins"], span["completed"]) for span in spans)
    if report["lead_times"]:
        yield from _section("From creation to completion")
        yield from _bars(report["lead_times"].items())
    for name, figures in report["metrics"].items():
        if name not in ("tasks", "adoption"):
            yield from _section(name.replace("_", " ").capitalize())
            yield from _figures(figures)
        if name == "time" and width:
            yield from _estimates(report["estimates"], width)
    if report["overdue"]:
        yield from _section(f"Overdue: {report['overdue']['count']}")
        yield from _tasks(report["overdue"]["tasks"], "deadline")
    if report["oldest_open"]:
        yield from _section("Open for longest")
        yield from _tasks(report["oldest_open"], "created_at")


def _estimates(tasks: Sequence[Mapping[str, Any]], width: int) -> Iterator[str]:
    """Tasks by their estimate and by what they took; on the dotted line both are the same."""
    from .plots import points

    pairs = [(task["estimated_hours"], task["actual_hours"]) for task in tasks]
    if len(pairs) >= _WORTH_DRAWING:
        drawing = points(pairs, ("estimated hours", "actual hours"), width)
        yield from ["", *drawing.splitlines()] if drawing else ()


def _section(title: str) -> tuple[str, str, str]:
    return "", title, "-" * len(title)


def _bars(counts: Iterable[tuple[str, int]]) -> Iterator[str]:
    rows = list(counts)
    widest = max((len(label) for label, _ in rows), default=0)
    most = max((count for _, count in rows), default=0) or 1
    for label, count in rows:
        yield f"{label:<{widest}}  {bar_of(count / most, _WIDTH)} {count}".rstrip()


def _figures(figures: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    indent = "  " * depth
    for name, value in figures.items():
        label = visible(str(name)).replace("_", " ")
        if isinstance(value, Mapping):
            if value and name != "completed_per_week":
                known = {k: v for k, v in value.items() if v is not None}
                flat = [f"{k} {shown(v)}" for k, v in known.items() if not isinstance(v, Mapping)]
                if len(flat) == len(known):
                    yield f"{indent}{label}: {', '.join(flat).replace('_', ' ')}"
                else:
                    yield f"{indent}{label}:"
                    yield from _figures(value, depth + 1)
        elif value is not None:
            yield f"{indent}{label}: {shown(value)}"


def _assessment(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        yield "Nothing to compare."
    for each in rows:
        now, before = (_told(each, name) for name in ("now", "before"))
        change = "" if each["change"] is None else f" ({each['change']:+.0%})"
        verdict = f" {each['verdict']}" if each["verdict"] else ""
        yield f"{each['figure']}: {now}, before {before}{change}{verdict}"


def _told(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return "-"
    return f"{row[name]:.1%}" if row["share"] else shown(row[name])


def _tasks(rows: Sequence[Mapping[str, Any]], instant: str) -> Iterator[str]:
    for row in rows:
        who = f" ({visible(row['assignee'])})" if row["assignee"] else ""
        yield f"{row['id']}  {format_local(row[instant])[:10]}  {visible(row['title'])}{who}"
