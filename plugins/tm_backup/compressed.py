"""Zstandard as it is in Python from 3.14 on; before that, from the library of the same code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import BinaryIO

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdError, ZstdFile
else:
    from backports.zstd import CompressionParameter, ZstdError, ZstdFile

_CHUNK = 1 << 20


class Unreadable(Exception):
    """What was read is not what was compressed."""


def compress(source: BinaryIO, target: BinaryIO) -> None:
    """Append all of one file to another, compressed, with a checksum of its own."""
    options: dict[int, int] = {CompressionParameter.checksum_flag: 1}
    with ZstdFile(target, "w", options=options) as packed:
        while chunk := source.read(_CHUNK):
            packed.write(chunk)


def decompress(source: BinaryIO) -> Iterator[bytes]:
    """The content in pieces, from where a file is read. Raises Unreadable."""
    try:
        with ZstdFile(source) as packed:
            while chunk := packed.read(_CHUNK):
                yield chunk
    except (ZstdError, EOFError) as error:
        raise Unreadable(str(error)) from error
