"""The critical path: what decides when everything is finished, and how much time the rest has."""

from tm_core.api import Action, Plugin, Setting

plugin = Plugin(
    name="critical-path",
    summary="Which tasks decide when all is finished, and how much slack the others have",
    actions={
        "critical-path": Action(
            "tm_critical_path.actions:critical_path",
            "Show the tasks that decide when all is finished, and the slack of the others",
            "tm_critical_path.views:shown",
        ),
    },
    config={
        "assumed_hours": Setting(
            "float", 1.0, "Hours of a task without an estimate", minimum=0, maximum=1_000_000
        ),
        "minimum_tasks": Setting(
            "int", 5, "Estimates are calibrated by no fewer finished tasks than this", minimum=1
        ),
    },
    requires=("dependencies",),
)
