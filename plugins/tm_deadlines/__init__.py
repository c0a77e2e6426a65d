"""Deadlines: when a task must be done, what is past that, and how well it works out."""

from tm_core.api import Action, Field, Hook, Plugin, Setting

plugin = Plugin(
    name="deadlines",
    summary="Due dates, and warnings before they pass",
    fields=(
        Field(
            "deadline",
            "datetime",
            help="When it must be done: 2025-03-01, friday, 3d",
            indexed=True,
            day_end=True,
        ),
    ),
    hooks={"metric_calculators": Hook("tm_deadlines.metrics")},
    actions={
        "overdue": Action(
            "tm_deadlines.actions:overdue",
            "List open tasks past their deadline",
            "tm_deadlines.views:overdue",
        ),
        "upcoming": Action(
            "tm_deadlines.actions:upcoming",
            "List open tasks whose deadline is near",
            "tm_deadlines.views:upcoming",
        ),
    },
    config={
        "warn_before_hours": Setting(
            "int", 24, "Deadlines nearer than this are told of", minimum=0, maximum=87600
        )
    },
    migrations="migrations",
)
