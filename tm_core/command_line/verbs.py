"""The kernel's verbs as actions: what `tm add`, `tm list` and the others do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from tm_core.errors import TmError, UsageError
from tm_core.model import OPEN, STATUSES, Task
from tm_core.plugin_host.actions import Param, TaskId
from tm_core.record import Record

if TYPE_CHECKING:
    from tm_core.context import Context


class Page(Record):
    """Some of the tasks that match."""

    tasks: list[Task]
    more: bool
    """Whether there are further ones."""
    next_offset: int

    @property
    def advice(self) -> str:
        """How to see the further ones."""
        return (
            f"{len(self.tasks)} shown, there are more:"
            f" --offset {self.next_offset}, or --limit 0 for all"
        )

    def as_dict(self) -> list[dict[str, Any]]:  # the JSON shape of a list is a list
        """The tasks alone."""
        return [task.as_dict() for task in self.tasks]


class Bulk(Record):
    """What was, or would be, done to all tasks that match."""

    verb: str
    matched: int
    tasks: list[Task]
    """The first of them, as they are now."""
    done: bool

    @property
    def question(self) -> str:
        """What a person must agree to first."""
        return "" if self.done or not self.matched else f"{self.verb} {self.matched} task(s)?"

    def as_dict(self) -> dict[str, Any]:
        """Without what concerns the terminal."""
        return {
            "matched": self.matched,
            "done": self.done,
            "tasks": [task.as_dict() for task in self.tasks],
        }


_PREVIEW = 10


def _all(
    ctx: Context,
    verb: str,
    where: str,
    status: Sequence[str],
    yes: bool,
    change: Callable[..., Task],
) -> Bulk:
    """Change all tasks that match in one transaction, once somebody has agreed."""
    if not (yes or ctx.dry_run):
        first = ctx.tasks.find(where, status=status, limit=_PREVIEW)
        return Bulk(verb, ctx.tasks.count(where, status=status), first, False)
    with ctx.tasks.transaction():
        # What waits comes after what it waits for: usually that is older.
        order = "-created_at" if verb == "Delete" else "created_at"
        ids = [task.id for task in ctx.tasks.select(where, status=status, sort=order)]
        for done, task_id in enumerate(ids, 1):
            try:
                change(task_id)
            except TmError as error:
                error.details.setdefault("task_id", task_id)
                if task_id not in error.message:
                    error.message = f"task {task_id}: {error.message}"
                raise
            if done % 500 == 0:
                ctx.progress(done, len(ids))
        return Bulk(verb, len(ids), ctx.tasks.many(ids[:_PREVIEW]), True)


def _one_or_all(
    ctx: Context,
    verb: str,
    change: Callable[..., Task],
    task: str | None,
    where: str,
    *,
    yes: bool,
    if_version: int | None,
    status: Sequence[str] = (),
) -> Task | Bulk:
    """Change the one task that is named, or all that match."""
    if (task is None) == (not where):
        raise UsageError("which task?", "name one, or choose with --where")
    if not where:
        return change(task, if_version=if_version)
    if if_version:
        raise UsageError("--if-version is for a single task")
    return _all(ctx, verb, where, status, yes, change)


Where = Annotated[str, Param("All that match this filter, instead of one task")]
Yes = Annotated[bool, Param("With --where: do it without asking")]


def add(ctx: Context, title: Annotated[str, Param("What is to be done")], **fields: Any) -> Task:
    """Add a task.

    Into a pipe, the new id is all that is printed on standard output.
    """
    task: Task = ctx.tasks.add(title, **fields)
    return task


def list_tasks(
    ctx: Context,
    *,
    where: Annotated[
        str, Param("A filter, such as \"priority == 'high' and assignee is None\"")
    ] = "",
    status: Annotated[list[str], Param("Only this status; may be repeated", choices=STATUSES)] = [],  # noqa: B006  # read only
    sort: Annotated[str, Param("Fields to sort by; a dash before one for descending")] = "",
    limit: Annotated[int | None, Param("At most so many; 0 for all", minimum=0)] = None,
    offset: Annotated[int, Param("Leave out so many first", minimum=0)] = 0,
    **fields: Any,
) -> Page:
    """List tasks, newest first.

    A filter has comparisons, and, or, not, in, arithmetic, and the fields of tasks as names.
    An empty value of a field's option selects the tasks that have none.
    """
    page = int(ctx.setting("list.limit")) if limit is None else limit
    conditions = [f"({where})"] if where else []
    for name, value in fields.items():
        if value == "":
            conditions.append(f"{name} is None")
            continue
        items = value if isinstance(value, list) else [value]
        test = "in" if isinstance(value, list) else "=="
        conditions += [f"{item!r} {test} {name}" for item in items]
    tasks: list[Task] = ctx.tasks.find(
        " and ".join(conditions),
        status=status,
        sort=sort,
        limit=page and page + 1,
        offset=offset,
        details=ctx.for_program,
    )
    found = Page(tasks[:page] if page else tasks, bool(page) and len(tasks) > page, offset + page)
    if found.more and limit is None and ctx.for_program:
        ctx.warn(found.advice)  # a list has no place for it, and must not look like all there is
    return found


def show(ctx: Context, task: TaskId) -> Task:
    """Show all there is to tell of a task."""
    found: Task = ctx.tasks.get(task)
    return found


def update(
    ctx: Context,
    task: TaskId | None = None,
    *,
    where: Where = "",
    yes: Yes = False,
    if_version: Annotated[int | None, Param("Only if the task still has this version")] = None,
    force: Annotated[bool, Param("Pass problems that may be overridden")] = False,
    **fields: Any,
) -> Task | Bulk:
    """Change fields of a task, or of all that match; an empty value clears one.

    All that match are changed in one transaction, or none. They are shown first, and a person is
    asked; a script says --yes.
    """
    if (task or where) and not fields:
        raise UsageError("nothing to change was given", "tm update --help lists the options")
    change = partial(ctx.tasks.update, force=force, **_emptied(fields))
    return _one_or_all(ctx, "Update", change, task, where, yes=yes, if_version=if_version)


def _emptied(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if value == "" else value for name, value in fields.items()}


def complete(
    ctx: Context,
    task: TaskId | None = None,
    *,
    where: Where = "",
    yes: Yes = False,
    if_version: Annotated[int | None, Param("Only if the task still has this version")] = None,
    force: Annotated[bool, Param("Complete it although a check refuses")] = False,
    **fields: Any,
) -> Task | Bulk:
    """Complete a task, and release what waited for it; an empty value clears a field.

    With --where: all open ones that match, as `tm update` does. Evidence is not measured then.
    """
    change = partial(ctx.tasks.complete, force=force, **_emptied(fields))
    return _one_or_all(
        ctx, "Complete", change, task, where, yes=yes, if_version=if_version, status=OPEN
    )


def delete(
    ctx: Context,
    task: TaskId | None = None,
    *,
    where: Where = "",
    yes: Yes = False,
    purge: Annotated[bool, Param("Remove it for good, with all that plugins keep")] = False,
    if_version: Annotated[int | None, Param("Only if the task still has this version")] = None,
    force: Annotated[bool, Param("Delete it although others need it")] = False,
    **fields: Any,
) -> Task | Bulk:
    """Delete a task. It stays in the store, hidden, so that `tm undo` can bring it back.

    With --where: all that match, as `tm update` does.
    """
    change = partial(ctx.tasks.delete, purge=purge, force=force, **_emptied(fields))
    return _one_or_all(ctx, "Delete", change, task, where, yes=yes, if_version=if_version)
