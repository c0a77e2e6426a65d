"""What was done to tasks, by whom, and how to take it back."""

from tm_core.api import Action, Plugin

plugin = Plugin(
    name="history",
    summary="What was done, by whom, and taking it back",
    actions={
        "log": Action(
            "tm_history.actions:log",
            "Show what happened",
            "tm_history.views:logged",
        ),
        "undo": Action(
            "tm_history.actions:undo",
            "Take back the last change",
            "tm_history.views:undone",
            writes=True,
        ),
    },
    essential=True,
)
