"""Writing plugins: a whole package to begin with."""

from tm_core.api import Command, Plugin

plugin = Plugin(
    name="plugin-authoring",
    summary="A plugin package of your own, to begin with",
    commands={
        "plugin new": Command("tm_plugin_authoring.command:new", "Write a new plugin package")
    },
)
