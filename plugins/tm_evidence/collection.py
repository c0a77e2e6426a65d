"""Finds the reports, reads each within its bounds, and puts together what they say.

Reports of one kind are added up: several JUnit files are one test run. Where they disagree about
the same thing, the worse counts, and a warning says so.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable
from typing import Any

from tm_core.api import NotFound, TmError, ValidationError

from . import reports
from .reports import Report


class Collection:
    """The evidence of one moment."""

    def __init__(
        self,
        project: str,
        *,
        max_bytes: int,
        allow_outside: bool,
        commit: str,
        warn: Callable[[str], None],
    ) -> None:
        self._project = os.path.realpath(project)
        self._max_bytes = max_bytes
        self._allow_outside = allow_outside
        self._commit = commit
        self._warn = warn
        self._reports: list[Report] = []
        self._sources: list[dict[str, Any]] = []
        self._git: dict[str, Any] = {}

    def read(self, source: str, *, asked_for: bool) -> None:
        """Read `FILE`, `GLOB`, or either after `NAME=`.

        Raises:
            NotFound: It was asked for and matches nothing.
            ValidationError: It lies outside the project, or is too large.
        """
        name, _, pattern = source.partition("=")
        if not name.isidentifier():
            name, pattern = "", source
        pattern = os.path.join(self._project, os.path.expanduser(pattern))
        paths = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]
        paths = [path for path in paths if os.path.isfile(path)]
        if not paths and asked_for:
            raise NotFound(f"there is no report {source}", "give a file that exists")
        for path in paths:
            try:
                self._take(path, name)
            except reports.Unreadable as error:
                message = f"{os.path.relpath(path, self._project)} is no report: {error}"
                if asked_for:
                    raise ValidationError(message, "give a whole, well-formed file") from error
                self._warn(message)
            except TmError as error:
                if asked_for:
                    raise
                self._warn(error.message)

    def _take(self, path: str, name: str) -> None:
        real = os.path.realpath(path)
        if not self._allow_outside and os.path.commonpath([real, self._project]) != self._project:
            raise ValidationError(
                f"the report {path} lies outside the project",
                "copy it in, or set evidence.allow_outside",
            )
        size = os.path.getsize(real)
        if size > self._max_bytes:
            raise ValidationError(
                f"the report {path} has {size} bytes, more than {self._max_bytes}",
                "raise evidence.max_bytes, or make it smaller",
            )
        with open(real, "rb") as file:
            content = file.read(self._max_bytes + 1)
        relative = os.path.relpath(real, self._project)
        report = reports.parse(content, relative, name)
        if any(source["file"] == relative for source in self._sources):
            return
        self._reports.append(report)
        self._sources.append(
            {
                "name": report.name,
                "kind": report.kind,
                "file": relative,
                "sha256": hashlib.sha256(content).hexdigest(),
                "commit": self._commit or None,
            }
        )

    def add_git(self, facts: dict[str, Any]) -> None:
        """Take over what the repository tells; no report may speak for it."""
        self._git = facts
        self._sources.append(
            {"name": "git", "kind": "git", "file": None, "sha256": None, "commit": facts["commit"]}
        )

    def names(self) -> dict[str, Any]:
        """All names, nested: `{"tests": {"failed": 0}, "evidence": {"sources": [...]}}`."""
        found: dict[str, Any] = {}
        kinds: dict[str, list[Report]] = {}
        for report in self._reports:
            kinds.setdefault(report.name, []).append(report)
        for name, group in kinds.items():
            merged, conflicts = reports.merge(group)
            for conflict in conflicts:
                self._warn(conflict)
            if any(report.kind == "coverage" for report in group):
                # What the bare name `coverage` stands for in a criterion.
                merged = {"value": merged.get("total", merged.get("line")), **merged}
            found[name] = merged
        if self._git:
            found["git"] = self._git
        if self._sources:
            found["evidence"] = {"sources": self._sources}
        return found
