"""What reaches standard output and standard error, for people and for programs."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from tm_core.command_line.output import Output
from tm_core.errors import TmError, ValidationError
from tm_core.language.when import instant_now
from tm_core.model import Task


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Pair(NamedTuple):
    output: Output
    out: io.StringIO
    err: io.StringIO


def piped(**options: Any) -> Pair:
    out, err = io.StringIO(), io.StringIO()
    return Pair(Output(out, err, **options), out, err)


def seen(columns: int = 80, **options: Any) -> Pair:
    out, err = Terminal(), Terminal()

    class Sized(Output):
        @property
        def width(self) -> int:
            return columns

    return Pair(Sized(out, err, **options), out, err)


class Point(NamedTuple):
    x: int
    y: float


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (Point(1, 2.5), {"x": 1, "y": 2.5}),
        ([Point(1, 2.0)], [{"x": 1, "y": 2.0}]),
        ({"points": (Point(1, 2.0), None)}, {"points": [{"x": 1, "y": 2.0}, None]}),
        (Task({"id": "a"}, {"reviews": [Point(1, 0.0)]}), None),
        ({"b", "a"}, ["a", "b"]),
        ((n for n in (1, 2)), [1, 2]),
        ({1: True}, {"1": True}),
        ("", ""),
        ([], []),
    ],
)
def test_results_have_a_json_shape(value: Any, shape: Any) -> None:
    output, out, _ = piped(as_json=True)
    output.result(value)
    expected = {"id": "a", "reviews": [{"x": 1, "y": 0.0}]} if shape is None else shape
    assert json.loads(out.getvalue()) == expected


def test_nothing_is_printed_for_nothing() -> None:
    for output, out, err in (piped(as_json=True), piped()):
        output.result(None)
        assert out.getvalue() == err.getvalue() == ""


@given(st.text())
def test_json_gives_every_text_back_and_drives_no_terminal(text: str) -> None:
    output, out, _ = piped(as_json=True)
    output.json({text: [text]})
    assert json.loads(out.getvalue()) == {text: [text]}
    hidden = [c for c in out.getvalue() if c != "\n" and (c < " " or "\x7f" <= c <= "\x9f")]
    assert hidden == []


def test_json_for_a_narrow_encoding() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    Output(stream, io.StringIO(), as_json=True).json("äß🎉\udcff")
    stream.flush()
    assert json.loads(raw.getvalue()) == "äß🎉\udcff"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb\x1b[31m", "a\nb\\x1b[31m\n"),
        (["a\nb", "c"], "a\\nb\nc\n"),
        ({"a": 1.0, "b": None, "c": True, "d": ["x", "y"]}, "a: 1\nc: yes\nd: x, y\n"),
        ([{"a": 1}, {"b": 2}], "1\t\n\t2\n"),
        ([Point(1, 2.0)], "1\t2\n"),
        (Point(1, 2.0), "x: 1\ny: 2\n"),
        (7, "7\n"),
        (False, "no\n"),
        ({"a": {"b": [1]}}, 'a: {"b": [1]}\n'),
    ],
)
def test_results_without_a_view_are_readable(value: Any, text: str) -> None:
    output, out, _ = piped()
    output.result(value)
    assert out.getvalue() == text


def test_sentences_go_to_stderr_unless_nobody_wants_them() -> None:
    for options, expected in (
        ({}, "Done\n"),
        ({"quiet": True}, ""),
        ({"as_json": True}, ""),
    ):
        output, out, err = piped(**options)
        output.say("Done")
        assert (out.getvalue(), err.getvalue()) == ("", expected)


def test_a_dry_run_says_so_once_and_first() -> None:
    output, _, err = piped()
    output.dry_run = True
    output.say("Task completed")
    output.say("Another")
    assert err.getvalue() == "Dry run: nothing was written\nTask completed\nAnother\n"


def test_an_error_is_one_line_or_one_object() -> None:
    error = ValidationError(
        "a\nb\x1b", "tm list", problems=[{"message": "one"}, {"message": "two"}]
    )
    output, out, err = piped(quiet=True)
    output.error(error)
    assert (out.getvalue(), err.getvalue()) == ("", "tm: a\\nb\\x1b (tm list)\n")
    output, out, err = piped(as_json=True)
    output.error(error)
    assert out.getvalue() == ""
    assert err.getvalue().count("\n") == 1
    assert json.loads(err.getvalue()) == {
        "error": {
            "code": "validation",
            "exit": 5,
            "message": "a\nb\x1b",
            "hint": "tm list",
            "problems": [{"message": "one"}, {"message": "two"}],
        }
    }


def test_a_warning_is_one_line_or_one_object() -> None:
    output, _, err = piped(quiet=True)
    output.warn("two\nlines")
    assert err.getvalue() == "tm: two\\nlines\n"
    output, _, err = piped(as_json=True)
    output.warn("two\nlines")
    assert json.loads(err.getvalue()) == {"warning": "two\\nlines"}


def test_a_stream_that_cannot_take_more_is_an_error_of_one_line() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(TmError, match="cannot be written: No space left"):
        Output(Full(), io.StringIO()).data("x")
    Output(io.StringIO(), Full()).say("x")  # there is nowhere to say so


def test_colour_follows_stream_wish_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    red = "\x1b[31mx\x1b[0m"
    assert seen().output.style("x", "red") == red
    assert piped().output.style("x", "red") == "x"
    assert seen(color="never").output.style("x", "red") == "x"
    assert piped(color="always").output.style("x", "red") == red
    monkeypatch.setenv("NO_COLOR", "1")
    assert seen().output.style("x", "red") == "x"
    assert seen(color="always").output.style("x", "red") == red


def test_an_instant_is_relative_for_a_person() -> None:
    now = instant_now()
    assert seen().output.when(now) == "now"
    assert piped().output.when(now)[:2] == "20"
    assert piped().output.when(None) == ""


texts = st.text(alphabet="aé漢🎉e\u0301\u200d\x1b\n ", max_size=60)


@given(
    rows=st.lists(st.tuples(st.text("abcdef0123456789", min_size=8, max_size=8), texts, texts)),
    columns=st.integers(30, 120),
)
def test_a_table_fits_the_terminal_and_keeps_the_first_column_whole(
    rows: list[tuple[str, str, str]], columns: int
) -> None:
    output, out, _ = seen(columns, color="never")
    output.table(["id", "title", "note"], rows)
    lines = out.getvalue().split("\n")[:-1]
    assert len(lines) == len(rows) + 1
    for line in lines:
        assert 0 <= wcswidth(line) <= columns
    for row, line in zip(rows, lines[1:], strict=True):
        assert line.startswith(row[0])


def test_a_table_in_a_pipe_is_tab_separated_and_whole() -> None:
    output, out, _ = piped()
    output.table(["a", "b"], [["x" * 500, "one\ttwo\n"], [None, 1.5]])
    assert out.getvalue() == "x" * 500 + "\tone\\ttwo\\n\n\t1.5\n"


def test_progress_is_for_a_person_only() -> None:
    output, _, err = seen()
    output.progress(1, 2)
    output.progress(2, 2)
    assert "1/2" in err.getvalue()
    assert err.getvalue().endswith("\r\x1b[K")
    for make in (piped, lambda: seen(as_json=True), lambda: seen(quiet=True)):
        call: Callable[[], Pair] = make
        output, _, err = call()
        output.progress(1, 2)
        assert err.getvalue() == ""


def test_a_number_that_json_does_not_have() -> None:
    output, out, _ = piped(as_json=True)
    output.json({"a": math.nan, "b": [math.inf]})
    assert json.loads(out.getvalue(), parse_constant=pytest.fail) == {"a": None, "b": [None]}
