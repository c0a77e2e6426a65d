"""Tasks in PostgreSQL: for teams that outgrow a file."""

from tm_core.api import Hook, Plugin, Setting

plugin = Plugin(
    name="postgres",
    summary="Tasks in PostgreSQL, for teams on more than one machine",
    essential=True,
    hooks={"storage_backends": Hook("tm_postgres.hooks")},
    config={
        "pool": Setting(
            "int",
            0,
            "Connections that a process keeps for its threads; 0: one for each open store",
            minimum=0,
            maximum=1000,
        ),
        "connect_timeout": Setting(
            "int", 10, "Seconds to wait for the server to answer", minimum=1, maximum=600
        ),
        "sole_user": Setting(
            "bool",
            False,
            "Whether the store is yours alone, so that opening it brings it up to date",
        ),
    },
)
