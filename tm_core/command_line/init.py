"""`tm init`, the only command that makes a store."""

from __future__ import annotations

import os

import click

from tm_core.errors import BlankStore
from tm_core.workspace import FILE, FOLDER

from .invocation import of
from .run import dry_run_option


@click.command(help="Make a task store in this folder, or say that there is one.")
@dry_run_option
def init() -> None:
    """Make the store; nothing else ever does."""
    run = of(click.get_current_context())
    start = os.path.abspath(run.options.get("directory") or ".")
    wanted = str(run.options.get("store") or run.workspace.environ.get("TM_DB_PATH") or "")
    path = folder = os.path.join(start, FOLDER)
    if "://" in wanted:
        path = wanted
    elif wanted:
        path = os.path.abspath(os.path.expanduser(wanted))
        folder = os.path.dirname(path) if path.endswith(".db") else path
    file = path if path.endswith(".db") else os.path.join(path, FILE)
    created = "://" in wanted or not os.path.exists(file)
    if not created:
        run.options["store"] = path  # here, not in a folder above
        run.forget()
        try:
            run.manager  # noqa: B018  # opening it checks it and brings it up to date
        except BlankStore:  # as an interrupted run leaves it
            created = True
    if created and not run.output.dry_run:
        path = run.create(folder, wanted).database.url
        _ignore(folder)
    elif created:
        path = file
    run.output.say(
        "Task database initialized" if created else f"There is a task store at {path} already"
    )
    if run.output.as_json:
        run.output.json({"store": path if created else file, "created": created})


def _ignore(folder: str) -> None:
    """Keep the database and its companions out of version control, the configuration in it."""
    path = os.path.join(folder, ".gitignore")
    if os.path.basename(folder) == FOLDER and not os.path.exists(path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("*\n!.gitignore\n!config.yaml\n")
