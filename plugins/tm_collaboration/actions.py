"""The commands by which people and agents work together on a task."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import Context, Param, Task, TaskId, ValidationError, mentions

from . import contributions

Message = Annotated[str, Param("What you have to say", max_length=contributions.LONGEST)]


def join(ctx: Context, task: TaskId) -> dict[str, Any]:
    """Take part in a task: tm watch then tells you what happens to it. Joining twice is no harm.

    Raises:
        ValidationError: The task is deleted.
    """
    with ctx.tasks.transaction():
        found = _alive(ctx, task)
        known = contributions.participants(ctx, [found]).get(task, [])
        if ctx.actor not in [each["actor"] for each in known]:
            with ctx.event("collaboration.joined", task, participants=[ctx.actor]):
                contributions.put_participant(ctx, task, ctx.actor, ctx.now)
    return {"task_id": task, "actor": ctx.actor}


def share(ctx: Context, task: TaskId, message: Message) -> dict[str, Any]:
    """Tell those who have to do with a task what is new. @name calls somebody's attention.

    Raises:
        ValidationError: The message is empty, or the task is deleted.
    """
    return _contribute(ctx, task, "update", message)


def note(ctx: Context, task: TaskId, message: Message) -> dict[str, Any]:
    """Note something on a task for yourself: tm shows it to you alone.

    It is a courtesy, not secrecy: whoever can open the store's file can read it.

    Raises:
        ValidationError: The message is empty, or the task is deleted.
    """
    return _contribute(ctx, task, "note", message)


def discover(ctx: Context, task: TaskId, message: Message) -> dict[str, Any]:
    """Tell everybody what you found out while you worked on a task.

    Raises:
        ValidationError: The message is empty, or the task is deleted.
    """
    return _contribute(ctx, task, "discovery", message)


def sync(ctx: Context, task: TaskId, message: Message) -> dict[str, Any]:
    """Mark a point at which all who work on a task should be of one mind.

    Raises:
        ValidationError: The message is empty, or the task is deleted.
    """
    return _contribute(ctx, task, "sync", message)


def context(
    ctx: Context,
    task: TaskId,
    *,
    limit: Annotated[
        int, Param("At most so many of the last contributions; 0 for all", minimum=0)
    ] = 20,
    shared: Annotated[bool, Param("Without your own notes")] = False,
    budget: Annotated[
        int | None, Param("All that matters about the task, in so many tokens")
    ] = None,
) -> dict[str, Any]:
    """Show who takes part in a task, what they told each other last, and your own notes.

    Args:
        task: The task.
        limit: At most so many contributions, the last ones; 0 for all.
        shared: Without the notes of the one who asks.
        budget: Instead, all that matters about the task, in at most so many tokens: see `brief`.
    """
    if budget is not None:
        text: dict[str, Any] = ctx.tasks.brief(task, budget=budget, shared=shared)
        return text
    found = ctx.get(task)
    return {
        "task_id": found.id,
        "title": found.title,
        "status": found.status,
        "participants": contributions.participants(ctx, [found]).get(task, []),
        "contributions": contributions.last(ctx, task, limit),
        "notes": [] if shared else contributions.own_notes(ctx, task),
    }


def assign(
    ctx: Context,
    task: TaskId,
    who: Annotated[str, Param("Who is to do it", max_length=200)],
    *,
    if_version: Annotated[int | None, Param("Only if the task still has this version")] = None,
) -> Task:
    """Give a task to somebody.

    Raises:
        Conflict: It was changed meanwhile.
        ValidationError: Nobody is named.
    """
    if not who.strip():
        raise ValidationError(
            "nobody is named", f'tm update {task} --assignee "" takes the task from whoever has it'
        )
    assigned: Task = ctx.tasks.update(task, assignee=who, if_version=if_version)
    return assigned


def _alive(ctx: Context, task_id: str) -> Task:
    found = ctx.get(task_id)
    if found.status == "deleted":
        raise ValidationError(
            f"task {task_id} is deleted", f"tm update {task_id} --status pending brings it back"
        )
    return found


def _contribute(ctx: Context, task: str, kind: str, message: str) -> dict[str, Any]:
    if not message.strip():
        raise ValidationError("the message is empty", "say what there is to say")
    private = kind == "note"
    called = [] if private else mentions(message)
    data = {"message": message, **({"mentions": called} if called else {})}
    owner = ctx.actor if private else None
    with ctx.event(contributions.EVENTS[kind], task, private_to=owner, **data):
        _alive(ctx, task)
        told = {"at": ctx.now, "actor": ctx.actor, "kind": kind, "message": message}
        contributions.put(ctx, task, [told])
    return {"task_id": task, **told, "mentions": called}
