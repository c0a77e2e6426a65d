"""Asks the calculators, each on the same snapshot, and keeps the answer while nothing changes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
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

    def compute(tasks: SnapshotTasks) -> Figures:
        return calculate(chosen(ctx, names), tasks)

    found: Figures = kept(ctx, ["metrics", list(names), view], view, compute, fresh=fresh)
    return found


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
    compute: Callable[[SnapshotTasks], Any],
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
        compute: Finds the answer, as JSON, on a snapshot.
        fresh: Compute it in any case.
    """
    source = json.dumps([*question], ensure_ascii=False)
    path = cache_path(os.path.join(ctx.folder, "cache"), "metrics", source) if ctx.folder else ""
    state = [source, ctx.now[:13], sorted(ctx.features), dict(ctx.settings)]
    if path and not fresh:
        known = read_json(path)
        if isinstance(known, dict) and known.get("key") == [*state, _newest(ctx)]:
            return known.get("answer")
    with snapshot(ctx, since=view.since, until=view.until, by=view.by) as tasks:
        newest = _newest(ctx)
        answer = compute(tasks)
    if path and not _failed(answer):
        write_json_atomically(path, {"key": [*state, newest], "answer": answer})
    return answer


def _newest(ctx: Context) -> str:
    rows = ctx.query("SELECT id FROM event ORDER BY seq DESC LIMIT 1")
    return str(rows[0]["id"]) if rows else ""


def _failed(answer: Any) -> bool:
    """An error may be gone the next time, so it is not kept."""
    if not isinstance(answer, Mapping):
        return False
    return "error" in answer or any(_failed(each) for each in answer.values())
