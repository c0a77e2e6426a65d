"""The error tree. Each error is one line for a person, a code for a script, and an exit code.

`message` says what happened, `hint` says what to do about it; neither holds a line break.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class TmError(Exception):
    """Any failure that `tm` expects and explains. Exit code 1."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def as_dict(self) -> dict[str, Any]:
        """The error as `--json` prints it on stderr."""
        shape: dict[str, Any] = {"code": self.code, "exit": self.exit_code, "message": self.message}
        if self.hint:
            shape["hint"] = self.hint
        return shape | self.details


class ConfigError(TmError):
    """A configuration that cannot be read or holds what nobody knows."""

    code = "config"


class UsageError(TmError):
    """A call that is not well-formed: unknown option, missing argument. Exit code 2."""

    code = "usage"
    exit_code = 2


class NotFound(TmError):
    """No such task, or an id that begins more than one. Exit code 3."""

    code = "not_found"
    exit_code = 3


class DatabaseError(TmError):
    """The store cannot be read or written. Exit code 4."""

    code = "database"
    exit_code = 4


class DatabaseBusy(DatabaseError):
    """Another process held the store for longer than we wait."""

    code = "database_busy"


class DamagedStore(DatabaseError):
    """The store's file is not what it should be: no database, or a broken one."""

    code = "damaged_store"


class BadStatement(DatabaseError):
    """One statement was refused, for instance for an unknown table; the store itself is well."""

    code = "bad_statement"


class BlankStore(DatabaseError):
    """A database without any tables, such as an interrupted `tm init` leaves."""

    code = "blank_store"


class ForeignStore(DatabaseError):
    """A database of another tool, which a plugin knows how to carry over."""

    code = "foreign_store"

    def __init__(self, message: str, command: str) -> None:
        super().__init__(message, f"tm {command}")
        self.command = command
        """The command that does it."""


class NewerSchema(DatabaseError):
    """The store was written by a newer version, which this one would damage."""

    code = "newer_schema"


class ValidationError(TmError):
    """A rule refused the change, and nothing was written. Exit code 5.

    `problems` holds one dict per refusal, as in the JSON error.
    """

    code = "validation"
    exit_code = 5

    def __init__(
        self, message: str, hint: str = "", problems: Sequence[dict[str, Any]] = (), **details: Any
    ) -> None:
        super().__init__(message, hint, **details)
        self.problems = list(problems)

    def as_dict(self) -> dict[str, Any]:
        """The error as `--json` prints it, with every problem."""
        shape = super().as_dict()
        if self.problems:
            shape["problems"] = self.problems
        return shape


class InvalidValue(ValidationError):
    """One value that does not fit its field or option."""

    code = "invalid_value"


class ExpressionError(ValidationError):
    """A filter or criterion that is not in the expression language."""

    code = "expression"


class Conflict(TmError):
    """Somebody else changed, holds or already did it. Exit code 6."""

    code = "conflict"
    exit_code = 6


class NoStore(TmError):
    """There is no task store here. Exit code 7."""

    code = "no_store"
    exit_code = 7


class PluginError(TmError):
    """A plugin that is required, or was asked for, does not work. Exit code 8."""

    code = "plugin"
    exit_code = 8


class FeatureDisabled(PluginError):
    """A command, option or method of a feature that is off."""

    code = "feature_disabled"

    def __init__(self, feature: str) -> None:
        super().__init__(
            f"feature '{feature}' is disabled", f"tm config enable {feature}", feature=feature
        )


def was_refused(error: BaseException) -> bool:
    """Whether a command ended because of what was asked for: nothing needs repair."""
    asked = (UsageError, NotFound, ValidationError, Conflict, NoStore, FeatureDisabled)
    return isinstance(error, asked)


def is_refusal(error: BaseException) -> bool:
    """Whether a plugin that raises this refuses deliberately, or the store itself is in trouble.

    Anything else is a mistake of the plugin, a wrong SQL statement included.
    """
    return isinstance(error, TmError) and not isinstance(error, BadStatement)
