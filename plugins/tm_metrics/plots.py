"""Plots at a terminal, drawn by plotext where the extra `plots` is installed.

It is asked only when there is something to draw at a terminal: to import it takes longer than all
else that a command does. Without it, counts are drawn as bars, and points are not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_HEIGHT = 12
_NARROWEST = 6
"""Characters of a column with its label; where there is less room, bars read better."""


def columns(counts: Mapping[str, int], width: int) -> str:
    """Counts of days as columns, each with its number; empty where it cannot be drawn.

    Args:
        counts: By day, as `2026-03-01`.
        width: Characters of the terminal.
    """
    if not any(counts.values()) or width < _NARROWEST * (len(counts) + 1):
        return ""
    plotext = _library()
    if plotext is None:
        return ""
    figure = plotext.figure
    figure.clear()
    figure.plot_size(width, _HEIGHT)
    labels = [day[5:] for day in counts]
    figure.draw(figure.bar(labels, list(counts.values()), width=0.7, labeled=True))
    figure.ruler("y").ticks([0, max(counts.values())], ["0", str(max(counts.values()))])
    return _text(plotext)


def points(pairs: Sequence[tuple[float, float]], names: tuple[str, str], width: int) -> str:
    """Pairs of numbers as points, both axes alike, with the diagonal; empty where none is drawn.

    Args:
        pairs: How far right, and how far up.
        names: What the axes show.
        width: Characters of the terminal.
    """
    plotext = _library() if pairs and width >= _NARROWEST * 5 else None
    if plotext is None:
        return ""
    from .charts import ticks

    scale = ticks(max(max(pair) for pair in pairs))
    figure = plotext.figure
    figure.clear()
    figure.plot_size(width, _HEIGHT + 4)
    figure.draw(figure.segment([0, scale[-1]], [0, scale[-1]], marker="·"))
    figure.draw(figure.signal(*map(list, zip(*pairs, strict=True)), marker="dot").lines(False))
    for axis, name in zip("xy", names, strict=True):
        figure.ruler(axis).lim(0, scale[-1])
        figure.ruler(axis).ticks(scale, [f"{tick:g}" for tick in scale])
        figure.label(name, axis)
    return _text(plotext)


def _library() -> Any:
    try:
        import plotext
    except ImportError:
        return None
    return plotext


def _text(plotext: Any) -> str:
    """The drawing without its colours, which assume a light background."""
    text: str = plotext.uncolorize(str(plotext.figure.build()))
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
