"""Reads the records of a file one at a time, and says of a wrong one in which line it stands."""

from __future__ import annotations

import codecs
import csv
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, NamedTuple, NoReturn

from tm_core.api import UsageError, ValidationError

LONGEST = 64 * 1024 * 1024
"""Characters of one record: a task with a long history is long, a file without line ends is not."""
_CHUNK = 1 << 18
_SPACE = " \t\r\n"


class Loss(NamedTuple):
    """Something of a record that is not carried over as it was."""

    what: str
    example: str
    instead: str = ""


class Record(NamedTuple):
    """One task as a file tells of it."""

    line: int
    values: dict[str, Any]
    events: list[dict[str, Any]]
    losses: list[Loss]


def wrong(line: int, message: str, hint: str = "") -> ValidationError:
    """The error about a line."""
    return ValidationError(f"line {line}: {message}", hint, line=line)


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A file, or with `-` all of standard input, which can be read more than once.

    Raises:
        UsageError: It cannot be read.
    """
    if path == "-":
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.seek(0)
            yield copy
        return
    try:
        file = open(path, "rb")  # noqa: SIM115  # closed below, outside of this handler
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    with file:
        if not file.seekable():
            with tempfile.TemporaryFile() as copy:
                shutil.copyfileobj(file, copy)
                copy.seek(0)
                yield copy
        else:
            yield file


def check_text(file: BinaryIO) -> None:
    """Make sure that a file is UTF-8 text and not empty, and go back to its beginning.

    Raises:
        ValidationError: It is not; with the line.
    """
    line = misfit(file, "utf-8")
    if line:
        raise wrong(line, "not UTF-8", "save the file as UTF-8")


def misfit(file: BinaryIO, encoding: str) -> int:
    """The first line that is not in an encoding; 0 if all of the file is, and it is read anew then.

    Raises:
        ValidationError: The file is empty, or no text at all.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    line, blank = 1, True
    while True:
        chunk = file.read(_CHUNK)
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            fitting = error.object[: error.start].decode(encoding, "replace")
            return line + fitting.count("\n")
        nul = text.find("\0")
        if nul >= 0:
            raise wrong(line + text.count("\n", 0, nul), "a NUL character: not a text file")
        blank = blank and not text.strip("\ufeff" + _SPACE)
        line += text.count("\n")
        if not chunk:
            break
    if blank:
        raise ValidationError("the file is empty")
    file.seek(0)
    return 0


def kind_of(path: str, file: BinaryIO) -> str:
    """The format, from the file's name and how it begins."""
    end = os.path.splitext(path)[1].lower()
    head = file.read(_CHUNK).decode("utf-8", "replace").lstrip("\ufeff" + _SPACE)
    file.seek(0)
    if end in (".csv", ".tsv"):
        return end[1:]
    if not head.startswith(("{", "[")):
        return "csv"
    if head.startswith("["):
        return "json"
    first = head.partition("\n")[0]
    try:
        record, _ = json.JSONDecoder().raw_decode(first)
    except (ValueError, RecursionError):
        if '"issue_type"' in first and '"tasks"' not in first:
            return "beads"
        return "jsonl" if end in (".jsonl", ".ndjson") else "json"
    if "tasks" in record:
        return "json"
    if "issue_type" in record or "close_reason" in record or "delete_reason" in record:
        return "beads"
    return "json" if end == ".json" else "jsonl"


def parse(line: int, text: str) -> Any:
    """One JSON value.

    Raises:
        ValidationError: It is not one.
    """
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise wrong(line + error.lineno - 1, f"not JSON: {_reason(error)}") from error
    except RecursionError as error:
        raise wrong(line, "nested too deeply") from error
    except ValueError as error:
        raise wrong(line, f"not JSON: {error}") from error


def _reason(error: json.JSONDecodeError) -> str:
    return f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.colno}"


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def read_jsonl(file: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    """One JSON object a line, with the line's number; empty lines do not count."""
    number = 0
    while raw := file.readline(LONGEST + 1):
        number += 1
        if len(raw) > LONGEST:
            raise wrong(number, f"longer than {LONGEST >> 20} MB")
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip(_SPACE)
        if text:
            yield number, as_object(number, parse(number, text))


def as_object(line: int, value: Any) -> dict[str, Any]:
    """The value, if it is an object. Raises ValidationError."""
    if not isinstance(value, dict):
        raise wrong(line, f"a task must be a JSON object, not {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    names = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


class _JSONText:
    """Reads the values of a JSON text one at a time, so that the text may be of any size."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._buffer = ""
        self._at = 0
        self._counted = 0
        self._line = 1
        self._decoder = _DECODER

    @property
    def line(self) -> int:
        """The line that is being read."""
        self._line += self._buffer.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _fill(self) -> bool:
        chunk = self._file.read(max(_CHUNK, len(self._buffer) - self._at))
        self._line = self.line
        self._buffer = self._buffer[self._at :] + chunk
        self._at = self._counted = 0
        return bool(chunk)

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _SPACE:
                    return self._buffer[self._at]
                self._at += 1
            if not self._fill():
                return ""

    def take(self, expected: str) -> None:
        """Pass one character. Raises ValidationError when it is another."""
        found = self.peek()
        if found != expected:
            got = f"'{found}'" if found else "the end of the file"
            raise wrong(self.line, f"not JSON: expecting '{expected}', not {got}")
        self._at += 1

    def value(self) -> Any:
        """The next value. Raises ValidationError."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if self._cut_off(error) and self._fill():
                    continue
                line = self.line + self._buffer.count("\n", self._at, error.pos)
                reason = f"{error.msg[:1].lower()}{error.msg[1:]}"
                raise wrong(line, f"not JSON: {reason}") from error
            except RecursionError as error:
                raise wrong(self.line, "nested too deeply") from error
            except ValueError as error:
                raise wrong(self.line, f"not JSON: {error}") from error
            if end == len(self._buffer) and self._buffer[-1] not in '"]}' and self._fill():
                continue  # a number may go on
            self._at = end
            return value

    def _cut_off(self, error: json.JSONDecodeError) -> bool:
        """Whether only the rest of the value is missing."""
        if len(self._buffer) - self._at > LONGEST:
            raise wrong(self.line, f"a task longer than {LONGEST >> 20} MB")
        near_end = error.pos >= len(self._buffer) - 16
        return near_end or error.msg.startswith("Unterminated string")


def read_json(file: IO[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The tasks of a JSON document: an export, a list of tasks, or one task."""
    text = _JSONText(file)
    if text.peek() == "[":
        yield from _items(text)
    else:
        line = text.line
        text.take("{")
        head: dict[str, Any] = {}
        found = False
        while text.peek() != "}":
            if head or found:
                text.take(",")
            name = text.value()
            text.take(":")
            if name == "tasks":
                found = True
                yield from _items(text)
            else:
                head[str(name)] = text.value()
                _check_head(text.line, head)
        text.take("}")
        if not found:
            if "title" not in head:
                raise wrong(line, 'neither "tasks" nor a task\'s "title" in it')
            yield line, head
    if text.peek():
        raise wrong(text.line, "more text after the end of the JSON document")


def _check_head(line: int, head: dict[str, Any]) -> None:
    if head.get("format", "task-orchestrator") != "task-orchestrator" and "title" not in head:
        raise wrong(line, "another program's format", "--from beads, or a CSV file with --map")
    if "format" in head and head.get("version", 1) != 1:
        raise wrong(
            line, "exported by a newer version", "upgrade: pip install -U task-orchestrator"
        )


def _items(text: _JSONText) -> Iterator[tuple[int, dict[str, Any]]]:
    text.take("[")
    first = True
    while text.peek() != "]":
        if not first:
            text.take(",")
            text.peek()
        first = False
        line = text.line
        yield line, as_object(line, text.value())
    text.take("]")


@contextmanager
def long_cells() -> Iterator[None]:
    """Let the CSV module, whose limit is one for the whole process, read long descriptions."""
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def read_csv(file: IO[str], delimiter: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file by its headings, with the line in which each begins."""
    reader = csv.reader(_lines(file), delimiter=delimiter, strict=True)
    return _by_heading(_csv_rows(reader), lambda: reader.line_num)


def _csv_rows(reader: Any) -> Iterator[list[str]]:
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise wrong(reader.line_num, f"not CSV: {error}") from error
        yield row


def _lines(file: IO[str]) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST:
            raise wrong(number, f"longer than {LONGEST >> 20} MB")
        yield line


_ESCAPES = {"t": "\t", "n": "\n", "r": "\r"}


def read_tsv(file: IO[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a file of tab-separated values, as `tm export --format tsv` writes it."""
    count = [0]

    def rows() -> Iterator[list[str]]:
        for line in _lines(file):
            count[0] += 1
            yield [unescaped(cell, _ESCAPES) for cell in line.rstrip("\r\n").split("\t")]

    return _by_heading(rows(), lambda: count[0])


def unescaped(text: str, escapes: dict[str, str]) -> str:
    r"""The text with each backslash and its letter replaced; `\\` is one backslash."""
    if "\\" not in text:
        return text
    found: list[str] = []
    letters = iter(text)
    for letter in letters:
        if letter == "\\":
            letter = next(letters, "\\")  # the escaped one
            letter = escapes.get(letter, letter)
        found.append(letter)
    return "".join(found)


def split_list(text: str) -> list[str]:
    r"""The items of a list that an export joined: `a;b\;c` -> `a`, `b;c`."""
    items = [""]
    letters = iter(text)
    for letter in letters:
        if letter == ";":
            items.append("")
        else:
            items[-1] += next(letters, "\\") if letter == "\\" else letter
    return [item for item in items if item.strip()]


def _by_heading(
    rows: Iterable[list[str]], line: Callable[[], int]
) -> Iterator[tuple[int, dict[str, str]]]:
    headings: list[str] | None = None
    last = 0
    for row in rows:
        start, last = last + 1, line()
        if not any(cell.strip() for cell in row):
            continue
        if headings is None:
            headings = [cell.strip() for cell in row]
            twice = {name for name in headings if headings.count(name) > 1}
            if twice:
                raise wrong(start, f"two columns are named '{min(twice)}'")
            continue
        if len(row) != len(headings):
            raise wrong(start, f"{len(row)} cells, where the heading has {len(headings)}")
        yield start, dict(zip(headings, row, strict=True))
    if headings is None:
        raise ValidationError("the file is empty")


def headings_of(file: IO[str], delimiter: str) -> list[str]:
    """The first row's cells."""
    reader = csv.reader(_lines(file), delimiter=delimiter, strict=True)
    for row in _csv_rows(reader):
        if any(cell.strip() for cell in row):
            return [cell.strip() for cell in row]
    raise ValidationError("the file is empty")
