"""One plugin's view of the store: the `Context` that the kernel hands to hooks and actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

from .changes import Changes
from .context import Database, Row, SQLDialect, Tasks
from .model import Task
from .store import Store
from .workspace import Workspace


class Session(NamedTuple):
    """What the contexts of one open store share."""

    workspace: Workspace
    store: Store
    changes: Changes
    tasks: Tasks
    show_progress: Callable[[int, int], None]
    for_program: bool


class PluginContext:
    """Implements `tm_core.context.Context`."""

    __slots__ = ("_plugin", "_session", "_workspace")

    def __init__(self, session: Callable[[], Session], plugin: str, workspace: Workspace) -> None:
        self._session = session
        self._plugin = plugin
        # What is known without a store; the session opens it.
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
        return self._session().store.database.query(sql, parameters)

    def query_for(self, tasks: Sequence[Task], sql: str, order: str = "") -> list[Row]:
        return self._session().store.rows_for([task.id for task in tasks], sql, order)

    def put(self, table: str, key: Mapping[str, Any], values: Mapping[str, Any] | None) -> None:
        prefix = self._plugin.replace("-", "_") + "_"
        if not table.startswith(prefix):
            raise ValueError(f"plugin '{self._plugin}' may write to {prefix}*, not to {table}")
        self._session().changes.put(table, key, values)

    def event(
        self, event_type: str, task_id: str | None = None, **data: Any
    ) -> AbstractContextManager[None]:
        return self._session().changes.event(event_type, task_id, data)

    def update(self, task_id: str, **fields: Any) -> Task:
        task: Task = self.tasks.update(task_id, **fields)
        return task

    def gather_evidence(self, task: Task, sources: Sequence[str] = ()) -> dict[str, Any]:
        found: dict[str, Any] = self.tasks.gather_evidence(task, options={"evidence": sources})
        return found

    def collect(self, hook: str) -> list[Any]:
        found = self._workspace.host.collect(
            hook, lambda name: PluginContext(self._session, name, self._workspace)
        )
        return [item for _, item in found]

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        session = self._session()
        with session.store.database.snapshot():
            yield Snapshot(session.store, session.tasks)

    def setting(self, key: str) -> Any:
        return self._workspace.config.get(key)

    def field_choices(self, name: str) -> tuple[str, ...]:
        return self._session().store.fields[name].choices

    def warn(self, message: str) -> None:
        self._workspace.report(message)

    def progress(self, done: int, total: int) -> None:
        self._session().show_progress(done, total)


class Snapshot:
    """Implements `tm_core.context.TaskSet`."""

    def __init__(self, store: Store, tasks: Tasks) -> None:
        self._store = store
        self._tasks = tasks

    def __iter__(self) -> Iterator[Row]:
        for task in self._tasks.select():
            yield task.as_dict()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self._store.database.query(sql, parameters)

    @property
    def dialect(self) -> SQLDialect:
        return self._store.database.dialect

    @property
    def last_event(self) -> int:
        return self._store.last_seq()
