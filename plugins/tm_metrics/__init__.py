"""Figures about the work: what every enabled plugin can measure, on one read snapshot."""

from tm_core.api import Action, Hook, Plugin, Setting

plugin = Plugin(
    name="metrics",
    summary="Figures about the work, from every plugin that measures something",
    hooks={"metric_calculators": Hook("tm_metrics.calculators")},
    actions={
        "metrics": Action(
            "tm_metrics.actions:metrics", "Show figures about the work", "tm_metrics.views:metrics"
        ),
        "insights": Action(
            "tm_metrics.actions:insights",
            "Tell what the figures mean, and what that rests on",
            "tm_metrics.views:insights",
        ),
        "report": Action(
            "tm_metrics.actions:report",
            "Report on the last days, as text, JSON, CSV or HTML",
            "tm_metrics.views:report",
        ),
    },
    config={
        "minimum_tasks": Setting(
            "int", 5, "A finding that rests on fewer tasks is not told", minimum=1
        ),
        "insight_groups": Setting(
            "list",
            ["assignee", "type", "tags"],
            "Fields whose values findings are told for, where the features that offer them are on",
        ),
    },
    migrations="migrations",
)
