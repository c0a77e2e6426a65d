"""`tm wizard`."""

from __future__ import annotations

import sys
from typing import Any

import click

from tm_core.api import (
    FeatureDisabled,
    Output,
    Run,
    TaskManager,
    UsageError,
    current_run,
    dry_run_option,
    format_local,
    visible,
)

from .questions import FULL, QUICK, ask, ask_fields, ask_variables


@click.command(help="Add a task by answering questions, or the tasks of a template. At a terminal.")
@click.option("--quick", is_flag=True, help="Ask for the title, the priority and who does it only")
@dry_run_option
def wizard(quick: bool) -> None:
    """Nothing is written before the last question is answered with yes."""
    run = current_run()
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("the wizard asks questions, and here is no terminal", "tm add --help")
    tm = run.manager
    template = "" if quick else _template(tm)
    if template:
        _apply(run, template)
    else:
        _add(run, QUICK if quick else FULL)


def _templates(tm: TaskManager) -> list[dict[str, Any]]:
    """The templates that can be used; none where the feature is off."""
    try:
        found: list[dict[str, Any]] = tm.template_list()
    except (AttributeError, FeatureDisabled):
        return []
    return [each for each in found if not each["error"]]


def _template(tm: TaskManager) -> str:
    known = {each["name"]: each for each in _templates(tm)}
    if not known:
        return ""
    click.echo("Templates:", err=True)
    for each in known.values():
        click.echo(visible(f"  {each['name']}  {each['description']}"), err=True)

    def read(answer: str) -> str:
        if answer and answer not in known:
            raise ValueError("there is no such template")
        return answer

    chosen: str = ask("Template (Enter for a single task)", read)
    return chosen


def _apply(run: Run, name: str) -> None:
    tm, out = run.manager, run.output
    template = tm.template_show(name)
    values = ask_variables(template["variables"])
    if not _agreed(f"Add {len(template['tasks'])} task(s)?"):
        out.say("Nothing was added")
        return
    with tm.options(dry_run=out.dry_run):
        done = tm.template_apply(name, *values)
    _told(out, done["tasks"], done)


def _add(run: Run, names: tuple[str, ...]) -> None:
    tm, out = run.manager, run.output
    fields = tm.host.fields_on("add") | {
        "title": tm.field("title"),
        "priority": tm.field("priority"),
    }
    fields = {name: tm.store.fields.get(name, field) for name, field in fields.items()}
    given = ask_fields(fields, names, lambda prefix: tm.get(prefix, details=False).id)
    click.echo("", err=True)
    for name, value in given.items():
        shown = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
        shown = format_local(shown) if fields[name].type == "datetime" else shown
        click.echo(visible(f"  {name.replace('_', ' ')}: {shown}"), err=True)
    if not _agreed("Add this task?"):
        out.say("Nothing was added")
        return
    with tm.options(dry_run=out.dry_run):
        task = tm.add(given.pop("title"), **given)
    _told(out, [{"id": task.id, "title": task.title, "status": task.status}], task)


def _agreed(question: str) -> bool:
    return click.confirm(question, default=True, err=True)


def _told(out: Output, tasks: list[dict[str, Any]], whole: Any) -> None:
    if out.as_json:
        out.result(whole)
        return
    verb = "would be added" if out.dry_run else "added"
    out.say(f"{len(tasks)} task{'s' if len(tasks) != 1 else ''} {verb}")
    for task in tasks:
        name = "" if out.dry_run else f"[{task['id']}] "
        out.data(f"{name}{visible(task['title'])} - {task['status']}")
