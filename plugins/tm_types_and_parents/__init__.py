"""What kind of work a task is, and which task it is a part of."""

from tm_core.api import Action, Field, Hook, Plugin, Setting

plugin = Plugin(
    name="types-and-parents",
    summary="Kinds of tasks, and tasks as parts of others",
    fields=(
        Field(
            "type",
            "enum",
            on=("add", "update", "list"),
            help="What kind of work it is",
            choices_setting="types",
            default="task",
            indexed=True,
        ),
        Field(
            "parent",
            "task",
            on=("add", "update", "list"),
            help="The task that it is a part of",
            max_length=64,
            indexed=True,
        ),
    ),
    hooks={
        "task_draft": Hook("tm_types_and_parents.hooks", when=("task.restored",)),
        "task_validate": Hook(
            "tm_types_and_parents.hooks", when=("parent", "task.completed", "task.deleted")
        ),
        "task_write": Hook("tm_types_and_parents.hooks", when=("task.deleted",)),
        "health_checks": Hook("tm_types_and_parents.health"),
    },
    actions={
        "tree": Action(
            "tm_types_and_parents.actions:tree",
            "Show tasks with their parts",
            "tm_types_and_parents.views:tree",
        ),
        "children": Action(
            "tm_types_and_parents.actions:children",
            "List the parts of a task",
            "tm_types_and_parents.views:children",
        ),
    },
    config={
        "types": Setting(
            "list", ["task", "bug", "feature", "epic", "chore"], "Kinds of tasks, the usual first"
        ),
        "complete_with_open_children": Setting(
            "bool", False, "Whether a task may be completed before its parts are"
        ),
    },
)
