"""The Core Loop from one end to the other, on a scratch store, with real commands."""

from tm_core.api import Command, Plugin

plugin = Plugin(
    name="demo",
    summary="The Core Loop, shown in a scratch folder",
    commands={"demo": Command("tm_demo.command:demo", "Show the Core Loop in a scratch folder")},
)
