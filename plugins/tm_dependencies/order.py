"""In which order ready work comes, and how its first page is found without looking at the rest.

By priority; then the nearer deadline first, and those without one last; then what unblocks more;
then the older. Of each priority come three kinds, one after the other, and each out of an index in
its order: those with a deadline, those that others wait for, and all the others. A kind is only
asked when those before it do not fill the page, so that few rows of an earlier kind are skipped.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Any

from tm_core.api import Availability, Context, Record, Row

from . import weights

_LAST = "~"
"""Behind every instant."""


class Ranked(Record):
    """A task that can be started, with what decides where it comes."""

    rank: int
    deadline: str
    """An instant, or `~`."""
    lighter: int
    """The number of tasks that wait for it, negative."""
    created_at: str
    id: str
    forgotten: bool
    """In progress, but free to be taken over."""


class Ready:
    """The tasks that can be started and match a condition, in their order."""

    def __init__(self, ctx: Context, condition: str, parameters: Sequence[Any], wanted: int):
        self._ctx = ctx
        self._parameters = list(parameters)
        self._wanted = wanted
        self._has_deadlines = "deadline" in ctx.fields
        rules: list[Availability] = ctx.collect("task_availability")
        self._freed = [rule.freed for rule in rules if rule.freed]
        self._freed_parameters = [
            value for rule in rules if rule.freed for value in rule.freed_parameters
        ]
        held_parameters = [value for rule in rules if rule.held for value in rule.held_parameters]
        self._pending_parameters = [*parameters, *held_parameters]
        held = "".join(f" AND NOT ({rule.held})" for rule in rules if rule.held)
        self._condition = condition
        # The literal status lets the engine use the index of pending tasks.
        self._pending = f"task.status = 'pending' AND {condition}{held}"
        self._priorities = ctx.field_choices("priority")[::-1]

    def first(self) -> list[Ranked]:
        """As many as are wanted; all if that is 0."""
        found: list[Ranked] = []
        for task in heapq.merge(self._pending_ones(), self._forgotten()):
            found.append(task)
            if len(found) == self._wanted:
                break
        return found

    def _limit(self, found: int = 0) -> str:
        return f" LIMIT {self._wanted - found}" if self._wanted else ""

    def _pending_ones(self) -> Iterator[Ranked]:
        found = 0
        for rank, priority in enumerate(self._priorities):
            for kind in (self._urgent, self._heavy, self._others):
                if self._wanted and found >= self._wanted:
                    return
                for row in kind(_literal(priority), self._limit(found)):
                    found += 1
                    yield _ranked(rank, row)

    def _urgent(self, priority: str, limit: str) -> list[Row]:
        """Those with a deadline."""
        if not self._has_deadlines:
            return []
        return self._ctx.query(
            "SELECT task.id, task.deadline, task.created_at,"
            " coalesce(weight.unblocks, 0) AS unblocks FROM task LEFT JOIN"
            " dependencies_weight AS weight ON weight.task_id = task.id"
            f" WHERE {self._pending} AND task.priority = {priority} AND task.deadline IS NOT NULL"
            " ORDER BY task.deadline, coalesce(weight.unblocks, 0) DESC, task.created_at, task.id"
            f"{limit}",
            self._pending_parameters,
        )

    def _heavy(self, priority: str, limit: str) -> list[Row]:
        """Those that others wait for."""
        return self._ctx.query(
            "SELECT task.id, NULL AS deadline, weight.created_at, weight.unblocks"
            " FROM dependencies_weight AS weight CROSS JOIN task"
            f" WHERE {self._pending} AND weight.priority = {priority} AND task.id = weight.task_id"
            f" AND task.priority = weight.priority{self._no_deadline}"
            f" ORDER BY weight.unblocks DESC, weight.created_at, weight.task_id{limit}",
            self._pending_parameters,
        )

    def _others(self, priority: str, limit: str) -> list[Row]:
        return self._ctx.query(
            "SELECT task.id, NULL AS deadline, task.created_at, 0 AS unblocks FROM task"
            f" WHERE {self._pending} AND task.priority = {priority}{self._no_deadline}"
            " AND NOT EXISTS (SELECT 1 FROM dependencies_weight AS weight"
            " WHERE weight.task_id = task.id"
            " AND weight.priority = task.priority)"
            f" ORDER BY task.created_at, task.id{limit}",
            self._pending_parameters,
        )

    @property
    def _no_deadline(self) -> str:
        return " AND task.deadline IS NULL" if self._has_deadlines else ""

    def _forgotten(self) -> list[Ranked]:
        """Those in progress that may be taken over: few, so that they are sorted here."""
        if not self._freed:
            return []
        deadline = "task.deadline" if self._has_deadlines else "NULL"
        rows = self._ctx.query(
            f"WITH freed(id) AS ({' UNION '.join(self._freed)})"
            f" SELECT task.id, task.priority, {deadline} AS deadline, task.created_at"
            " FROM freed CROSS JOIN task"
            f" WHERE task.id = freed.id AND task.status = 'in_progress' AND {self._condition}",
            [*self._freed_parameters, *self._parameters],
        )
        ranks = {priority: rank for rank, priority in enumerate(self._priorities)}
        sketch = sorted(
            (
                _ranked(ranks.get(row["priority"], len(ranks)), {**row, "unblocks": 0}, True)
                for row in rows
            ),
        )
        some = sketch[: self._wanted] if self._wanted else sketch
        return sorted(one._replace(lighter=-weights.count(self._ctx, one.id)) for one in some)


def _literal(choice: str) -> str:
    """One of few known words, as part of the text.

    An engine that plans a text once for all values would take them to be equally frequent, and
    read all pending tasks to find that none is critical.
    """
    return "'" + choice.replace("'", "''") + "'"


def _ranked(rank: int, row: Row, forgotten: bool = False) -> Ranked:
    return Ranked(
        rank,
        row["deadline"] or _LAST,
        -int(row["unblocks"]),
        row["created_at"],
        row["id"],
        forgotten,
    )


def decided_by(one: Ranked, other: Ranked) -> str:
    """What brings the one before the other."""
    if one.rank != other.rank:
        return "priority"
    if one.deadline != other.deadline:
        return "deadline"
    return "what waits for it" if one.lighter != other.lighter else "age"
