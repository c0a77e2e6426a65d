"""How figures look."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output


def metrics(found: dict[str, dict[str, Any]], out: Output) -> None:
    """A heading for each calculator, a line for each figure; groups are indented."""
    for name, figures in found.items():
        out.data(out.style(name, "bold"))
        _figures(figures, out, 1)


def _figures(figures: dict[str, Any], out: Output, depth: int) -> None:
    indent = "  " * depth
    for name, value in figures.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            out.data(f"{indent}{label}:")
            _figures(value, out, depth + 1)
        elif value is not None:
            out.data(f"{indent}{label}: {f'{value:g}' if isinstance(value, float) else value}")
