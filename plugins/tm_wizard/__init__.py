"""The wizard: asks at a terminal for what a task, or a template, needs."""

from tm_core.api import Command, Plugin

plugin = Plugin(
    name="wizard",
    summary="Asks at a terminal for what a task needs",
    commands={
        "wizard": Command("tm_wizard.command:wizard", "Add a task, or a template's, by questions")
    },
)
