"""Figures about the work: what every enabled plugin can measure, on one read snapshot."""

from tm_core.api import Action, Hook, Plugin

plugin = Plugin(
    name="metrics",
    summary="Figures about the work, from every plugin that measures something",
    hooks={"metric_calculators": Hook("tm_metrics.calculators")},
    actions={
        "metrics": Action(
            "tm_metrics.actions:metrics", "Show figures about the work", "tm_metrics.views:metrics"
        )
    },
)
