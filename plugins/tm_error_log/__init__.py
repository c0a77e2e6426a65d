"""A log of what went wrong, without anybody's text in it, and what to do about each."""

from tm_core.api import Action, Hook, Plugin, Setting

plugin = Plugin(
    name="error-log",
    summary="A log of what went wrong, with a plan to recover from each",
    hooks={
        "command_ended": Hook("tm_error_log.hooks", when=("failed", "degraded")),
        "health_checks": Hook("tm_error_log.hooks"),
    },
    actions={
        "errors": Action(
            "tm_error_log.actions:errors",
            "Show what went wrong lately, and what to do about it",
            "tm_error_log.views:errors",
            needs_store=False,
        ),
    },
    config={
        "level": Setting(
            "str",
            "degraded",
            "The least that is logged",
            choices=("degraded", "critical"),
        ),
    },
)
