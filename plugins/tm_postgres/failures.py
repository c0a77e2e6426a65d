"""What the server and the driver say, as errors that tell a person what to do."""

from __future__ import annotations

import psycopg
from psycopg import errors

from tm_core.api import BadStatement, DatabaseBusy, DatabaseError, NoStore

from .address import Address

_BUSY = (
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.QueryCanceled,
)


def explained(error: psycopg.Error, address: Address, *, waited: float = 0) -> DatabaseError:
    """The error of one statement."""
    said = address.redacted(first_line(error))
    if isinstance(error, errors.LockNotAvailable):
        return DatabaseBusy(
            f"the store is busy: others have held it for {waited:g} s",
            "try again, or raise store.busy_timeout",
        )
    if isinstance(error, _BUSY):
        return DatabaseBusy(f"the store is busy: {said}", "try again")
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return DatabaseError(
            f"the store {address.shown} is read-only: {said}", "is this the primary server?"
        )
    if isinstance(error, errors.InsufficientPrivilege):
        return DatabaseError(
            f"the server does not allow it: {said}",
            "the role must own the project's schema, or get USAGE on it and rights on its tables",
        )
    if isinstance(error, errors.DiskFull):
        return DatabaseError("the server's disk is full; nothing was written", "free some space")
    if isinstance(error, errors.FeatureNotSupported) and "cached plan" in said:
        return DatabaseBusy("the store's tables were changed meanwhile", "try again")
    return BadStatement(f"the store refused: {said}", "tm doctor")


def lost(address: Address, *, committing: bool) -> DatabaseError:
    """The connection broke within a transaction."""
    if committing:
        return DatabaseError(
            "the connection to the server was lost while committing: it may be written or not",
            "look before you try again; --key makes trying again safe",
        )
    return DatabaseError(
        f"the connection to {address.shown} was lost; nothing was written", "try again"
    )


def unreachable(error: psycopg.Error, address: Address) -> Exception:
    """No connection could be made."""
    said = address.redacted(first_line(error))
    if isinstance(error, errors.TooManyConnections) or "too many clients" in said:
        return DatabaseBusy("the server has no connection left", "try again, or raise its limit")
    if 'database "' in said and "does not exist" in said:
        return NoStore(f"the server has no database for {address.shown}", "createdb, then tm init")
    if "password" in said or "authentication" in said:
        return DatabaseError(
            f"the server refuses to let us in at {address.shown}: {said}",
            "check the user, and the password in ~/.pgpass or PGPASSWORD",
        )
    return DatabaseError(
        f"the server of {address.shown} cannot be reached: {said}", "is it running, and is it this?"
    )


def first_line(error: psycopg.Error) -> str:
    """What went wrong, in one line."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    return " ".join(text.split("\n")[0].split())
