"""The report as one HTML file that holds all it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tm_core.api import format_local

from . import charts
from .charts import escaped

_NONE = "\u2013"
_STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --text: #1c2330; --muted: #5d6778;
  --rule: #e3e7ed; --accent: #2f6fde; --soft: #a9c5f5; --warm: #d9622b; --good: #1a7f4b;
  --bad: #b93a2c; }
@media (prefers-color-scheme: dark) { :root { --page: #11151c; --card: #1a202a; --text: #e6eaf0;
  --muted: #9aa5b5; --rule: #2b3340; --accent: #6ea3ff; --soft: #38507a; --warm: #f0925e;
  --good: #5cc98f; --bad: #f08376; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 36px 20px 48px; }
h1 { margin: 0; font-size: 28px; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 0 0 2px; font-size: 16px; }
p { margin: 0; }
.note { color: var(--muted); font-size: 13px; }
header { margin-bottom: 22px; }
.grid { display: grid; gap: 16px; grid-template-columns: repeat(12, minmax(0, 1fr)); }
.card { grid-column: span 12; background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px; padding: 16px 18px; break-inside: avoid; }
.half { grid-column: span 6; }
.key { grid-column: span 2; }
.key b { display: block; font-size: 27px; line-height: 1.25; font-weight: 650;
  font-variant-numeric: tabular-nums; }
.key .note { line-height: 1.35; }
.better { color: var(--good); } .worse { color: var(--bad); }
ul { margin: 8px 0 0; padding: 0; list-style: none; }
li { padding: 8px 0; border-top: 1px solid var(--rule); overflow-wrap: anywhere; }
li:first-child { border-top: 0; }
svg { display: block; width: 100%; height: auto; margin-top: 10px; }
svg text { fill: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
svg text.count { fill: var(--text); }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg .bar { fill: var(--accent); } svg .second { fill: var(--warm); }
svg .line { fill: none; stroke: var(--warm); stroke-width: 2; stroke-linejoin: round; }
svg .equal { stroke: var(--muted); stroke-width: 1; stroke-dasharray: 4 4; }
svg .trend { stroke: var(--warm); stroke-width: 2; }
svg .dot { fill: var(--accent); fill-opacity: .6; } svg .over { fill: var(--warm); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px;
  margin-right: 6px; vertical-align: -1px; background: var(--accent); }
.legend .warm i { background: var(--warm); }
.legend .thin i { height: 3px; vertical-align: 3px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; margin-top: 8px; font-size: 14px; }
th { text-align: left; color: var(--muted); font-weight: 550; font-size: 13px; }
th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td { overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font: 13px ui-monospace, Menlo, Consolas, monospace; color: var(--muted); }
footer { margin-top: 20px; }
@media screen and (max-width: 800px) { .half { grid-column: span 12; }
  .key { grid-column: span 4; } }
@media screen and (max-width: 460px) { .key { grid-column: span 6; } }
@media print { :root { --page: #fff; --card: #fff; --text: #000; --muted: #444; --rule: #ccc;
  --accent: #2f6fde; --warm: #d9622b; --good: #1a7f4b; --bad: #b93a2c; }
  body { font-size: 12px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; } .card { padding: 10px 12px; } .grid { gap: 10px; }
  @page { margin: 14mm; } }
"""


def page(report: Mapping[str, Any]) -> str:
    """The whole document."""
    title = escaped(report["title"])
    days = f"{report['days']} days" if report["days"] > 1 else "day"
    begin = format_local(report["since"])[:10]
    end = format_local(report["generated_at"])
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="generator" content="tm report">\n'
        f"<title>{title}: the last {days}</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n"
        f'<header><h1>{title}</h1><p class="note">The last {days}: {begin} to {end}</p></header>\n'
        f'<div class="grid">\n{"".join(_cards(report))}</div>\n'
        f'<footer class="note">Lead time runs from creation to completion; the median is what half'
        " of the tasks stay within. Made by tm report.</footer>\n</main>\n</body>\n</html>\n"
    )


def _cards(report: Mapping[str, Any]) -> Iterator[str]:
    yield from _keys(report)
    yield _findings(report["findings"])
    if report.get("assessment"):
        yield _assessment(report["assessment"], report["days"])
    unit = report["throughput"]["unit"]
    legend = _legend(("", "completed"), ("warm thin", "created"))
    chart = charts.columns(report["throughput"]["spans"], title=f"Tasks completed by {unit}")
    yield _card(f"Throughput by {unit}", legend + chart)
    if report["lead_times"]:
        chart = charts.rows(report["lead_times"], title="Completed tasks by lead time")
        yield _card("Lead time of completed tasks", _note(_lead_note(report)) + chart, "half")
    yield _card(
        "All tasks now", charts.rows(_words(report["now"]), title="Tasks by status"), "half"
    )
    yield from _time(report)
    yield from _feedback(report)
    yield from _people(report)
    overdue = report["overdue"]
    if overdue and overdue["count"]:
        more = overdue["count"] - len(overdue["tasks"])
        note = _note(f"and {more:,} more") if more else ""
        yield _card(f"Overdue: {overdue['count']:,}", _tasks(overdue["tasks"], "deadline") + note)
    if report["oldest_open"]:
        yield _card("Open for longest", _tasks(report["oldest_open"], "created_at"))


def _card(title: str, content: str, style: str = "") -> str:
    kind = f"card {style}".strip()
    return f'<section class="{kind}"><h2>{escaped(title)}</h2>{content}</section>\n'


def _note(text: str) -> str:
    return f'<p class="note">{escaped(text)}</p>' if text else ""


def _legend(*entries: tuple[str, str]) -> str:
    shown = "".join(f'<span class="{kind}"><i></i>{escaped(text)}</span>' for kind, text in entries)
    return f'<p class="note legend">{shown}</p>'


def _keys(report: Mapping[str, Any]) -> Iterator[str]:
    """The figures that tell most: the first six of those that are known."""
    metrics = report["metrics"]
    flow, success = metrics.get("flow", {}), metrics.get("success", {})
    lead, cycle = flow.get("lead_time_hours") or {}, flow.get("cycle_time_hours") or {}
    ratio = metrics.get("time", {}).get("p50_ratio")
    quality = metrics.get("feedback", {}).get("mean_quality")
    late = report["overdue"]
    working, waiting = flow.get("work_in_progress", 0), flow.get("open", 0)
    keys = [
        (f"{flow.get('completed', 0):,}", "tasks completed", "", "Completed tasks"),
        (_span(lead.get("p50")), "median lead time", _up_to(lead), "Median lead time, hours"),
        (f"{working:,}", f"in progress, of {waiting:,} open", "", ""),
        (f"{late['count']:,}" if late else _NONE, "open tasks past their deadline", "", ""),
        (
            f"{ratio:.2g}\u00d7" if ratio else _NONE,
            "actual by estimated hours, median",
            "",
            "Median of actual by estimated hours",
        ),
        (f"{quality:.1f}" if quality else _NONE, "mean quality, of 5", "", "Mean quality, of 5"),
        (_span(cycle.get("p50")), "median time from start", _up_to(cycle), ""),
        (_percent(success.get("first_pass_rate")), "passed validation the first time", "", ""),
        (_percent(success.get("reopened_share")), "of completed tasks reopened", "", ""),
    ]
    changes = {row["figure"]: row for row in report.get("assessment", ())}
    for value, label, more, figure in [key for key in keys if key[0] != _NONE][:6]:
        yield (
            f'<section class="card key"><b>{escaped(value)}</b>'
            f'<p class="note">{escaped(label)}{"<br>" if more else ""}{escaped(more)}'
            f"{_change(changes.get(figure))}</p></section>\n"
        )


def _change(row: Mapping[str, Any] | None) -> str:
    """How much more or less than in the days before."""
    if row is None or not row["change"]:
        return ""
    more = "more" if row["change"] > 0 else "less"
    kind = f' class="{row["verdict"]}"' if row["verdict"] else ""
    return f"<br><span{kind}>{abs(row['change']):.0%} {more} than before</span>"


def _up_to(times: Mapping[str, Any]) -> str:
    return f"80 % within {_span(times['p80'])}" if times else ""


def _span(hours: float | None) -> str:
    if hours is None:
        return _NONE
    if hours < 1:
        return f"{hours * 60:.0f}\u00a0min"
    return f"{hours:.1f}\u00a0h" if hours < 48 else f"{hours / 24:.1f}\u00a0d"


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{share:.1%}"


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    if not findings:
        return _card("What stands out", _note("Nothing, or too few tasks to tell."))
    items = ""
    for each in findings:
        said, _, basis = _sentence(each["finding"]).rpartition(": ")
        items += f'<li>{escaped(said)} <span class="note">{escaped(basis)}</span></li>'
    return _card("What stands out", f"<ul>{items}</ul>")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _assessment(rows: Sequence[Mapping[str, Any]], days: int) -> str:
    body = "".join(
        f'<tr><td>{escaped(row["figure"])}</td><td class="number">{_told(row, "now")}</td>'
        f'<td class="number">{_told(row, "before")}</td><td class="number {row["verdict"]}">'
        f"{'' if row['change'] is None else format(row['change'], '+.0%')}</td></tr>"
        for row in rows
    )
    head = '<th>Figure</th><th class="number">Now</th><th class="number">Before</th>'
    head += '<th class="number">Change</th>'
    return _card(f"Compared with the {days} days before", _table(head, body))


def _told(row: Mapping[str, Any], name: str) -> str:
    return _percent(row[name]) if row["share"] else _value(row[name])


def _value(value: float | None) -> str:
    return _NONE if value is None else f"{value:,.3g}" if isinstance(value, float) else f"{value:,}"


def _table(head: str, body: str) -> str:
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _lead_note(report: Mapping[str, Any]) -> str:
    lead = report["metrics"].get("flow", {}).get("lead_time_hours") or {}
    return f"Half within {_span(lead['p50'])}, {_up_to(lead)}" if lead else ""


def _words(counts: Mapping[str, int]) -> dict[str, int]:
    return {status.replace("_", " "): count for status, count in counts.items()}


def _time(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["estimates"]:
        return
    time = report["metrics"].get("time", {})
    half, most = time.get("p50_ratio"), time.get("p80_ratio")
    note = f"Half take up to {half:.2g} times their estimate, 80 % up to {most:.2g}" if half else ""
    legend = _legend(("warm", "took longer"), ("", "did not"), ("warm thin", "median ratio"))
    chart = charts.scatter(report["estimates"], half, title="Estimated and actual hours")
    yield _card("Estimated against actual hours", _note(note) + chart + legend, "half")


def _feedback(report: Mapping[str, Any]) -> Iterator[str]:
    feedback = report["metrics"].get("feedback", {})
    if not feedback.get("reviews"):
        return
    parts = []
    for score, style in (("quality", "bar"), ("timeliness", "second")):
        mean = feedback[f"mean_{score}"]
        if mean is not None:
            counts = {
                f"{number} of 5": feedback["distribution"][score][number] for number in "54321"
            }
            parts.append(_note(f"{score.capitalize()}: {mean:.1f} on average"))
            parts.append(charts.rows(counts, title=f"Reviews by {score}", style=style))
    tasks = f"{feedback['reviews']:,} reviews of {feedback['tasks']:,} tasks"
    yield _card("Feedback", _note(tasks) + "".join(parts), "half")


def _people(report: Mapping[str, Any]) -> Iterator[str]:
    """What each assignee completed; nothing where nobody is assigned to anything."""
    metrics = report["metrics"]
    flow = metrics.get("flow", {}).get("by_assignee", {})
    time = metrics.get("time", {}).get("by_assignee", {})
    feedback = metrics.get("feedback", {}).get("by_assignee", {})
    busy = sorted(flow, key=lambda who: (-flow[who]["completed"], who))[:20]
    if not busy:
        return
    columns = ["Completed", "Median lead time", "In progress", "Open"]
    columns += ["Actual / estimate"] if time else []
    columns += ["Quality"] if feedback else []
    head = "<th>Assignee</th>" + "".join(f'<th class="number">{name}</th>' for name in columns)
    body = ""
    for who in busy:
        own = flow[who]
        cells = [f"{own['completed']:,}", _span(own["lead_time_hours"].get("p50"))]
        cells += [f"{own['work_in_progress']:,}", f"{own['open']:,}"]
        cells += [_value(time.get(who, {}).get("p50_ratio"))] if time else []
        cells += [_value(feedback.get(who, {}).get("mean_quality"))] if feedback else []
        numbers = "".join(f'<td class="number">{escaped(cell)}</td>' for cell in cells)
        body += f"<tr><td>{escaped(who)}</td>{numbers}</tr>"
    yield _card("By assignee", _table(head, body))


def _tasks(rows: Sequence[Mapping[str, Any]], instant: str) -> str:
    name = {"deadline": "Due", "created_at": "Created"}[instant]
    head = "<th>Task</th><th></th><th>Status</th><th>Assignee</th>"
    head += f'<th class="number">{name}</th>'
    body = "".join(
        f"<tr><td><code>{escaped(row['id'])}</code></td><td>{escaped(row['title'])}</td>"
        f"<td>{escaped(row['status'].replace('_', ' '))}</td>"
        f"<td>{escaped(row['assignee'] or '')}</td>"
        f'<td class="number">{escaped(_day(row[instant]))}</td></tr>'
        for row in rows
    )
    return _table(head, body)


def _day(instant: str) -> str:
    return datetime.fromisoformat(instant).astimezone().date().isoformat()
