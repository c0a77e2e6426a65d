"""Follows the chain: each event's digest, and the head that stands for all events so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tm_core.api import Row, event_digest, next_head

from .anchors import Anchor
from .findings import Difference, Differences
from .scratch import Scratch


class Links:
    """Checks the events that pass, in their order."""

    def __init__(self, scratch: Scratch, found: Differences, anchor: Anchor | None) -> None:
        self.head = ""
        self.events = 0
        self.seq = 0
        self.unlinked = 0
        """Events from before digests were kept: nothing but an anchor covers them."""
        self.anchored: bool | None = None
        """Whether the head at the anchor's event is the anchor's; None before that event."""
        self._scratch = scratch
        self._found = found
        self._anchor = anchor

    def follow(self, events: Iterable[Row]) -> Iterator[Row]:
        """Give the events on, each checked."""
        for event in events:
            self._check(event)
            if self._anchor is not None and event["seq"] == self._anchor.seq:
                self.anchored = self.head == self._anchor.head
            yield event

    def _check(self, event: Row) -> None:
        task_id = event["task_id"] or ""
        previous = self._scratch.last_digest(task_id)
        computed = event_digest(event, previous)
        stored = event["digest"]
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
        if self.anchored is None:
            message = f"event {anchor.seq} is gone, which {told} vouches for"
        else:
            message = f"the events up to {anchor.seq} are not those that {told} vouches for"
        self._found.add(Difference("anchor", message, event=anchor.seq))

    def as_dict(self) -> dict[str, Any]:
        """The figures."""
        return {"events": self.events, "seq": self.seq, "head": self.head}
