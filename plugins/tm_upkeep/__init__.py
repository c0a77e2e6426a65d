"""Upkeep of the store: its size, its space, and events that are old enough for an archive."""

from tm_core.api import Action, Plugin

plugin = Plugin(
    name="upkeep",
    summary="Look after the store: size, space, archives of old events",
    actions={
        "store stats": Action(
            "tm_upkeep.actions:stats", "Tell how large the store is", "tm_upkeep.views:stats"
        ),
        "store vacuum": Action(
            "tm_upkeep.actions:vacuum",
            "Give the space of what was deleted back",
            "tm_upkeep.views:vacuumed",
            writes=True,
        ),
        "store analyze": Action(
            "tm_upkeep.actions:analyze",
            "Let the engine look at the data, for better plans of queries",
            "tm_upkeep.views:analyzed",
            writes=True,
        ),
        "store archive": Action(
            "tm_upkeep.actions:archive",
            "Move old events into a compressed file",
            "tm_upkeep.views:archived",
            writes=True,
            local=True,
        ),
    },
)
