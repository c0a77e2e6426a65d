"""Remembers, beside the store, what plugins did wrong, for whoever looks later.

A command names a plugin that fails and goes on; most often nobody reads that line. So it is kept
for a day, in a small file that is written only when there is something to tell.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta

from tm_core.configuration.cache import read_json, write_json_atomically
from tm_core.record import Record

FILE = "plugin-troubles.json"
_KEPT = timedelta(days=1)
_MOST = 200


class Trouble(Record):
    """What one plugin did wrong in one place, as of the last time."""

    plugin: str
    source: str
    """Distribution and version."""
    where: str
    """The hook, or what else it was asked for."""
    level: str
    """`error`: it failed; `warning`: it took too long."""
    cause: str
    at: str
    """When it was last so, UTC, canonical."""
    times: int


def recall(folder: str, now: str) -> list[Trouble]:
    """What was remembered in the store's folder and is not too long ago, the latest last."""
    oldest = (datetime.fromisoformat(now) - _KEPT).isoformat(timespec="microseconds")
    found = []
    rows = read_json(os.path.join(folder, FILE)) if folder else None
    for row in rows if isinstance(rows, list) else ():
        try:
            trouble = Trouble(*row)
            if trouble.at >= oldest[:26] and trouble.times > 0:
                found.append(trouble)
        except TypeError:  # not written by us
            continue
    return sorted(found, key=lambda trouble: trouble.at)


def remember(folder: str, troubles: Iterable[Trouble], now: str) -> None:
    """Keep these beside those that were remembered; what cannot be written is forgotten."""
    kept = {each[:4]: each for each in recall(folder, now)}
    for each in troubles:
        before = kept.pop(each[:4], None)
        kept[each[:4]] = each._replace(times=each.times + (before.times if before else 0))
    write_json_atomically(os.path.join(folder, FILE), list(kept.values())[-_MOST:])
