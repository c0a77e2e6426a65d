"""Settings and features: what is in force, where it comes from, and changing it."""

from tm_core.api import Command, Plugin

plugin = Plugin(
    name="configuration",
    summary="Settings and features, shown and changed",
    commands={
        "config": Command("tm_configuration.commands:config", "Show and change the configuration")
    },
    essential=True,
)
