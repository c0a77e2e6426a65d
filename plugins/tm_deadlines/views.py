"""How tasks with deadlines look."""

from __future__ import annotations

from tm_core.api import Output, format_local, visible

from .actions import Due


def overdue(due: Due, out: Output) -> None:
    """The tasks, and a word about what is due next."""
    _listed(due, out, "Nothing is overdue")
    if due.soon:
        are = "1 more is" if due.soon == 1 else f"{due.soon} more are"
        unit = "hour" if due.soon_hours == 1 else "hours"
        out.say(f"{are} due within {due.soon_hours} {unit}: tm upcoming")


def upcoming(due: Due, out: Output) -> None:
    """The tasks."""
    _listed(due, out, "No deadline is that near")


def _listed(due: Due, out: Output, nothing: str) -> None:
    if out.terminal and due.tasks:
        out.table(
            ["id", "due", "status", "priority", "assignee", "title"],
            [
                [
                    task["id"],
                    out.when(task["deadline"]),
                    task["status"],
                    task["priority"],
                    task["assignee"],
                    task["title"],
                ]
                for task in due.tasks
            ],
        )
    else:
        for task in due.tasks:
            until = format_local(task["deadline"])
            out.data(f"[{task['id']}] {visible(task['title'])} - {task['status']} - due {until}")
    if not due.tasks:
        out.say(nothing)
    if due.more:
        out.say(f"{len(due.tasks)} shown, there are more: --limit 0 for all")
