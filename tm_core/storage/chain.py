"""Ties each event to the one before it about the same task, so that no change of one goes unseen.

An event's digest is the SHA-256, in hexadecimal, of a JSON array of nine texts: the digest of the
event before it about the same task (empty for the first), then its own `id`, `transaction_id`,
`at`, `actor`, `session`, `type`, `task_id` (null for none) and `data`, the last one as the text
that the log holds. The array is written without blanks and in UTF-8, and escapes only what JSON
must.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

# hashlib takes longer to import than all the rest of an event takes to write, because it loads
# OpenSSL; the standard library itself (`random`) looks for the small module first, too.
try:
    from _sha2 import sha256  # type: ignore[import-not-found]  # from Python 3.12 on
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found]  # up to 3.11
    except ImportError:
        from hashlib import sha256

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(value: Any) -> str:
    """JSON as it is stored: compact, with letters as they are."""
    return _encode(value)


LINKED = ("id", "transaction_id", "at", "actor", "session", "type", "task_id", "data")
"""The columns of an event that its digest covers, in this order."""


def event_digest(event: Mapping[str, Any], previous: str) -> str:
    """The digest of an event.

    Args:
        event: The values of `LINKED`, of which `data` is text; others do not matter.
        previous: The digest of the event before it about the same task; empty for the first.
    """
    return link([event[name] for name in LINKED], previous)


def link(columns: Iterable[Any], previous: str, sha256: Callable[[bytes], Any] = sha256) -> str:
    """The digest of an event, of which there are the values of `LINKED` in their order."""
    text: str = sha256(_encode([previous, *columns]).encode()).hexdigest()
    return text


def next_head(head: str, event_digest: str) -> str:
    """The head of the log after one more event: it stands for all events up to there.

    Args:
        head: The head before; empty before the first event.
        event_digest: The event's own digest.
    """
    text: str = sha256((head + event_digest).encode()).hexdigest()
    return text
