"""`TaskManager`: the facade over one store. Every use case passes here."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from .engine.changes import Changes
from .engine.opening import bring_up_to_date, locate
from .engine.outbox import Outbox
from .engine.performing import Performer
from .engine.plugin_context import Session
from .errors import DatabaseError
from .hook_data import Finding
from .language import values
from .language.when import instant_now
from .model import Field, Plugin
from .plugin_host.registry import describe
from .storage.store import Store
from .workspace import Workspace

_ACTOR = Field("actor", "str", max_length=200)


class TaskManager(Performer):
    """The tasks of one store, and all that can be done with them.

    Besides the methods below, each action of an enabled plugin is a method: its name with dashes
    and spaces as underscores. Using one of a plugin that is off raises FeatureDisabled.

    Use as a context manager, from one thread:

        with TaskManager.open() as tm:
            task = tm.add("Write the tutorial", priority="high")
            tm.complete(task.id)
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        actor: str = "",
        create: bool = False,
        show_progress: Callable[[int, int], None] | None = None,
        for_program: bool = False,
        clock: Callable[[], str] = instant_now,
    ) -> None:
        """Open the workspace's store. See `open` for the usual way."""
        database = workspace.open_database(create=create)
        self.migrated = bring_up_to_date(workspace, database, create=create)
        """Names of the migrations that opening the store applied."""
        host = workspace.host
        store = Store(database, host.fields())
        session = os.urandom(4).hex()
        self._outbox = Outbox(store, host, self._context, session, clock)
        changes = Changes(
            store,
            host,
            actor=values.check(_ACTOR, actor or workspace.actor),
            session=session,
            context=self._context,
            before_commit=self._note,
            after_commit=self._deliver,
            clock=clock,
        )
        progress = show_progress or _no_progress
        super().__init__(Session(workspace, store, changes, self, progress, for_program))
        if workspace.add_providers(self._context):
            store.declare(host.fields())

    @classmethod
    def open(
        cls,
        path: str = "",
        *,
        actor: str = "",
        create: bool = False,
        plugins: Sequence[Plugin] = (),
        settings: Sequence[str] = (),
        plugin_set: str = "",
        environ: Mapping[str, str] | None = None,
        report: Callable[[str], None] | None = None,
        clock: Callable[[], str] = instant_now,
        like: TaskManager | None = None,
    ) -> TaskManager:
        """Open a store.

        Args:
            path: A project folder, a `.db` file or a URL; the current folder by default, where the
                store is found as `tm` finds it.
            actor: Who acts; as configured by default.
            create: Make the store where there is none.
            plugins: Plugins made in code, beside the installed ones.
            settings: `key=value`, above every other layer of the configuration.
            plugin_set: The team's plugin set: a file, or a name; as configured by default. Several
                managers on one store may have a set each.
            environ: The environment; the process's own by default.
            report: Takes one line about something that is not as it should be; stderr by default.
            clock: Gives the present instant, UTC, canonical; the machine's by default.
            like: Another one, open or closed, perhaps of another thread, whose storage backend is
                used again: so the threads of a server share its pool of connections.

        Raises:
            NoStore: There is no store, and `create` is not set.
            DatabaseError: It cannot be used.
            ConfigError: Its configuration cannot be used.
        """
        folder, store = locate(path, environ, create=create)
        workspace = Workspace(
            folder,
            store=store,
            plugins=plugins,
            settings=[*settings, *([f"plugins.set={plugin_set}"] if plugin_set else [])],
            environ=environ,
            report=report or (lambda line: print(f"tm: {line}", file=sys.stderr)),
            like=None if like is None else like.workspace,
        )
        try:
            return cls(workspace, actor=actor, create=create, clock=clock)
        except BaseException:
            workspace.close()
            raise

    def __enter__(self) -> TaskManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store."""
        self.workspace.close()

    def refresh(self) -> None:
        """Bring the schema up to date again, after the store's content was replaced."""
        self.migrated = bring_up_to_date(self.workspace, self.database)
        self.store.declare(self.host.fields())

    def health(self) -> Iterator[Finding]:
        """What plugins find when they look after themselves."""
        for each in self.host.implementations("health_checks"):
            name = each.plugin.name
            try:
                found = list(self.host.invoke(each, ctx=self._context(name)) or ())
                wrong = next((item for item in found if not isinstance(item, Finding)), None)
                if wrong is not None:
                    raise TypeError(f"health_checks gave {type(wrong).__name__}, not a Finding")
                yield from found
            except Exception as error:
                yield Finding("error", f"plugin {name}", f"health check: {describe(error)}")

    def _note(self) -> None:
        if self._changes.first_seq:
            self._outbox.note(self._changes.first_seq, self._changes.types)

    def _deliver(self) -> None:
        if not self._changes.first_seq:
            return
        try:
            self._outbox.deliver_noted()
        except DatabaseError as error:  # the write itself is done
            self.workspace.report(f"handlers were not called now, but will be: {error.message}")

    def deliver(self) -> None:
        """Hand out events that wait for their handlers, for instance after a failure."""
        self._outbox.deliver()


def _no_progress(done: int, total: int) -> None:
    """Nobody watches."""
