"""A clock that a test sets, so that no test has to wait."""

from __future__ import annotations

from datetime import datetime

from tm_core.language.when import parse_instant


class Clock:
    """Gives the time of a store, and stands still until it is told to move.

        def test_it_is_late_tomorrow(tm_open, tm_clock):
            tm = tm_open(clock=tm_clock)
            task = tm.add("Write", deadline="1d")
            tm_clock.advance("2d")
            assert [each.id for each in tm.overdue()] == [task.id]

    What plugins read from `ctx.now`, and relative times such as `3d`, count from it.
    """

    def __init__(self, now: str = "2030-01-01T12:00:00Z") -> None:
        self.time = parse_instant(now)
        """The present instant, canonical."""

    def __call__(self) -> str:
        """The present instant, canonical."""
        return self.time

    def set(self, instant: str) -> None:
        """Make it this time: an instant in any form that a user may write."""
        self.time = parse_instant(instant, now=datetime.fromisoformat(self.time))

    def advance(self, distance: str) -> None:
        """Let time pass: `90m`, `2d`, `1w`."""
        self.set(f"in {distance}")
