"""A handler: a journal with a file for each day, written as things happen."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tm_core.api import Context, Event, Handler, NotFound, hookimpl

_WORDS = {"task.started": "started", "task.blocked": "is held up at", "task.completed": "completed"}


class Journal:
    """Adds a line to the day's file, `standup/2030-01-31.md` in the store's folder."""

    name = "journal"
    pattern = "task.*"

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def handle(self, event: Event) -> None:
        """Called after the commit. An event may come again: each line bears its number."""
        word = _WORDS.get(event["type"])
        if word is None or event["task_id"] is None or not self._ctx.settings["journal"]:
            return
        try:
            title = self._ctx.get(event["task_id"]).title
        except NotFound:  # purged meanwhile
            title = event["task_id"]
        folder = os.path.join(self._ctx.folder, "standup")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"{event['at'][:10]}.md")
        mark = f"<!-- {event['seq']} -->"
        with open(path, "a+", encoding="utf-8") as file:
            file.seek(0)
            if mark not in file.read():
                file.write(f"- {event['actor']} {word} {title} {mark}\n")


@hookimpl
def event_handlers(ctx: Context) -> Iterable[Handler]:
    """The observers of what happens."""
    return [Journal(ctx)]
