"""The method, against a computation that walks every way through the network."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_critical_path.network import Cyclic, awaited_by, chains, how_many_chains, plan

pytestmark = pytest.mark.every_backend

Network = tuple[dict[str, int], list[tuple[str, str]]]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Up to seven tasks, each waiting for any earlier ones, in any order of the edges."""
    names = [f"t{number}" for number in range(draw(st.integers(0, 7)))]
    durations = {name: draw(st.integers(0, 4)) for name in draw(st.permutations(names))}
    pairs = [(late, early) for early, late in itertools.combinations(names, 2)]
    edges = [pair for pair in pairs if draw(st.booleans())]
    return durations, draw(st.permutations(edges))


def ways(durations: dict[str, int], edges: list[tuple[str, str]]) -> list[list[str]]:
    """Every way from a task that waits for nothing to one that nothing waits for."""
    before = {task: [b for a, b in edges if a == task] for task in durations}
    after = {task: [a for a, b in edges if b == task] for task in durations}

    def onward(path: list[str]) -> list[list[str]]:
        nexts = after[path[-1]]
        return [way for each in nexts for way in onward([*path, each])] if nexts else [path]

    return [way for task in durations if not before[task] for way in onward([task])]


@given(networks())
def test_times_are_those_of_the_longest_ways(network: Network) -> None:
    durations, edges = network
    found = plan(durations, edges)
    all_ways = ways(durations, edges)
    lengths = [sum(durations[task] for task in way) for way in all_ways]
    assert found.length == max(lengths, default=0)
    for task, span in found.spans.items():
        through = [way for way in all_ways if task in way]
        until = max(sum(durations[t] for t in way[: way.index(task)]) for way in through)
        onward = max(sum(durations[t] for t in way[way.index(task) :]) for way in through)
        assert span.early_start == until
        assert span.early_finish == until + durations[task]
        assert span.late_start == found.length - onward
        assert span.late_finish == span.late_start + durations[task]
        longest = max(sum(durations[t] for t in way) for way in through)
        assert span.slack == found.length - longest


@given(networks())
def test_critical_chains_are_the_ways_that_take_the_whole_time(network: Network) -> None:
    durations, edges = network
    found = plan(durations, edges)
    longest = [
        way
        for way in ways(durations, edges)
        if sum(durations[task] for task in way) == found.length
    ]
    assert sorted(chains(found)) == sorted(longest)
    assert how_many_chains(found) == len(longest)


def test_every_task_comes_after_what_it_waits_for() -> None:
    found = plan({"c": 1, "b": 1, "a": 1}, [("c", "b"), ("b", "a"), ("c", "a")])
    assert list(found.spans) == ["a", "b", "c"]


def test_edges_to_unknown_tasks_do_not_count() -> None:
    found = plan({"a": 3}, [("a", "gone"), ("gone", "a")])
    assert (found.length, found.before, found.after) == (3, {"a": []}, {"a": []})


def test_a_circle_is_told_and_does_not_hang() -> None:
    with pytest.raises(Cyclic) as caught:
        plan({"a": 1, "b": 1, "c": 1}, [("a", "b"), ("b", "a"), ("c", "a")])
    assert caught.value.path[0] == caught.value.path[-1]
    assert set(caught.value.path) == {"a", "b"}


def test_what_a_task_waits_for_is_found_through_circles_too() -> None:
    assert awaited_by("a", {"a": ["b"], "b": ["c", "a"], "x": ["a"]}) == {"a", "b", "c"}


def test_more_chains_than_anybody_could_list_are_counted() -> None:
    """Two tasks side by side, forty times in a row: 2 ** 40 chains."""
    durations = {f"{n}{side}": 1 for n in range(40) for side in "ab"}
    edges = [(f"{n + 1}{x}", f"{n}{y}") for n in range(39) for x in "ab" for y in "ab"]
    found = plan(durations, edges)
    assert how_many_chains(found) == 2**40
    assert len(next(chains(found))) == 40


def test_a_long_chain_needs_no_recursion() -> None:
    durations = {f"t{n}": 1 for n in range(20_000)}
    found = plan(durations, [(f"t{n + 1}", f"t{n}") for n in range(19_999)])
    assert found.length == 20_000
    assert [len(chain) for chain in chains(found)] == [20_000]
    assert how_many_chains(found) == 1
