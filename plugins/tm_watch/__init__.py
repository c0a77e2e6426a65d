"""Watch: what is new for whoever asks, from the log, each reader with a place of his own."""

from tm_core.api import Action, Command, Plugin, Setting

plugin = Plugin(
    name="watch",
    summary="Tells each reader what is new for him",
    actions={
        "notifications": Action(
            "tm_watch.actions:notifications", "Give what is new for you, as data", hidden=True
        ),
        "notifications seen": Action(
            "tm_watch.actions:seen", "Remember how far you have read", hidden=True
        ),
    },
    commands={"watch": Command("tm_watch.command:watch", "Show what is new for you")},
    config={
        "broadcasts": Setting(
            "list", ["collaboration.discovered"], "Types of event that concern everybody"
        ),
        "interval": Setting(
            "float", 0.5, "Seconds between two looks of watch --follow", minimum=0.05, maximum=3600
        ),
    },
    migrations="migrations",
)
