"""`TelemetryCapture`: what the telemetry feature does, as the specification's methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tm_core.api import TaskManager


class TelemetryCapture:
    """Counts of what is done with one store: local, and off until somebody opts in.

    Every method raises FeatureDisabled while it is off.
    """

    def __init__(self, store: TaskManager) -> None:
        """Count in a store."""
        self._store = store

    def capture_event(self, event_type: str, data: Mapping[str, Any]) -> None:
        """Count something that happened.

        Args:
            event_type: Its kind, chosen by the programmer: `import.finished`.
            data: `seconds` is how long it took and `error` whether it failed; nothing else of it is
                kept.

        Raises:
            InvalidValue: The type is not lower-case words joined by dots.
        """
        failed = bool(data.get("error"))
        self._store.telemetry_capture(event_type, seconds=data.get("seconds"), failed=failed)

    def get_insights(self) -> dict[str, Any]:
        """What stands out: findings, each with the numbers that it rests on."""
        found: dict[str, Any] = self._store.telemetry_insights()
        return found

    def export_data(self) -> dict[str, Any]:
        """All that is stored."""
        found: dict[str, Any] = self._store.telemetry_export()
        return found
