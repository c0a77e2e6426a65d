"""Telemetry: how often and how fast things are done, counted here and kept here. Off by default."""

from tm_core.api import Action, Hook, Plugin, Setting

plugin = Plugin(
    name="telemetry",
    summary="Counts of commands, errors and events, kept on this machine; off until you opt in",
    hooks={"command_ended": Hook("tm_telemetry.hooks")},
    actions={
        "telemetry show": Action(
            "tm_telemetry.actions:show", "Show what was counted", "tm_telemetry.views:shown"
        ),
        "telemetry insights": Action(
            "tm_telemetry.actions:insights",
            "Show what stands out, with the numbers it rests on",
            "tm_telemetry.views:insights",
        ),
        "telemetry export": Action(
            "tm_telemetry.actions:export",
            "Print all that is stored, as JSON",
            "tm_telemetry.views:exported",
        ),
        "telemetry capture": Action(
            "tm_telemetry.actions:capture", "Count something that happened"
        ),
        "telemetry purge": Action(
            "tm_telemetry.actions:purge",
            "Remove all that is stored",
            "tm_telemetry.views:purged",
        ),
    },
    config={
        "keep_days": Setting("int", 90, "Days after which counts are removed", minimum=1),
        "least_runs": Setting(
            "int", 20, "Insights are silent about what ran fewer times", minimum=1
        ),
    },
    migrations="migrations",
    enabled=False,
)
