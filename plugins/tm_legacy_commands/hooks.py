"""`tm hooks`: there, how long shell hooks took; here, what features hook into, and what fails."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import Context, Param


def report(
    ctx: Context,
    name: Annotated[str | None, Param("Only this hook")] = None,
    days: Annotated[int | None, Param("Has no effect: no times are kept")] = None,
) -> list[dict[str, Any]]:
    """List each hook with the features that implement it."""
    found: dict[str, list[str]] = {}
    for feature, manifest in ctx.features.items():
        for hook in manifest.hooks:
            found.setdefault(hook, []).append(feature)
    return [
        {"hook": hook, "features": sorted(features)}
        for hook, features in sorted(found.items())
        if not name or hook == name
    ]


def alerts(
    ctx: Context,
    severity: Annotated[str | None, Param("Has no effect: a failure is an error")] = None,
    hours: Annotated[int | None, Param("Has no effect: what fails now is told")] = None,
) -> list[dict[str, Any]]:
    """List the handlers of events that fail, with how often, and why."""
    return ctx.query(
        "SELECT consumer, failures, error, retry_at FROM delivery WHERE failures > 0"
        " ORDER BY consumer"
    )


def thresholds(
    ctx: Context,
    warning: Annotated[int | None, Param("Has no effect")] = None,
    critical: Annotated[int | None, Param("Has no effect")] = None,
    timeout: Annotated[int | None, Param("Has no effect")] = None,
) -> dict[str, Any]:
    """Say that hooks run inside tm, so there is no time limit to set for each."""
    return {
        "said": "hooks run inside tm and have no thresholds; tm telemetry tells how long it takes"
    }


def cleanup(
    ctx: Context, days: Annotated[int | None, Param("Has no effect")] = None
) -> dict[str, Any]:
    """Say that there is nothing to clean up."""
    return {"said": "no times of hooks are kept, so there is nothing to clean up"}
