"""Feedback: how good and how timely completed work was, in the eyes of each reviewer."""

from tm_core.api import Action, Hook, Plugin, Setting

plugin = Plugin(
    name="feedback",
    summary="Reviews of completed tasks: quality and timeliness from 1 to 5",
    hooks={
        "metric_calculators": Hook("tm_feedback.metrics"),
        "task_details": Hook("tm_feedback.hooks"),
        "task_write": Hook("tm_feedback.hooks", when=("feedback",)),
    },
    actions={
        "feedback": Action(
            "tm_feedback.actions:feedback",
            "Review a completed task",
            "tm_feedback.views:feedback",
            writes=True,
        ),
    },
    config={
        "allow_own_work": Setting(
            "bool", True, "Who completed a task, or is assigned to it, may review it"
        ),
    },
    migrations="migrations",
)
