"""What the shell offers where a task's id is expected."""

from __future__ import annotations

from typing import Any

import click

from tm_core.errors import TmError


class TaskIdType(click.types.StringParamType):
    """A task's id; the shell completes it from the store."""

    name = "task"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[Any]:
        """Ids that begin so, with their titles."""
        from click.shell_completion import CompletionItem

        root = ctx.find_root()
        invocation: Any = root.obj  # tm_core.command_line.invocation, which imports this module
        invocation.take(root.params)
        try:
            tasks = invocation.manager.find(f"startswith(id, {incomplete!r})", limit=50)
        except TmError:
            return []
        return [CompletionItem(task.id, help=task.title) for task in tasks]
