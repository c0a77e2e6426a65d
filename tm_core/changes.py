"""Takes changes through the hooks into the store: one transaction, one event for each change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from . import values
from .context import Context
from .errors import Conflict, TmError, ValidationError
from .host import Host
from .model import OPEN, Change, Problem, Task
from .registry import Installed
from .store import Store, new_event_id
from .when import instant_now

_STAMPS = ("updated_at", "version")


class AlreadyDone(Exception):
    """The idempotency key was used before: by this action, in this transaction."""

    def __init__(self, transaction_id: str) -> None:
        super().__init__(transaction_id)
        self.transaction_id = transaction_id


class _DryRun(Exception):
    """Leaves the transaction so that nothing is written."""


class Changes:
    """The only writer: a running transaction, its time, and what it records."""

    def __init__(
        self,
        store: Store,
        host: Host,
        *,
        actor: str,
        session: str,
        context: Callable[[str], Context],
        after_commit: Callable[[], None],
    ) -> None:
        self.store = store
        self.host = host
        self.actor = actor
        self.session = session
        self.dry_run = False
        self.force = False
        self.request: tuple[str, str] | None = None
        """An idempotency key and the action it stands for, for the next transaction."""
        self._context = context
        self._after_commit = after_commit
        self.transaction_id = ""
        self.first_seq = 0
        """The sequence number of the last transaction's first event."""
        self._now = ""
        self._recorders: list[list[list[Any]]] = []
        self._held: list[list[tuple[str, str | None, Mapping[str, Any]]]] = []
        """Events of changes that another change brings about: they follow its own event."""

    @property
    def active(self) -> bool:
        """Whether a transaction is open."""
        return bool(self.transaction_id)

    @property
    def now(self) -> str:
        """The transaction's time: one instant for all that it does."""
        return self._now or instant_now()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything inside together, or nothing. Nested ones join the outer one.

        Raises:
            AlreadyDone: The idempotency key has done its work before.
            Conflict: The idempotency key belongs to another action.
        """
        if self.active:
            yield
            return
        request, self.request = self.request, None
        try:
            with self.store.database.transaction():
                self.transaction_id = new_event_id()
                self.first_seq = 0
                self._now = instant_now()
                if request:
                    self._once(*request)
                yield
                if self.dry_run:
                    raise _DryRun
        except _DryRun:
            return
        finally:
            self.transaction_id = self._now = ""
            self._recorders.clear()
            self._held.clear()
        self._after_commit()

    def _once(self, key: str, action: str) -> None:
        known = self.store.find_request(key)
        if known is None:
            self.store.keep_request(key, action, self.transaction_id, self.now)
        elif known["action"] != action:
            raise Conflict(
                f"the key '{key}' was used for '{known['action']}'", "use a new key for each write"
            )
        else:
            raise AlreadyDone(known["transaction_id"])

    @contextmanager
    def event(
        self,
        event_type: str,
        task_id: str | None,
        data: Mapping[str, Any],
        private_to: str | None = None,
    ) -> Iterator[None]:
        """Record one event with all rows that are put inside the block."""
        if private_to is not None:
            data = {**data, "private_to": private_to}
        with self.transaction():
            rows: list[list[Any]] = []
            with self._recording(rows) as held:
                yield
            self.append(event_type, task_id, {**data, **({"rows": rows} if rows else {})})
            for each in held:
                self.append(*each)

    @contextmanager
    def _recording(
        self, rows: list[list[Any]]
    ) -> Iterator[list[tuple[str, str | None, Mapping[str, Any]]]]:
        """Take the rows that are put inside, and hold back the events of further changes.

        The cause comes before its effects in the log: handlers see them in that order, and the
        first event of a transaction tells what it was about.
        """
        self._recorders.append(rows)
        self._held.append([])
        try:
            yield self._held[-1]
        finally:
            self._recorders.pop()
            self._held.pop()

    def append(self, event_type: str, task_id: str | None, data: Mapping[str, Any]) -> None:
        """Add an event to the running transaction."""
        if self._held:
            self._held[-1].append((event_type, task_id, data))
            return
        seq = self.store.append(
            {
                "id": new_event_id(),
                "transaction_id": self.transaction_id,
                "at": self.now,
                "actor": self.actor,
                "session": self.session,
                "type": event_type,
                "task_id": task_id,
                "data": data,
            }
        )
        self.first_seq = self.first_seq or seq

    def put(self, table: str, key: Mapping[str, Any], row: Mapping[str, Any] | None) -> None:
        """Write one row of a plugin's table and record what was there before."""
        if not self._recorders:
            raise RuntimeError("ctx.put outside of a transaction: use `with ctx.event(...)`")
        found = self.store.read_rows(table, key)
        before = {k: v for k, v in found[0].items() if k not in key} if found else None
        if row is not None and before is not None:
            row = {**before, **row}
        if row == before:
            return
        self.store.write_row(table, key, row, exists=before is not None)
        self._recorders[-1].append([table, dict(key), before, None if row is None else dict(row)])

    def keep(self, table: str, key: Mapping[str, Any], row: Mapping[str, Any] | None) -> None:
        """Write one row of a plugin's table that is no part of the history."""
        with self.transaction():
            exists = bool(self.store.read_rows(table, key))
            if exists or row is not None:
                self.store.write_row(table, key, row, exists=exists)

    def apply(self, change: Change, *, event_type: str = "") -> Task:
        """Take one change through all hooks and write it, with its event.

        Raises:
            ValidationError: A rule of the kernel or of a plugin refuses it.
            Conflict: The task was changed meanwhile, or its id is taken.
        """
        with self.transaction():
            self._draft(change)
            self._settle(change)
            self._validate(change)
            changed = change.changed
            if change.before is None:
                self.store.insert(change.after)
            elif changed:
                change.after["version"] = change.before.version + 1
                change.after["updated_at"] = self.now
                self.store.update(change.before, change.after, [*changed, *_STAMPS])
            with self._recording(change.rows) as held:
                self._participate(change)
            if changed or change.rows or change.forced:
                self.append(event_type or type_of(change), change.after.id, event_data(change))
            for each in held:
                self.append(*each)
        return change.after

    def _draft(self, change: Change) -> None:
        for each in self.host.implementations("task_draft", _occasions(change)):
            saved = change.after.copy()
            try:
                self.host.invoke(each, ctx=self._context(each.plugin.name), draft=change)
                for name in change.after:
                    values.to_column(self.store.fields[name], change.after[name])
            except TmError:
                raise
            except Exception as error:
                change.after = saved
                self.host.blame(each.plugin, "task_draft", error)

    def _settle(self, change: Change) -> None:
        """The kernel's own rules: canonical values, and what a status brings with it."""
        before, after = change.before, change.after
        for name in change.changed:
            after[name] = values.check(self.store.fields[name], after[name])
        if not after.title.strip():
            raise ValidationError("a task needs a title", problems=[{"field": "title"}])
        if after.status == "completed":
            if before is None or before.status != "completed":
                after["completed_at"] = after.get("completed_at") or self.now
        elif change.action != "import":
            after["completed_at"] = None
        if before is None or change.action == "import":
            return
        if before.status == "deleted" and after.status not in ("pending", "deleted"):
            raise ValidationError(
                f"task {before.id} is deleted", f"tm update {before.id} --status pending"
            )
        if {before.status, after.status} == {"completed", "cancelled"}:
            raise ValidationError(
                f"task {before.id} is {before.status}, it cannot become {after.status}",
                f"reopen it first: tm update {before.id} --status pending",
            )

    def _validate(self, change: Change) -> None:
        refused: list[Problem] = []
        for each in self.host.implementations("task_validate", _occasions(change)):
            for problem in self._problems(each, change):
                if problem.overridable and self.force:
                    change.forced.append(problem.message)
                else:
                    refused.append(problem)
        if not refused:
            return
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        hint = refused[0].hint
        if not hint and all(problem.overridable for problem in refused):
            hint = "--force overrides"
        raise ValidationError(
            "; ".join(problem.message for problem in refused[:3])
            if len(refused) <= 3
            else refused[0].message + more,
            hint,
            problems=[problem._asdict() for problem in refused],
        )

    def _problems(self, each: Any, change: Change) -> Sequence[Problem]:
        plugin: Installed = each.plugin
        try:
            found = list(
                self.host.invoke(each, ctx=self._context(plugin.name), change=change) or ()
            )
            wrong = next((item for item in found if not isinstance(item, Problem)), None)
            if wrong is not None:
                raise TypeError(f"task_validate gave {type(wrong).__name__}, not a Problem")
        except TmError:
            raise
        except Exception as error:
            self.host.blame(plugin, "task_validate", error)
            message = f"'{plugin.name}' could not check the change"
            return [Problem(message, overridable=True, hint="--force overrides; see tm doctor")]
        return found

    def _participate(self, change: Change) -> None:
        for each in self.host.implementations("task_write", _occasions(change)):
            held = self._held[-1]
            mark, held_mark = len(change.rows), len(held)
            try:
                with self.store.database.savepoint():
                    self.host.invoke(each, ctx=self._context(each.plugin.name), change=change)
            except TmError:
                raise  # a deliberate refusal
            except Exception as error:
                del change.rows[mark:], held[held_mark:]
                self.host.blame(each.plugin, "task_write", error)

    def settle_undone(self, undone: Sequence[Change]) -> None:
        """Let plugins put right what follows from an undo, in its transaction."""
        for each in self.host.implementations("task_undone"):
            try:
                with self.store.database.savepoint():
                    self.host.invoke(each, ctx=self._context(each.plugin.name), changes=undone)
            except TmError:
                raise  # a deliberate refusal
            except Exception as error:
                self.host.blame(each.plugin, "task_undone", error)


def _occasions(change: Change) -> set[str]:
    """What `Hook.when` may name of a change: what it touches, and what happens by it."""
    return {*change.touched, type_of(change)}


def type_of(change: Change) -> str:
    """The name of what happened to the task."""
    before, after = change.before, change.after
    if before is None:
        return "task.imported" if change.action == "import" else "task.created"
    if before.status != after.status:
        if after.status in ("completed", "cancelled", "deleted", "blocked"):
            return f"task.{after.status}"
        if before.status == "deleted":
            return "task.restored"
        if before.status not in OPEN:
            return "task.reopened"
        if after.status == "in_progress":
            return "task.started"
        if before.status == "blocked":
            return "task.unblocked"
    return "task.updated"


def event_data(change: Change) -> dict[str, Any]:
    """What the log keeps of a change: enough to show it, to undo it and to replay it."""
    names = [name for name in change.after if name in change.changed]
    data: dict[str, Any] = {
        "before": None if change.before is None else {n: change.before.get(n) for n in names},
        "after": {name: change.after[name] for name in names},
    }
    if change.before is not None and names:
        data["before"] |= {"version": change.before.version}
    if change.rows:
        data["rows"] = change.rows
    if change.forced:
        data["forced"] = change.forced
    if change.data:
        data["plugins"] = change.data
    return data
