"""A journal of the days, figures and settings for a daily stand-up."""

from tm_core.api import Action, Hook, Plugin, Setting

plugin = Plugin(
    name="standup",
    summary="A journal, figures and shared settings for a daily stand-up",
    hooks={
        "event_handlers": Hook(
            "tm_standup.journal",
            when=("task.started", "task.blocked", "task.completed"),
        ),
        "metric_calculators": Hook("tm_standup.metrics"),
        "config_providers": Hook("tm_standup.team_file"),
    },
    actions={
        "standup": Action(
            "tm_standup.actions:standup",
            "Tell what each of the team has done and is at",
            "tm_standup.views:told",
        ),
    },
    config={
        "team": Setting("list", [], "The people who take part; empty: whoever has tasks"),
        "journal": Setting("bool", True, "Whether a journal of the days is kept"),
    },
)
