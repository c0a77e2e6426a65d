"""Results of a batch, kept in a file until they may be told: a batch may be long."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator
from typing import Any

from tm_core.api import Document, TmError, UsageError


class Results:
    """One JSON line for each line of the batch, in order."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed when it has been told
        self._offsets: dict[int, int] = {}
        self._names: dict[str, int] = {}

    def add(self, number: int, record: dict[str, Any], name: str) -> None:
        """Keep what came of a line."""
        if name:
            self._names[name] = number
        self._offsets[number] = self._file.tell()
        text = json.dumps(record, ensure_ascii=True, separators=(",", ":"))
        self._file.write(text.encode() + b"\n")

    def of(self, reference: str) -> Any:
        """The result of an earlier line, by number or name. Raises UsageError."""
        number = int(reference) if reference.isdigit() else self._names.get(reference, -1)
        if number not in self._offsets:
            raise UsageError(
                f"there is no earlier result '${reference}'",
                "lines count from 1; $$ begins a text that begins with a dollar",
            )
        end = self._file.tell()
        self._file.seek(self._offsets[number])
        record = json.loads(self._file.readline())
        self._file.seek(end)
        if "result" not in record:
            raise UsageError(f"line {number} failed, so that it has no result")
        return record["result"]

    @property
    def size(self) -> int:
        """Bytes, all in all."""
        return self._file.tell()

    def close(self) -> None:
        """Let go of them."""
        self._file.close()

    def document(self, failure: TmError | None) -> Outcome:
        """All of it, to be printed."""
        return Outcome(self, failure)

    def pieces(self) -> Generator[str, None, None]:
        """The lines, in order."""
        self._file.seek(0)
        for line in self._file:
            yield line.decode()


class Outcome(Document):
    """What came of a batch, as JSON lines, and the first error of those that did not work."""

    __slots__ = ("_results", "failure")

    def __init__(self, results: Results, failure: TmError | None) -> None:
        super().__init__(results.pieces())
        self._results = results
        self.failure = failure

    def close(self) -> None:
        """Let go of what was not told yet."""
        super().close()
        self._results.close()
