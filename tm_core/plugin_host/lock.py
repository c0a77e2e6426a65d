"""`plugins.lock`: which plugins, of which versions, a project is used with.

A JSON file beside the project's configuration, made by `tm plugins lock` and kept in version
control. Names and versions are compared whenever a store is looked for; the contents of the
installed files, which take longer, by `tm plugins check`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from tm_core.configuration.cache import read_json
from tm_core.errors import ConfigError
from tm_core.record import Record

from .registry import LOCK_FILE, Installed

FORMAT = 1


class Locked(Record):
    """One plugin as the lock file has it."""

    name: str
    distribution: str
    version: str
    digest: str
    """The SHA-256 of its installed files, in hexadecimal."""
    api: str
    """The version of the plugin API that it is written for."""


class Deviation(Record):
    """What is not as it was locked."""

    plugin: str
    message: str
    locked: Locked | None
    """None for a plugin that the lock file does not have."""


def read_lock(folder: str) -> dict[str, Locked] | None:
    """The locked plugins by name; None where there is no lock file.

    Raises ConfigError for a file that is none.
    """
    path = os.path.join(folder, LOCK_FILE)
    if not folder or not os.path.exists(path):
        return None
    content = read_json(path)
    try:
        if content["format"] != FORMAT:
            raise ConfigError(f"{path}: of a format that this version does not know", "upgrade tm")
        return {row["name"]: Locked(**row) for row in content["plugins"]}
    except (KeyError, TypeError):
        raise ConfigError(f"{path}: not a lock file", "tm plugins lock makes it anew") from None


def deviations(locked: Mapping[str, Locked], enabled: Iterable[Installed]) -> list[Deviation]:
    """How the enabled plugins differ from the locked ones by name, distribution and version."""
    found: list[Deviation] = []
    present = {one.name: one for one in enabled}
    for name in sorted(locked.keys() | present.keys()):
        expected, one = locked.get(name), present.get(name)
        if one is None:
            found.append(Deviation(name, "is locked, but not installed and on", expected))
        elif expected is None:
            found.append(Deviation(name, f"is on ({one.source}), but not locked", None))
        elif (expected.distribution, expected.version) != (one.distribution, one.version):
            wanted = f"{expected.distribution} {expected.version}"
            found.append(Deviation(name, f"is of {one.source}, locked is {wanted}", expected))
    return found


def as_json(locked: Iterable[Locked]) -> dict[str, Any]:
    """The content of a lock file."""
    return {"format": FORMAT, "plugins": [each._asdict() for each in locked]}
