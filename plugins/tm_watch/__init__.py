"""Watch: what is new for whoever asks, from the log, each reader with a place of their own."""

from tm_core.api import Action, Command, Plugin, Setting

plugin = Plugin(
    name="watch",
    summary="Tells each reader what is new for them",
    actions={
        "notifications": Action(
            "tm_watch.actions:notifications", "Give what is new for you, as data", hidden=True
        ),
        "notifications-seen": Action(
            "tm_watch.actions:seen", "Remember how far you have read", hidden=True
        ),
    },
    commands={"watch": Command("tm_watch.command:watch", "Show what is new for you")},
    config={
        "broadcasts": Setting(
            "list",
            ["collaboration.discovered", "agents.announced"],
            "Types of event that concern everybody",
        ),
        "newcomer_events": Setting(
            "int",
            10_000,
            "Of the log, so many last events are looked at for who never asked before",
            minimum=0,
        ),
        "interval": Setting(
            "float", 0.5, "Seconds between two looks of watch --follow", minimum=0.05, maximum=3600
        ),
    },
    migrations="migrations",
)
