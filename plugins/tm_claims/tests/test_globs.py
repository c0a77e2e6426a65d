"""Overlap of patterns, compared with what matching names one by one says."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_claims.globs import overlap

pytestmark = pytest.mark.every_backend


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a.py", "a.py", True),
        ("a.py", "b.py", False),
        ("src", "src/a/b.py", True),
        ("src/", "src/a.py", True),
        ("src/", "srcs/a.py", False),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/a/b.py", False),
        ("src/**/*.py", "src/b.py", True),
        ("src/**/*.py", "src/a/c/b.py", True),
        ("**/*.md", "docs/*", True),
        ("*.md", "docs/x.md", False),
        ("a*c", "*b*", True),
        ("a*c", "b*", False),
        ("[a-c]x", "[c-d]?", True),
        ("[a-c]x", "[!a-c]?", False),
        ("[!a]", "[!b]", True),
        ("?", "a", True),
        ("?", "ab", False),
        ("a[", "a[", True),
        ("**", "any/thing", True),
        ("x/**", "y/**", False),
    ],
)
def test_patterns(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected


def expression(pattern: str) -> re.Pattern[str]:
    """The same language, said by another means."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    words = re.split(r"((?:^|(?<=/))\*\*/|\*\*|\*|\?)", pattern)
    body = "".join(parts.get(word, re.escape(word)) for word in words)
    return re.compile(f"(?:{body})(?:/.*)?")


NAMES = ["".join(letters) for n in range(6) for letters in itertools.product("ab/", repeat=n)]
PATTERNS = st.lists(st.sampled_from(["a", "b", "/", "*", "?", "**/"]), min_size=1, max_size=4)


@given(PATTERNS, PATTERNS)
def test_a_name_that_both_match_is_an_overlap(one: list[str], other: list[str]) -> None:
    a, b = "".join(one), "".join(other)
    if a.endswith("/") or b.endswith("/"):  # then what is below is meant, not the name itself
        return
    first, second = expression(a), expression(b)
    if any(first.fullmatch(name) and second.fullmatch(name) for name in NAMES):
        assert overlap(a, b)


@given(PATTERNS)
def test_a_pattern_overlaps_itself(one: list[str]) -> None:
    assert overlap("".join(one), "".join(one))
