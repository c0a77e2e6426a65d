"""Reading: one task, those that match, the log, with what plugins tell and measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tm_core.errors import DatabaseError, NotFound, is_refusal
from tm_core.language import values
from tm_core.model import Field, Task
from tm_core.plugin_host.host import Host
from tm_core.storage.store import Store
from tm_core.workspace import Workspace

from .plugin_context import PluginContext, Session
from .privacy import readable

if TYPE_CHECKING:
    from tm_core.context import Event
    from tm_core.storage.archive import Archive, Archives
    from tm_core.storage.backend import Database, Row


class Reader:
    """What can be asked of one store."""

    def __init__(self, session: Session) -> None:
        """Read the store whose contexts share this."""
        self._session = session
        self._changes = session.changes
        self.workspace: Workspace = session.workspace
        self.host: Host = session.workspace.host
        self.store: Store = session.store
        self.database: Database = session.store.database

    @property
    def shared(self) -> Session:
        """What the contexts of this store share."""
        return self._session

    @property
    def actor(self) -> str:
        """Who acts."""
        return self._changes.actor

    def _context(self, plugin: str) -> PluginContext:
        return PluginContext(lambda: self._session, plugin, self.workspace)

    def get(self, task_id: str, *, details: bool = True) -> Task:
        """A task by its id or an unambiguous beginning of it.

        Args:
            task_id: The id.
            details: With what plugins tell about it beside its fields.

        Raises:
            NotFound: No id, or more than one, begins so.
        """
        task = self.store.get(self.store.resolve(task_id))
        if task is None:
            raise NotFound(f"task {task_id} was taken away meanwhile")
        if details:
            self.add_details([task])
        return task

    def find(
        self,
        where: str = "",
        *,
        status: str | Sequence[str] = (),
        sort: str = "",
        limit: int = 0,
        offset: int = 0,
        details: bool = False,
    ) -> list[Task]:
        """Tasks that match.

        Args:
            where: A filter in the expression language, such as `"estimated_hours > 8"`.
            status: One or more statuses; by default all but `deleted`.
            sort: Field names, a dash before one for descending; newest first by default.
            limit: At most so many; 0 for all.
            offset: Leave out so many first.
            details: With what plugins tell about each.

        Raises:
            ExpressionError: The filter or the order is not in the language.
        """
        found = list(self.select(where, status=status, sort=sort, limit=limit, offset=offset))
        if details:
            self.add_details(found)
        return found

    def many(self, ids: Sequence[str], *, details: bool = False) -> list[Task]:
        """The tasks with these whole ids, in this order, in few queries; unknown ids are left out.

        Args:
            ids: Whole ids.
            details: With what plugins tell about each.
        """
        found = {task.id: task for task in self.store.many(ids)}
        tasks = [found[task_id] for task_id in ids if task_id in found]
        if details:
            self.add_details(tasks)
        return tasks

    def select(
        self,
        where: str = "",
        *,
        status: str | Sequence[str] = (),
        sort: str = "",
        limit: int = 0,
        offset: int = 0,
    ) -> Iterator[Task]:
        """As `find`, one at a time and in bounded memory, without details."""
        condition, parameters = self.condition(where, status=status)
        order = "task.created_at DESC, task.id DESC"
        if sort:
            from tm_core.language.expressions import compile_sort

            order = f"{compile_sort(sort, self._columns())}, task.id"
        return self.store.select(condition, parameters, order, limit, offset)

    def count(self, where: str = "", *, status: str | Sequence[str] = ()) -> int:
        """How many tasks match."""
        return self.store.count(*self.condition(where, status=status))

    def condition(
        self, where: str, *, status: str | Sequence[str] = ()
    ) -> tuple[str, list[object]]:
        """A filter as SQL over the table `task`, with its parameters."""
        chosen = [status] if isinstance(status, str) else list(status)
        states = self.store.fields["status"]
        names = [values.check(states, name) for name in chosen if name]
        if names:
            condition = f"task.status IN ({', '.join('?' * len(names))})"
            parameters: list[object] = list(names)
        else:
            condition, parameters = "task.status <> 'deleted'", []
        if where:
            from tm_core.language.expressions import compile_filter

            text, more = compile_filter(where, self._columns(), self.database.dialect)
            condition += f" AND {text}"
            parameters += more
        return condition, parameters

    def _columns(self) -> dict[str, Any]:
        """The names that filters may use: columns, and what fields compute."""
        from tm_core.language.expressions import Column

        computed = (field for _, field in self.host.declared.values() if field.sql)
        return self.store.columns | {each.name: Column(f"({each.sql})", each) for each in computed}

    def field(self, name: str) -> Field:
        """The declaration of a stored field."""
        return self.store.fields[name]

    def log(
        self,
        task_id: str = "",
        *,
        actor: str = "",
        event_type: str = "",
        after: int = 0,
        limit: int = 0,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events of the log, one at a time, as the actor may see them.

        Args:
            task_id: Only about this task.
            actor: Only by this actor.
            event_type: Only of this type; `*` stands for anything.
            after: Only past this sequence number.
            limit: At most so many; 0 for all.
            newest_first: Backwards.
        """
        conditions: list[str] = ["seq > ?"]
        parameters: list[object] = [after]
        if task_id:
            conditions.append("task_id = ?")
            parameters.append(self.store.resolve(task_id))
        if actor:
            conditions.append("actor = ?")
            parameters.append(actor)
        if event_type:
            conditions.append("type LIKE ? ESCAPE '\\'")
            escaped = event_type.replace("_", "\\_").replace("%", "\\%")
            parameters.append(escaped.replace("*", "%"))
        found = self.store.events(
            " AND ".join(conditions), parameters, limit=limit, newest_first=newest_first
        )
        return map(self._readable, found)

    def _readable(self, event: Event) -> Event:
        return {**event, "data": readable(event["data"], self.actor)}

    def history(
        self, unreadable: Callable[[Archive, DatabaseError], None] | None = None
    ) -> Iterator[Row]:
        """All events in their order, one at a time, as the log holds them: `data` is JSON text.

        The archived ones come first.

        Args:
            unreadable: Told of an archive that is missing or not what was written, and left out.

        Raises:
            DatabaseError: There is such an archive, and nobody is told.
        """
        yield from self.archives.events(unreadable)
        yield from self.store.history()

    @property
    def archives(self) -> Archives:
        """The files of events that were taken out of the log."""
        from tm_core.storage.archive import Archives

        return Archives(self.database, self.workspace.folder)

    def archived(self) -> Iterator[Row]:
        """The events that were taken out of the log, as `history` gives them."""
        return self.archives.events()

    def add_details(self, tasks: Sequence[Task]) -> None:
        """Put into each task what plugins tell about it."""
        if not tasks:
            return
        taken = set(self.store.fields)
        for each in self.host.implementations("task_details"):
            context = self._context(each.plugin.name)
            try:
                parts = dict(self.host.invoke(each, ctx=context, tasks=tasks) or {})
                given = {name: {**by_id} for name, by_id in parts.items()}
                if not taken.isdisjoint(given):
                    names = ", ".join(sorted(taken & given.keys()))
                    raise ValueError(f"there is a field or part of this name: {names}")
            except Exception as error:
                self.host.blame(each.plugin, "task_details", error)
                continue
            taken |= given.keys()
            for task in tasks:
                task.details |= {
                    n: by_id[task.id] for n, by_id in given.items() if task.id in by_id
                }

    def gather_evidence(
        self,
        task: Task,
        *,
        touched: set[str] | None = None,
        options: Mapping[str, Any],
        known: dict[Any, Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """What the `evidence` hooks measure. Never in a transaction: they may read and run.

        In `known`, what a hook that does not ask for the task found is kept for the next task.
        """
        if self._changes.active:
            raise RuntimeError("evidence cannot be gathered inside a transaction")
        found: dict[str, Any] = {}
        sources = list(options.get("evidence") or ())
        for each in self.host.implementations("evidence", touched):
            context = self._context(each.plugin.name)
            key = (each.plugin.name, *sources)
            try:
                if known is not None and key in known:
                    found |= known[key]
                    continue
                told = self.host.invoke(each, ctx=context, task=task, sources=sources)
                found |= dict(told or {})
                if known is not None and "task" not in each.arguments:
                    known[key] = dict(told or {})
            except Exception as error:
                if is_refusal(error):
                    raise
                self.host.blame(each.plugin, "evidence", error)
        return found
