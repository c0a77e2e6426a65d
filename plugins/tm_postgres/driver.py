"""Imports the driver, without what it wants for the sake of its version numbers alone.

psycopg and its compiled part ask `importlib.metadata` for their own versions when they are
imported. That module brings the parsers of e-mail and zip files along and looks through all that is
installed, a tenth of what the driver takes to import, at each command (50 of 504 million
instructions; the rest is the driver itself and asyncio). The version is the name of a folder beside
the package.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from types import ModuleType

_PACKAGES = ("psycopg", "psycopg_c", "psycopg_binary")


def load() -> None:
    """Import psycopg. Raises ImportError where it is not installed."""
    if "psycopg" not in sys.modules and "importlib.metadata" not in sys.modules:
        for package in _PACKAGES:
            version = _version(package)
            if version:
                # What the import system finds here, it does not look for.
                known = ModuleType(f"{package}.version")
                known.__dict__["__version__"] = version
                sys.modules[known.__name__] = known
    import psycopg  # noqa: F401  # that was the point


def _version(package: str) -> str:
    """The version that is installed beside a package; empty where that does not show."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return ""
    place = os.path.dirname(os.path.dirname(spec.origin))
    found = [
        name.removeprefix(f"{package}-").removesuffix(".dist-info")
        for name in os.listdir(place)
        if name.startswith(f"{package}-") and name.endswith(".dist-info")
    ]
    return found[0] if len(found) == 1 else ""
