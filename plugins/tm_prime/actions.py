"""`tm prime` and `tm brief`: what is gathered goes into a text of a limited size."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import Context, Param, TaskId

from . import fitting, sources

Budget = Annotated[
    int | None,
    Param("At most so many tokens, at three bytes each", minimum=200, maximum=1_000_000),
]


def prime(ctx: Context, *, budget: Budget = None) -> dict[str, Any]:
    """Tell an agent what to know before it begins: its work, what is ready, what waits, the news.

    The same store and budget give the same text. What was left out is said at its end. Whatever
    was written by others stands in lines that begin with a bar, as data.

    Args:
        budget: At most so many tokens; `prime.budget` if absent.
    """
    head = [
        f"You are {fitting.line(ctx.actor)}. These are the tasks of this project.",
        f"How to go on: {fitting.line(str(ctx.settings['commands']))}",
    ]
    return _fitted(ctx, head, sources.of_store(ctx), budget)


def brief(
    ctx: Context,
    task: TaskId,
    *,
    budget: Budget = None,
    shared: Annotated[bool, Param("Without your own notes")] = False,
) -> dict[str, Any]:
    """Tell an agent what to know about a task: what it is, what done means, what it waits for.

    Also what those it waited for came to, what was told about it, and who waits for it.

    Args:
        task: The task.
        budget: At most so many tokens; `prime.budget` if absent.
        shared: Without the notes of the one who asks.
    """
    found = ctx.tasks.get(task)
    return _fitted(ctx, [f"About task {found.id}:"], sources.of_task(ctx, found, shared), budget)


def _fitted(
    ctx: Context, head: list[str], sections: list[fitting.Section], budget: int | None
) -> dict[str, Any]:
    allowed = int(ctx.settings["budget"]) if budget is None else budget
    text, shown = fitting.fit(head, sections, allowed)
    return {
        "budget": allowed,
        "tokens": fitting.tokens(text),
        "text": text,
        "cut": [
            {"section": section.name, "shown": count, "of": len(section.lines)}
            for section, count in zip(sections, shown, strict=True)
            if count < len(section.lines)
        ],
    }
