"""Many commands at once: JSON lines, all in one transaction, or each in its own."""

from tm_core.api import Action, Plugin

plugin = Plugin(
    name="batch",
    summary="Many commands at once, all or nothing",
    actions={
        "batch": Action(
            "tm_batch.actions:batch",
            "Run commands from JSON lines, all or nothing",
            writes=True,
            local=True,
        ),
    },
)
