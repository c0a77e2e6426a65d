"""Hands committed events to handlers, and remembers how far each has come.

Each handler has a row in `delivery` with the last event it has dealt with. A process claims the row
before it delivers and lets go in the same transaction in which it finds nothing more to do, so that
an event committed meanwhile is seen by one side or the other.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from .context import Context, Row
from .host import Host
from .model import Event
from .privacy import readable
from .registry import Installed, describe
from .store import Store
from .when import instant_now, parse_instant

_CLAIM = 600.0
"""Seconds after which a claim lapses whose process has died."""
_BATCH = 200
_BUDGET = 10.0
"""Seconds after which one command leaves the rest to the next: slow handlers hold nobody up."""
_PAUSES = (10.0, 60.0, 600.0, 3600.0, 21600.0)
"""Seconds before another attempt, after the first failure, the second, and so on."""


class Outbox:
    """Delivers what the log holds to the enabled plugins' handlers."""

    def __init__(self, store: Store, host: Host, context: Callable[[str], Context]) -> None:
        self._store = store
        self._host = host
        self._context = context

    def deliver(self, after: int = -1) -> None:
        """Hand out what has not been handed out. Never raises for what a handler does.

        Args:
            after: Only look when an event past this one matches a handler's declared pattern;
                -1 looks in any case.
        """
        patterns = self._patterns()
        if not patterns:
            return
        if after >= 0 and not self._matches(after, patterns):
            return
        for plugin, handler in self._host.collect("event_handlers", self._context):
            try:
                consumer = f"{plugin.name}/{handler.name}"
                pattern = str(handler.pattern)
            except Exception as error:
                self._host.blame(plugin, "event_handlers", error)
                continue
            self._serve(plugin, consumer, pattern, handler)

    def _patterns(self) -> list[str]:
        found: list[str] = []
        for name in self._host.enabled:
            hook = self._host.manifest(name).hooks.get("event_handlers")
            if hook is not None:
                found.extend(hook.when or ("*",))
        return found

    def _matches(self, after: int, patterns: Iterable[str]) -> bool:
        types = {
            row["type"]
            for row in self._store.database.query(
                "SELECT DISTINCT type FROM event WHERE seq > ?", [after]
            )
        }
        due = self._store.database.query(
            "SELECT 1 AS found FROM delivery WHERE retry_at <= ? LIMIT 1",
            [instant_now()],
        )
        return bool(due) or any(fnmatch.fnmatchcase(t, p) for t in types for p in patterns)

    def _serve(self, plugin: Installed, consumer: str, pattern: str, handler: Any) -> None:
        row = self._claim(consumer)
        if row is None:
            return
        seq = int(row["seq"])
        until = time.monotonic() + _BUDGET
        while True:
            events = list(self._store.events("seq > ?", [seq], limit=_BATCH))
            for event in events:
                if fnmatch.fnmatchcase(event["type"], pattern):
                    try:
                        handler.handle(_public(event))
                    except (Exception, SystemExit) as error:
                        self._host.blame(plugin, f"handler '{handler.name}'", error)
                        self._fail(consumer, seq, int(row["failures"]), error)
                        return
                seq = event["seq"]
                if time.monotonic() > until:
                    self._leave(consumer, seq)
                    return
            if not events and self._release(consumer, seq):
                return

    def _claim(self, consumer: str) -> Row | None:
        """Take the handler's row, unless another process has it or it is paused."""
        database = self._store.database
        now = instant_now()
        with database.transaction():
            rows = database.query("SELECT * FROM delivery WHERE consumer = ?", [consumer])
            if not rows:
                # A handler sees what happens from now on: the events of this command included.
                seq = self._first_of_last_transaction()
                database.execute(
                    "INSERT INTO delivery (consumer, seq, claimed_until) VALUES (?, ?, ?)",
                    [consumer, seq, _in(_CLAIM)],
                )
                return {"seq": seq, "failures": 0}
            row = rows[0]
            if (row["claimed_until"] or "") > now or (row["retry_at"] or "") > now:
                return None
            database.execute(
                "UPDATE delivery SET claimed_until = ? WHERE consumer = ?",
                [_in(_CLAIM), consumer],
            )
            return row

    def _first_of_last_transaction(self) -> int:
        rows = self._store.database.query(
            "SELECT min(seq) AS seq FROM event WHERE transaction_id ="
            " (SELECT transaction_id FROM event ORDER BY seq DESC LIMIT 1)"
        )
        return int(rows[0]["seq"] or 1) - 1

    def _release(self, consumer: str, seq: int) -> bool:
        """Let go, unless more has come; True when let go."""
        database = self._store.database
        with database.transaction():
            if self._store.last_seq() > seq:
                return False
            database.execute(
                "UPDATE delivery SET seq = ?, failures = 0, retry_at = NULL, error = NULL,"
                " claimed_until = NULL WHERE consumer = ?",
                [seq, consumer],
            )
        return True

    def _leave(self, consumer: str, seq: int) -> None:
        """Let go although there is more: whoever commits next goes on."""
        with self._store.database.transaction():
            self._store.database.execute(
                "UPDATE delivery SET seq = ?, failures = 0, retry_at = ?, error = NULL,"
                " claimed_until = NULL WHERE consumer = ?",
                [seq, instant_now(), consumer],
            )

    def _fail(self, consumer: str, seq: int, failures: int, error: BaseException) -> None:
        pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
        with self._store.database.transaction():
            self._store.database.execute(
                "UPDATE delivery SET seq = ?, failures = failures + 1, retry_at = ?, error = ?,"
                " claimed_until = NULL WHERE consumer = ?",
                [seq, _in(pause), describe(error), consumer],
            )


def _in(seconds: float) -> str:
    return parse_instant("now", now=datetime.now(UTC) + timedelta(seconds=seconds))


def _public(event: Event) -> Event:
    """What a handler may pass on to anybody."""
    return {**event, "data": readable(event["data"], None)}
