"""Collaboration: who works together on a task, and what they tell each other about it."""

from tm_core.api import Action, Hook, Plugin

plugin = Plugin(
    name="collaboration",
    summary="What people and agents tell each other about a task",
    hooks={
        "task_details": Hook("tm_collaboration.hooks"),
        "task_write": Hook("tm_collaboration.hooks", when=("contributions", "participants")),
    },
    actions={
        "join": Action(
            "tm_collaboration.actions:join",
            "Take part in a task",
            "tm_collaboration.views:joined",
            writes=True,
        ),
        "share": Action(
            "tm_collaboration.actions:share",
            "Tell the others on a task something",
            "tm_collaboration.views:contributed",
            writes=True,
        ),
        "note": Action(
            "tm_collaboration.actions:note",
            "Note something on a task for yourself",
            "tm_collaboration.views:contributed",
            writes=True,
        ),
        "discover": Action(
            "tm_collaboration.actions:discover",
            "Tell everybody what you found out",
            "tm_collaboration.views:contributed",
            writes=True,
        ),
        "sync": Action(
            "tm_collaboration.actions:sync",
            "Mark a point at which all should agree",
            "tm_collaboration.views:contributed",
            writes=True,
        ),
        "context": Action(
            "tm_collaboration.actions:context",
            "Show what was told about a task",
            "tm_collaboration.views:context",
        ),
        "assign": Action(
            "tm_collaboration.actions:assign",
            "Give a task to somebody",
            "tm_collaboration.views:assigned",
            writes=True,
        ),
    },
    migrations="migrations",
)
