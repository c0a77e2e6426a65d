"""Writing: each verb makes a change of what it is given, and `Changes` takes that through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tm_core.errors import Conflict, FeatureDisabled, InvalidValue, TmError, UsageError
from tm_core.language import values
from tm_core.model import Change, Field, Task
from tm_core.storage.store import new_task_id

from .changes import Changes
from .reading import Reader
from .rules import check_version

if TYPE_CHECKING:
    from tm_core.context import Event

_KEY = Field("key", "str", max_length=500)


class Writer(Reader):
    """What can be done to the tasks of one store."""

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
        return {
            **self.store.blank,
            "created_by": self.actor,
            "created_at": now,
            "updated_at": now,
            "version": 1,
        }

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
            ValidationError: A rule refuses it; the task is as it was. The plugin whose rule it is
                may record the refusal, as an event of its own.
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

    def undo(self, seq: int | None = None) -> list[Event]:
        """Take back the transaction of an event, or the actor's last one; gives its events.

        Raises:
            NotFound: There is nothing to undo.
            Conflict: What it wrote was changed afterwards.
        """
        from .undo import undo

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
        checkers = self.store.checkers
        for name, value in record.items():
            if value is None:
                continue
            if name in stored:
                given[name] = checkers[name](value)
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
