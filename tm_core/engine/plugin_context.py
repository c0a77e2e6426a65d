"""One plugin's view of the store: the `Context` that the kernel hands to hooks and actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from tm_core.model import Field, Plugin, Task
from tm_core.record import Record
from tm_core.storage.store import Store
from tm_core.workspace import Workspace

from .changes import Changes

if TYPE_CHECKING:
    from tm_core.context import Tasks
    from tm_core.storage.backend import Database, Row, SQLDialect

_READING = ("SELECT", "WITH", "VALUES")
_WRITING = ("INSERT INTO", "UPDATE", "DELETE FROM")


class Session(Record):
    """What the contexts of one open store share."""

    workspace: Workspace
    store: Store
    changes: Changes
    tasks: Tasks
    show_progress: Callable[[int, int], None]
    for_program: bool


class PluginContext:
    """Implements `tm_core.context.Context`."""

    __slots__ = ("_plugin", "_session", "_show_progress", "_workspace")

    def __init__(
        self,
        session: Callable[[], Session],
        plugin: str,
        workspace: Workspace,
        show_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """View a store.

        Args:
            session: Gives what the contexts of the store share; may open it.
            plugin: Whose view this is.
            workspace: What is known without opening the store.
            show_progress: Shows how far something is; the session's by default.
        """
        self._show_progress = show_progress
        self._session = session
        self._plugin = plugin
        self._workspace = workspace

    @property
    def actor(self) -> str:
        return self._session().changes.actor

    @property
    def session(self) -> str:
        return self._session().changes.session

    @property
    def now(self) -> str:
        return self._session().changes.now

    @property
    def remembered(self) -> dict[str, Any]:
        return self._session().changes.remembered(self._plugin)

    def pass_over(self, *occasions: str) -> None:
        self._session().changes.pass_over(self._plugin, occasions)

    @property
    def environ(self) -> Mapping[str, str]:
        return self._session().workspace.environ

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._workspace.host.settings(self._plugin)

    @property
    def project(self) -> str:
        return self._workspace.project

    @property
    def folder(self) -> str:
        return self._workspace.folder

    @property
    def tasks(self) -> Tasks:
        return self._session().tasks

    @property
    def dialect(self) -> SQLDialect:
        return self._session().store.database.dialect

    @property
    def database(self) -> Database:
        return self._workspace.open_database()

    @property
    def forced(self) -> bool:
        return self._session().changes.force

    @property
    def for_program(self) -> bool:
        return self._session().for_program

    @property
    def dry_run(self) -> bool:
        return self._session().changes.dry_run

    @property
    def fields(self) -> Mapping[str, Field]:
        host = self._workspace.host
        return self._session().store.fields | {n: field for n, (_, field) in host.declared.items()}

    @property
    def parts(self) -> frozenset[str]:
        return self._workspace.host.parts() - self.fields.keys()

    def feature_of(self, field: str) -> str:
        return self._workspace.host.feature_of(field)

    def get(self, task_id: str) -> Task:
        task: Task = self.tasks.get(task_id, details=False)
        return task

    def find(
        self,
        where: str = "",
        *,
        status: str | Sequence[str] = (),
        sort: str = "",
        limit: int = 0,
        details: bool = False,
    ) -> list[Task]:
        found: list[Task] = self.tasks.find(
            where, status=status, sort=sort, limit=limit, details=details
        )
        return found

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        if not sql.lstrip(" \n(").upper().startswith(_READING):
            raise ValueError(f"ctx.query is for SELECT, not for: {sql.strip()[:40]}")
        return self._session().store.database.query(sql, parameters)

    def wait_for_events(self, after: int, timeout: float) -> bool:
        return self._session().store.database.wait_for_events(after, timeout)

    def query_for(self, tasks: Sequence[Task], sql: str, order: str = "") -> list[Row]:
        return self._session().store.rows_for([task.id for task in tasks], sql, order)

    def derive(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        prefix = self._plugin.replace("-", "_") + "_"
        if not sql.startswith(tuple(f"{verb} {prefix}" for verb in _WRITING)):
            raise ValueError(f"plugin '{self._plugin}' may write to {prefix}* only: {sql[:60]}")
        session = self._session()
        if not session.changes.active:
            raise RuntimeError("ctx.derive outside of a transaction")
        return session.store.database.execute(sql, parameters)

    def put(self, table: str, key: Mapping[str, Any], values: Mapping[str, Any] | None) -> None:
        self._check_own(table)
        self._session().changes.put(table, key, values)

    def keep(self, table: str, key: Mapping[str, Any], values: Mapping[str, Any] | None) -> None:
        self._check_own(table)
        self._session().changes.keep(table, key, values)

    def _check_own(self, table: str) -> None:
        prefix = self._plugin.replace("-", "_") + "_"
        if not table.startswith(prefix):
            raise ValueError(f"plugin '{self._plugin}' may write to {prefix}*, not to {table}")

    def event(
        self,
        event_type: str,
        task_id: str | None = None,
        *,
        private_to: str | None = None,
        **data: Any,
    ) -> AbstractContextManager[None]:
        changes = self._session().changes
        return changes.host.calls.entering(changes.event(event_type, task_id, data, private_to))

    def remember(self, pieces: Iterable[str]) -> None:
        self._session().changes.remember(pieces)

    def update(self, task_id: str, **fields: Any) -> Task:
        task: Task = self.tasks.update(task_id, **fields)
        return task

    def gather_evidence(
        self,
        task: Task,
        sources: Sequence[str] = (),
        known: dict[Any, Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        found: dict[str, Any] = self.tasks.gather_evidence(
            task, options={"evidence": sources}, known=known
        )
        return found

    def collect(self, hook: str) -> list[Any]:
        found = self._workspace.host.collect(
            hook, lambda name: PluginContext(self._session, name, self._workspace)
        )
        return [item for _, item in found]

    def snapshot(self) -> AbstractContextManager[None]:
        return self._session().store.database.snapshot()

    @property
    def features(self) -> Mapping[str, Plugin]:
        host = self._workspace.host
        return {name: host.manifest(name) for name in host.enabled}

    def setting(self, key: str) -> Any:
        return self._workspace.config.get(key)

    def field_choices(self, name: str) -> tuple[str, ...]:
        return self._session().store.fields[name].choices

    def warn(self, message: str) -> None:
        self._workspace.report(message)

    def progress(self, done: int, total: int) -> None:
        show = self._show_progress or self._session().show_progress
        show(done, total)
