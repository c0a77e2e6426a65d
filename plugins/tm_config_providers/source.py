"""What all sources of settings have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from tm_core.api import Approvals, ConfigError, Context, TmError, UsageError


class Source(ABC):
    """One place that settings come from: implements `tm_core.api.ConfigProvider`."""

    kind = ""
    read_only = "it is changed where it comes from"
    """What to do instead of writing to it."""

    def __init__(self, name: str, *, personal: bool) -> None:
        """Name it.

        Args:
            name: As commands, errors and `tm config explain` name it; holds no secret.
            personal: The user's own configuration names it, not the project's.
        """
        self.name = name
        self.personal = personal

    @abstractmethod
    def read(self) -> Mapping[str, Any]:
        """Nested settings. Raises TmError if they cannot be had."""

    def get_config(self) -> Mapping[str, Any]:
        """Nested settings, without any that would decide where settings come from."""
        values = self.read()
        if "config-providers" in values:
            raise ConfigError(
                f"{self.name}: a source cannot name further sources",
                "name them in your own configuration or in the project's",
            )
        return values

    def set_config(self, config: Mapping[str, Any], *, dry_run: bool = False) -> None:
        """Keep settings at the source; None removes one. Raises UsageError where it is read-only.

        With `dry_run` all but the writing is done.
        """
        raise UsageError(f"'{self.name}' cannot be written to", self.read_only)

    def note(self) -> tuple[str, bool]:
        """What there is to know beside the settings, mostly nothing, and whether it is doubtful."""
        return "", False


class Unusable(Source):
    """An entry that names no source, or not one that may be used: asking it says why."""

    kind = "unusable"

    def __init__(self, name: str, error: TmError, *, personal: bool) -> None:
        super().__init__(name, personal=personal)
        self._error = error

    def read(self) -> Mapping[str, Any]:
        """As `Source.read`."""
        raise self._error


def settings_in(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The settings of a nested configuration by their dotted keys."""
    for section, values in config.items():
        if isinstance(values, Mapping):
            for name, value in values.items():
                yield f"{section}.{name}", value
        else:
            yield section, values


def nested(settings: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    """The opposite of `settings_in`."""
    found: dict[str, Any] = {}
    for key, value in settings:
        section, dot, name = key.partition(".")
        if dot:
            found.setdefault(section, {})[name] = value
        else:
            found[section] = value
    return found


def ensure_consent(ctx: Context, what: str, *parts: str) -> None:
    """Raise ConfigError unless the user approved that this project makes the machine do this.

    Args:
        ctx: Whose project and user.
        what: The thing as a person reads it before approving.
        parts: All that decides what is done.
    """
    folder = ctx.project
    asked = Approvals(ctx.environ).ask("config-providers", f"{what}, for {folder}", folder, *parts)
    if asked.approved_at is None:
        raise ConfigError(
            f"{what}: not approved on this machine (tm trust shows it,"
            f" tm trust approve {asked.digest[:8]} allows it)"
        )
