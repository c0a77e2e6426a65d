"""`MigrationManager`: a store's schema seen from outside, without opening the store for work.

from tm_migrations.manager import MigrationManager

manager = MigrationManager.open("my-project")
manager.get_status()        # {"applied": [...], "pending": [...], "rolled_back": [...]}
manager.apply_migrations()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tm_core.api import (
    Conflict,
    DatabaseError,
    PluginError,
    TmError,
    Workspace,
    applied_migrations,
    apply_migrations,
    held_migrations,
    kernel_migrations,
    migration_parts,
    pending_migrations,
    plugin_migration_sets,
    release_migrations,
    undo_migrations,
    visible,
)

from .reversal import losses, undoing


class Undoing(NamedTuple):
    """One step of a rollback."""

    owner: str
    name: str
    sql: tuple[str, ...]
    losses: tuple[str, ...]
    """What data goes with it, counted, for a person."""

    @property
    def migration(self) -> str:
        """The step as people name it, `owner:name`."""
        return f"{self.owner}:{self.name}"


class MigrationManager:
    """Applies, names and takes back migrations of the kernel and of the enabled features."""

    def __init__(self, workspace: Workspace) -> None:
        """Connect to the workspace's store; nothing in it is changed by that.

        Raises:
            NoStore: There is none.
            DatabaseError: It cannot be used, or is no task store.
        """
        self._workspace = workspace
        self._database = workspace.open_database()
        workspace.check_ours(self._database)
        self._sets = [kernel_migrations(), *plugin_migration_sets(workspace.host)]
        self.done: list[str] = []
        """What `apply_migrations` did, as `owner:name`: not what another process was first with."""

    @classmethod
    def open(cls, path: str = ".", environ: Mapping[str, str] | None = None) -> MigrationManager:
        """For the store of a folder, a `.db` file or a URL.

        Args:
            path: Where it is.
            environ: The environment; the process's own by default.
        """
        is_store = "://" in path or path.endswith(".db")
        return cls(
            Workspace(
                "." if is_store else path,
                store=path if is_store else "",
                environ=environ,
                report=_ignore,
            )
        )

    def close(self) -> None:
        """Let go of the store."""
        self._workspace.close()

    @property
    def applied(self) -> list[dict[str, Any]]:
        """What was done to the store, in order: owner, name and time."""
        places = {
            (each.owner, name): place
            for each in self._sets
            for place, name in enumerate(each.names)
        }
        # What is of one time is of one batch: the kernel first, then each owner's own order.
        return sorted(
            applied_migrations(self._database),
            key=lambda row: (
                row["at"],
                row["owner"] != "kernel",
                row["owner"],
                places.get((row["owner"], row["name"]), 0),
            ),
        )

    def pending(self) -> list[tuple[str, list[str]]]:
        """What is still to be done, in order: `owner:name`, and its SQL."""
        return [
            (f"{each.owner}:{name}", migration_parts(self._database, each, name)[0])
            for each, name in pending_migrations(self._database, self._sets)
        ]

    def get_status(self) -> dict[str, Any]:
        """What is applied and when, what is pending, and whose migrations were rolled back."""
        return {
            "applied": [
                {"migration": f"{row['owner']}:{row['name']}", "at": row["at"]}
                for row in self.applied
            ],
            "pending": [name for name, _ in self.pending()],
            "rolled_back": sorted(held_migrations(self._database)),
        }

    def apply_migrations(self) -> bool:
        """Do what is pending, after a backup; whether the store is up to date afterwards.

        Raises:
            NewerSchema: A newer version of the program wrote the store.
            DatabaseError: A step of the kernel failed, and the store is as it was.
        """
        failed: list[str] = []

        def blame(owner: str, error: TmError) -> None:
            failed.append(owner)
            self._workspace.host.blame(self._workspace.host.enabled[owner], "migration", error)

        release_migrations(self._database)
        self.done = apply_migrations(self._database, self._sets, blame)
        return not failed

    def plan(self, to: str = "") -> list[Undoing]:
        """What a rollback would undo, last first, and what data would be lost by it.

        Args:
            to: The `owner:name` after which everything is undone, or an owner, whose last step is
                meant; the last batch by default.

        Raises:
            Conflict: There is nothing to undo, or it cannot be undone.
            PluginError: The feature that knows how it is undone is off.
        """
        done = self.applied
        names = [f"{row['owner']}:{row['name']}" for row in done]
        if to:
            meant = [n for n in names if to in (n, n.partition(":")[0])]
            if not meant:
                raise Conflict(
                    f"'{visible(to)}' is not applied", "tm migrate --status names what is"
                )
            chosen = done[names.index(meant[-1]) + 1 :]
        else:
            chosen = [row for row in done if row["at"] == done[-1]["at"]]
        if not chosen:
            raise Conflict(f"nothing was applied after {visible(to)}", "tm migrate --status")
        if any(row["owner"] == "kernel" and row["name"] == done[0]["name"] for row in chosen):
            raise Conflict(
                "the last batch made the store itself, which is not rolled back",
                "--to kernel undoes what features added since; or tm config disable FEATURE",
            )
        return [self._undoing(row["owner"], row["name"]) for row in reversed(chosen)]

    def _undoing(self, owner: str, name: str) -> Undoing:
        known = next((e for e in self._sets if e.owner == owner and name in e.names), None)
        if known is None:
            raise PluginError(
                f"what undoes {owner}:{name} is known to its feature only, which is off",
                f"tm config enable {owner}, then again",
            )
        sql = undoing(self._database, known, name)
        if sql is None:
            raise Conflict(
                f"{owner}:{name} does not say how it is undone", "restore a backup instead"
            )
        return Undoing(owner, name, tuple(sql), tuple(losses(self._database, sql)))

    def undo(self, plan: Sequence[Undoing]) -> Path | None:
        """Do what `plan` gave, after a backup; gives the backup's place, if the engine makes one.

        Raises:
            Conflict: Another process undid a part of it meanwhile.
        """
        backup = self._backup("before-rollback")
        undo_migrations(self._database, [(step.owner, step.name, step.sql) for step in plan])
        return backup

    def rollback(self, to: str = "") -> bool:
        """Undo the schema of the last batch, or of all after `to`; whether anything was undone.

        Data that lives in that schema is lost; a backup is made first, and `plan` says beforehand
        what it would be. The features concerned stay off until migrations are applied again.

        Raises:
            Conflict: It cannot be undone.
            PluginError: The feature that knows how it is undone is off.
        """
        self.undo(self.plan(to))
        return True

    def create_backup(self) -> Path:
        """Copy the store to a file in its `backups` folder.

        Raises:
            DatabaseError: The engine leaves that to its own tools.
        """
        made = self._backup("before-work")
        if made is None:
            raise DatabaseError("this kind of store is not copied to a file", "use its own tools")
        return made

    def _backup(self, reason: str) -> Path | None:
        made = self._database.backup(reason)
        return Path(made) if made else None


def _ignore(line: str) -> None:
    """Whoever uses the class is told by what it gives and raises."""
