"""What people can do with this plugin."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from tm_core.api import OPEN, Context, Param, Task


class Greeting(NamedTuple):
    """What somebody is told in the morning."""

    greeting: str
    person: str
    waiting: int
    next: Task | None


def hello(
    ctx: Context,
    *,
    person: Annotated[str, Param("Whom to greet: you by default")] = "",
) -> Greeting:
    """Greet a person, and tell how many tasks wait for them, and which comes first."""
    person = person or ctx.actor
    tasks = ctx.find(f"assignee == {person!r}", status=OPEN, sort="-priority")
    return Greeting(ctx.settings["greeting"], person, len(tasks), tasks[0] if tasks else None)
