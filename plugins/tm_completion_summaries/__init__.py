"""Completion summaries: what was done, in the words of who did it."""

from tm_core.api import Field, Hook, Plugin, Setting

plugin = Plugin(
    name="completion-summaries",
    summary="What was done, told when a task is completed",
    fields=(
        Field(
            "completion_summary",
            "str",
            on=("complete", "update"),
            help="What was done",
            options=("--summary", "--completion-summary"),
            max_length=100_000,
        ),
    ),
    hooks={
        "task_validate": Hook("tm_completion_summaries.hooks", when=("task.completed",)),
    },
    config={
        "required": Setting("bool", False, "A task cannot be completed without a summary"),
    },
)
