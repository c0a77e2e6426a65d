"""Tasks that several people must sign before they are done."""

from tm_core.api import Action, Field, Hook, Plugin, Setting

plugin = Plugin(
    name="signoff",
    summary="Tasks that several people must sign before they are done",
    fields=(
        Field(
            "signers",
            "int",
            on=("add", "update", "list"),
            help="How many people must sign it before it can be completed",
            minimum=0,
            maximum=100,
        ),
    ),
    hooks={
        "task_validate": Hook("tm_signoff.hooks", when=("task.completed",)),
        "task_write": Hook("tm_signoff.hooks", when=("title", "description", "signatures")),
        "task_details": Hook("tm_signoff.hooks"),
        "criterion_validators": Hook("tm_signoff.criteria"),
    },
    actions={
        "sign": Action(
            "tm_signoff.actions:sign", "Sign a task", "tm_signoff.views:signed", writes=True
        ),
        "unsign": Action(
            "tm_signoff.actions:unsign",
            "Take your signature back",
            "tm_signoff.views:signed",
            writes=True,
        ),
    },
    config={
        "own_work": Setting("bool", False, "Whether the assignee of a task may sign it"),
    },
    migrations="migrations",
)
