"""The critical path method: J. E. Kelley and M. R. Walker, "Critical-Path Planning and Scheduling",
Proceedings of the Eastern Joint Computer Conference, 1959, pages 160-173.

A forward pass over the network gives the earliest times, a backward pass the latest; what has no
slack between them is critical. Both look at each edge once. Durations are whole numbers of a unit
that the caller chooses, so that sums are exact and a slack of nothing is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple


class Cyclic(Exception):
    """The tasks wait for each other in a circle: `path` is one, its last node the first again."""

    def __init__(self, path: list[str]) -> None:
        super().__init__(" -> ".join(path))
        self.path = path


class Span(NamedTuple):
    """When a task may begin and end, counted from the start of the whole."""

    early_start: int
    early_finish: int
    late_start: int
    late_finish: int

    @property
    def slack(self) -> int:
        """How much later it may be without delaying the end of the whole (its total float)."""
        return self.late_start - self.early_start


class Plan(NamedTuple):
    """The times of a network."""

    length: int
    """How long the whole takes when as much as possible is done side by side."""
    spans: dict[str, Span]
    """By task, each after all that it waits for."""
    before: dict[str, list[str]]
    """What each task waits for."""
    after: dict[str, list[str]]
    """What waits for each task."""


def plan(durations: Mapping[str, int], edges: Iterable[tuple[str, str]]) -> Plan:
    """The earliest and latest times of every task.

    Args:
        durations: How long each task takes.
        edges: Pairs of a task and one that it waits for; pairs with an unknown task do not count.

    Raises:
        Cyclic: There is no order in which the tasks could be done.
    """
    before: dict[str, list[str]] = {task: [] for task in durations}
    after: dict[str, list[str]] = {task: [] for task in durations}
    for task, awaited in edges:
        if task in before and awaited in before:
            before[task].append(awaited)
            after[awaited].append(task)
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        raise Cyclic(error.args[1]) from None
    early: dict[str, int] = {}
    for task in order:
        early[task] = max((early[each] + durations[each] for each in before[task]), default=0)
    length = max((start + durations[task] for task, start in early.items()), default=0)
    late: dict[str, int] = {}
    for task in reversed(order):
        late[task] = min((late[each] for each in after[task]), default=length) - durations[task]
    spans = {
        task: Span(
            early[task],
            early[task] + durations[task],
            late[task],
            late[task] + durations[task],
        )
        for task in order
    }
    return Plan(length, spans, before, after)


def chains(found: Plan) -> Iterator[list[str]]:
    """The critical chains, one at a time: each a way through the network that takes all its length.

    Every step leads on to an end, so that each chain costs no more than its own length.
    """

    def following(task: str) -> Iterator[str]:
        end = found.spans[task].early_finish
        return (
            each
            for each in found.after[task]
            if not found.spans[each].slack and found.spans[each].early_start == end
        )

    starts = (t for t, span in found.spans.items() if not span.slack and not found.before[t])
    for start in starts:
        path, ways = [start], [following(start)]
        while ways:
            step = next(ways[-1], None)
            if step is not None:
                path.append(step)
                ways.append(following(step))
                continue
            if not found.after[path[-1]]:
                yield list(path)
            path.pop()
            ways.pop()


def how_many_chains(found: Plan) -> int:
    """How many critical chains there are; of a wide network, more than anybody could list."""
    ways: dict[str, int] = {}
    for task in reversed(found.spans):
        span = found.spans[task]
        if span.slack:
            continue
        ways[task] = sum(
            ways[each]
            for each in found.after[task]
            if each in ways and found.spans[each].early_start == span.early_finish
        ) or (not found.after[task])
    return sum(number for task, number in ways.items() if not found.before[task])


def awaited_by(root: str, before: Mapping[str, Iterable[str]]) -> set[str]:
    """A task and all that it waits for, at any distance."""
    found, waiting = {root}, [root]
    while waiting:
        new = [each for each in before.get(waiting.pop(), ()) if each not in found]
        found.update(new)
        waiting.extend(new)
    return found
