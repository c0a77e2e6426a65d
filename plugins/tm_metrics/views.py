"""How figures look to people."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, visible

from .numbers import bar_of, shown

_BAR = 32
_WIDEST = 100
"""Characters of a plot; a wider one is no clearer."""
_CURVE = 3
"""So many counts in a row are worth a picture."""


def metrics(found: dict[str, dict[str, Any]], out: Output) -> None:
    """A heading for each calculator, a line for each figure; groups are indented."""
    for name, figures in found.items():
        out.data(out.style(visible(name), "bold"))
        lines(figures, out, 1)


def lines(figures: dict[str, Any], out: Output, depth: int = 0) -> None:
    """A line for each figure; counts in a row get bars at a terminal."""
    indent = "  " * depth
    for name, value in figures.items():
        label = visible(str(name)).replace("_", " ")
        if isinstance(value, dict):
            if value:
                out.data(f"{indent}{label}:")
                if out.terminal and _is_series(value):
                    _drawn(value, out, depth + 1)
                else:
                    lines(value, out, depth + 1)
        elif value is not None:
            out.data(f"{indent}{label}: {shown(value)}")


def _is_series(value: dict[str, Any]) -> bool:
    """Labels that are numbers or days, with counts: what stands beside each other compares."""
    return (
        len(value) >= _CURVE
        and all(isinstance(count, int) and not isinstance(count, bool) for count in value.values())
        and all(str(label).replace("-", "").isdigit() for label in value)
    )


def _drawn(counts: dict[str, int], out: Output, depth: int) -> None:
    """Counts of days as plotext draws them, if it is there; all others, and without it, as bars."""
    from .plots import columns

    drawing = columns(counts, min(out.width, _WIDEST)) if _of_days(counts) else ""
    if drawing:
        out.data(drawing)
    else:
        _bars(counts, out, depth)


def _of_days(counts: dict[str, int]) -> bool:
    return all(len(day) == 10 and day.count("-") == 2 for day in map(str, counts))


def _bars(counts: dict[str, int], out: Output, depth: int) -> None:
    widest = max(len(str(label)) for label in counts)
    most = max(max(counts.values()), 1)
    room = max(min(_BAR, out.width - 2 * depth - widest - 12), 4)
    for label, count in counts.items():
        bar = out.style(bar_of(count / most, room), "blue")
        out.data(f"{'  ' * depth}{label:>{widest}}  {bar} {count}")


def insights(found: dict[str, Any], out: Output) -> None:
    """A line for each finding."""
    for each in found["findings"]:
        out.data(visible(each["finding"]))
    if not found["findings"]:
        out.say(f"Nothing stands out in what at least {found['minimum_tasks']} tasks tell")


def report(result: Any, out: Output) -> None:
    """The report itself, unless it went to a file."""
    if result.path:
        out.say(f"Report written to {visible(result.path)}")
    elif result.format == "text" and out.terminal:
        from .plain import text

        out.raw(text(result, min(out.width, _WIDEST)))
    else:
        out.raw(result.text)
