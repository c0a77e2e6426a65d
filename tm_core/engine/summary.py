"""An event in a few words, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tm_core.language.values import visible

if TYPE_CHECKING:
    from tm_core.context import Event

_TOLD_OTHERWISE = ("rows", "forced", "refused", "plugins", "before", "after")


def summary(event: Event) -> str:
    """What an event changed, in a few words."""
    data: dict[str, Any] = event["data"].get("imported", event["data"])
    before, after = data.get("before"), data.get("after")
    parts: list[str] = []
    if "undoes" in data:
        parts.append(f"takes back event {data['undoes']}")
    elif before is None and after:
        parts.append(str(after.get("title", "")))
    elif after:
        for name, value in after.items():
            if name not in ("version", "updated_at", "completed_at"):
                parts.append(f"{name}: {_short((before or {}).get(name))} -> {_short(value)}")
    else:
        known = {k: v for k, v in data.items() if k not in _TOLD_OTHERWISE}
        parts.extend(f"{name}: {_short(value)}" for name, value in known.items())
    if data.get("forced"):
        parts.append(f"forced past: {'; '.join(data['forced'])}")
    if data.get("refused"):
        parts.append("; ".join(data["refused"]))
    return visible(", ".join(parts))


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else text[:39] + "…"
