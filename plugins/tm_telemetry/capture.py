"""`TelemetryCapture`: counts what happens, and holds nothing else.

What is stored is a number for each day, command (or event type), outcome and class of duration.
Commands are noted in a small file when they end, since a command that only reads must not wait for
the writers' lock; they are added to the table when somebody looks. Events are counted from the log.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tm_core.api import InvalidValue

from .count import OK, Count

if TYPE_CHECKING:
    from tm_core.api import Context, Row

_TYPE = r"[a-z][a-z0-9_-]{0,40}(\.[a-z][a-z0-9_-]{0,40}){0,3}"
_LONGEST_NAME = 80
_SPOOL = "commands.jsonl"
_LARGEST_SPOOL = 1_000_000
_KEY = ("day", "kind", "feature", "name", "outcome", "bucket")


class TelemetryCapture:
    """The telemetry of one store. Everything stays in the store and beside it."""

    def __init__(self, ctx: Context) -> None:
        """For the store of a context, whichever plugin's it is."""
        self._ctx = ctx
        self._spool = os.path.join(ctx.folder, "telemetry", _SPOOL) if ctx.folder else ""
        self._taken = f"{self._spool}.taken"

    def capture_event(self, event_type: str, data: Mapping[str, Any]) -> None:
        """Count something that happened.

        Args:
            event_type: Its kind, chosen by the programmer: `import.finished`.
            data: `seconds` is how long it took and `error` whether it failed; nothing else of it is
                kept.

        Raises:
            InvalidValue: The type is not lower-case words joined by dots.
        """
        if not re.fullmatch(_TYPE, event_type):
            raise InvalidValue("an event type is lower-case words joined by dots")
        outcome = "error" if data.get("error") else OK
        self._note("captured", "", event_type, outcome, _duration(data.get("seconds")))

    def capture_command(self, feature: str, name: str, outcome: str, seconds: float) -> None:
        """Count a command that has ended; its names are those of the declaration."""
        if _is_declared_name(name):
            self._note("command", feature, name, outcome, seconds)

    def counts(self) -> list[Count]:
        """All that is stored, brought up to date and without what is too old."""
        self.collect()
        rows = self._ctx.query(f"SELECT * FROM telemetry_count ORDER BY {', '.join(_KEY)}")
        return [Count(**row) for row in rows]

    def get_insights(self) -> dict[str, Any]:
        """What stands out: findings, each with the numbers that it rests on."""
        from .insights import insights

        return insights(
            self.counts(), least=self._ctx.setting("telemetry.least_runs"), today=_today()
        )

    def export_data(self) -> dict[str, Any]:
        """All that is stored, to be looked at or given to somebody by hand."""
        return {"format": 1, "counts": [count._asdict() for count in self.counts()]}

    def collect(self) -> None:
        """Add what was noted and what the log has gained to the table; remove what is too old."""
        database = self._ctx.database
        oldest = _today() - timedelta(days=self._ctx.setting("telemetry.keep_days"))
        with database.transaction():
            # Written first, so that on every engine only one process counts the same events.
            database.execute("UPDATE telemetry_mark SET seq = seq WHERE key = 'event'")
            self._add(self._noted())
            self._add(self._events())
            database.execute("DELETE FROM telemetry_count WHERE day < ?", [oldest.isoformat()])

    def purge(self) -> int:
        """Remove all that is stored; gives how many numbers that were."""
        database = self._ctx.database
        for path in (self._spool, self._taken):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        with database.transaction():
            database.execute(
                "UPDATE telemetry_mark SET seq = (SELECT coalesce(max(seq), 0) FROM event)"
            )
            return database.execute("DELETE FROM telemetry_count")

    def _note(self, kind: str, feature: str, name: str, outcome: str, seconds: float) -> None:
        if not self._spool:
            return
        bucket = math.ceil(4 * math.log2(max(seconds * 1000, 1)))
        record = [_today().isoformat(), kind, feature, name, outcome, bucket, seconds]
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        with contextlib.suppress(OSError):  # counting must never be in anybody's way
            os.makedirs(os.path.dirname(self._spool), mode=0o700, exist_ok=True)
            descriptor = os.open(self._spool, flags, 0o600)
            try:
                if os.fstat(descriptor).st_size < _LARGEST_SPOOL:
                    os.write(descriptor, line)  # one write: lines do not mix
            finally:
                os.close(descriptor)

    def _noted(self) -> Iterable[Count]:
        """Take what commands have noted out of their file."""
        if not self._spool:
            return
        try:
            os.replace(self._spool, self._taken)
            with open(self._taken, encoding="utf-8", errors="replace") as file:
                lines = file.readlines()
            # Before the commit: a count that is lost to a crash is better than one that is doubled.
            os.unlink(self._taken)
        except OSError:
            return
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                day, kind, feature, name, outcome, bucket, seconds = json.loads(line)
                date.fromisoformat(day)
                yield Count(day, kind, feature, name, outcome, int(bucket), 1, float(seconds))

    def _events(self) -> Iterable[Count]:
        """What the log has gained, by type; what an import brought in did not happen here."""
        database = self._ctx.database
        mark = database.query("SELECT seq FROM telemetry_mark WHERE key = 'event'")[0]["seq"]
        last = database.query("SELECT coalesce(max(seq), 0) AS seq FROM event")[0]["seq"]
        rows: list[Row] = database.query(
            "SELECT substr(at, 1, 10) AS day, type, count(*) AS n FROM event"
            " WHERE seq > ? AND seq <= ? AND data NOT LIKE ? GROUP BY substr(at, 1, 10), type",
            [mark, last, '{"imported":%'],
        )
        database.execute("UPDATE telemetry_mark SET seq = ? WHERE key = 'event'", [last])
        for row in rows:
            if re.fullmatch(_TYPE, row["type"]):
                yield Count(row["day"], "event", "", row["type"], OK, 0, row["n"], 0.0)

    def _add(self, counts: Iterable[Count]) -> None:
        sums: dict[tuple[Any, ...], tuple[int, float]] = {}
        for each in counts:
            times, seconds = sums.get(each[:6], (0, 0.0))
            sums[each[:6]] = (times + each.times, seconds + each.seconds)
        self._ctx.database.execute_many(
            f"INSERT INTO telemetry_count ({', '.join(_KEY)}, times, seconds)"
            f" VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET"
            " times = telemetry_count.times + excluded.times,"
            " seconds = telemetry_count.seconds + excluded.seconds",
            [[*key, *sums[key]] for key in sorted(sums)],
        )


def _duration(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return seconds if math.isfinite(seconds) and seconds >= 0 else 0.0


def _today() -> date:
    return datetime.now(UTC).date()


def _is_declared_name(name: str) -> bool:
    """Whether it is lower-case words. A pattern would be compiled anew by each command."""
    letters = name.translate({ord(each): "x" for each in " -_"})
    return len(name) < _LONGEST_NAME and letters.isascii() and letters.isalnum() and name.islower()
