"""What its results look like to a person."""

from __future__ import annotations

from tm_core.api import Output, visible

from .actions import Greeting


def told(greeting: Greeting, out: Output) -> None:
    """Two sentences; `--json` gives the greeting itself."""
    out.data(visible(f"{greeting.greeting}, {greeting.person}!"))
    if greeting.next is None:
        out.data("Nothing waits for you.")
    else:
        first = f"{greeting.next.title} [{greeting.next.id}]"
        out.data(visible(f"{greeting.waiting} task(s) wait for you, first of all: {first}"))
