"""Edits of a configuration file: what changes, and above all what does not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tm_core.configuration.config import read_config
from tm_core.configuration.editing import (
    HEADER,
    set_feature,
    set_value,
    unset_value,
)
from tm_core.errors import ConfigError

COMMENTED = """\
# The team's settings.
actor: 'ada'   # quoted, as she likes it

# how long
deadlines:
    warn_before_hours: 12  # half a day
    style: "short"

    # what follows is about plugins
plugins:
    enable:
      # the first
      - feedback   # we like it
      - deadlines
    # not these
    disable: [telemetry,   time-tracking]
# the end
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(COMMENTED)
    return path


def lines_changed(path: Path) -> tuple[list[str], list[str]]:
    """Lines that went, and lines that came."""
    old, new = COMMENTED.splitlines(), path.read_text().splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


@pytest.mark.parametrize(
    ("key", "value", "gone", "come"),
    [
        ("actor", "bob", ["actor: 'ada'   # quoted, as she likes it"], None),
        ("deadlines.style", "long", ['    style: "short"'], ["    style: long"]),
        ("deadlines.loud", True, [], ["    loud: true"]),
        ("list.limit", 7, [], ["list:", "  limit: 7"]),
        ("minimal_mode", False, [], ["minimal_mode: false"]),
        ("plugins.only", ["a", "yes"], [], ['    only: [a, "yes"]']),
    ],
)
def test_a_value_is_set_and_nothing_else(
    path: Path, key: str, value: Any, gone: list[str], come: list[str] | None
) -> None:
    assert set_value(str(path), key, value)
    assert come is None or lines_changed(path) == (gone, come)
    assert not set_value(str(path), key, value)
    section, _, name = key.partition(".")
    values = read_config(str(path))
    assert (values[section][name] if name else values[section]) == value


def test_a_comment_after_a_value_stays(path: Path) -> None:
    set_value(str(path), "actor", "bob")
    set_value(str(path), "deadlines.warn_before_hours", 24)
    assert "actor: bob   # quoted, as she likes it\n" in path.read_text()
    assert "    warn_before_hours: 24  # half a day\n" in path.read_text()


def test_unsetting_takes_the_key_and_leaves_the_comments(path: Path) -> None:
    assert unset_value(str(path), "deadlines.style")
    assert lines_changed(path) == (['    style: "short"'], [])
    assert unset_value(str(path), "deadlines.warn_before_hours")
    assert "deadlines" not in read_config(str(path))
    for comment in ("# how long", "# what follows is about plugins", "# the end"):
        assert comment in path.read_text()
    assert not unset_value(str(path), "deadlines.style")
    assert not unset_value(str(path), "actor.x")


def test_a_feature_is_turned_on_and_off(path: Path) -> None:
    assert set_feature(str(path), "telemetry", True)
    assert lines_changed(path) == (
        ["    disable: [telemetry,   time-tracking]"],
        ["      - telemetry", "    disable: [time-tracking]"],
    )
    assert set_feature(str(path), "feedback", False)
    assert read_config(str(path))["plugins"] == {
        "enable": ["deadlines", "telemetry"],
        "disable": ["time-tracking", "feedback"],
    }
    assert "# the first" in path.read_text()
    assert not set_feature(str(path), "feedback", False)
    for name in ("deadlines", "telemetry"):
        set_feature(str(path), name, False)
    assert "enable" not in read_config(str(path))["plugins"]


def test_an_entry_of_the_older_tool_follows(path: Path) -> None:
    path.write_text(json.dumps({"features": {"feedback": True, "deadlines": True}}, indent=2))
    set_feature(str(path), "feedback", False)
    assert json.loads(path.read_text()) == {
        "features": {"feedback": False, "deadlines": True},
        "plugins": {"disable": ["feedback"]},
    }


def test_a_missing_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.yaml"
    assert not unset_value(str(path), "actor")
    assert set_value(str(path), "list.limit", 3, dry_run=True)
    assert not path.exists()
    set_value(str(path), "list.limit", 3)
    assert path.read_text() == HEADER + "list:\n  limit: 3\n"


@pytest.mark.parametrize("text", ["a: [", "- a", "a: 1\na: 2", "actor: 3", "actor: \x01"])
def test_a_file_that_cannot_be_edited_is_left_alone(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        set_value(str(path), "actor.name", "x")
    assert str(path) in caught.value.message
    assert path.read_text() == text


def test_only_a_key_can_be_set(path: Path) -> None:
    for key in ("", ".", "a.", ".a"):
        with pytest.raises(ConfigError, match="not a key"):
            set_value(str(path), key, 1)
    with pytest.raises(ConfigError, match="cannot be edited safely"):
        set_value(str(path), "list.limit", float("inf"))
    assert path.read_text() == COMMENTED


def test_line_ends_links_and_permissions_are_kept(path: Path) -> None:
    path.write_bytes(b"a:\r\n  b: 1\r\n# end\r\n")
    path.chmod(0o640)
    link = path.with_name("link.yaml")
    link.symlink_to(path)
    set_value(str(link), "a.c", 2)
    assert path.read_bytes() == b"a:\r\n  b: 1\r\n  c: 2\r\n# end\r\n"
    assert link.is_symlink()
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["config.yaml", "link.yaml"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:\n", "a:\n  b: 1\n"),
        ("a:", "a:\n  b: 1\n"),
        ("a: ~ # c\n", "a: # c\n  b: 1\n"),
        ("a: {}\n", "a: {b: 1}\n"),
        ("a: {c: 2} # c\n", "a: {c: 2, b: 1} # c\n"),
        ("a:\n  b: |\n    x\n\nc: 2\n", "a:\n  b: 1\nc: 2\n"),
        ("a:\n  b:\n  - 1\n  - 2\n# c\n", "a:\n  b: 1\n# c\n"),
        ("a:\n  c: >\n    x\n# c\nd: 1\n", "a:\n  c: >\n    x\n  b: 1\n# c\nd: 1\n"),
        ("a:\n  b:   # c\nd: 1\n", "a:\n  b: 1   # c\nd: 1\n"),
        ("---\n# c\n", "---\n# c\na:\n  b: 1\n"),
    ],
)
def test_setting_in_every_shape_of_section(path: Path, before: str, after: str) -> None:
    path.write_text(before)
    set_value(str(path), "a.b", 1)
    assert path.read_text() == after


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=3)
KEYS = st.sampled_from(
    ["actor", "new", "deadlines.style", "deadlines.new", "plugins.enable", "fresh.key", "a.b.c"]
)


@given(st.lists(st.tuples(KEYS, VALUES | st.just(...)), max_size=6), st.booleans())
@example([("actor", "12:30"), ("new", "yes"), ("a.b.c", 1e20), ("fresh.key", "\x85\u2028")], False)
def test_edits_mean_what_they_say_and_keep_every_comment(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[str, Any]], as_json: bool
) -> None:
    path = tmp_path_factory.mktemp("edit") / "config.yaml"
    text = json.dumps({"actor": "ada", "deadlines": {"x": 1e20}}) if as_json else COMMENTED
    path.write_text(text)
    expected = read_config(str(path))
    for key, value in edits:
        *sections, name = key.split(".")
        if value is ...:
            unset_value(str(path), key)
            prune(expected, sections, name)
            continue
        set_value(str(path), key, value)
        place = expected
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
        assert drop_empty(read_config(str(path))) == drop_empty(expected)
    assert drop_empty(read_config(str(path))) == drop_empty(expected)
    if not as_json:
        # The comments inside a value go with the value; all others stay.
        inside = ("# the first", "# we like it", "# quoted", "# half a day")
        for line in COMMENTED.splitlines():
            _, mark, comment = line.partition("# ")
            if mark and not f"# {comment}".startswith(inside):
                assert f"# {comment}" in path.read_text()


def prune(values: dict[str, Any], sections: list[str], name: str) -> None:
    """Remove a key, and the sections that this leaves empty."""
    if not sections:
        values.pop(name, None)
    elif isinstance(values.get(sections[0]), dict):
        prune(values[sections[0]], [*sections[1:]], name)
        if not values[sections[0]]:
            del values[sections[0]]


def drop_empty(value: Any) -> Any:
    """Without null and without sections that hold nothing else: they set nothing."""
    if not isinstance(value, dict):
        return value
    return {
        key: left for key, item in value.items() if (left := drop_empty(item)) not in ({}, None)
    }
