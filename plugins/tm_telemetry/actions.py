"""`tm telemetry show`, `insights`, `export` and `purge`."""

from __future__ import annotations

from typing import Any

from tm_core.api import Context

from .capture import TelemetryCapture
from .insights import totals


def show(ctx: Context) -> dict[str, Any]:
    """Show what was counted: commands with their durations and errors, features, events, days."""
    return totals(TelemetryCapture(ctx).counts())


def insights(ctx: Context) -> dict[str, Any]:
    """Show what stands out: what fails often, what is slow, and how the last seven days went.

    Each finding comes with the numbers that it rests on. What ran fewer than
    `telemetry.least_runs` times is passed over.
    """
    return TelemetryCapture(ctx).get_insights()


def export(ctx: Context) -> dict[str, Any]:
    """Print all that is stored, as JSON. Nothing is sent anywhere, now or at any time."""
    return TelemetryCapture(ctx).export_data()


def purge(ctx: Context) -> dict[str, int]:
    """Remove all that is stored. To count no more: tm config disable telemetry."""
    return {"removed": TelemetryCapture(ctx).purge()}
