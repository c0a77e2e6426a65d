"""Charts as inline SVG: no script, no reference to anything outside, every text escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tm_core.api import visible


def escaped(text: object) -> str:
    """Text of tasks as HTML; control characters are made visible."""
    import html

    return html.escape(visible(str(text)), quote=True)


def ticks(most: float, wanted: int = 4) -> list[float]:
    """Round numbers from 0 up to at least `most`, about as many as wanted."""
    if most <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(most / wanted))
    step = next(s * power for s in (1, 2, 5, 10) if s * power * wanted >= most * 0.999)
    return [round(step * n, 10) for n in range(math.ceil(most / step - 1e-9) + 1)]


def columns(spans: Sequence[Mapping[str, Any]], *, title: str) -> str:
    """Columns of what was completed, with what was created as a line over them."""
    width, height, left, bottom = 1000, 270, 36, 26
    most = max([1, *(max(span["completed"], span["created"]) for span in spans)])
    scale = [tick for tick in ticks(most) if tick == int(tick)]
    room, top = width - left - 8, 12
    tall = height - bottom - top
    step = room / len(spans)

    def y(value: float) -> float:
        return round(top + tall * (1 - value / scale[-1]), 1)

    parts = [_grid(scale, y, left, width - 8)]
    every = math.ceil(len(spans) / 12)
    line = []
    for number, span in enumerate(spans):
        x = left + number * step
        done, made = span["completed"], span["created"]
        line.append(f"{x + step / 2:.1f},{y(made)}")
        told = f"{span['begins']}: {done} completed, {made} created"
        parts.append(
            f'<rect class="bar" x="{x + step * 0.14:.1f}" y="{y(done)}" width="{step * 0.72:.1f}"'
            f' height="{max(y(0) - y(done), 0):.1f}" rx="2"><title>{escaped(told)}</title></rect>'
        )
        # The last label is always told; one close before it would run into it.
        last = len(spans) - 1
        if number == last or (number % every == 0 and last - number >= every * 0.7):
            parts.append(_text(x + step / 2, height - 8, span["begins"][5:], "middle"))
    parts.append(f'<polyline class="line" points="{" ".join(line)}"/>')
    return _svg(width, height, title, parts)


def rows(counts: Mapping[str, int], *, title: str, style: str = "bar") -> str:
    """A horizontal bar for each count."""
    width, left, step = 480, 96, 26
    most = max([1, *counts.values()])
    room = width - left - 64
    parts = []
    for number, (label, count) in enumerate(counts.items()):
        y = number * step + 4
        parts.append(_text(left - 10, y + 13, label, "end"))
        if count:
            parts.append(
                f'<rect class="{style}" x="{left}" y="{y}" width="{room * count / most:.1f}"'
                f' height="18" rx="2"/>'
            )
        parts.append(_text(left + room * count / most + 8, y + 13, f"{count:,}", "start", "count"))
    return _svg(width, len(counts) * step + 4, title, parts)


def scatter(points: Sequence[Mapping[str, Any]], ratio: float | None, *, title: str) -> str:
    """Estimated against actual hours, a dot for each task, with the line where both are equal."""
    width, height, left, bottom, top = 480, 320, 40, 40, 12
    wide, tall = width - left - 12, height - bottom - top
    across = _scale([point["estimated_hours"] for point in points])
    up = _scale([point["actual_hours"] for point in points])
    right, high = across[-1], up[-1]

    def x(value: float) -> float:
        return round(left + wide * min(value, right) / right, 1)

    def y(value: float) -> float:
        return round(top + tall * (1 - min(value, high) / high), 1)

    def slope(style: str, rise: float) -> str:
        far = min(right, high / rise)
        ends = f'x1="{x(0)}" y1="{y(0)}" x2="{x(far)}" y2="{y(far * rise)}"'
        return f'<line class="{style}" {ends}/>'

    parts = [_grid(up, y, left, width - 12)]
    parts += [_text(x(tick), height - bottom + 16, f"{tick:g}", "middle") for tick in across]
    parts.append(slope("equal", 1.0))
    if ratio:
        parts.append(slope("trend", ratio))
    for point in points:
        estimated, actual = point["estimated_hours"], point["actual_hours"]
        told = escaped(f"{point['title']}: estimated {estimated:g} h, took {actual:g} h")
        kind = "dot over" if actual > estimated else "dot"
        parts.append(
            f'<circle class="{kind}" cx="{x(estimated)}" cy="{y(actual)}" r="4">'
            f"<title>{told}</title></circle>"
        )
    parts.append(_text(left + wide / 2, height - 6, "estimated hours", "middle"))
    middle = top + tall / 2
    parts.append(
        f'<text x="11" y="{middle}" text-anchor="middle" transform="rotate(-90 11 {middle})">'
        "actual hours</text>"
    )
    return _svg(width, height, title, parts)


def _scale(values: Sequence[float]) -> list[float]:
    """Ticks for most of the values: a few giants would press all others into a corner.

    What lies beyond is drawn at the edge.
    """
    ordered = sorted(values)
    return ticks(max(ordered[math.ceil(len(ordered) * 0.98) - 1] if ordered else 1.0, 1.0))


def _grid(scale: Sequence[float], y: Any, left: float, right: float) -> str:
    return "".join(
        f'<line class="grid" x1="{left}" y1="{y(tick)}" x2="{right}" y2="{y(tick)}"/>'
        + _text(left - 6, y(tick) + 4, f"{tick:g}", "end")
        for tick in scale
    )


def _text(x: float, y: float, text: str, anchor: str, style: str = "") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escaped(text)}</text>'


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escaped(title)}">'
        f"{''.join(parts)}</svg>"
    )
