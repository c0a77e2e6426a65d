"""The kernel's own verbs, declared as a plugin declares its actions."""

from __future__ import annotations

from tm_core.model import Action, Command, Plugin

plugin = Plugin(
    name="kernel",
    summary="Tasks",
    actions={
        "add": Action(
            "tm_core.command_line.verbs:add",
            "Add a task",
            "tm_core.command_line.views:added",
            writes=True,
        ),
        "list": Action(
            "tm_core.command_line.verbs:list_tasks",
            "List tasks",
            "tm_core.command_line.views:listed",
        ),
        "show": Action(
            "tm_core.command_line.verbs:show", "Show a task", "tm_core.command_line.views:shown"
        ),
        "update": Action(
            "tm_core.command_line.verbs:update",
            "Change a task",
            "tm_core.command_line.views:updated",
            writes=True,
        ),
        "complete": Action(
            "tm_core.command_line.verbs:complete",
            "Complete a task",
            "tm_core.command_line.views:completed",
            writes=True,
        ),
        "delete": Action(
            "tm_core.command_line.verbs:delete",
            "Delete a task",
            "tm_core.command_line.views:deleted",
            writes=True,
        ),
    },
    commands={
        "init": Command("tm_core.command_line.init:init", "Make a task store in this folder"),
    },
)
