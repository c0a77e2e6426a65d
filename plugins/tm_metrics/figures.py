"""Asks the calculators, each on the same snapshot, and keeps the answer while nothing changes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from tm_core.api import (
    Context,
    MetricCalculator,
    NotFound,
    cache_path,
    read_json,
    write_json_atomically,
)

from .task_set import SnapshotTasks, snapshot

Figures = dict[str, dict[str, Any]]
"""By calculator."""


class View(NamedTuple):
    """Which part of the work figures are wanted of."""

    since: str = ""
    until: str = ""
    by: str = ""


def measure(
    ctx: Context, names: Sequence[str], view: View, *, fresh: bool = False
) -> dict[str, dict[str, Any]]:
    """The figures of the named calculators, or of all.

    Raises:
        NotFound: No enabled feature measures that.
    """

    def compute(tasks: SnapshotTasks, past: Past) -> Figures:
        calculators = chosen(ctx, names)
        same = {
            name: past.answer[name]
            for name in (str(each.name) for each in calculators if not _moved(each, past, view))
            if name in past.answer
        }
        anew = calculate((each for each in calculators if str(each.name) not in same), tasks)
        return {name: (same | anew)[name] for name in map(str, (c.name for c in calculators))}

    found: Figures = kept(ctx, ["metrics", list(names), view], view, compute, fresh=fresh)
    return found


class Past(NamedTuple):
    """An answer that held until something happened."""

    answer: Figures
    types: frozenset[str]
    """The types of the events that happened since."""


_NOTHING = Past({}, frozenset())
_REWRITTEN = frozenset({"task.undone", "task.imported", "task.purged", "log.archived"})
"""Types of event that may change any figure, whatever a calculator heeds."""


def _moved(calculator: MetricCalculator, past: Past, view: View) -> bool:
    """Whether events may have changed a calculator's figures.

    Only one that says which types it heeds is trusted to know; in groups, also the values that
    tasks are grouped by may have changed.
    """
    heeds = getattr(calculator, "heeds", None)
    if heeds is None or not _REWRITTEN.isdisjoint(past.types):
        return True
    patterns = (*heeds, "task.*") if view.by else tuple(heeds)
    return any(fnmatchcase(kind, pattern) for kind in past.types for pattern in patterns)


def chosen(ctx: Context, names: Sequence[str] = ()) -> list[MetricCalculator]:
    """The calculators of these names, or all. Raises NotFound."""
    calculators = {str(each.name): each for each in ctx.collect("metric_calculators")}
    for name in names:
        if name not in calculators:
            raise NotFound(f"nothing measures '{name}'", f"known: {', '.join(sorted(calculators))}")
    return [calculators[name] for name in names or calculators]


def calculate(calculators: Iterable[MetricCalculator], tasks: SnapshotTasks) -> Figures:
    """What each calculator finds."""
    found: Figures = {}
    for each in calculators:
        try:
            found[str(each.name)] = dict(each.calculate(tasks))
        except Exception as error:  # a calculator is anybody's code; its row tells
            found[str(each.name)] = {"error": f"{type(error).__name__}: {error}"}
    return found


def kept(
    ctx: Context,
    question: Sequence[Any],
    view: View,
    compute: Callable[[SnapshotTasks, Past], Any],
    *,
    fresh: bool = False,
) -> Any:
    """The answer to a question, from the cache while it holds.

    It holds until the next event, the next full hour (ages grow, periods move), or a change of
    what is on and how it is set. The newest event's id is unique everywhere, so that no other store
    in the same folder is taken for this one.

    Args:
        ctx: The plugin's context.
        question: What is asked, as JSON; the same question finds the same answer.
        view: What part of the work is looked at.
        compute: Finds the answer, as JSON, on a snapshot, from one that was kept if it can.
        fresh: Compute it in any case.
    """
    source = json.dumps([*question], ensure_ascii=False)
    path = cache_path(os.path.join(ctx.folder, "cache"), "metrics", source) if ctx.folder else ""
    state = [source, ctx.now[:13], sorted(ctx.features), dict(ctx.settings)]
    known = read_json(path) if path and not fresh else None
    if not isinstance(known, dict) or known.get("key") != state:
        known = None
    if known is not None and known.get("newest") == _newest(ctx):
        return known.get("answer")
    with snapshot(ctx, since=view.since, until=view.until, by=view.by) as tasks:
        newest = _newest(ctx)
        answer = compute(tasks, _past(ctx, known))
    if path and not _failed(answer):
        write_json_atomically(path, {"key": state, "newest": newest, "answer": answer})
    return answer


def _newest(ctx: Context) -> list[Any]:
    rows = ctx.query("SELECT seq, id FROM event ORDER BY seq DESC LIMIT 1")
    return [rows[0]["seq"], rows[0]["id"]] if rows else []


def _past(ctx: Context, known: Mapping[str, Any] | None) -> Past:
    """What was kept, if it is of this very log."""
    newest, answer = (known or {}).get("newest"), (known or {}).get("answer")
    if not newest or not isinstance(answer, dict):
        return _NOTHING
    if not ctx.query("SELECT seq FROM event WHERE seq = ? AND id = ?", newest):
        return _NOTHING
    rows = ctx.query("SELECT DISTINCT type FROM event WHERE seq > ?", newest[:1])
    return Past(answer, frozenset(row["type"] for row in rows))


def _failed(answer: Any) -> bool:
    """An error may be gone the next time, so it is not kept."""
    if not isinstance(answer, Mapping):
        return False
    return "error" in answer or any(_failed(each) for each in answer.values())
