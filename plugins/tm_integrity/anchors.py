"""Anchors: small files that vouch for the log up to one event, kept where others see changes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from tm_core.api import TmError, ValidationError, write_atomically

_FORMAT = "task-orchestrator anchor 1"
_LARGEST = 100_000
"""Bytes of an anchor."""


class Anchor(NamedTuple):
    """What an anchor says."""

    seq: int
    events: int
    head: str
    at: str
    by: str


def read(path: str) -> Anchor | None:
    """The anchor in a file; None where there is no file. Raises ValidationError for another one."""
    try:
        with open(path, encoding="utf-8") as file:
            told: Any = json.loads(file.read(_LARGEST))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TmError(f"the anchor {path} cannot be read: {error.strerror}") from error
    except ValueError:
        told = None
    if (
        not isinstance(told, dict)
        or told.get("format") != _FORMAT
        or not isinstance(told.get("seq"), int)
        or not isinstance(told.get("events"), int)
        or not all(isinstance(told.get(name), str) for name in ("head", "at", "by"))
    ):
        raise ValidationError(f"{path} is no anchor", "name a new file to make one")
    return Anchor(told["seq"], told["events"], told["head"], told["at"], told["by"])


def write(path: str, anchor: Anchor) -> None:
    """Write it, whole or not at all."""
    text: Mapping[str, Any] = {"format": _FORMAT, **anchor._asdict()}
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise TmError(f"there is no folder {folder} for the anchor")
    try:
        content = json.dumps(text, indent=2, ensure_ascii=False) + "\n"
        write_atomically(path, content.encode(), mode=0o666)
    except OSError as error:
        raise TmError(f"the anchor {path} cannot be written: {error.strerror}") from error
