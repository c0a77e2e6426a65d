"""Takes changes through the hooks into the store: one transaction, one event for each change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tm_core.errors import Conflict, InvalidValue, ValidationError, is_refusal
from tm_core.hook_data import Problem
from tm_core.language import values
from tm_core.language.text import is_blank
from tm_core.language.when import instant_now
from tm_core.model import OPEN, Change, Task
from tm_core.plugin_host.host import Host, Implementation
from tm_core.plugin_host.registry import Installed
from tm_core.storage.sqlite import encode
from tm_core.storage.store import Store, new_event_id

if TYPE_CHECKING:
    from tm_core.context import Context

_STAMPS = ("updated_at", "version")
_DEEPEST = 40
"""So many changes may bring each other about; more is a plugin that goes round in circles."""
_ESSENTIAL = ("title", "status", "created_by", "created_at", "updated_at", "version")


def named_action(action: str, given: object) -> str:
    """An action and what it is given, as an idempotency key stands for both of them.

    Otherwise whoever uses a key for a second write by mistake would be told that it was done.
    """
    import json
    import zlib

    text = json.dumps(given, sort_keys=True, default=str)
    return f"{action}#{zlib.crc32(text.encode()):08x}"


class AlreadyDone(Exception):
    """The idempotency key was used before: by this action, in this transaction."""

    def __init__(self, transaction_id: str) -> None:
        super().__init__(transaction_id)
        self.transaction_id = transaction_id


class _DryRun(Exception):
    """Leaves the transaction so that nothing is written."""


class _Endless(Exception):
    """Goes up to the outermost change, whose plugin began it."""


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
        before_commit: Callable[[], None],
        after_commit: Callable[[], None],
        clock: Callable[[], str] = instant_now,
    ) -> None:
        self.store = store
        self.host = host
        self.actor = actor
        self.session = session
        self.dry_run = False
        self.force = False
        self.request: tuple[str, str] | None = None
        """An idempotency key and the action it stands for, for the next transaction."""
        self.expected: tuple[str, int] | None = None
        """A task and the version that it must have, for the next transaction."""
        self._context = context
        self._before_commit = before_commit
        self._after_commit = after_commit
        self._clock = clock
        self._depth = 0
        self.transaction_id = ""
        self.first_seq = 0
        """The sequence number of the last transaction's first event."""
        self.types: dict[str, int] = {}
        """How many events of each type the last transaction wrote, apart from imported history."""
        self._now = ""
        self._recorders: list[list[list[Any]]] = []
        self._held: list[list[tuple[str, str | None, Mapping[str, Any]]]] = []
        """Events of changes that another change brings about: they follow its own event."""
        self._refused: list[tuple[Change, Sequence[Problem]]] | None = []
        """What the running transaction refused; None while that is told."""

    @property
    def active(self) -> bool:
        """Whether a transaction is open."""
        return bool(self.transaction_id)

    @property
    def now(self) -> str:
        """The transaction's time: one instant for all that it does."""
        return self._now or self._clock()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything inside together, or nothing.

        A nested one joins the outer one, and is undone alone when what it raises is caught there.

        Raises:
            AlreadyDone: The idempotency key has done its work before.
            Conflict: The idempotency key belongs to another action.
        """
        request, self.request = self.request, None
        if self.active:
            pending: list[list[Any]] = [*self._recorders, *self._held]
            marks = [(each, len(each)) for each in pending]
            try:
                with self.store.savepoint():
                    if request:
                        self._note_request(*request)
                    self._check_expected()
                    yield
            except BaseException:
                for each, mark in marks:
                    del each[mark:]
                raise
            return
        try:
            with self._outermost(request):
                yield
        finally:
            self._tell_refused()

    @contextmanager
    def _outermost(self, request: tuple[str, str] | None) -> Iterator[None]:
        try:
            with self.store.database.transaction():
                self.transaction_id = new_event_id()
                self.first_seq = 0
                self.types = {}
                self._now = self._clock()
                if request:
                    self._note_request(*request)
                self._check_expected()
                yield
                if self.dry_run:
                    raise _DryRun
                self._before_commit()
        except _DryRun:
            return
        finally:
            self.transaction_id = self._now = ""
            self._recorders.clear()
            self._held.clear()
            self.store.known.clear()
        self._after_commit()

    def remembered(self, plugin: str) -> dict[str, Any]:
        """What a plugin wants to know again later in the running transaction.

        Empty when a transaction begins, and once part of it was taken back.
        """
        return self.store.known.remembered.setdefault(plugin, {}) if self.active else {}

    def _check_expected(self) -> None:
        expected, self.expected = self.expected, None
        if expected is None:
            return
        task = self.store.get(self.store.resolve(expected[0]))
        if task is not None:
            check_version(task, expected[1])

    def _note_request(self, key: str, action: str) -> None:
        self.check_request(key, action)
        self.store.keep_request(key, action, self.transaction_id, self.now)

    def check_request(self, key: str, action: str) -> None:
        """Raise AlreadyDone, or Conflict, if an idempotency key was used before."""
        known = self.store.find_request(key)
        if known is None:
            return
        if known["action"] != action:
            before, now = known["action"].partition("#")[0], action.partition("#")[0]
            what = f"'{before}'" if before != now else f"'{before}' with other values"
            raise Conflict(f"the key '{key}' was used for {what}", "use a new key for each write")
        raise AlreadyDone(known["transaction_id"])

    def pass_over(self, plugin: str, occasions: Iterable[str]) -> None:
        """Let a plugin take no part in what only these occasions would bring it in for.

        That holds until the transaction ends, part of it is taken back, or it says otherwise.
        """
        if self.active:
            self.store.known.passed[plugin] = frozenset(occasions)

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
            if task_id is not None and not self._depth:
                self._validate_event(event_type, task_id)
            rows: list[list[Any]] = []
            with self._recording(rows) as held:
                yield
            self.append(event_type, task_id, {**data, **({"rows": rows} if rows else {})})
            for each in held:
                self.append(*each)

    def _validate_event(self, event_type: str, task_id: str) -> None:
        for each in self.host.implementations("event_validate", {event_type}):
            context = self._context(each.plugin.name)
            try:
                self.host.invoke(each, ctx=context, event_type=event_type, task_id=task_id)
            except Exception as error:
                if is_refusal(error):
                    raise
                self.host.blame(each.plugin, "event_validate", error)
                if not self.force:
                    problem = _could_not_check(each.plugin)
                    raise ValidationError(problem.message, problem.hint) from error

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
        self.types[event_type] = self.types.get(event_type, 0) + 1
        event = {
            "id": self.store.event_id(),
            "transaction_id": self.transaction_id,
            "at": self.now,
            "actor": self.actor,
            "session": self.session,
            "type": event_type,
            "task_id": task_id,
            "data": data,
        }
        if self.first_seq:
            self.store.append_later(event)
        else:
            self.first_seq = self.store.append(event)

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
        record = [table, dict(key), before, None if row is None else dict(row)]
        encode(record)  # what the log cannot hold is refused here, where the mistake is
        self.store.write_row(table, key, row, exists=before is not None)
        self._recorders[-1].append(record)

    def keep(self, table: str, key: Mapping[str, Any], row: Mapping[str, Any] | None) -> None:
        """Write one row of a plugin's table that is no part of the history."""
        with self.transaction():
            exists = bool(self.store.read_rows(table, key))
            if exists or row is not None:
                self.store.write_row(table, key, row, exists=exists)

    def apply(
        self, change: Change, *, event_type: str = "", history: Sequence[Mapping[str, Any]] = ()
    ) -> Task:
        """Take one change through all hooks and write it, with its event.

        Args:
            change: Its values are canonical.
            event_type: What its event is called, if not as usual.
            history: Events of the past to write before its own, with their own times and actors.

        Raises:
            ValidationError: A rule of the kernel or of a plugin refuses it.
            Conflict: The task was changed meanwhile, or its id is taken.
        """
        if self._depth >= _DEEPEST:
            raise _Endless(f"changes bring each other about, more than {_DEEPEST} deep")
        change.caused = self._depth > 0
        self._depth += 1
        # Where nothing is recorded yet, a savepoint is all that a transaction within one is.
        bare = self.active and not (self.request or self.expected or self._recorders or self._held)
        occasions = _occasions(change)
        try:
            if bare and not history and self._concerns_nobody(change, occasions):
                self._apply(change, event_type, occasions)  # no part of it can fail once it writes
                return change.after
            with self.store.savepoint() if bare else self.transaction():
                for event in history:  # before its own: so the log stays in order
                    self._append_past(event, change.after.id)
                self._apply(change, event_type, occasions)
        finally:
            self._depth -= 1
        return change.after

    def _concerns_nobody(self, change: Change, occasions: set[str]) -> bool:
        """Whether a new task is of the kind that no plugin looks at."""
        if change.before is not None or self._writers(occasions):
            return False
        hooks = ("task_draft", "task_validate")
        return not any(self.host.implementations(hook, occasions) for hook in hooks)

    def _writers(self, occasions: set[str]) -> Sequence[Implementation]:
        """Who takes part in a change, but for those who passed over all that brings them in."""
        calls = self.host.implementations("task_write", occasions)
        passed = self.store.known.passed
        if not passed or not calls:
            return calls
        hooks = self.host.declaring("task_write")

        def comes(plugin: str) -> bool:
            when = hooks[plugin][1].when
            return not when or not occasions.intersection(when) <= passed.get(plugin, frozenset())

        return [each for each in calls if comes(each.plugin.name)]

    def _append_past(self, event: Mapping[str, Any], task_id: str) -> None:
        self.store.append_later(
            {
                **event,
                "id": self.store.event_id(),
                "transaction_id": self.transaction_id,
                "task_id": task_id,
                "data": {"imported": event["data"]},
            }
        )

    def _apply(self, change: Change, event_type: str, occasions: set[str]) -> None:
        drafted = self._draft(change, occasions)
        if self._settle(change) or drafted:
            occasions = _occasions(change)
        self._validate(change, occasions)
        changed = change.changed
        if change.before is None:
            self.store.insert(change.after)
        elif changed:
            change.after["version"] = change.before.version + 1
            change.after["updated_at"] = self.now
            self.store.update(change.before, change.after, [*changed, *_STAMPS])
        held = self._participate(change, occasions)
        if changed or change.rows or change.forced:
            data = event_data(change)
            self.append(event_type or type_of(change), change.after.id, data)
        for each in held:
            self.append(*each)

    def _draft(self, change: Change, occasions: set[str]) -> bool:
        """Let plugins amend the change; gives whether any did."""
        amended = False
        for each in self.host.implementations("task_draft", occasions):
            saved = change.after.copy()
            try:
                with self.store.savepoint():
                    self.host.invoke(each, ctx=self._context(each.plugin.name), draft=change)
                amended = self._check_draft(change, saved) or amended
            except Exception as error:
                if is_refusal(error):
                    raise
                change.after = saved
                self.host.blame(each.plugin, "task_draft", error)
        return amended

    def _check_draft(self, change: Change, saved: Task) -> bool:
        """Make the values of a draft canonical; gives whether there is any other."""
        after, fields = change.after, self.store.fields
        if not isinstance(after, Task):
            raise TypeError("draft.after must be a task")
        now, then = dict(after.items()), dict(saved.items())
        if now.keys() != then.keys():
            raise TypeError("draft.after must keep its fields")
        if change.before is not None and after.id != saved.id:
            raise ValueError("the id of a task stays")
        # A list may have been changed in place, so that it is the same in both.
        suspect = [n for n in self.store.encoded if now[n] is not None]
        if now == then and not suspect:
            return False
        for name in [*(n for n in now if now[n] != then[n]), *suspect]:
            try:
                after[name] = values.check(fields[name], now[name])
            except InvalidValue as error:  # not the user's mistake
                raise ValueError(error.message) from error
        return True

    def _settle(self, change: Change) -> bool:
        """The kernel's own rules: canonical values, and what a status brings with it.

        Gives whether they changed anything.
        """
        before, after = change.before, change.after
        settled = False
        if before is not None:
            for name in _ESSENTIAL:
                if after[name] is None and before[name] is not None:
                    raise InvalidValue(f"{name} cannot be empty", field=name)
        for name, default in self.store.defaults.items():
            if after[name] is None:
                if before is not None and before[name] is not None:
                    # Most often an empty variable of a script, which must not reset anything.
                    raise InvalidValue(f"{name} cannot be empty", field=name)
                after[name] = default
                settled = True
        if is_blank(after["title"] or ""):
            raise ValidationError(
                "a task needs a title", "say what is to be done", problems=[{"field": "title"}]
            )
        if after.status == "completed":
            if before is None or before.status != "completed":
                settled = settled or after["completed_at"] is None
                after["completed_at"] = after["completed_at"] or self.now
        elif change.action != "import" and after["completed_at"] is not None:
            settled = True
            after["completed_at"] = None
        if before is None or change.action == "import":
            return settled
        if before.status == "deleted" and (
            after.status not in ("pending", "blocked", "deleted")
            or (after.status == "deleted" and change.changed)
        ):
            raise ValidationError(
                f"task {before.id} is deleted", f"tm update {before.id} --status pending"
            )
        if {before.status, after.status} == {"completed", "cancelled"}:
            raise ValidationError(
                f"task {before.id} is {before.status}, it cannot become {after.status}",
                f"reopen it first: tm update {before.id} --status pending",
            )
        return settled

    def _validate(self, change: Change, occasions: set[str]) -> None:
        refused: list[Problem] = []
        calls = self.host.implementations("task_validate", occasions)
        settled = change.after.copy() if calls else change.after
        for each in calls:
            for problem in self._problems(each, change):
                self._weigh(problem, change, refused)
        change.after = settled  # what is written is what was checked, whatever a plugin did
        for one in self.host.unusable("task_validate"):
            # Somebody asked for what this plugin does, so that it may not pass unchecked.
            asked = {field.name for field in self.host.manifest(one.name).fields}
            if asked & change.options.keys():
                self._weigh(_could_not_check(one), change, refused)
        if not refused:
            return
        if self._refused is not None and not self.dry_run:
            self._refused.append((change, refused))
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

    def _tell_refused(self) -> None:
        """Let plugins note what was refused, now that nothing of it can be rolled back any more."""
        told, self._refused = self._refused, None
        if told is None:  # what is noted here is noted once, whatever becomes of it
            return
        try:
            for change, problems in told:
                self._tell_of(change, problems)
        finally:
            self._refused = []

    def _tell_of(self, change: Change, problems: Sequence[Problem]) -> None:
        found = list(self.host.implementations("task_refused", _occasions(change)))
        if found and change.before is not None and self.store.get(change.after.id) is None:
            return  # it was added by what was rolled back
        for each in found:
            context = self._context(each.plugin.name)
            try:
                self.host.invoke(each, ctx=context, change=change, problems=problems)
            except Exception as error:
                if not is_refusal(error):
                    self.host.blame(each.plugin, "task_refused", error, committed=True)

    def _weigh(self, problem: Problem, change: Change, refused: list[Problem]) -> None:
        if problem.overridable and self.force:
            change.forced.append(problem.message)
        else:
            refused.append(problem)

    def _problems(self, each: Any, change: Change) -> Sequence[Problem]:
        plugin: Installed = each.plugin
        try:
            with self.store.savepoint():  # a statement that fails spoils no more than it
                found = list(
                    self.host.invoke(each, ctx=self._context(plugin.name), change=change) or ()
                )
            wrong = next((item for item in found if not isinstance(item, Problem)), None)
            if wrong is not None:
                raise TypeError(f"task_validate gave {type(wrong).__name__}, not a Problem")
            if change.data:
                encode(change.data)
        except Exception as error:
            if is_refusal(error):
                raise
            change.data.pop(plugin.name, None)
            self.host.blame(plugin, "task_validate", error)
            return [_could_not_check(plugin)]
        return found

    def _participate(
        self, change: Change, occasions: set[str]
    ) -> Sequence[tuple[str, str | None, Mapping[str, Any]]]:
        """Let plugins write their shares; gives the events that are to follow the change's own."""
        calls = self._writers(occasions)
        if not calls:
            return ()
        written = change.after.copy()
        with self._recording(change.rows) as held:
            for each in calls:
                mark, held_mark = len(change.rows), len(held)
                try:
                    with self.store.savepoint():
                        self.host.invoke(each, ctx=self._context(each.plugin.name), change=change)
                        if change.data:
                            encode(change.data)
                except Exception as error:
                    if is_refusal(error) or (isinstance(error, _Endless) and self._depth > 1):
                        raise
                    del change.rows[mark:], held[held_mark:]
                    change.data.pop(each.plugin.name, None)
                    self.host.blame(each.plugin, "task_write", error)
        change.after = written
        return held

    def settle_undone(self, undone: Sequence[Change]) -> None:
        """Let plugins put right what follows from an undo, in its transaction."""
        for each in self.host.implementations("task_undone"):
            try:
                with self.store.savepoint():
                    self.host.invoke(each, ctx=self._context(each.plugin.name), changes=undone)
            except Exception as error:
                if is_refusal(error):
                    raise
                self.host.blame(each.plugin, "task_undone", error)


def check_version(task: Task, wanted: int | None) -> None:
    """Raise Conflict where a task was changed since somebody saw it."""
    if wanted is not None and task.version != wanted:
        raise Conflict(
            f"task {task.id} has version {task.version}, not {wanted}", "look at it and try again"
        )


def _could_not_check(plugin: Installed) -> Problem:
    return Problem(
        f"'{plugin.name}' could not check the change",
        overridable=True,
        hint=f"--force overrides, or tm config disable {plugin.name}",
    )


def _occasions(change: Change) -> set[str]:
    """What `Hook.when` may name of a change: what it touches, and what happens by it."""
    occasions = change.touched
    occasions.add(type_of(change))
    if change.before is not None:
        occasions.update(f"{name}.changed" for name in change.changed)
    return occasions


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
    before, after = change.before, change.after
    data: dict[str, Any]
    if before is None:
        data = {"before": None, "after": {n: v for n, v in after.items() if v is not None}}
    else:
        changed = change.changed
        names = [name for name in after if name in changed]
        data = {
            "before": {name: before.get(name) for name in names},
            "after": {name: after[name] for name in names},
        }
        if names:
            data["before"]["version"] = before.version
    if change.rows:
        data["rows"] = change.rows
    if change.forced:
        data["forced"] = change.forced
    if change.data:
        data["plugins"] = change.data
    return data
