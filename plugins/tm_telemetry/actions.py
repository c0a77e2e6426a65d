"""`tm telemetry show`, `insights`, `export` and `purge`."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import Context, Param

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


def capture(
    ctx: Context,
    event_type: Annotated[str, Param("Lower-case words joined by dots: import.finished")],
    *,
    seconds: Annotated[float | None, Param("How long it took", minimum=0)] = None,
    failed: Annotated[bool, Param("It did not succeed")] = False,
) -> None:
    """Count something that happened, for programs around `tm`: its kind, and nothing else of it.

    Args:
        event_type: Lower-case words joined by dots: `import.finished`.
        seconds: How long it took.
        failed: It did not succeed.

    Raises:
        InvalidValue: The type is something else.
    """
    TelemetryCapture(ctx).capture_event(event_type, {"seconds": seconds, "error": failed})


def purge(
    ctx: Context, *, dry_run: Annotated[bool, Param("Tell how much it would be")] = False
) -> dict[str, Any]:
    """Remove all that is stored. To count no more: tm config disable telemetry.

    Args:
        dry_run: Tell how much it would be.
    """
    told = TelemetryCapture(ctx)
    removed = len(told.counts()) if dry_run else told.purge()
    return {"removed": removed, "dry_run": dry_run}
