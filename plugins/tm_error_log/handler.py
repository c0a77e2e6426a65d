"""`ErrorHandler`: recognises errors, says how to recover, and logs them without anybody's text.

    from tm_error_log.handler import ErrorHandler

    handler = ErrorHandler(".task-orchestrator")
    told = handler.handle_error(error, "import")
    told["severity"], told["plan"]

What is logged is chosen, not filtered: names of classes, error codes, places in the code, and the
name of the operation. No message is kept, since a message may quote what users typed.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tm_core.api import Failure, TmError, instant_now

from .strategies import (
    CHAIN,
    CRITICAL,
    PLUGIN_FAILURE,
    SEVERITIES,
    Strategy,
    chain,
    sqlite_code,
    system_code,
)

LIMIT = 1_000_000
OLD_FILES = 3
_OPERATION = re.compile(r"[a-z][a-z0-9_-]{0,40}( [a-z][a-z0-9_-]{0,40}){0,2}")
_PLACES = 8


class ErrorHandler:
    """A chain of strategies: the first that recognises an error says how bad it is and what to do.

    Nothing here raises for a log that cannot be written: the first error is what counts.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        level: str = "degraded",
        strategies: Sequence[Strategy] = (),
    ) -> None:
        """Make a handler for a store.

        Args:
            folder: The store's folder, `.task-orchestrator`; empty: nothing is logged.
            level: The least severity that is logged: `refused`, `degraded` or `critical`.
            strategies: Further ones, asked before the others.
        """
        self.path = os.path.join(folder, "logs", "errors.log") if folder else ""
        self._least = SEVERITIES.index(level)
        self._chain = (*strategies, *CHAIN)

    def handle_error(
        self, error: Exception, context: str, critical: bool = False
    ) -> dict[str, Any]:
        """Say what an error is and how to recover from it, and log it.

        Args:
            error: What was raised.
            context: The name of the operation, in lower-case words: `backup create`.
            critical: Work cannot go on, whatever the error.

        Returns:
            `kind`, `severity` (`refused`, `degraded` or `critical`), `summary`, `plan`,
            `can_continue`, and `logged`.
        """
        strategy = self._strategy(error)
        severity = CRITICAL if critical else strategy.severity
        logged = False
        if SEVERITIES.index(severity) >= self._least:
            logged = self._append(self._record(error, context, severity))
        return {
            "kind": strategy.kind,
            "severity": severity,
            "summary": strategy.summary,
            "plan": list(strategy.plan),
            "can_continue": severity != CRITICAL,
            "logged": logged,
        }

    def create_recovery_plan(self, error: Exception) -> list[str]:
        """What to do about an error, step by step."""
        return list(self._strategy(error).plan)

    def log_error(self, error: Exception, context: str) -> None:
        """Log an error, however small. `context` is the name of the operation."""
        self._append(self._record(error, context, self._strategy(error).severity))

    def log_failures(self, failures: Sequence[Failure], context: str) -> None:
        """Log what plugins did not do, although the operation went on."""
        if SEVERITIES.index(PLUGIN_FAILURE.severity) < self._least:
            return
        for one in failures:
            record = self._head(context, PLUGIN_FAILURE.kind, PLUGIN_FAILURE.severity)
            self._append(record | {"plugin": one.plugin, "source": one.source})

    def entries(self, limit: int = 0) -> list[dict[str, Any]]:
        """What the log holds, newest first, each with what to do about it."""
        found: list[dict[str, Any]] = []
        for record in self._read():
            strategy = next((each for each in self._chain if each.kind == record["kind"]), None)
            record |= {
                "summary": strategy.summary if strategy else "",
                "plan": list(strategy.plan) if strategy else [],
            }
            found.append(record)
            if limit and len(found) == limit:
                break
        return found

    def _strategy(self, error: BaseException) -> Strategy:
        return next(each for each in self._chain if each.recognises(error))

    def _head(self, context: str, kind: str, severity: str) -> dict[str, Any]:
        operation = context if _OPERATION.fullmatch(context) else ""
        return {"at": instant_now(), "severity": severity, "kind": kind, "operation": operation}

    def _record(self, error: BaseException, context: str, severity: str) -> dict[str, Any]:
        record = self._head(context, self._strategy(error).kind, severity)
        record["types"] = [type(each).__name__ for each in chain(error)]
        if isinstance(error, TmError):
            record |= {"code": error.code, "exit": error.exit_code}
        codes = {"sqlite": sqlite_code(error), "system": system_code(error)}
        record |= {name: code for name, code in codes.items() if code}
        places = [
            f"{frame.f_globals.get('__name__', '')}:{line} {frame.f_code.co_name}"
            for each in chain(error)
            for frame, line in traceback.walk_tb(each.__traceback__)
        ]
        return record | {"where": places[-_PLACES:]}

    def _append(self, record: dict[str, Any]) -> bool:
        if not self.path:
            return False
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            self._rotate(len(line))
            descriptor = os.open(self.path, flags, 0o600)
            try:
                os.write(descriptor, line)  # one write: lines of several processes do not mix
            finally:
                os.close(descriptor)
        except OSError:
            return False
        return True

    def _rotate(self, coming: int) -> None:
        if not os.path.exists(self.path) or os.path.getsize(self.path) + coming <= LIMIT:
            return
        names = [self.path, *(f"{self.path}.{n}" for n in range(1, OLD_FILES + 1))]
        for younger, older in reversed(list(itertools.pairwise(names))):
            with contextlib.suppress(FileNotFoundError):
                os.replace(younger, older)

    def _read(self) -> Iterator[dict[str, Any]]:
        for path in [self.path, *(f"{self.path}.{n}" for n in range(1, OLD_FILES + 1))]:
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    lines = file.readlines()
            except OSError:
                continue
            for line in reversed(lines):
                # A line may be cut where the disk was full.
                with contextlib.suppress(ValueError, RecursionError):
                    record = json.loads(line)
                    if isinstance(record, dict) and {"at", "kind", "severity"} <= record.keys():
                        yield record
