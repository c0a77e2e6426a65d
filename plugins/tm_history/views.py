"""How the log and what was taken back look to a person and in a pipe."""

from __future__ import annotations

from tm_core.api import Event, Output, summary

from .audit import Trail


def logged(found: list[Event] | Trail, out: Output) -> None:
    """One line for each event."""
    if isinstance(found, Trail):
        _audited(found, out)
        return
    rows = [
        [
            event["seq"],
            out.when(event["at"]),
            event["actor"],
            event["type"],
            event["task_id"],
            summary(event),
        ]
        for event in found
    ]
    if rows:
        out.table(["event", "at", "by", "type", "task", "what"], rows)
    else:
        out.say("Nothing has happened")


def _audited(found: Trail, out: Output) -> None:
    """Whole times in UTC, since a trail is compared with other records; marks before words."""
    rows = [
        [
            each.event,
            f"{each.at[:19]}Z",
            each.actor,
            each.session,
            each.type,
            each.task_id,
            " ".join(each.marks),
            summary(each.source),
        ]
        for each in found.entries
    ]
    if rows:
        out.table(["event", "at", "by", "session", "type", "task", "mark", "what"], rows)
    else:
        out.say("Nothing has happened")


def undone(events: list[Event], out: Output) -> None:
    """A sentence for each event that was taken back."""
    for event in events:
        about = f" of task {event['task_id']}" if event["task_id"] else ""
        out.say(f"Undone: {event['type']}{about} (event {event['seq']})")
