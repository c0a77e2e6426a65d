"""The plugins themselves: what is installed, what is on, and what failed."""

from tm_core.api import Command, Plugin

plugin = Plugin(
    name="plugin-management",
    summary="What is installed, what is on, and what failed",
    commands={
        "plugins": Command(
            "tm_plugin_management.commands:plugins", "Show what is installed, and what is on"
        )
    },
    essential=True,
)
