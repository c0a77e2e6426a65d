"""Events that are for one reader: what others see of them.

This is a courtesy among people who share a store, not secrecy: whoever can open the store's file
can read all of it, and can say any name with `--actor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def readable(data: Mapping[str, Any], reader: str | None) -> dict[str, Any]:
    """An event's data as a reader may see it: of what is private to another, only whose it is.

    Args:
        data: The event's data, also as it came with an import.
        reader: Who reads; None for somebody outside, such as a handler.
    """
    inner: Any = data
    while isinstance(inner.get("imported"), Mapping):
        inner = inner["imported"]
    owner = inner.get("private_to")
    return dict(data) if owner is None or owner == reader else {"private_to": owner}
