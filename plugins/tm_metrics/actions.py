"""`tm metrics`: asks every calculator, each on the same snapshot."""

from __future__ import annotations

from typing import Any

from tm_core.api import Context, NotFound


def metrics(ctx: Context, *names: str) -> dict[str, dict[str, Any]]:
    """Show figures about the work: all that the enabled features measure, or the named ones.

    A calculator that fails shows its error in its place; the others are not disturbed.

    Args:
        names: Which figures; all by default.

    Raises:
        NotFound: No enabled feature measures that.
    """
    calculators = {str(each.name): each for each in ctx.collect("metric_calculators")}
    for name in names:
        if name not in calculators:
            raise NotFound(f"nothing measures '{name}'", f"known: {', '.join(sorted(calculators))}")
    found: dict[str, dict[str, Any]] = {}
    with ctx.snapshot() as tasks:
        for name in names or calculators:
            try:
                found[name] = dict(calculators[name].calculate(tasks))
            except Exception as error:  # a calculator is anybody's code; its row tells
                found[name] = {"error": f"{type(error).__name__}: {error}"}
    return found
