"""`tm init`, the only command that makes a store."""

from __future__ import annotations

import os

import click

from tm_core.errors import BlankStore, Conflict, ForeignStore, NoStore
from tm_core.language.text import masked
from tm_core.storage.location import FILE, FOLDER, find, named, repository

from .invocation import Invocation, of
from .run import dry_run_option


@click.command(help="Make a task store in this folder, or say that there is one.")
@click.option("--here", is_flag=True, help="Although one above, or of the main worktree, is in use")
@dry_run_option
def init(here: bool) -> None:
    """Make the store; nothing else ever does."""
    run = of(click.get_current_context())
    start = os.path.abspath(run.options.get("directory") or ".")
    wanted = str(run.options.get("store") or run.workspace.environ.get("TM_DB_PATH") or "")
    path = folder = os.path.join(start, FOLDER)
    configured = str(run.workspace.config.get("store.url") or "")
    if not wanted and "://" in configured and run.workspace.folder == folder:
        wanted = configured
    if "://" in wanted:
        path = wanted
    elif wanted:
        path = os.path.abspath(named(os.path.expanduser(wanted)))
        folder = os.path.dirname(path) if path.endswith(".db") else path
    file = path if "://" in path or path.endswith(".db") else os.path.join(path, FILE)
    created = "://" not in wanted and not os.path.exists(file)
    if not created:
        run.options["store"] = path  # here, not in a folder above
        run.forget()
        try:
            run.manager  # noqa: B018  # opening it checks it, and brings one's own up to date
        except (BlankStore, NoStore):  # as an interrupted run leaves it, or not made yet
            created = True
        except ForeignStore as error:
            click.get_current_context().invoke(run.command(error.command))
            return
    if created and not wanted:
        _check_used(run, folder, here)
    if created and not run.output.dry_run:
        path = run.create(folder, wanted).database.url
        _ignore(folder)
    elif created:
        path = file
    elif "://" in wanted and not run.output.dry_run:  # others share it: the folder is one's own
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _ignore(folder)
    run.output.say(
        "Task database initialized"
        if created
        else f"There is a task store at {masked(path)} already"
    )
    if run.output.as_json:
        run.output.json({"store": masked(path if created else file), "created": created})


def _check_used(run: Invocation, folder: str, here: bool) -> None:
    """Refuse a second store in a repository, unless it is wanted; elsewhere say that it is one."""
    start = os.path.dirname(folder)
    used = find(start)
    if used is None or used.folder == folder:
        return
    if used.same_repository and repository(start) and not here:
        raise Conflict(
            f"the task store {used.folder} is in use here", "tm init --here makes another one"
        )
    run.output.say(f"From now on this one is used here, not {used.folder}")


def _ignore(folder: str) -> None:
    """Keep the database and its companions out of version control, the configuration in it."""
    path = os.path.join(folder, ".gitignore")
    if os.path.basename(folder) == FOLDER and not os.path.exists(path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("*\n!.gitignore\n!config.yaml\n!plugins.lock\n")
