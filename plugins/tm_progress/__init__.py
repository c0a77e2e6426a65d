"""Progress: a line of news about a task, from whoever works on it, with how far it is."""

from tm_core.api import Action, Hook, Plugin, Setting

plugin = Plugin(
    name="progress",
    summary="News of the work on a task, with how far it is",
    hooks={
        "task_details": Hook("tm_progress.hooks"),
        "task_write": Hook("tm_progress.hooks", when=("progress",)),
    },
    actions={
        "progress": Action(
            "tm_progress.actions:progress",
            "Add news of the work on a task, or read it",
            "tm_progress.views:progress",
            writes=True,
        ),
    },
    config={
        "start_on_progress": Setting(
            "bool", False, "News of a pending task makes it a task in progress"
        ),
    },
    migrations="migrations",
)
