"""How the upkeep of a store looks."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output


def stats(result: dict[str, Any], out: Output) -> None:
    """A line for each figure; bytes as people say them."""
    for name, value in result.items():
        if value is None:
            continue
        if name == "by_status":
            value = ", ".join(f"{count} {status}" for status, count in sorted(value.items()))
        elif name == "oldest":
            value = out.when(value)
        elif name.endswith("bytes"):
            value = _size(value)
        if value != "":
            out.data(f"{name}: {value}")


def vacuumed(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    out.say(f"From {_size(result['bytes_before'])} to {_size(result['bytes'])}")


def analyzed(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    out.say("The engine knows the data now")


def archived(result: dict[str, Any] | None, out: Output) -> None:
    """A sentence, and the file."""
    if result is None:
        out.say("No events are that old, or they still wait for a handler")
        return
    told = f"{result['events']} events ({result['first_seq']} to {result['last_seq']})"
    out.say(f"Archived {told}; tm store vacuum gives their space back")
    if "file" in result:
        out.data(result["file"])


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError
