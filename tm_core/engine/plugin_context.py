"""One plugin's view of the store: the `Context` that the kernel hands to hooks and actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from tm_core.errors import FeatureDisabled, UsageError
from tm_core.language.values import visible
from tm_core.language.when import parse_instant
from tm_core.model import Field, Plugin, Task
from tm_core.record import Record
from tm_core.storage.store import Store
from tm_core.workspace import Workspace

from .changes import Changes

if TYPE_CHECKING:
    from tm_core.context import Database, Row, SQLDialect, Tasks

_READING = ("SELECT", "WITH", "VALUES")


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

    __slots__ = ("_plugin", "_session", "_workspace")

    def __init__(self, session: Callable[[], Session], plugin: str, workspace: Workspace) -> None:
        """View a store.

        Args:
            session: Gives what the contexts of the store share; may open it.
            plugin: Whose view this is.
            workspace: What is known without opening the store.
        """
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

    @contextmanager
    def snapshot(self, *, since: str = "", until: str = "", by: str = "") -> Iterator[Snapshot]:
        session = self._session()
        tasks = Snapshot(
            session, parse_instant(since) if since else "", parse_instant(until) if until else ""
        )
        with session.store.database.snapshot():
            yield tasks.grouped(by)

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
        self._session().show_progress(done, total)


_WRITING = ("INSERT INTO", "UPDATE", "DELETE FROM")
_GROUPING = ("enum", "list", "bool", "task")
_WORD = 200
"""Texts of at most so many characters name something; longer ones tell something."""


class Snapshot:
    """Implements `tm_core.context.TaskSet`."""

    def __init__(self, session: Session, since: str = "", until: str = "", by: str = "") -> None:
        self._session = session
        self.since = since
        self.until = until
        self.by = by

    def __iter__(self) -> Iterator[Row]:
        for task in self._session.tasks.select():
            yield task.as_dict()

    def __len__(self) -> int:
        return self._session.store.count("status <> 'deleted'", ())

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self._session.store.database.query(sql, parameters)

    @property
    def dialect(self) -> SQLDialect:
        return self._session.store.database.dialect

    @property
    def last_event(self) -> int:
        return self._session.store.last_seq()

    @property
    def groupings(self) -> tuple[str, ...]:
        fields = self._session.store.fields.values()
        return tuple(field.name for field in fields if _groups(field))

    def grouped(self, by: str) -> Snapshot:
        return Snapshot(self._session, self.since, self.until, self._grouping(by) if by else "")

    def _grouping(self, name: str) -> str:
        """The field that is meant; `tag` means the field that has the option `--tag`."""
        known = self._session.store.fields
        wanted = name.strip().lower().replace("-", "_")
        flag = "--" + wanted.replace("_", "-")
        named = [known[wanted]] if wanted in known else []
        for field in [*named, *(field for field in known.values() if flag in field.options)]:
            if _groups(field):
                return field.name
        host = self._session.workspace.host
        owner = "" if named else host.owner_of_option("add", wanted)
        owner = owner or ("" if named else host.owner_of_option("add", flag))
        if owner:
            raise FeatureDisabled(owner)
        raise UsageError(
            f"tasks cannot be grouped by '{visible(name)}'",
            f"known: {', '.join(self.groupings)}",
        )

    def within(self, instant: str) -> str:
        # Both are in canonical form, which holds no quote.
        bounds = [f"{instant} >= '{self.since}'"] if self.since else []
        bounds += [f"{instant} < '{self.until}'"] if self.until else []
        return " AND ".join(bounds) or "1 = 1"

    def aggregate(
        self,
        figures: str,
        *,
        tables: str = "task",
        join: str = "",
        where: str = "",
        at: str = "",
        parameters: Sequence[Any] = (),
    ) -> tuple[Row, dict[str, Row]]:
        conditions = [each for each in (where, self.within(at) if at else "") if each]
        condition = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        whole = self.query(f"SELECT {figures} FROM {tables}{condition}", parameters)[0]
        if not self.by:
            return whole, {}
        column = f'task."{self.by}"'
        source = f"{tables} {join}"
        if self._session.store.fields[self.by].type == "list":
            source += f" CROSS JOIN {self.dialect.list_items(column)} AS grouping_item"
            column = "grouping_item.value"
        rows = self.query(
            f"SELECT {column} AS grouping_key, {figures} FROM {source}"
            f" WHERE {' AND '.join([*conditions, f'{column} IS NOT NULL'])} GROUP BY {column}",
            parameters,
        )
        return whole, {str(r.pop("grouping_key")): r for r in rows}

    def measure(
        self, figures: str, shape: Callable[[Row], dict[str, Any]], **options: Any
    ) -> dict[str, Any]:
        whole, groups = self.aggregate(figures, **options)
        found = shape(whole)
        if self.by:
            found[f"by_{self.by}"] = {name: shape(groups[name]) for name in sorted(groups)}
        return found


def _groups(field: Field) -> bool:
    """Whether the field's values make groups worth counting."""
    if field.type == "str":
        return field.name != "id" and field.max_length is not None and field.max_length <= _WORD
    return field.type in _GROUPING
