"""Log lines for whoever looks for a fault: standard `logging`, and only if somebody listens.

`TM_LOG=debug|info|warning|error` makes `tm` print them on stderr; a program that uses the Python
API sets up `logging` as it likes, for the logger `tm`. They name commands, features and durations,
never what users typed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


@contextmanager
def listening(level: str) -> Iterator[None]:
    """Print lines of this level and above on stderr while the block lasts; empty: print none."""
    if not level:
        yield
        return
    import logging

    logger = logging.getLogger("tm")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(LEVELS[level])
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def log(level: str, message: str, *arguments: object) -> None:
    """Log a line; costs nothing where nobody has imported `logging`."""
    module = sys.modules.get("logging")
    if module is not None:
        logger = module.getLogger("tm")
        if logger.hasHandlers():
            logger.log(LEVELS[level], message, *arguments)
