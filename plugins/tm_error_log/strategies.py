"""What kinds of errors there are: how each is recognised, how bad it is, and what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tm_core.api import (
    ConfigError,
    Conflict,
    DamagedStore,
    DatabaseBusy,
    DatabaseError,
    FeatureDisabled,
    NewerSchema,
    NoStore,
    NotFound,
    PluginError,
    TmError,
    UsageError,
    ValidationError,
)

REFUSED, DEGRADED, CRITICAL = "refused", "degraded", "critical"
SEVERITIES = (REFUSED, DEGRADED, CRITICAL)
"""Lowest first: a command that was refused, work that goes on with less, work that cannot."""


class Strategy(NamedTuple):
    """One link of the chain: the first that recognises an error says what it is."""

    kind: str
    severity: str
    summary: str
    recognises: Callable[[BaseException], bool]
    plan: tuple[str, ...]


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what brought it about."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def sqlite_code(error: BaseException) -> str:
    """SQLite's name for it, `SQLITE_FULL`; empty if SQLite has no part in it."""
    found = (getattr(e, "sqlite_errorname", None) for e in chain(error))
    return next((name for name in found if name), "")


def system_code(error: BaseException) -> str:
    """The operating system's name for it, `ENOSPC`; empty if it has no part in it."""
    numbers = (e.errno or 0 for e in chain(error) if isinstance(e, OSError))
    return next((errno.errorcode[n] for n in numbers if n in errno.errorcode), "")


def _is(*kinds: type[BaseException]) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, kinds)


def _says(*codes: str) -> Callable[[BaseException], bool]:
    def recognises(error: BaseException) -> bool:
        # SQLite refines its codes: SQLITE_CORRUPT_INDEX.
        return system_code(error) in codes or sqlite_code(error).startswith(codes)

    return recognises


def _either(*tests: Callable[[BaseException], bool]) -> Callable[[BaseException], bool]:
    return lambda error: any(test(error) for test in tests)


CHAIN = (
    Strategy(
        "newer-schema",
        CRITICAL,
        "a newer version of tm wrote the store",
        _is(NewerSchema),
        (
            "pip install --upgrade task-orchestrator",
            "or go back to the state before that: tm backup list, tm backup restore NAME",
        ),
    ),
    Strategy(
        "disk-full",
        CRITICAL,
        "the disk is full",
        _says("ENOSPC", "EDQUOT", "EFBIG", "SQLITE_FULL"),
        (
            "nothing of the command was written: free some space",
            "old backups are in .task-orchestrator/backups: tm backup list",
            "give the command again",
        ),
    ),
    Strategy(
        "damaged-store",
        CRITICAL,
        "the store's file is damaged",
        _either(_is(DamagedStore), _says("SQLITE_CORRUPT", "SQLITE_NOTADB")),
        (
            "let nobody write to it",
            "tm backup list, then tm backup verify NAME",
            "tm backup restore NAME keeps the damaged file beside the new one",
            "without a backup: sqlite3 tasks.db .recover saves what can be read",
            "check the disk",
        ),
    ),
    Strategy(
        "locked-store",
        DEGRADED,
        "other processes held the store for too long",
        _either(_is(DatabaseBusy), _says("SQLITE_BUSY", "SQLITE_LOCKED")),
        (
            "give the command again; with --key it cannot be done twice",
            "see who works with it: fuser .task-orchestrator/tasks.db",
            "raise store.busy_timeout",
        ),
    ),
    Strategy(
        "no-permission",
        CRITICAL,
        "files cannot be read or written",
        _says("EACCES", "EPERM", "EROFS", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"),
        ("tm doctor tells which", "ask the files' owner, or whoever mounted the disk"),
    ),
    Strategy("no-store", REFUSED, "there is no task store", _is(NoStore), ("tm init",)),
    Strategy(
        "database",
        CRITICAL,
        "the store could not be used",
        _is(DatabaseError, sqlite3.Error),
        ("tm doctor", "tm backup verify, in case a restore is needed"),
    ),
    Strategy(
        "feature-off",
        REFUSED,
        "a feature that is off was asked for",
        _is(FeatureDisabled),
        ("tm config enable FEATURE",),
    ),
    Strategy(
        "broken-plugin",
        DEGRADED,
        "a plugin did not do its part",
        _is(PluginError),
        (
            "tm doctor names it and says why",
            "tm config disable FEATURE, or tm --safe for one command",
            "install another version, and tell its authors",
        ),
    ),
    Strategy(
        "bad-configuration",
        DEGRADED,
        "the configuration cannot be used",
        _is(ConfigError),
        (
            "tm config explain KEY shows each layer's value and file",
            "correct the file, or tm config reset sets it aside",
            "tm --safe works meanwhile",
        ),
    ),
    Strategy(
        "refused",
        REFUSED,
        "the command was refused",
        _is(UsageError, NotFound, ValidationError, Conflict),
        ("the message says what to do; tm COMMAND --help",),
    ),
    Strategy("error", DEGRADED, "the command failed", _is(TmError), ("tm doctor",)),
    Strategy(
        "unexpected",
        CRITICAL,
        "something happened that nobody foresaw",
        _is(BaseException),
        (
            "tm doctor",
            "give the command again with --debug: it shows where",
            "tell the authors, with that place",
        ),
    ),
)
"""In the order in which they are asked; the last one knows everything."""

PLUGIN_FAILURE = next(each for each in CHAIN if each.kind == "broken-plugin")
