"""Opening a store: where it is meant to be, and its schema as the kernel and the plugins expect."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tm_core.errors import Conflict, TmError
from tm_core.plugin_host.host import Host
from tm_core.plugin_host.schema import migration_sets
from tm_core.storage import migrate
from tm_core.storage.location import FOLDER
from tm_core.storage.migrate import MigrationSet
from tm_core.workspace import Workspace

if TYPE_CHECKING:
    from tm_core.storage.backend import Database


def locate(path: str, environ: Mapping[str, str] | None, *, create: bool) -> tuple[str, str]:
    """What a path given from Python stands for: the folder to start from, and the store if named.

    Args:
        path: A project folder, a `.db` file or a URL; empty for the current folder.
        environ: The environment; the process's own by default.
        create: Make the store's folder in a project folder.
    """
    if "://" in path or path.endswith(".db"):
        return ".", path
    if not (create and path):
        return path or ".", ""
    folder = os.path.join(path, FOLDER)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    elsewhere = (os.environ if environ is None else environ).get("TM_DB_PATH", "")
    return path, "" if "://" in elsewhere else folder


def bring_up_to_date(
    workspace: Workspace, database: Database, *, create: bool = False
) -> list[str]:
    """Do the migrations that a store lacks, and give their names.

    A plugin whose migration fails, or was rolled back, is off for as long as the store is open.

    Args:
        workspace: Whose plugins count.
        database: The store.
        create: It is being made.

    Raises:
        Conflict: It is shared, and waits for somebody to migrate it.
        DatabaseError: It is no store, or a newer one.
    """
    host = workspace.host
    if not create or not database.is_blank():
        workspace.check_ours(database)
        # Making a shared store that is there already is opening it: others work with it.
        create = create and database.self_migrating
    if not create:
        if migrate.is_current(database, _expected(host)):
            return []
        for owner in sorted(migrate.held(database) & host.enabled.keys()):
            cause = "its schema was rolled back"
            workspace.report(f"feature '{owner}' is off: {cause} (tm migrate --apply)")
            host.drop(owner, cause)
        if migrate.is_current(database, _expected(host)):
            return []
    sets = _expected(host)
    if not create and not database.self_migrating:
        todo = migrate.pending(database, sets)
        if todo:
            raise Conflict(f"the shared store lacks {len(todo)} migration(s)", "tm migrate --apply")

    def failed(owner: str, error: TmError) -> None:
        host.blame(host.enabled[owner], "migration", error)
        host.drop(owner, error.message)

    return migrate.apply(database, sets, failed)


def _expected(host: Host) -> list[MigrationSet]:
    return [migrate.kernel_migrations(), *migration_sets(host)]
