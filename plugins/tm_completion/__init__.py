"""Completion of commands in the shell."""

from tm_core.api import Command, Plugin

plugin = Plugin(
    name="completion",
    summary="Completion of commands in the shell",
    commands={
        "completion": Command(
            "tm_completion.commands:completion", "Print the shell's completion script"
        )
    },
    essential=True,
)
