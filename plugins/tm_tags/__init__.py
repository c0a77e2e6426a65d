"""Tags: words on tasks, to find them by."""

from tm_core.api import Action, Field, Hook, Plugin

plugin = Plugin(
    name="tags",
    summary="Words on tasks, to find them by",
    fields=(
        # Before `tags`, since on `update` both would be `--tag`: there it adds, and the whole list
        # is replaced from Python only.
        Field(
            "add_tags",
            "list",
            on=("update",),
            help="Add a tag; may be repeated",
            options=("--tag", "--meta"),
            max_length=100,
            stored=False,
        ),
        Field(
            "remove_tags",
            "list",
            on=("update",),
            help="Take a tag away; may be repeated",
            options=("--untag",),
            max_length=100,
            stored=False,
        ),
        Field(
            "tags",
            "list",
            on=("add", "update", "list"),
            help="A tag; may be repeated",
            options=("--tag", "--meta"),
            max_length=100,
        ),
    ),
    hooks={
        "task_draft": Hook("tm_tags.hooks", when=("tags", "add_tags", "remove_tags")),
        "task_validate": Hook("tm_tags.hooks", when=("tags",)),
    },
    actions={
        "tags": Action("tm_tags.actions:tags", "List the tags in use", "tm_tags.views:tags"),
        "tag": Action("tm_tags.actions:tag", "Tag a task", "tm_tags.views:tagged", writes=True),
        "untag": Action(
            "tm_tags.actions:untag", "Take tags off a task", "tm_tags.views:tagged", writes=True
        ),
    },
)
