"""Webhook: tells other programs what happened, over HTTP, signed and at least once."""

from tm_core.api import Hook, Plugin, Setting

plugin = Plugin(
    name="webhook",
    summary="Posts events to URLs of your choice, signed",
    hooks={
        "event_handlers": Hook("tm_webhook.hooks", settings=("urls",)),
        "health_checks": Hook("tm_webhook.hooks"),
    },
    config={
        "urls": Setting("list", [], "Where events are posted to", personal=True),
        "events": Setting(
            "list", ["task.*"], "Types of event that are posted; * stands for any", personal=True
        ),
        "secret_env": Setting(
            "str",
            "TM_WEBHOOK_SECRET",
            "The environment variable that holds the signing secret; empty: unsigned",
            personal=True,
        ),
        "timeout": Setting(
            "float", 5.0, "Seconds for one delivery, in all", minimum=0.1, maximum=30
        ),
    },
    enabled=False,
)
