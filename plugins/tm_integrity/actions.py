"""`tm verify`: is the store what was written, and what an anchor vouches for?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any, NamedTuple

from tm_core.api import Context, DatabaseError, Param, Row, UsageError, ValidationError

from . import anchors
from .anchors import Anchor
from .findings import Difference, Differences
from .links import Links
from .replay import Replay
from .scratch import Scratch


class Verification(NamedTuple):
    """What was found."""

    events: int
    seq: int
    """The last event's number."""
    head: str
    """Stands for all events: the same events give the same head, any others another one."""
    unlinked: int
    """Events from before digests were kept."""
    tasks: int
    rows: int
    """Of plugins' tables."""
    anchor: dict[str, Any] | None
    differences: list[Difference]
    found: int
    """All differences; those of the list are the first ones."""
    unreadable: list[str]
    """Archives that are missing or not what was written: what they tell was not checked."""

    @property
    def failure(self) -> ValidationError | None:
        """What the command ends with, once the report is shown."""
        if not self.found:
            return None
        if self.found == len(self.unreadable):
            return ValidationError(
                f"{len(self.unreadable)} archive(s) cannot be checked; the rest is what was"
                " written",
                f"bring back {', '.join(self.unreadable[:3])}",
            )
        return ValidationError(
            f"the store is not what was written: {self.found} difference(s)",
            "tm log shows who wrote what; restore a backup from before the change",
        )

    def as_dict(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        return {"ok": not self.found, **self._asdict()}


def verify(
    ctx: Context,
    *,
    anchor: Annotated[
        str, Param("Make this file vouch for the log; where it exists, compare with it")
    ] = "",
    renew: Annotated[
        bool, Param("Let the anchor vouch for the log of today, if all is well")
    ] = False,
    limit: Annotated[int, Param("Tell at most so many differences; 0 for all", minimum=0)] = 100,
) -> Verification:
    """Check that the store is what was written.

    Every event has a digest that covers it and the one before it about the same task. They are
    computed anew. Then the log is played from nothing, and each task and each row that a plugin
    keeps is compared with what comes out. Exit code 5 when something differs.

    A chain alone shows what was changed carelessly: whoever can write the file can compute it anew.
    An anchor that is kept elsewhere, in version control for instance, shows that, too.

    An archive that cannot be read is told, and counts as a difference; the rest is checked as far
    as it goes without.
    """
    if renew and not anchor:
        raise UsageError("--renew needs the anchor to renew", "tm verify --anchor FILE --renew")
    known = anchors.read(anchor) if anchor else None
    found = Differences(limit)
    with closing(Scratch()) as scratch, ctx.database.snapshot():
        links = Links(scratch, found, known, lambda task_id: _tail(ctx, task_id))
        replay = Replay(ctx, scratch, found)
        unreadable: list[str] = []
        archived = max((each.last_seq for each in ctx.tasks.archives.known()), default=0)

        def skip(archive: Any, error: DatabaseError) -> None:
            unreadable.append(archive.file)
            found.add(Difference("archive", error.message))
            links.skip(archive, archived)
            replay.skip()

        total = ctx.database.query("SELECT count(*) AS n FROM event")[0]["n"]
        for event in _counted(ctx, links.follow(ctx.tasks.history(skip)), total):
            replay.play(event)
        links.end()
        replay.compare()
    now = Anchor(links.seq, links.events, links.head, ctx.now, ctx.actor)
    state = "" if not anchor else "kept" if known is not None else "made"
    if anchor and not found.count and (known is None or renew):
        anchors.write(anchor, now)
        state = "renewed" if known is not None else "made"
    elif anchor and known is None:
        state = "not made"
    return Verification(
        links.events,
        links.seq,
        links.head,
        links.unlinked,
        replay.tasks,
        replay.rows,
        {"file": anchor, "state": state, **(known or now)._asdict()} if anchor else None,
        found.kept,
        found.count,
        unreadable,
    )


def _tail(ctx: Context, task_id: str) -> str:
    rows = ctx.database.query("SELECT digest FROM event_tail WHERE task_id = ?", [task_id])
    return str(rows[0]["digest"]) if rows else ""


def _counted(ctx: Context, events: Iterator[Row], total: int) -> Iterator[Row]:
    for number, event in enumerate(events, 1):
        if number % 1000 == 0:
            ctx.progress(min(number, total), total)
        yield event
    ctx.progress(total, total)
