"""Tasks that wait for others: edges that may change at any time, and a status that follows them."""

from tm_core.api import Action, Field, Hook, Plugin

plugin = Plugin(
    name="dependencies",
    summary="Tasks that wait for others, and what can be started now",
    fields=(
        Field(
            "depends_on",
            "list",
            help="A task that must be finished first; may be repeated",
            options=("--depends-on",),
            max_length=64,
            stored=False,
        ),
        Field(
            "has_deps",
            "bool",
            on=("list",),
            help="Only tasks that depend on others",
            stored=False,
            sql="CASE WHEN EXISTS (SELECT 1 FROM dependencies_edge"
            " WHERE dependencies_edge.task_id = task.id) THEN 1 ELSE 0 END",
        ),
    ),
    hooks={
        "task_draft": Hook("tm_dependencies.hooks", when=("depends_on", "status.changed")),
        "task_validate": Hook("tm_dependencies.hooks", when=("depends_on", "status.changed")),
        "task_write": Hook(
            "tm_dependencies.hooks",
            when=("depends_on", "status.changed", "priority.changed", "task.imported"),
        ),
        "task_undone": Hook("tm_dependencies.hooks"),
        "task_details": Hook("tm_dependencies.details"),
        "health_checks": Hook("tm_dependencies.health"),
    },
    actions={
        "dependencies add": Action(
            "tm_dependencies.actions:add",
            "Make a task wait for others",
            "tm_dependencies.views:changed",
            writes=True,
        ),
        "dependencies remove": Action(
            "tm_dependencies.actions:remove",
            "Let a task no longer wait for others",
            "tm_dependencies.views:changed",
            writes=True,
        ),
        "dependencies recount": Action(
            "tm_dependencies.actions:recount",
            "Count anew how much each task unblocks",
            "tm_dependencies.views:recounted",
            writes=True,
        ),
        "dependencies list": Action(
            "tm_dependencies.actions:list_edges", "List which unfinished task waits for which"
        ),
        "ready": Action(
            "tm_dependencies.actions:ready",
            "List the tasks that can be started, the most useful first",
            "tm_dependencies.views:ready",
        ),
        "blocked": Action(
            "tm_dependencies.actions:blocked",
            "List the blocked tasks and what each waits for",
            "tm_dependencies.views:blocked",
        ),
    },
    migrations="migrations",
)
