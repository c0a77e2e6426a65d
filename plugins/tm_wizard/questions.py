"""What the wizard asks, and how an answer is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from tm_core.api import Field, TmError, check, visible

QUICK = ("title", "priority", "assignee")
FULL = (
    *("title", "description", "priority", "type", "assignee", "estimated_hours", "deadline"),
    *("tags", "depends_on", "success_criteria"),
)
"""Fields that are asked for, in this order, as far as a feature that is on offers them."""
_LABELS = {
    "title": "What is to be done",
    "estimated_hours": "Estimated hours (8, 90m, 2h30m)",
    "deadline": "Deadline (tomorrow 17:00, 2030-01-31, +3d)",
    "tags": "Tags, with commas between them",
    "depends_on": "Ids of tasks that must be finished first, with commas between them",
}


def ask(label: str, read: Callable[[str], Any], default: str = "") -> Any:
    """Ask until the answer can be read; on stderr, since stdout is for data.

    Args:
        label: The question.
        read: Makes a value of the answer; raises TmError or ValueError where it cannot.
        default: The answer of whoever just presses Enter; empty: no value.
    """

    def take(answer: str) -> Any:
        try:
            return read(answer.strip())
        except (TmError, ValueError) as error:
            told = error.message if isinstance(error, TmError) else str(error)
            raise click.BadParameter(visible(told)) from None

    return click.prompt(
        label, default=default, show_default=bool(default), value_proc=take, err=True
    )


def ask_fields(
    fields: Mapping[str, Field], names: tuple[str, ...], find: Callable[[str], str]
) -> dict[str, Any]:
    """Values by field, for those of the names that are fields.

    Args:
        fields: The fields that a new task takes.
        names: What to ask for.
        find: Makes a task's id whole. Raises NotFound.
    """
    found: dict[str, Any] = {}
    for name in names:
        field = fields.get(name)
        if field is None:
            continue
        value = _criteria(field) if name == "success_criteria" else ask(*_question(field, find))
        if value is not None:
            found[name] = value
    return found


def _question(field: Field, find: Callable[[str], str]) -> tuple[str, Callable[[str], Any], str]:
    label = _LABELS.get(field.name) or field.name.replace("_", " ").capitalize()
    if field.choices:
        label += f" ({', '.join(field.choices)})"

    def read(answer: str) -> Any:
        if not answer:
            if field.name == "title":
                raise ValueError("a task needs a title")
            return None
        if field.type == "list":
            items = [item.strip() for item in answer.split(",") if item.strip()]
            return check(field, [find(i) for i in items] if field.name == "depends_on" else items)
        return check(field, answer)

    return label, read, str(field.default or "")


def _criteria(field: Field) -> list[str] | None:
    """One success criterion a line, until an empty one."""
    found: list[str] = []
    while True:
        label = "Success criterion, such as: tests.failed == 0 (Enter to go on)"
        answer = ask(label if not found else "Another one (Enter to go on)", str)
        if not answer:
            return check(field, found) if found else None
        found.append(answer)


def ask_variables(variables: list[dict[str, Any]]) -> list[str]:
    """`NAME=VALUE` for a template's variables that get one; the template checks them itself."""
    found = []
    for each in variables:
        note = f" ({', '.join(map(str, each['enum']))})" if each["enum"] else ""
        label = visible(f"{each['description'] or each['name']}{note}")

        def read(answer: str, needed: bool = bool(each["required"])) -> str:
            if needed and not answer:
                raise ValueError("the template needs it")
            return answer

        default = each["default"]
        shown = ", ".join(map(str, default)) if isinstance(default, list) else str(default or "")
        answer = ask(label, read, shown)
        if answer and answer != shown:
            found.append(f"{each['name']}={answer}")
    return found
