"""What can be measured of tasks and of the log alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tm_core.api import (
    OPEN,
    STATUSES,
    Context,
    Field,
    Insight,
    MetricCalculator,
    Plugin,
    Row,
    Spread,
    TaskSet,
    hookimpl,
)

from .periods import counted, weeks

_DONE = "task.status = 'completed'"
_OPEN = f"task.status IN ({', '.join(repr(status) for status in OPEN)})"
_VALIDATED = "event.type = 'task.completed' AND event.data LIKE '%\"success-criteria\":%'"
_REFUSED = "event.type = 'task.completion_refused'"
_WEEKS = 12
_PERCENTS = (50, 80, 95)
Rows = tuple[Row, dict[str, Row]]
"""What `TaskSet.aggregate` gives: of all tasks, and by group."""
Part = tuple[Callable[[Row], dict[str, Any]], Rows]


class Tasks:
    """How many tasks there are, by status."""

    name = "tasks"
    heeds = ("task.*",)

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Counts of the tasks that were created in the period; deleted tasks do not count."""
        where = f"task.status <> 'deleted' AND {tasks.within('task.created_at')}"
        rows = tasks.query(
            f"SELECT status, count(*) AS n FROM task WHERE {where} GROUP BY status ORDER BY status"
        )
        found: dict[str, Any] = {"total": sum(row["n"] for row in rows)}
        found |= {row["status"]: row["n"] for row in rows}
        if tasks.by:
            counts = [
                f"sum(CASE WHEN task.status = '{status}' THEN 1 ELSE 0 END) AS {status}"
                for status in STATUSES
            ]
            _, groups = tasks.aggregate(f"count(*) AS total, {', '.join(counts)}", where=where)
            found[f"by_{tasks.by}"] = {
                name: {k: n for k, n in groups[name].items() if n} for name in sorted(groups)
            }
        return found


class Flow:
    """How tasks flow: how many are completed, how long that takes, and what waits."""

    name = "flow"
    heeds = ("task.*",)

    def __init__(self, now: str) -> None:
        self._now = now

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Throughput, lead time, cycle time, work in progress, and the age of what is open.

        Lead time runs from creation to completion, cycle time from the first start; the period is
        that of the completion. Work in progress and ages are as of now, whatever the period.
        `p80` is what four of five tasks stay within. A clock that was set back makes no negative
        time: such a task counts as completed, but has no lead or cycle time.
        """
        hours, spread = tasks.dialect.hours_between, tasks.dialect.spread
        forward = "task.completed_at >= task.created_at"
        took = hours("task.created_at", "task.completed_at")
        lead = f"count(*) AS n, {spread(f'CASE WHEN {forward} THEN {took} END')} AS spread"
        starts = (
            "(SELECT task_id, min(at) AS at FROM event WHERE type = 'task.started'"
            " GROUP BY task_id) AS start JOIN task ON task.id = start.task_id"
        )
        cycle = f"{spread(hours('start.at', 'task.completed_at'))} AS spread"
        age = (
            f"sum(CASE WHEN task.status = 'in_progress' THEN 1 ELSE 0 END) AS working,"
            f" count(*) AS waiting, {spread(hours('task.created_at', f'{self._now!r}'))} AS spread"
        )
        parts: list[Part] = [
            (_led, tasks.aggregate(lead, where=_DONE, at="task.completed_at")),
            (
                _cycled,
                tasks.aggregate(
                    cycle,
                    tables=starts,
                    where=f"{_DONE} AND task.completed_at >= start.at",
                    at="task.completed_at",
                ),
            ),
            (_aged, tasks.aggregate(age, where=_OPEN)),
        ]
        found = _merged(parts, tasks.by, _same)
        groups = {name: found.pop(name) for name in [f"by_{tasks.by}"] if tasks.by}
        return {**found, "completed_per_week": self._per_week(tasks), **groups}

    def _per_week(self, tasks: TaskSet) -> dict[str, int]:
        """Completed tasks by the day on which a local week begins, from the first that has any."""
        spans = weeks(tasks.since, tasks.until or self._now, _WEEKS)
        found = counted(tasks, spans, "task.completed_at", _DONE)
        return dict(itertools.dropwhile(lambda each: not each[1], found.items()))

    def findings(self, figures: Mapping[str, Any]) -> Iterable[Insight]:
        """Whether more or less is done than before, and whether work lies about."""
        lead, age = figures["lead_time_hours"], figures["open_age_hours"]
        if lead and lead["p95"] > 24 and lead["p80"] >= 5 * lead["p50"] > 0:
            yield Insight(
                f"one task in five takes {_span(lead['p80'])} or longer to be completed",
                figures["completed"],
                {"p50_lead_time_hours": lead["p50"], "p80_lead_time_hours": lead["p80"]},
            )
        if lead and age and age["p50"] > max(2 * lead["p80"], 24):
            yield Insight(
                f"half of the open tasks have waited {_span(age['p50'])} or longer",
                figures["open"],
                {"p50_open_age_hours": age["p50"], "p80_lead_time_hours": lead["p80"]},
            )
        # The running week is not over, and so tells nothing.
        counts = list(figures.get("completed_per_week", {}).values())[-9:-1]
        if len(counts) == 8:
            before, after = sum(counts[:4]), sum(counts[4:])
            if before and abs(after - before) >= before / 4:
                verb = "rose" if after > before else "fell"
                yield Insight(
                    f"throughput {verb} by {abs(after - before) / before:.0%}"
                    " within the last four weeks",
                    before + after,
                    {"completed_before": before, "completed_after": after},
                )


def _span(hours: float) -> str:
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours"


def _led(row: Row) -> dict[str, Any]:
    spread = Spread.of(row.get("spread"))
    return {"completed": row.get("n") or 0, "lead_time_hours": _times(spread)}


def _cycled(row: Row) -> dict[str, Any]:
    return {"cycle_time_hours": _times(Spread.of(row.get("spread")))}


def _aged(row: Row) -> dict[str, Any]:
    return {
        "work_in_progress": row.get("working") or 0,
        "open": row.get("waiting") or 0,
        "open_age_hours": _times(Spread.of(row.get("spread"))),
    }


def _times(spread: Spread) -> dict[str, Any]:
    """Empty without any."""
    if not spread.size:
        return {}
    return {
        "tasks": spread.size,
        **spread.told(*_PERCENTS),
        "longest": round(spread.points[100], 3),
    }


class Success:
    """How completions hold: forced ones, reopened tasks, validations passed the first time."""

    name = "success"
    heeds = ("task.*",)

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Counts of tasks, and their shares, by when the tasks were completed or reopened.

        `validated` tasks are those whose criteria were checked when somebody completed them, or
        tried to, and that were completed in the end. Passed the first time (`first_pass`) have
        those of them that were completed at the first attempt, without force. `refused` counts
        attempts, also of tasks that are not completed yet.
        """
        # Few events are of these kinds: CROSS JOIN makes SQLite begin with them.
        events = "event CROSS JOIN task"
        same = "task.id = event.task_id"
        parts = [
            tasks.aggregate("count(*) AS completed", where=_DONE, at="task.completed_at"),
            tasks.aggregate(
                "count(*) AS cancelled", where="task.status = 'cancelled'", at="task.updated_at"
            ),
            tasks.aggregate(
                "count(DISTINCT event.task_id) AS forced",
                tables=events,
                where=f"{same} AND {_forced(tasks)} AND {_DONE}",
                at="task.completed_at",
            ),
            tasks.aggregate(
                "count(DISTINCT event.task_id) AS reopened,"
                f" count(DISTINCT CASE WHEN NOT ({_DONE}) THEN event.task_id END) AS still_open",
                tables=events,
                where=f"{same} AND {_reopened(tasks)} AND task.status <> 'deleted'",
                at="event.at",
            ),
            tasks.aggregate(
                "count(*) AS refused",
                tables=events,
                where=f"{same} AND {_REFUSED} AND task.status <> 'deleted'",
                at="event.at",
            ),
            self._validated(tasks),
            self._not_validated_in_the_end(tasks),
        ]
        return _merged([(_same, part) for part in parts], tasks.by, _rates)

    def _validated(self, tasks: TaskSet) -> Rows:
        tables = (
            "(SELECT task_id, min(seq) AS seq, min(at) AS at FROM event"
            f" WHERE {_VALIDATED} GROUP BY task_id) AS first CROSS JOIN task"
            f" LEFT JOIN (SELECT seq FROM event WHERE {_forced(tasks)}) AS forced"
            " ON forced.seq = first.seq"
            f" LEFT JOIN (SELECT task_id, min(seq) AS seq FROM event WHERE {_REFUSED}"
            " GROUP BY task_id) AS refused"
            " ON refused.task_id = first.task_id AND refused.seq < first.seq"
            " LEFT JOIN (SELECT task_id, max(seq) AS seq FROM event"
            f" WHERE {_reopened(tasks)} GROUP BY task_id) AS again"
            " ON again.task_id = first.task_id AND again.seq > first.seq"
        )
        passed = "forced.seq IS NULL AND refused.seq IS NULL"
        return tasks.aggregate(
            f"count(*) AS validated, sum(CASE WHEN {passed} THEN 1 ELSE 0 END) AS first_pass",
            tables=tables,
            # Neither completed nor reopened: the completion was undone.
            where="task.id = first.task_id AND task.status <> 'deleted'"
            f" AND ({_DONE} OR again.seq IS NOT NULL)",
            at="first.at",
        )

    def _not_validated_in_the_end(self, tasks: TaskSet) -> Rows:
        """Tasks that were refused, and then completed without asking for their criteria."""
        return tasks.aggregate(
            "count(DISTINCT event.task_id) AS evaded",
            tables="event CROSS JOIN task",
            where=f"task.id = event.task_id AND {_REFUSED} AND {_DONE} AND NOT EXISTS"
            " (SELECT 1 FROM event AS other WHERE other.task_id = event.task_id AND"
            f" {_VALIDATED.replace('event.', 'other.')})",
            at="task.completed_at",
        )

    def findings(self, figures: Mapping[str, Any]) -> Iterable[Insight]:
        """Rates at which something is wrong."""
        done = figures["completed"]
        for share, text, most in (
            ("forced_share", "{} of completed tasks were forced past a rule", 0.1),
            ("reopened_share", "{} of completed tasks were reopened", 0.1),
        ):
            value = figures[share]
            if value is not None and value >= most:
                yield Insight(text.format(f"{value:.0%}"), done, {share: value})
        rate = figures["first_pass_rate"]
        if rate is not None and rate < 0.8:
            yield Insight(
                f"only {rate:.0%} of validated tasks pass the first time",
                figures["validated"],
                {"first_pass_rate": rate, "first_pass": figures["first_pass"]},
            )


def _part(tasks: TaskSet, *path: str) -> str:
    """A part of an event's data; that of an imported one is one level deeper."""
    part = tasks.dialect.json_part
    return f"coalesce({part('event.data', *path)}, {part('event.data', 'imported', *path)})"


def _forced(tasks: TaskSet) -> str:
    """A completion that a rule was against. The text alone might be a part of something else."""
    likely = "event.type = 'task.completed' AND event.data LIKE '%\"forced\":%'"
    return f"{likely} AND {_part(tasks, 'forced')} IS NOT NULL"


def _reopened(tasks: TaskSet) -> str:
    """A completed task was taken up again; a cancelled one does not count."""
    return f"event.type = 'task.reopened' AND {_part(tasks, 'before', 'status')} = 'completed'"


def _rates(row: Row) -> dict[str, Any]:
    names = ("completed", "cancelled", "forced", "reopened", "refused", "validated", "first_pass")
    found = {name: row.get(name) or 0 for name in names}
    found["validated"] += row.get("evaded") or 0
    ever = found["completed"] + (row.get("still_open") or 0)
    return {
        **found,
        "completion_rate": _share(found["completed"], found["completed"] + found["cancelled"]),
        "forced_share": _share(found["forced"], found["completed"]),
        "reopened_share": _share(found["reopened"], ever),
        "first_pass_rate": _share(found["first_pass"], found["validated"]),
    }


def _share(part: int, whole: int) -> float | None:
    return round(min(part / whole, 1.0), 3) if whole else None


def _same(row: Row) -> Row:
    return row


def _merged(
    parts: Sequence[Part], by: str, shape: Callable[[Row], dict[str, Any]]
) -> dict[str, Any]:
    """Figures of several queries as one, of the whole and of each group that any of them has."""

    def merge(rows: Iterable[Row]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for (each, _), row in zip(parts, rows, strict=True):
            found |= each(row)
        return shape(found)

    whole = merge(rows for _, (rows, _) in parts)
    if by:
        names = sorted({name for _, (_, groups) in parts for name in groups})
        whole[f"by_{by}"] = {
            name: merge(groups.get(name, {}) for _, (_, groups) in parts) for name in names
        }
    return whole


class Adoption:
    """Which features are used: their fields on tasks, and their events in the log."""

    name = "adoption"

    def __init__(self, features: Mapping[str, Plugin]) -> None:
        self._features = features

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Features that are on and that leave something behind: fields on tasks, or events.

        Fields are counted on tasks that were created in the period, where they hold something that
        is not their default; events by when they happened.
        """
        events = self._events(tasks)
        columns = {
            field.name: (feature, field)
            for feature, manifest in self._features.items()
            for field in manifest.fields
            if field.stored
        }
        counts = [
            f'sum(CASE WHEN {_filled(field)} THEN 1 ELSE 0 END) AS "{name}"'
            for name, (_, field) in columns.items()
        ]
        whole, groups = tasks.aggregate(
            ", ".join(["count(*) AS total", *counts]),
            where="task.status <> 'deleted'",
            at="task.created_at",
        )
        found: dict[str, Any] = {"tasks": whole["total"]}
        for feature, manifest in self._features.items():
            fields = {
                name: whole[name] or 0 for name, (owner, _) in columns.items() if owner == feature
            }
            happened = events.get(feature, {})
            writes = any(action.writes for action in manifest.actions.values())
            if fields or happened or writes:
                found[feature] = {
                    "used": any(fields.values()) or bool(happened),
                    **({"fields": fields} if fields else {}),
                    **({"events": happened} if happened else {}),
                }
        if tasks.by:
            found[f"by_{tasks.by}"] = {
                name: {"tasks": row["total"], **{n: row[n] for n in columns if row[n]}}
                for name, row in sorted(groups.items())
            }
        return found

    def _events(self, tasks: TaskSet) -> dict[str, dict[str, int]]:
        """Feature -> type of event -> how many, by the tables that the newest of each wrote to."""
        rows = tasks.query(
            "SELECT type, count(*) AS n, max(seq) AS seq FROM event"
            f" WHERE type NOT LIKE 'task.%' AND {tasks.within('at')} GROUP BY type ORDER BY type"
        )
        if not rows:
            return {}
        marks = ", ".join("?" * len(rows))
        newest = tasks.query(
            f"SELECT type, data FROM event WHERE seq IN ({marks})", [row["seq"] for row in rows]
        )
        tables = {row["type"]: _table(json.loads(row["data"])) for row in newest}
        # The longest name first: tables of `a-b` begin as those of `a` do.
        names = sorted(self._features, key=len, reverse=True)
        found: dict[str, dict[str, int]] = {}
        for row in rows:
            table = tables.get(row["type"], "")
            owner = next((n for n in names if table.startswith(n.replace("-", "_") + "_")), "")
            if owner:
                found.setdefault(owner, {})[row["type"]] = row["n"]
        return found


def _filled(field: Field) -> str:
    column = f'task."{field.name}"'
    default = f" AND {column} <> '{field.default}'" if isinstance(field.default, str) else ""
    empty = f" AND {column} <> '[]'" if field.type in ("list", "json") else ""
    return f"{column} IS NOT NULL{default}{empty}"


def _table(data: Mapping[str, Any]) -> str:
    rows = data.get("rows") or data.get("imported", {}).get("rows") or [[""]]
    return str(rows[0][0])


@hookimpl
def metric_calculators(ctx: Context) -> Iterable[MetricCalculator]:
    """The kernel's tasks and its log, measured."""
    return [Tasks(), Flow(ctx.now), Success(), Adoption(ctx.features)]
