"""What a task is about beside its text: files, background, and what it changes for others."""

from tm_core.api import Field, Hook, Plugin

plugin = Plugin(
    name="references",
    summary="Files that a task is about, its background, and what it changes for others",
    fields=(
        Field(
            "file_refs",
            "list",
            on=("add", "update", "list"),
            help="A file that it is about: path, path:line or path:first:last; may be repeated",
            options=("--file",),
            max_length=1000,
        ),
        Field("context", "str", help="What one must know to begin", max_length=100_000),
        Field(
            "impact",
            "str",
            on=("update", "complete"),
            help="What it changes for others",
            max_length=100_000,
        ),
        Field(
            "impact_review",
            "bool",
            on=("complete",),
            help="Tell those whose open tasks are about the same files",
            stored=False,
        ),
    ),
    hooks={
        "task_validate": Hook("tm_references.hooks", when=("file_refs",)),
        "task_write": Hook("tm_references.hooks", when=("impact_review",)),
    },
)
