"""Follows the chain: each event's digest, and the head that stands for all events so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tm_core.api import Row, event_digest, next_head

from .anchors import Anchor
from .findings import Difference, Differences
from .scratch import Scratch


class Links:
    """Checks the events that pass, in their order."""

    def __init__(
        self,
        scratch: Scratch,
        found: Differences,
        anchor: Anchor | None,
        tail: Callable[[str], str],
    ) -> None:
        """Begin with an empty log.

        Args:
            scratch: Keeps the last digest of each task.
            found: Takes what is wrong.
            anchor: What the log is compared with.
            tail: Gives a task's last digest within the archives, empty where it has none.
        """
        self.head = ""
        self.events = 0
        self.seq = 0
        self.unlinked = 0
        """Events from before digests were kept: nothing but an anchor covers them."""
        self.anchored: bool | None = None
        """Whether the head at the anchor's event is the anchor's; None before that event."""
        self.unreadable = False
        """Whether the anchor's event is in an archive that cannot be read."""
        self._scratch = scratch
        self._found = found
        self._anchor = anchor
        self._tail = tail
        self._archived = 0
        """The last event of the archives, once one of them could not be read."""

    def skip(self, archive: Any, archived: int) -> None:
        """Go on after an archive that cannot be read, from what the log knows of it.

        Args:
            archive: As `Archives.known` gives it.
            archived: The number of the last event that is in any archive.
        """
        self._archived = archived
        self._scratch.clear()
        self.seq, self.head = archive.last_seq, archive.head
        if self._anchor is not None and self._anchor.seq == archive.last_seq:
            self.anchored = self.head == self._anchor.head
        elif self._anchor is not None and archive.first_seq <= self._anchor.seq < self.seq:
            self.unreadable = True

    def follow(self, events: Iterable[Row]) -> Iterator[Row]:
        """Give the events on, each checked."""
        for event in events:
            self._check(event)
            if self._anchor is not None and event["seq"] == self._anchor.seq:
                self.anchored = self.head == self._anchor.head
            yield event

    def _check(self, event: Row) -> None:
        task_id = event["task_id"] or ""
        stored = event["digest"]
        computed = self._computed(event, task_id, stored)
        if stored is None:
            if self.unlinked < self.events:
                self._wrong(event, "has no digest, although events before it have one")
            self.unlinked += 1
        elif stored != computed:
            self._wrong(
                event,
                "does not fit the one before it: one of both was changed, or some between are gone",
            )
        if stored is not None:
            self._scratch.keep_digest(task_id, stored)
        self.events += 1
        self.seq = event["seq"]
        self.head = next_head(self.head, computed if stored is None else stored)

    def _computed(self, event: Row, task_id: str, stored: str | None) -> str:
        previous = self._scratch.last_digest(task_id)
        if self._archived and not previous:
            if event["seq"] <= self._archived and stored is not None:
                return stored  # the one before it may be in what cannot be read
            previous = self._tail(task_id)
        return event_digest(event, previous)

    def _wrong(self, event: Row, what: str) -> None:
        about = f" of task {event['task_id']}" if event["task_id"] else ""
        self._found.add(
            Difference(
                "event",
                f"event {event['seq']} ({event['type']}{about}) {what}",
                task=event["task_id"],
                event=event["seq"],
            )
        )

    def end(self) -> None:
        """Judge what can only be judged at the end of the log."""
        anchor = self._anchor
        if anchor is None or self.anchored:
            return
        told = f"the anchor of {anchor.at} (event {anchor.seq}, {anchor.events} events)"
        if self.unreadable:
            message = f"event {anchor.seq} cannot be read, which {told} vouches for"
        elif self.anchored is None:
            message = f"event {anchor.seq} is gone, which {told} vouches for"
        else:
            message = f"the events up to {anchor.seq} are not those that {told} vouches for"
        self._found.add(Difference("anchor", message, event=anchor.seq))

    def as_dict(self) -> dict[str, Any]:
        """The figures."""
        return {"events": self.events, "seq": self.seq, "head": self.head}
