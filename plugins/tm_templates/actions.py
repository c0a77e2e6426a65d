"""`tm template`: list, show, apply, create, validate."""

from __future__ import annotations

import os
from typing import Annotated, Any

from tm_core.api import Conflict, Context, Param, TaskId, TmError, UsageError, ValidationError

from . import places
from .places import Place
from .template import NAME, Template, as_text, filled
from .variables import values_of


class Checked(list[dict[str, Any]]):
    """What a check of templates found, a record each: name, path, error."""

    @property
    def failure(self) -> ValidationError | None:
        """What the command ends with, once the records are shown."""
        bad = [each for each in self if each["error"]]
        return ValidationError(f"{len(bad)} template(s) cannot be used") if bad else None


def list_templates(ctx: Context) -> list[dict[str, Any]]:
    """List the templates: the project's, your own, and those of packages."""
    return [_listed(place) for place in places.all_places(ctx)]


def _listed(place: Place) -> dict[str, Any]:
    row: dict[str, Any] = {"name": place.name, "where": place.where, "path": place.path}
    try:
        found = places.load(place)
    except TmError as error:
        return {**row, "version": "", "description": "", "tasks": 0, "error": error.message}
    return {
        **row,
        "version": found.version,
        "description": found.description,
        "tasks": len(found.tasks),
        "error": None,
    }


def show(ctx: Context, name: str) -> dict[str, Any]:
    """Show a template's variables and tasks.

    Args:
        name: Its name, as `tm template list` shows it.
    """
    place = places.named(ctx, name)
    found = places.load(place)
    return {
        "name": place.name,
        "where": place.where,
        "version": found.version,
        "description": found.description,
        "tags": found.tags,
        "variables": [each._asdict() for each in found.variables.values()],
        "tasks": [
            {"place": number, **task, "depends_on": found.depends_on[number]}
            for number, task in enumerate(found.tasks)
        ],
        "remarks": found.remarks,
    }


def apply(
    ctx: Context,
    name: str,
    *values: Annotated[str, Param("A variable's value, NAME=VALUE")],
    variables: Annotated[
        list[str], Param("The same as an option; may be repeated", options=("--var",))
    ] = [],  # noqa: B006  # never changed
) -> dict[str, Any]:
    """Add the tasks of a template, all of them or none.

    Args:
        name: The template's name.
        values: `NAME=VALUE` for its variables.
        variables: More of them.

    Raises:
        NotFound: There is no such template.
        UsageError: It has no such variable.
        ValidationError: The template, a variable or a task is wrong; nothing was written.
    """
    template = places.load(places.named(ctx, name))
    for remark in template.remarks:
        ctx.warn(f"template {name}: {remark}")
    given = values_of(template.variables, [*values, *variables])
    made: dict[int, dict[str, Any]] = {}
    with ctx.tasks.transaction():
        for place in template.order:
            waits_for = [made[each]["id"] for each in template.depends_on[place]]
            made[place] = _add(ctx, place, filled(template.tasks[place], given), waits_for)
        ids = [made[place]["id"] for place in sorted(made)]
        with ctx.event("template.applied", None, template=name, tasks=ids):
            pass
    return {
        "template": name,
        "version": template.version,
        "tasks": [made[place] for place in sorted(made)],
        "dry_run": ctx.dry_run,
    }


def _add(ctx: Context, place: int, fields: dict[str, Any], waits_for: list[str]) -> dict[str, Any]:
    fields = {key: value for key, value in fields.items() if value not in (None, "")}
    title = as_text(fields.pop("title", ""))
    if waits_for:
        fields["depends_on"] = waits_for
    try:
        task = ctx.tasks.add(title, **fields)
    except ValidationError as error:
        error.message = f"task {place}: {error.message}"
        raise
    return {"id": task.id, "title": task.title, "status": task.status, "depends_on": waits_for}


def create(
    ctx: Context,
    name: str,
    *tasks: TaskId,
    description: Annotated[str, Param("What it is for", options=("-d", "--description"))] = "",
    user: Annotated[bool, Param("Among your own templates, not the project's")] = False,
    replace: Annotated[bool, Param("Also where there is one of this name")] = False,
) -> dict[str, Any]:
    """Make a template from tasks: their fields, criteria, and who waits for whom among them.

    Times, parents and people's work are left out. `{{name}}` in a text is a variable.

    Args:
        name: Small letters, digits, - and _.
        tasks: The tasks.
        description: What it is for.
        user: Among your own templates, not the project's.
        replace: Also where there is one of this name.

    Raises:
        UsageError: That is no name, or no task is given.
        Conflict: There is a template of this name.
    """
    from .making import template_of, written

    if not NAME.fullmatch(name):
        raise UsageError(
            f"'{name[:60]}' is no template's name", "small letters, digits, - and _ make a name"
        )
    if not tasks:
        raise UsageError("of which tasks?", f"tm template create {name} ID...")
    folder = places.folder(ctx, user=user)
    path = os.path.join(folder, f"{name}.yaml")
    known = [place for place in places.all_places(ctx) if os.path.dirname(place.path) == folder]
    if not replace and any(place.name == name for place in known):
        raise Conflict(f"there is a template '{name}'", "--replace, or take another name")
    document = template_of(ctx, name, list(dict.fromkeys(tasks)), description)
    if not ctx.dry_run:
        written(path, document)
    return {"name": name, "path": path, "template": document, "dry_run": ctx.dry_run}


def validate(
    ctx: Context, *templates: Annotated[str, Param("Names, or files; all templates by default")]
) -> Checked:
    """Check templates. The exit code is 5 unless all can be used."""
    chosen = [_place(ctx, each) for each in templates] or places.all_places(ctx)
    return Checked(_checked(place) for place in chosen)


def _place(ctx: Context, text: str) -> Place:
    if os.path.isfile(text):
        return Place(os.path.splitext(os.path.basename(text))[0], "file", text)
    return places.named(ctx, text)


def _checked(place: Place) -> dict[str, Any]:
    error, remarks = None, []
    try:
        template: Template = places.load(place)
        remarks = template.remarks
    except TmError as found:
        error = found.message
    return {"name": place.name, "path": place.path, "error": error, "remarks": remarks}
