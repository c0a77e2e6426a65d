"""The specification's `MetricsCalculator`, thin over the calculators of all features."""

from __future__ import annotations

from typing import Any


class MetricsCalculator:
    """Figures about the work of one store, as methods.

        with TaskManager.open() as tm:
            MetricsCalculator(tm).calculate_time_metrics()["p50_ratio"]

    Each method takes what `tm metrics` takes: `period="month"`, `by="assignee"`.
    """

    def __init__(self, store: Any) -> None:
        """Measure what a `TaskManager`, or a plugin's context, gives access to."""
        self._tasks = getattr(store, "tasks", store)

    def calculate_feedback_metrics(self, **options: Any) -> dict[str, Any]:
        """What reviews say. Raises NotFound where no feature takes reviews."""
        return self._measure("feedback", options)

    def calculate_time_metrics(self, **options: Any) -> dict[str, Any]:
        """How good the estimates are. Raises NotFound where no feature tracks hours."""
        return self._measure("time", options)

    def calculate_success_rates(self, **options: Any) -> dict[str, Any]:
        """How completions hold: forced ones, reopened tasks, first-pass validations."""
        return self._measure("success", options)

    def generate_insights(self, **options: Any) -> dict[str, Any]:
        """Findings, with the figures that they rest on."""
        found: dict[str, Any] = self._tasks.insights(**options)
        return found

    def _measure(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._tasks.metrics(name, **options)[name]
        return found
