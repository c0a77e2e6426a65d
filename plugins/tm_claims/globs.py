"""Whether two patterns of paths have a path in common.

`?` is any character but a slash, `*` any number of those, `[abc]` and `[!a-z]` one of a set or none
of it, `**` anything, `**/` any number of folders, none included. A pattern also stands for all that
is below what it names, so that `src` covers `src/main.py`.

Both patterns are read as automata, whose product is searched for a state in which both are through;
it has at most as many states as the product of their lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class _Step(NamedTuple):
    """One element of a pattern: which characters it takes, how often, and what may be skipped."""

    characters: frozenset[str]
    negated: bool
    """All characters but these."""
    repeats: bool = False
    skips: int = 0
    """From here one may go on so many elements later without any character."""


_ANYTHING = _Step(frozenset(), negated=True, repeats=True, skips=1)
_MANY = _Step(frozenset("/"), negated=True, repeats=True, skips=1)
_ONE = _Step(frozenset("/"), negated=True)
_BELOW = (_Step(frozenset("/"), negated=False), _ANYTHING)


def overlap(one: str, other: str) -> bool:
    """Whether a path can match both patterns, or lie below what the other names."""
    a, b = _steps(one), _steps(other)
    return _meet(a, b) or _meet([*a, *_BELOW], b) or _meet(a, [*b, *_BELOW])


def _steps(pattern: str) -> list[_Step]:
    if pattern.endswith("/"):
        pattern += "**"
    steps: list[_Step] = []
    place = 0
    while place < len(pattern):
        rest = pattern[place:]
        if rest.startswith("**/") and (place == 0 or pattern[place - 1] == "/"):
            steps += [_Step(frozenset(), negated=False, skips=3), _ANYTHING, _literal("/")]
            place += 3
        elif rest.startswith("**"):
            steps.append(_ANYTHING)
            place += 2
        elif rest[0] == "*":
            steps.append(_MANY)
            place += 1
        elif rest[0] == "?":
            steps.append(_ONE)
            place += 1
        elif rest[0] == "[" and (end := rest.find("]", 2)) > 0:
            steps.append(_set(rest[1:end]))
            place += end + 1
        else:
            steps.append(_literal(rest[0]))
            place += 1
    return steps


def _literal(character: str) -> _Step:
    return _Step(frozenset(character), negated=False)


def _set(inside: str) -> _Step:
    negated = inside[0] in "!^"
    inside = inside[1:] if negated else inside
    found: set[str] = set()
    place = 0
    while place < len(inside):
        if inside[place + 1 : place + 2] == "-" and place + 2 < len(inside):
            first, last = ord(inside[place]), ord(inside[place + 2])
            found.update(map(chr, range(first, min(last, first + 0xFFFF) + 1)))
            place += 3
        else:
            found.add(inside[place])
            place += 1
    return _Step(frozenset(found | {"/"}) if negated else frozenset(found - {"/"}), negated)


def _shares(one: _Step, other: _Step) -> bool:
    """Whether a character is taken by both; there are more characters than any set names."""
    if one.negated and other.negated:
        return True
    if one.negated:
        return not other.characters <= one.characters
    if other.negated:
        return not one.characters <= other.characters
    return not one.characters.isdisjoint(other.characters)


def _meet(a: list[_Step], b: list[_Step]) -> bool:
    """Search the product of both automata, depth first."""
    goal = (len(a), len(b))
    seen = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        here = waiting.pop()
        if here == goal:
            return True
        for there in _onward(a, b, *here):
            if there not in seen:
                seen.add(there)
                waiting.append(there)
    return False


def _onward(a: list[_Step], b: list[_Step], i: int, j: int) -> Iterator[tuple[int, int]]:
    one = a[i] if i < len(a) else None
    other = b[j] if j < len(b) else None
    # `**/` begins with an element that takes nothing: one goes into it, or past it.
    if one is not None and one.skips:
        yield i + one.skips, j
        if one.skips > 1:
            yield i + 1, j
    if other is not None and other.skips:
        yield i, j + other.skips
        if other.skips > 1:
            yield i, j + 1
    if one is not None and other is not None and _shares(one, other):
        # One that repeats stays; that it may also go on is its skip.
        yield i + (not one.repeats), j + (not other.repeats)
