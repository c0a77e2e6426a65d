"""How results reach people and programs: data on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from .errors import TmError
from .values import visible
from .when import format_local, format_relative

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}


class Output:
    """Where a command writes. At a terminal it is for a person, into a pipe for a program."""

    def __init__(
        self,
        stdout: TextIO,
        stderr: TextIO,
        *,
        as_json: bool = False,
        color: str = "auto",
        quiet: bool = False,
    ) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self.as_json = as_json
        self.quiet = quiet
        self.color = color

    @property
    def terminal(self) -> bool:
        """Whether a person reads stdout."""
        return self._stdout.isatty() and not self.as_json

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        try:
            return os.get_terminal_size(self._stdout.fileno()).columns
        except (OSError, ValueError):
            return 80

    def data(self, text: str) -> None:
        """Print a line of data."""
        self._write(self._stdout, text)

    def json(self, value: Any) -> None:
        """Print a value as JSON."""
        text = json.dumps(_shape(value), ensure_ascii=False, indent=2, default=_plain)
        self._write(self._stdout, text)

    def raw(self, text: str) -> None:
        """Print text as it is, as part of a document."""
        self._stdout.write(text)

    def say(self, text: str) -> None:
        """Tell a person something; a program that reads JSON does not want it."""
        if not self.as_json and not self.quiet:
            self._write(self._stderr, text)

    def warn(self, text: str) -> None:
        """Say one line about something that is not as it should be."""
        line = visible(text)
        if self.as_json:
            self._write(self._stderr, json.dumps({"warning": line}, ensure_ascii=False))
        else:
            self._write(self._stderr, f"tm: {line}")

    def error(self, error: TmError) -> None:
        """Say in one line what happened and what to do."""
        if self.as_json:
            self._write(self._stderr, json.dumps({"error": error.as_dict()}, ensure_ascii=False))
            return
        hint = f" ({visible(error.hint)})" if error.hint else ""
        self._write(self._stderr, f"tm: {visible(error.message)}{hint}")

    def progress(self, done: int, total: int) -> None:
        """Redraw a bar on stderr, where a person sees it."""
        if self.as_json or self.quiet or not self._stderr.isatty():
            return
        share = done / total if total else 1.0
        bar = "#" * int(share * 30)
        self._stderr.write(f"\r[{bar:<30}] {done}/{total}")
        if done >= total:
            self._stderr.write("\r\x1b[K")
        self._stderr.flush()

    def style(self, text: str, name: str) -> str:
        """Colour for a person: `bold`, `dim`, `red`, `green`, `yellow` or `blue`."""
        wanted = self.color == "always" or (
            self.color == "auto" and self.terminal and not os.environ.get("NO_COLOR")
        )
        return f"\x1b[{_STYLES[name]}m{text}\x1b[0m" if wanted else text

    def when(self, instant: str | None) -> str:
        """An instant as a person reads it: relative at a terminal, local time in a pipe."""
        if not instant:
            return ""
        return format_relative(instant) if self.terminal else format_local(instant)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print rows: aligned and cut to the width at a terminal, tab-separated in a pipe."""
        cells = [[_cell(value) for value in row] for row in rows]
        if not self.terminal:
            for row in cells:
                self.data("\t".join(row))
            return
        from wcwidth import wcswidth

        def width(text: str) -> int:
            return max(int(wcswidth(text)), 0)

        columns = range(len(headings))
        widths = [max([width(headings[i]), *(width(row[i]) for row in cells)]) for i in columns]
        spare = self.width - 2 * (len(headings) - 1) - sum(widths)
        if spare < 0 and widths:
            widest = widths.index(max(widths))
            widths[widest] = max(widths[widest] + spare, 10)

        def fit(text: str, room: int) -> str:
            if width(text) <= room:
                return text + " " * (room - width(text))
            while width(text) > room - 1:
                text = text[:-1]
            return text + "…" + " " * (room - 1 - width(text))

        self.data(self.style("  ".join(map(fit, headings, widths)).rstrip(), "bold"))
        for row in cells:
            self.data("  ".join(map(fit, row, widths)).rstrip())

    def result(self, value: Any) -> None:
        """Print any result in a general way, for an action that has no view of its own."""
        if self.as_json:
            if value is not None:
                self.json(value)
        elif isinstance(value, str):
            self.data(visible(value, multiline=True))
        elif isinstance(value, (list, tuple)):
            rows = [_mapping(item) for item in value]
            if rows and all(row is not None for row in rows):
                headings = list(dict.fromkeys(name for row in rows for name in row or ()))
                self.table(headings, [[(row or {}).get(name) for name in headings] for row in rows])
            else:
                for item in value:
                    self.data(_cell(item))
        elif (mapping := _mapping(value)) is not None:
            for name, item in mapping.items():
                if item is not None:
                    self.data(f"{name}: {_cell(item)}")
        elif value is not None:
            self.data(_cell(value))

    @staticmethod
    def _write(stream: TextIO, text: str) -> None:
        # Text from files and arguments may hold bytes that were no UTF-8.
        try:
            stream.write(text + "\n")
        except UnicodeEncodeError:
            encoding = stream.encoding or "utf-8"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def standard(*, as_json: bool) -> Output:
    """Output to this process's own streams."""
    return Output(sys.stdout, sys.stderr, as_json=as_json)


def _shape(value: Any) -> Any:
    """Named tuples as what they name: JSON would take them for mere lists."""
    if hasattr(value, "as_dict"):
        value = value.as_dict()
    elif hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shape(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    """The JSON shape of a task, a named tuple, or another object of ours."""
    if hasattr(value, "as_dict"):
        return value.as_dict()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "__iter__"):
        return list(value)
    return str(value)


def _mapping(value: Any) -> dict[str, Any] | None:
    if hasattr(value, "as_dict"):
        value = value.as_dict()
    elif hasattr(value, "_asdict"):
        value = value._asdict()
    return dict(value) if isinstance(value, dict) else None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return visible(", ".join(value))
    if isinstance(value, (dict, list, tuple)):
        return visible(json.dumps(value, ensure_ascii=False, default=_plain))
    return visible(str(value))
