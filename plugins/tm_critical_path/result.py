"""What `tm critical-path` gives."""

from __future__ import annotations

from typing import Any

METHOD = "critical path method (Kelley and Walker 1959)"


class Path:
    """The figures, and how they are wanted."""

    def __init__(self, figures: dict[str, Any], format: str, limit: int) -> None:
        self.figures = figures
        self.format = format
        """`text`, `json`, `graphviz` or `mermaid`."""
        self.limit = limit
        """Tasks to show as text; 0 for all."""

    def as_dict(self) -> dict[str, Any]:
        """All figures: the JSON shape."""
        return self.figures
