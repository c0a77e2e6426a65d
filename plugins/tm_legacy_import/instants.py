"""The earlier tool's times: those of tasks are local and without a zone, those of agents UTC."""

from __future__ import annotations

import os
import re
import time
from datetime import datetime
from typing import Any

from tm_core.api import InvalidValue, parse_instant

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ZONED = re.compile(r"(?:[zZ]|[+-]\d\d:?\d\d)$")


def instant(value: Any, *, utc: bool = False) -> str | None:
    """A stored time as an instant; None if it is no date or time.

    What people wrote as words ("tomorrow") is none: nobody knows from when it counts.
    """
    if not isinstance(value, str) or not _DATE.match(value.strip()):
        return None
    text = value.strip()
    if utc and not _ZONED.search(text) and len(text) > len("2025-01-01"):
        text += "Z"
    try:
        return parse_instant(text)
    except InvalidValue:
        return None


def zone() -> dict[str, str]:
    """The zone in which local times are read, to be recorded: its name and its present offset."""
    here = datetime.now().astimezone()
    name = os.environ.get("TZ", "").lstrip(":")
    if not name:
        path = os.path.realpath("/etc/localtime")
        name = path.partition("zoneinfo/")[2] or here.tzname() or time.tzname[0]
    offset = here.strftime("%z")
    return {"name": name, "offset": f"{offset[:3]}:{offset[3:5]}"}
