"""A look at everything: store, plugins and configuration."""

from tm_core.api import Command, Plugin

plugin = Plugin(
    name="doctor",
    summary="Store, plugins and configuration, checked",
    commands={
        "doctor": Command("tm_doctor.commands:doctor", "Check store, plugins and configuration")
    },
    essential=True,
)
