"""What hooks are given and give back, beside tasks and changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .record import Record


class Problem(Record):
    """A reason why a change must not be made."""

    message: str
    field: str = ""
    overridable: bool = False
    """`--force` lets the change pass and records the message in the event."""
    hint: str = ""


class Availability(Record):
    """Conditions in SQL about which tasks can be taken up now; an empty one says nothing."""

    held: str = ""
    """True of a task, a row of the table `task`, that cannot be taken up although it is pending."""
    freed: str = ""
    """A SELECT of the ids of tasks that can be taken up although they are in progress."""
    held_parameters: tuple[Any, ...] = ()
    """The values of the `?` in `held`: what is the same text each time is planned but once."""
    freed_parameters: tuple[Any, ...] = ()
    """The values of the `?` in `freed`."""


class Foreign(Record):
    """A database of another tool, found where a store should be."""

    what: str
    """What it is, after its path: `belongs to the tool that was used before`."""
    command: str
    """The command that carries it over, without `tm`."""


class Finding(Record):
    """What a health check found."""

    level: str
    """`ok`, `warning` or `error`."""
    subject: str
    message: str
    hint: str = ""
    fix: Callable[[], object] | None = None
    """Mends it; only what cannot lose data. `tm doctor --fix` calls it."""

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON; of `fix`, whether there is one."""
        return {**self._asdict(), "fix": self.fix is not None}


class Failure(Record):
    """A plugin that did not do its part."""

    plugin: str
    source: str
    where: str
    """The hook, or what else it was asked for."""
    cause: str


class CommandEnd(Record):
    """How one run of `tm` went."""

    command: str
    """As the command is declared, `criteria confirm`; empty when none was reached."""
    feature: str
    """The feature that offers it, `kernel` for the kernel's own; empty when none was reached."""
    seconds: float
    """Since the line was read; starting Python is not in it."""
    error: BaseException | None
    """What the command ended with. Its text may hold what users typed."""
    failures: tuple[Failure, ...]
    """What plugins did not do on the way, although the command went on."""
