"""Moves a whole store to another place or engine, and proves that it arrived."""

from tm_core.api import Action, Plugin

plugin = Plugin(
    name="store-copy",
    summary="Move a whole store to another engine, and back",
    actions={
        "store copy": Action(
            "tm_store_copy.actions:copy",
            "Copy a whole store to a new place, verified",
            "tm_store_copy.views:copied",
            needs_store=False,
            local=True,
        ),
    },
    migrations="migrations",
)
