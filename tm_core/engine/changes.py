"""Takes changes through the hooks into the store: one transaction, one event for each change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tm_core.errors import Conflict, is_refusal
from tm_core.language.when import instant_now
from tm_core.model import Change, Task
from tm_core.plugin_host.host import Host
from tm_core.storage.chain import encode
from tm_core.storage.store import Store, new_event_id

from .asking import Asking
from .happening import event_data, occasions_of, type_of
from .rules import check_version, settle

if TYPE_CHECKING:
    from tm_core.context import Context

_STAMPS = ("updated_at", "version")
_DEEPEST = 40
"""So many changes may bring each other about; more is a plugin that goes round in circles."""


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

    def __init__(self, transaction_id: str, result: str | None = None) -> None:
        super().__init__(transaction_id)
        self.transaction_id = transaction_id
        self.result = result
        """The text that was the result then, where it was kept."""


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
        self._key = ""
        """The idempotency key that the running transaction, or the part of it, was begun with."""
        self.expected: tuple[str, int] | None = None
        """A task and the version that it must have, for the next transaction."""
        self._context = context
        self._asking = Asking(store, host, context)
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
            key = self._key
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
            finally:
                self._key = key
            return
        try:
            with self._outermost(request):
                yield
        finally:
            self._asking.tell_refused()

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
            self.transaction_id = self._now = self._key = ""
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
        self._key = key

    def remember(self, pieces: Iterable[str]) -> None:
        """Keep a text as what a repetition under the running transaction's key gives."""
        if self._key:
            self.store.keep_result(self._key, "".join(pieces))

    def check_request(self, key: str, action: str) -> None:
        """Raise AlreadyDone, or Conflict, if an idempotency key was used before."""
        known = self.store.find_request(key)
        if known is None:
            return
        if known["action"] != action:
            before, now = known["action"].partition("#")[0], action.partition("#")[0]
            what = f"'{before}'" if before != now else f"'{before}' with other values"
            raise Conflict(f"the key '{key}' was used for {what}", "use a new key for each write")
        raise AlreadyDone(known["transaction_id"], known["result"])

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
                self._asking.validate_event(event_type, task_id, force=self.force)
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
        occasions = occasions_of(change)
        try:
            if bare and not history and self._asking.concerns_nobody(change, occasions):
                self._apply(change, event_type, occasions)  # no part of it can fail once it writes
                return change.after
            with self.store.savepoint() if bare else self.transaction():
                for event in history:  # before its own: so the log stays in order
                    self._append_past(event, change.after.id)
                self._apply(change, event_type, occasions)
        finally:
            self._depth -= 1
        return change.after

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
        drafted = self._asking.draft(change, occasions)
        if settle(change, self.store, self.now) or drafted:
            occasions = occasions_of(change)
        self._asking.validate(change, occasions, force=self.force, dry_run=self.dry_run)
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

    def _participate(
        self, change: Change, occasions: set[str]
    ) -> Sequence[tuple[str, str | None, Mapping[str, Any]]]:
        """Let plugins write their shares; gives the events that are to follow the change's own."""
        calls = self._asking.writers(occasions)
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
