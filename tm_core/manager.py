"""`TaskManager`: the facade over one store. Every use case passes here."""

from __future__ import annotations

import errno
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from .context import Database, Row
from .engine.changes import AlreadyDone, Changes, check_version, named_action
from .engine.outbox import Outbox
from .engine.plugin_context import PluginContext, Session
from .engine.privacy import readable
from .errors import (
    Conflict,
    DatabaseError,
    FeatureDisabled,
    InvalidValue,
    NotFound,
    PluginError,
    TmError,
    UsageError,
    is_refusal,
)
from .language import values
from .language.text import nearest
from .language.when import instant_now
from .model import Action, Change, Event, Field, Finding, Plugin, Task
from .plugin_host.actions import Signature, signature_of
from .plugin_host.host import Host
from .plugin_host.registry import Installed, describe
from .storage import migrate
from .storage.location import FOLDER
from .storage.migrate import kernel_migrations
from .storage.store import Store, new_task_id
from .workspace import Workspace

if TYPE_CHECKING:
    from .storage.archive import Archive, Archives

_ACTOR = Field("actor", "str", max_length=200)
_KEY = Field("key", "str", max_length=500)
_VERSION = Field("if_version", "int", minimum=1)


class TaskManager:
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
        self.workspace = workspace
        self.host: Host = workspace.host
        self.database: Database = workspace.open_database(create=create)
        self.migrated = self._migrate(create)
        """Names of the migrations that opening the store applied."""
        self.store = Store(self.database, self.host.fields())
        session = os.urandom(4).hex()
        self._callable: dict[str, tuple[Installed, Callable[..., Any], Signature]] = {}
        self._outbox = Outbox(self.store, self.host, self._context, session, clock)
        self._changes = Changes(
            self.store,
            self.host,
            actor=values.check(_ACTOR, actor or workspace.actor),
            session=session,
            context=self._context,
            before_commit=self._note,
            after_commit=self._deliver,
            clock=clock,
        )
        self._session = Session(
            workspace, self.store, self._changes, self, show_progress or _no_progress, for_program
        )
        if workspace.add_providers(self._context):
            self.store.declare(self.host.fields())

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
        is_store = "://" in path or path.endswith(".db")
        store = path if is_store else ""
        if create and path and not is_store:
            folder = os.path.join(path, FOLDER)
            os.makedirs(folder, mode=0o700, exist_ok=True)
            elsewhere = (os.environ if environ is None else environ).get("TM_DB_PATH", "")
            store = "" if "://" in elsewhere else folder
        workspace = Workspace(
            path if path and not is_store else ".",
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

    def _migrate(self, create: bool) -> list[str]:
        sets = [kernel_migrations(), *self.host.migration_sets()]
        if not create or not self.database.is_blank():
            self.workspace.check_ours(self.database)
            # Making a shared store that is there already is opening it: others work with it.
            create = create and self.database.self_migrating
        if not create:
            if migrate.is_current(self.database, sets):
                return []
            for owner in sorted(migrate.held(self.database) & self.host.enabled.keys()):
                cause = "its schema was rolled back"
                self.workspace.report(f"feature '{owner}' is off: {cause} (tm migrate --apply)")
                self.host.drop(owner, cause)
            sets = [kernel_migrations(), *self.host.migration_sets()]
            if migrate.is_current(self.database, sets):
                return []
        if not create and not self.database.self_migrating:
            todo = migrate.pending(self.database, sets)
            if todo:
                raise Conflict(
                    f"the shared store lacks {len(todo)} migration(s)", "tm migrate --apply"
                )
        return migrate.apply(self.database, sets, self._migration_failed)

    def _migration_failed(self, owner: str, error: TmError) -> None:
        plugin = self.host.enabled[owner]
        self.host.blame(plugin, "migration", error)
        self.host.drop(owner, error.message)

    def _context(self, plugin: str) -> PluginContext:
        return PluginContext(lambda: self._session, plugin, self.workspace)

    @property
    def shared(self) -> Session:
        """What the contexts of this store share."""
        return self._session

    def refresh(self) -> None:
        """Bring the schema up to date again, after the store's content was replaced."""
        self.migrated = self._migrate(create=False)
        self.store.declare(self.host.fields())

    # Who and how

    @property
    def actor(self) -> str:
        """Who acts."""
        return self._changes.actor

    @property
    def _moment(self) -> datetime:
        """What relative instants count from."""
        return datetime.fromisoformat(self._changes.now)

    @property
    def changes(self) -> Changes:
        """The running transaction."""
        return self._changes

    @contextmanager
    def options(
        self,
        *,
        dry_run: bool = False,
        force: bool = False,
        key: str = "",
        action: str = "",
        expected: tuple[str, int] | None = None,
    ) -> Iterator[None]:
        """How the writes inside are done.

        Args:
            dry_run: Do everything, then write nothing.
            force: Pass overridable problems; the event records them.
            key: An idempotency key: a write that was done under it is not done again.
            action: What the key stands for.
            expected: A task and the version that it must have when the next transaction begins.

        Raises:
            AlreadyDone: The idempotency key has done its work before.
            Conflict: The idempotency key belongs to another action, or (from the transaction) the
                task has another version.
        """
        changes = self._changes
        key = values.check(_KEY, key)
        saved = (changes.dry_run, changes.force)
        changes.dry_run, changes.force = dry_run or saved[0], force or saved[1]
        if key:  # without one, that of the action around stands: it ends with a transaction
            # Looked at before anything else, since a task that was purged cannot be found again;
            # the transaction looks once more, when nobody else can write.
            changes.check_request(key, action)
            changes.request = (key, action)
        if expected:
            changes.expected = expected
        try:
            yield
        finally:
            changes.dry_run, changes.force = saved
            if key:
                changes.request = None
            if expected:
                changes.expected = None

    def transaction(self) -> AbstractContextManager[None]:
        """Write everything inside together, or nothing."""
        return self.host.calls.entering(self._changes.transaction())

    # The kernel's own verbs

    def add(
        self,
        title: str,
        *,
        description: str | None = None,
        priority: str = "medium",
        assignee: str | None = None,
        **fields: Any,
    ) -> Task:
        """Add a task and give it back with its new id.

        Args:
            title: What is to be done, in one line of at most 500 characters.
            description: More about it.
            priority: `low`, `medium`, `high` or `critical`.
            assignee: Who does it.
            fields: Fields that enabled plugins declare, such as `deadline` or `estimated_hours`.

        Raises:
            ValidationError: A value or a rule refuses it; nothing was written.
            FeatureDisabled: A field belongs to a feature that is off.
        """
        given = {"description": description, "priority": priority, "assignee": assignee, **fields}
        stored, options = self._split("add", given)
        with self.transaction():
            title = values.check(self.store.fields["title"], title)
            after = self._blank() | {"id": self._free_id(), "title": title} | stored
            change = Change(
                "add",
                self.actor,
                None,
                Task(after),
                options=options,
                given=stored,
                defaults=self.store.defaults,
            )
            return self._changes.apply(change)

    def _free_id(self) -> str:
        """A new id that no task has: of 100,000 random ones a pair is to be expected."""
        task_id = self.store.spare_id()
        if task_id:
            return task_id
        task_id = new_task_id()
        while self.store.get(task_id) is not None:
            task_id = new_task_id()
        return task_id

    def _blank(self) -> dict[str, Any]:
        now = self._changes.now
        return (
            dict.fromkeys(self.store.fields)
            | self.store.defaults
            | {
                "id": "",
                "created_by": self.actor,
                "created_at": now,
                "updated_at": now,
                "version": 1,
            }
        )

    def update(
        self, task_id: str, *, if_version: int | None = None, force: bool = False, **fields: Any
    ) -> Task:
        """Change fields of a task and give it back as it is now.

        Args:
            task_id: The id, or an unambiguous beginning of it.
            if_version: Only if the task still has this version.
            force: Pass problems that may be overridden; the event records them.
            fields: New values by field name; None clears one.

        Raises:
            NotFound: There is no such task.
            Conflict: It was changed meanwhile.
            ValidationError: A value or a rule refuses it; nothing was written.
        """
        if fields.get("status") == "completed":
            return self._change(
                "complete", task_id, fields, if_version=if_version, force=force, also="update"
            )
        return self._change("update", task_id, fields, if_version=if_version, force=force)

    def complete(
        self, task_id: str, *, if_version: int | None = None, force: bool = False, **fields: Any
    ) -> Task:
        """Complete a task: every rule about completion is checked, then dependents are told.

        Args:
            task_id: The id, or an unambiguous beginning of it.
            if_version: Only if the task still has this version.
            force: Pass problems that may be overridden; the event records them.
            fields: Fields and options that plugins offer, such as `validate`, `actual_hours`.

        Raises:
            NotFound: There is no such task.
            Conflict: It is completed already, or was changed meanwhile.
            ValidationError: A rule refuses it; the task is as it was. That its criteria refused it
                is an event of its own, `task.completion_refused`.
        """
        fields = {**fields, "status": "completed"}
        return self._change("complete", task_id, fields, if_version=if_version, force=force)

    def delete(
        self,
        task_id: str,
        *,
        purge: bool = False,
        if_version: int | None = None,
        force: bool = False,
        **fields: Any,
    ) -> Task:
        """Delete a task. It stays in the store, hidden, until it is purged.

        Args:
            task_id: The id, or an unambiguous beginning of it.
            purge: Remove the row and what plugins keep for it, for good. The log stays.
            if_version: Only if the task still has this version.
            force: Pass problems that may be overridden.
            fields: Options that plugins offer.

        Raises:
            NotFound: There is no such task.
            Conflict: It is deleted already, or was changed meanwhile.
            ValidationError: A rule refuses it, for example because others depend on it.
        """
        with self.transaction():
            task = self.get(task_id, details=False)
            if not (purge and task.status == "deleted"):
                given = {**fields, "status": "deleted"}
                task = self._change("delete", task.id, given, if_version=if_version, force=force)
            else:
                check_version(task, if_version)
            if purge:
                self.store.purge(task.id)
                self._changes.append("task.purged", task.id, {"title": task.title})
        return task

    def _change(
        self,
        verb: str,
        task_id: str,
        fields: Mapping[str, Any],
        *,
        if_version: int | None = None,
        force: bool = False,
        also: str = "",
    ) -> Task:
        """Take a change through; `also` is a further verb whose fields may be given."""
        stored, options = self._split(verb, fields, also)
        options = self.host.option_defaults(verb) | options
        evidence: dict[str, Any] = {}
        # Inside a transaction nothing may be read or run: what needs evidence is unknown there.
        if stored.get("status") == "completed" and not self._changes.active:
            task = self.get(task_id, details=False)
            evidence = self.gather_evidence(task, touched={*stored, *options}, options=options)
        with self.options(force=force), self.transaction():
            before = self.get(task_id, details=False)
            check_version(before, if_version)
            if verb == "delete" and before.status == "deleted":
                raise Conflict(
                    f"task {before.id} is deleted already",
                    f"tm update {before.id} --status pending brings it back, --purge removes it",
                )
            if verb == "complete" and before.status == "completed":
                raise Conflict(
                    f"task {before.id} was completed already, at {before['completed_at']}",
                    f"tm update {before.id} --status pending reopens it",
                )
            after = Task({**before, **stored})
            change = Change(
                verb,
                self.actor,
                before,
                after,
                options=options,
                evidence=evidence,
                given=stored,
            )
            return self._changes.apply(change)

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
            from .language.expressions import compile_sort

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
            from .language.expressions import compile_filter

            text, more = compile_filter(where, self._columns(), self.database.dialect)
            condition += f" AND {text}"
            parameters += more
        return condition, parameters

    def _columns(self) -> dict[str, Any]:
        """The names that filters may use: columns, and what fields compute."""
        from .language.expressions import Column

        computed = (field for _, field in self.host.declared.values() if field.sql)
        return self.store.columns | {each.name: Column(f"({each.sql})", each) for each in computed}

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
        conditions, parameters = ["seq > ?"], [after]
        if task_id:
            conditions.append("task_id = ?")
            parameters.append(self.store.resolve(task_id))  # type: ignore[arg-type]
        if actor:
            conditions.append("actor = ?")
            parameters.append(actor)  # type: ignore[arg-type]
        if event_type:
            conditions.append("type LIKE ? ESCAPE '\\'")
            escaped = event_type.replace("_", "\\_").replace("%", "\\%")
            parameters.append(escaped.replace("*", "%"))  # type: ignore[arg-type]
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
        from .storage.archive import Archives

        return Archives(self.database, self.workspace.folder)

    def archived(self) -> Iterator[Row]:
        """The events that were taken out of the log, as `history` gives them."""
        return self.archives.events()

    def archive_events(self, before: str) -> dict[str, Any] | None:
        """Take the oldest events out of the log into a file, which `history` still reads.

        Args:
            before: Only events from before this instant, canonical; those that wait for a handler,
                and what came after them, stay.

        Raises:
            DatabaseError: The file cannot be written; the log is as it was.
        """
        archives = self.archives
        known, last = archives.known(), archives.due(before)
        if not last:
            return None
        if self._changes.dry_run:
            rows = self.database.query(
                "SELECT count(*) AS events, min(seq) AS first_seq FROM event WHERE seq <= ?", [last]
            )
            return {**rows[0], "last_seq": last}
        # Written before the transaction, so that nobody has to wait: what is in the log stays.
        archive, tails = archives.write(last)
        with self.transaction():
            if archives.known() != known:
                raise Conflict("another process archived events meanwhile", "try again")
            archives.take_out(archive, tails, self._changes.now)
            self._changes.append("log.archived", None, archive._asdict())
        return archive._asdict()

    def undo(self, seq: int | None = None) -> list[Event]:
        """Take back the transaction of an event, or the actor's last one; gives its events.

        Raises:
            NotFound: There is nothing to undo.
            Conflict: What it wrote was changed afterwards.
        """
        from .engine.undo import undo

        return list(map(self._readable, undo(self._changes, seq)))

    def restore(self, record: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()) -> Task:
        """Bring in a task as an export holds it: with its id, its times and its details.

        When it is refused, nothing of it stays behind, also within a greater transaction.

        Args:
            record: Values by field name; whatever else is in it goes to the plugins as details.
            events: The task's history, which keeps its times and actors.

        Raises:
            Conflict: The id is taken.
            ValidationError: A value or a rule refuses it.
        """
        given: dict[str, Any] = {}
        details: dict[str, Any] = {}
        options: dict[str, Any] = {}
        stored, virtual = self.store.fields, self.host.fields_on("add")
        for name, value in record.items():
            if value is None:
                continue
            if name in stored:
                given[name] = self.store.check(name, value)
            elif name in virtual:
                options[name] = values.check(virtual[name], value)
            else:
                details[name] = value
        with nullcontext() if self._changes.active else self.transaction():
            after = self._blank() | given
            if "id" not in given:
                after["id"] = self._free_id()
            elif not after["id"].strip():
                raise InvalidValue("id cannot be empty", "leave it out to get a new one")
            if "updated_at" not in given:
                after["updated_at"] = after["created_at"]
            change = Change(
                "import",
                self.actor,
                None,
                Task(after),
                options=options,
                details=details,
                given=given,
                defaults=self.store.defaults,
            )
            return self._changes.apply(change, history=events)

    def foresee(self, ids: Iterable[str] = (), *, new: int = 0) -> None:
        """Say which tasks are added or restored next in the running transaction.

        What the store has of them is then read at once, and what is written of each is written with
        the others: it makes much of it cheaper, and nothing different. Best for some hundreds at a
        time. Outside of a transaction it does nothing.

        Args:
            ids: The ids that they are to have.
            new: How many will get a new one.
        """
        if self._changes.active:
            self.store.foresee(ids, new)

    # For plugins, through their context

    def gather_evidence(
        self, task: Task, *, touched: set[str] | None = None, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What the `evidence` hooks measure. Never in a transaction: they may read and run."""
        if self._changes.active:
            raise RuntimeError("evidence cannot be gathered inside a transaction")
        found: dict[str, Any] = {}
        sources = list(options.get("evidence") or ())
        for each in self.host.implementations("evidence", touched):
            context = self._context(each.plugin.name)
            try:
                found |= dict(self.host.invoke(each, ctx=context, task=task, sources=sources) or {})
            except Exception as error:
                if is_refusal(error):
                    raise
                self.host.blame(each.plugin, "evidence", error)
        return found

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
            self._outbox.note(self._changes.first_seq)

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

    def _split(
        self, verb: str, given: Mapping[str, Any], also: str = ""
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Check what was given for a verb; gives values for columns, and options for plugins."""
        known = self.host.fields_on(verb) | self.host.fields_on(also)
        stored: dict[str, Any] = {}
        options: dict[str, Any] = {}
        for name, value in given.items():
            field = known.get(name)
            if field is None and name == "status" and verb in ("complete", "delete"):
                field = self.store.fields["status"]
            if field is None:
                if value is None:
                    continue
                raise self._unknown(verb, name)
            checked = values.check(field, value, now=self._moment)
            if field.type == "task" and checked is not None:
                checked = self.store.resolve(checked)
            if field.stored:
                stored[name] = checked
            elif checked is not None:
                options[name] = checked
        return stored, options

    def _unknown(self, verb: str, name: str) -> TmError:
        owner = self.host.owner_of_option(verb, name)
        if owner:
            return FeatureDisabled(owner)
        return UsageError(f"'{verb}' does not take '{name}'", f"tm {verb} --help")

    def field(self, name: str) -> Field:
        """The declaration of a stored field."""
        return self.store.fields[name]

    # Plugins' actions as methods

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or "host" not in self.__dict__:
            raise AttributeError(name)
        for command, (plugin, action) in self.host.actions().items():
            if method_name(command) == name:
                return self._bound(command, plugin, action)
        off = [one for one in self.host.installed if one.name not in self.host.enabled]
        for one in off:
            offered = one.manifest.actions if one.manifest is not None else ()
            if name in map(method_name, offered):
                raise FeatureDisabled(one.name)
        raise AttributeError(f"TaskManager has no action '{name}'")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *map(method_name, self.host.actions())]

    def _bound(self, command: str, plugin: Installed, action: Action) -> Callable[..., Any]:
        if command not in self._callable:
            loaded = self.host.load(plugin, action.target)
            self._callable[command] = (plugin, loaded, signature_of(loaded))
        _, function, signature = self._callable[command]

        def method(*arguments: Any, **named: Any) -> Any:
            return self.perform(
                command, plugin, function, signature, signature.given(arguments, named)
            )

        method.__name__ = method_name(command)
        method.__doc__ = function.__doc__
        whole = inspect.signature(function)
        method.__signature__ = whole.replace(  # type: ignore[attr-defined]
            parameters=list(whole.parameters.values())[1:]
        )
        return method

    def perform(
        self,
        command: str,
        plugin: Installed,
        function: Callable[..., Any],
        signature: Signature,
        given: Mapping[str, Any],
    ) -> Any:
        """Call an action with what was given, checked.

        Raises:
            AlreadyDone: The idempotency key has done its work before.
            PluginError: The action failed in a way that its plugin did not foresee.
        """
        fields = self.host.fields_on(command)
        with self._reading(command, given) as rest:
            positional, named = signature.bind(rest, self.store.resolve, fields, self._moment)
            mark = self.host.calls.mark
            with explained(self.host, plugin, command):
                result = function(self._context(plugin.name), *positional, **named)
                if self.host.calls.leave_opened(mark):
                    raise RuntimeError("it left a transaction open")
                return result

    @contextmanager
    def _reading(self, command: str, given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Let plugins say what is read, by options of theirs; gives what else was given."""
        known = self.host.reading_options(command)
        options = {
            name: values.check(known[name], given[name], now=self._moment)
            for name in given
            if name in known
        }
        if not options:
            yield given
            return
        rest = {name: value for name, value in given.items() if name not in options}
        with ExitStack() as stack:
            for each in self.host.implementations("task_reading", options):
                stack.enter_context(explained(self.host, each.plugin, command))
                context = self._context(each.plugin.name)
                state = self.host.invoke(each, ctx=context, options=options, given=rest)
                if state is not None:
                    stack.enter_context(state)
            yield rest

    def call(self, command: str, given: Mapping[str, Any], *, key: str = "") -> Any:
        """Run any action, the kernel's verbs included, by the name of its command.

        Args:
            command: As on the command line, such as `add` or `criteria confirm`.
            given: Values by parameter name, checked as those of the command are; of an action about
                one task also `if_version`.
            key: An idempotency key; done before under it, this gives the task that it was about.

        Raises:
            UsageError: There is no such action, or a parameter is missing or unknown.
            FeatureDisabled: The action is of a feature that is off.
            Conflict: The key was used for another action.
        """
        if command not in self._callable:
            self._callable[command] = self._action(command)
        plugin, function, signature = self._callable[command]
        expected: tuple[str, int] | None = None
        if "if_version" in given and "if_version" not in signature.names and signature.the_task:
            given = dict(given)
            version = values.check(_VERSION, given.pop("if_version"))
            expected = (str(given.get(signature.the_task, "")), version)
        try:
            action = named_action(command, given) if key else command
            with self.options(key=key, action=action, expected=expected):
                return self.perform(command, plugin, function, signature, given)
        except AlreadyDone as done:
            return self.task_of(done.transaction_id)

    def _action(self, command: str) -> tuple[Installed, Callable[..., Any], Signature]:
        from .command_line.manifest import plugin as kernel

        actions = self.host.actions()
        if command in kernel.actions:
            plugin, action = Installed("kernel", kernel), kernel.actions[command]
        elif command in actions:
            plugin, action = actions[command]
        else:
            owner = self.host.owner_of(command)
            if owner:
                raise FeatureDisabled(owner)
            raise UsageError(
                f"there is no action '{values.visible(command[:64])}'",
                nearest(command, [*kernel.actions, *actions]) or "tm --help lists them",
            )
        function = self.host.load(plugin, action.target)
        return plugin, function, signature_of(function)

    def take_key(self) -> str:
        """Take over the idempotency key of this action, which then names its writes itself."""
        request, self._changes.request = self._changes.request, None
        return request[0] if request else ""

    def once(self, key: str, action: str, *arguments: Any, **named: Any) -> Any:
        """Run an action under an idempotency key; done before, it gives the task that it was about.

        Args:
            key: Chosen by the caller, for one intended write.
            action: `add`, `complete`, or another action's name.
            arguments: For the action.
            named: For the action.

        Raises:
            Conflict: The key was used for another action.
        """
        try:
            with self.options(key=key, action=named_action(action, [arguments, named])):
                return getattr(self, method_name(action))(*arguments, **named)
        except AlreadyDone as done:
            return self.task_of(done.transaction_id)

    def task_of(self, transaction_id: str) -> Task | None:
        """The task that a transaction was about: that of its first event; None if it is gone."""
        events = self.store.events("transaction_id = ?", [transaction_id], limit=1)
        event = next(events, None)
        if event is None or event["task_id"] is None:
            return None
        task = self.store.get(event["task_id"])
        if task is not None:
            self.add_details([task])
        return task


@contextmanager
def explained(host: Host, plugin: Installed, command: str) -> Iterator[None]:
    """Around an action: what its plugin did not foresee becomes a PluginError that names it."""
    try:
        yield
    except (TmError, AlreadyDone, BrokenPipeError):
        raise
    except (Exception, SystemExit) as error:
        if host.strict or plugin.name not in host.enabled:
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            where = f" ({error.filename})" if error.filename else ""
            raise DatabaseError(
                f"the disk is full: {error.strerror}{where}", "free some space"
            ) from error
        raise PluginError(
            f"plugin '{plugin.name}' ({plugin.source}): '{command}': {describe(error)}",
            "--debug shows where, if you are its author",
        ) from error


def _no_progress(done: int, total: int) -> None:
    """Nobody watches."""


def method_name(command: str) -> str:
    """The Python name of a command: `criteria confirm`: `criteria_confirm`, `import`: `import_`."""
    name = command.replace(" ", "_").replace("-", "_")
    return name + "_" if iskeyword(name) else name
