"""Whether the store still is what was written: the chain of events, an anchor, and a replay."""

from tm_core.api import Action, Plugin

plugin = Plugin(
    name="integrity",
    summary="Check that nobody changed what was written",
    actions={
        "verify": Action(
            "tm_integrity.actions:verify",
            "Check the chain of events, and the tasks against the log",
            "tm_integrity.views:verified",
            local=True,
        ),
    },
)
