"""The kernel's own verbs, declared as a plugin declares its actions."""

from __future__ import annotations

from .model import Action, Command, Plugin

plugin = Plugin(
    name="kernel",
    summary="Tasks and their history",
    actions={
        "add": Action("tm_core.verbs:add", "Add a task", "tm_core.views:added", writes=True),
        "list": Action("tm_core.verbs:list_tasks", "List tasks", "tm_core.views:listed"),
        "show": Action("tm_core.verbs:show", "Show a task", "tm_core.views:shown"),
        "update": Action(
            "tm_core.verbs:update", "Change a task", "tm_core.views:updated", writes=True
        ),
        "complete": Action(
            "tm_core.verbs:complete", "Complete a task", "tm_core.views:completed", writes=True
        ),
        "delete": Action(
            "tm_core.verbs:delete", "Delete a task", "tm_core.views:deleted", writes=True
        ),
        "log": Action("tm_core.verbs:log", "Show what happened", "tm_core.views:logged"),
        "undo": Action(
            "tm_core.verbs:undo", "Take back the last change", "tm_core.views:undone", writes=True
        ),
    },
    commands={
        "init": Command("tm_core.admin:init", "Make a task store in this folder"),
        "config": Command("tm_core.admin:config", "Show and change the configuration"),
        "plugins": Command("tm_core.admin:plugins", "Show what is installed, and what is on"),
        "migrate": Command("tm_core.admin:migrate", "Bring the schema up to date, or back"),
        "doctor": Command("tm_core.admin:doctor", "Check store, plugins and configuration"),
        "completion": Command("tm_core.admin:completion", "Print the shell's completion script"),
    },
)
