"""How results reach people and programs: data on stdout, everything else on stderr."""

from __future__ import annotations

import io
import json
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from tm_core.errors import TmError
from tm_core.language.values import visible
from tm_core.language.when import format_local, format_relative
from tm_core.model import Document

# What `visible` hides from a terminal and JSON leaves in.
_HIDDEN_IN_JSON = "[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
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
        self.dry_run = False
        """Whether nothing is written: then a sentence says so, before any other."""
        self._told = False
        self.color = color

    @property
    def terminal(self) -> bool:
        """Whether a person reads stdout."""
        return self._stdout.isatty() and not self.as_json

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        try:
            # A pseudo-terminal that nobody gave a size says 0.
            return os.get_terminal_size(self._stdout.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def data(self, text: str) -> None:
        """Print a line of data."""
        self._write(self._stdout, text)

    def json(self, value: Any) -> None:
        """Print a value as JSON."""
        self._write(self._stdout, self._json(value, self._stdout, indent=2))

    def raw(self, text: str) -> None:
        """Print text as it is, as part of a document."""
        self._write(self._stdout, text, end="")

    def say(self, text: str) -> None:
        """Tell a person something; a program that reads JSON does not want it."""
        if not self.as_json and not self.quiet:
            self.tell_dry_run()
            self._write(self._stderr, text)

    def tell_dry_run(self) -> None:
        """Say, once, that nothing is written, if that is so."""
        if self.dry_run and not (self._told or self.as_json or self.quiet):
            self._told = True
            self._write(self._stderr, "Dry run: nothing was written")

    def warn(self, text: str) -> None:
        """Say one line about something that is not as it should be."""
        line = visible(text)
        if self.as_json:
            self._write(self._stderr, self._json({"warning": line}, self._stderr))
        else:
            self._write(self._stderr, f"tm: {line}")

    def report(self, value: Any) -> None:
        """Tell a program something beside the data, as one line of JSON on stderr."""
        self._write(self._stderr, self._json(value, self._stderr))

    def error(self, error: TmError) -> None:
        """Say in one line what happened and what to do."""
        if self.as_json:
            self._write(self._stderr, self._json({"error": error.as_dict()}, self._stderr))
            return
        hint = f" ({visible(error.hint)})" if error.hint else ""
        self._write(self._stderr, f"tm: {visible(error.message)}{hint}")

    def silence(self) -> None:
        """Say nothing more on stderr, whatever happens."""
        self._stderr = io.StringIO()

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
        excess = sum(widths) + 2 * (len(headings) - 1) - self.width
        # The widest gives way first. The first column is what a row is called by: it stays whole.
        while excess > 0 and max(widths[1:], default=0) > 4:
            widths[widths.index(max(widths[1:]), 1)] -= 1
            excess -= 1

        def fit(text: str, room: int) -> str:
            if width(text) <= room:
                return text + " " * (room - width(text))
            text = text[:room]  # for the usual text this is nearly it, and spares the long way
            while width(text) > room - 1:
                text = text[:-1]
            return text + "…" + " " * (room - 1 - width(text))

        self.data(self.style("  ".join(map(fit, headings, widths)).rstrip(), "bold"))
        for row in cells:
            self.data("  ".join(map(fit, row, widths)).rstrip())

    def result(self, value: Any) -> None:
        """Print any result in a general way, for an action that has no view of its own."""
        if isinstance(value, Document):
            try:
                for piece in value:
                    self.raw(piece)
            finally:
                value.close()
            return
        if self.as_json:
            if value is not None:
                self.json(value)
        elif isinstance(value, str):
            self.data(visible(value, multiline=True))
        elif isinstance(shape := json_shape(value), list):
            value = shape
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
    def _json(value: Any, stream: TextIO, indent: int | None = None) -> str:
        ascii_only = not (stream.encoding or "utf-8").lower().startswith("utf")
        text = json.dumps(json_shape(value), ensure_ascii=ascii_only, indent=indent)
        # The same data, but it drives no terminal.
        return re.sub(_HIDDEN_IN_JSON, lambda found: f"\\u{ord(found[0]):04x}", text)

    def _write(self, stream: TextIO, text: str, end: str = "\n") -> None:
        try:
            try:
                stream.write(text + end)
            except UnicodeEncodeError:  # a narrow encoding, or bytes that were no UTF-8
                encoding = stream.encoding or "utf-8"
                stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + end)
        except BrokenPipeError:
            raise
        except OSError as error:
            if stream is self._stdout:
                raise unwritable(error) from error


def unwritable(error: OSError) -> TmError:
    """Standard output cannot take what is written to it."""
    return TmError(
        f"the output cannot be written: {error.strerror}", "what the command did to the store stays"
    )


def standard(*, as_json: bool) -> Output:
    """Output to this process's own streams."""
    return Output(sys.stdout, sys.stderr, as_json=as_json)


def json_shape(value: Any) -> Any:
    """The JSON shape of a task, a named tuple, or whatever else an action gives."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # JSON has no other numbers
    if hasattr(value, "as_dict"):
        return json_shape(value.as_dict())
    if hasattr(value, "_asdict"):
        return json_shape(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): json_shape(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(json_shape, value))
    if isinstance(value, Iterable):
        return [json_shape(item) for item in value]
    return str(value)


def _mapping(value: Any) -> dict[str, Any] | None:
    shape = json_shape(value) if hasattr(value, "as_dict") or hasattr(value, "_asdict") else value
    return dict(shape) if isinstance(shape, Mapping) else None


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
        return visible(json.dumps(json_shape(value), ensure_ascii=False))
    return visible(str(value))
