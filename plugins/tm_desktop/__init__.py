"""Desktop notifications: a bubble on this machine's screen for what concerns whoever sits there."""

from tm_core.api import Hook, Plugin, Setting

plugin = Plugin(
    name="desktop-notify",
    summary="Shows what concerns you on the screen of this machine",
    hooks={
        "event_handlers": Hook("tm_desktop.hooks"),
        "health_checks": Hook("tm_desktop.hooks"),
    },
    config={
        "reader": Setting(
            "str", "", "Whose events are shown; empty: the name of your login", personal=True
        ),
        "events": Setting(
            "list",
            [
                "task.created",
                "task.updated",
                "task.completed",
                "task.unblocked",
                "collaboration.*",
                "progress.*",
                "agents.messaged",
            ],
            "Types of event that are shown",
        ),
    },
    enabled=False,
)
