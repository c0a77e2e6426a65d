"""Tasks as they were at some time, from the log of events."""

from tm_core.api import Field, Hook, Plugin

plugin = Plugin(
    name="time-travel",
    summary="Tasks as they were at some time",
    fields=(
        Field(
            "as_of",
            "datetime",
            on=("show", "list", "ready", "blocked", "tree"),
            help="As it was at this time",
            options=("--at",),
            day_end=True,
            stored=False,
        ),
    ),
    hooks={"task_reading": Hook("tm_time_travel.hooks", when=("as_of",))},
)
