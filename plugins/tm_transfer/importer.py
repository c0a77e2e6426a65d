"""Brings records into the store: reads all of them first, then writes each after what it needs.

A record waits in a temporary file between the two, so the size of an import is no matter.
"""

from __future__ import annotations

import heapq
import json
import marshal
import re
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, TypeGuard

from tm_core.api import (
    Context,
    Field,
    InvalidValue,
    TmError,
    ValidationError,
    check,
    checker,
    parse_instant,
)

from .readers import Record, wrong
from .report import Report
from .store import statuses_of

_STEP = 500
_ID = re.compile(r"[^\s\x00-\x1f\x7f-][^\s\x00-\x1f\x7f]*")
_KERNEL_TEXT = ("status", "priority", "created_by", "created_at", "updated_at", "version")
_ACTOR = Field("actor", "str", max_length=200)
_SESSION = Field("session", "str", max_length=200)
_TYPE = Field("type", "str", max_length=200)


class _Entry(NamedTuple):
    """What is kept in memory of a record."""

    id: str
    line: int
    offset: int
    size: int
    needs: tuple[str, ...]
    parent: str


class Importer:
    """One run of `tm import`."""

    def __init__(self, ctx: Context, report: Report, *, lenient: bool) -> None:
        """Make ready; `lenient`: what a rule refuses is left out and reported, not an error."""
        self._ctx = ctx
        self._tasks = ctx.tasks
        self._report = report
        self._lenient = lenient
        self._fields = ctx.fields
        self._check = {name: checker(field) for name, field in self._fields.items()}
        self._entries: list[_Entry] = []
        self._own: set[str] = set()
        """The ids in the file."""
        self._known: set[str] = set()
        """The ids that a reference may lead to."""
        self._written: set[str] = set()
        """Those of them that are in the store by now."""

    def run(self, records: Iterable[Record], batch: int) -> None:
        """Read all records, then write them; in one transaction if `batch` is 0.

        Raises:
            ValidationError: A record is wrong, or a rule refuses it; with the line.
        """
        with tempfile.TemporaryFile() as spool:
            self._read(records, spool)
            self._known = self._references()
            order = self._order()
            size = len(order) if self._ctx.dry_run or not batch else batch
            for start in range(0, len(order), max(size, 1)):
                with self._ctx.tasks.transaction():
                    self._write(order[start : start + size], start, len(order), spool)

    # Reading

    def _read(self, records: Iterable[Record], spool: BinaryIO) -> None:
        lines: dict[str, int] = {}
        offset = 0
        for record in records:
            values, events = self._checked(record)
            task_id = values.get("id", "")
            if task_id:
                if task_id in lines:
                    raise wrong(record.line, f"the id '{task_id}' is in line {lines[task_id]} too")
                lines[task_id] = record.line
            if events or values.keys() - self._fields.keys():  # what no field has checked
                check_json(record.line, [values, events])
            text = marshal.dumps((values, events, [tuple(loss) for loss in record.losses]))
            needs = values.get("depends_on")
            self._entries.append(
                _Entry(
                    task_id,
                    record.line,
                    offset,
                    len(text),
                    tuple(needs) if _is_texts(needs) else (),
                    values["parent"] if isinstance(values.get("parent"), str) else "",
                )
            )
            spool.write(text)
            offset += len(text)
        if not self._entries:
            self._report.skip("nothing is in the file", "")

    def _checked(self, record: Record) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        values: dict[str, Any] = {}
        for name, value in record.values.items():
            if value is None and name in _KERNEL_TEXT:
                continue
            if name not in self._check:
                values[name] = value
                continue
            try:
                values[name] = self._check[name](value)
            except InvalidValue as error:
                raise wrong(record.line, error.message, error.hint) from error
        if not (values.get("title") or "").strip():
            raise wrong(record.line, "a task needs a title")
        task_id = values.get("id")
        if task_id is None:
            values.pop("id", None)
        elif not _ID.fullmatch(task_id):
            raise wrong(record.line, "an id has no spaces and does not begin with a dash")
        if values.get("version", 1) < 1:
            raise wrong(record.line, "version must be at least 1")
        return values, [self._event(record.line, event, values) for event in record.events]

    @staticmethod
    def _event(line: int, event: Any, values: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(event, dict):
            raise wrong(line, "events must be objects")
        data = event.get("data") or {}
        if not isinstance(data, dict):
            raise wrong(line, "an event's data must be an object")
        actor = event.get("actor") or values.get("created_by") or "unknown"
        try:
            if not isinstance(event.get("at"), str):
                raise InvalidValue("it has no time 'at'")
            return {
                "at": parse_instant(event["at"]),
                "actor": check(_ACTOR, actor),
                "session": check(_SESSION, event.get("session") or "import"),
                "type": check(_TYPE, event.get("type") or "task.noted"),
                "data": data,
            }
        except InvalidValue as error:
            raise wrong(line, f"an event is wrong: {error.message}", error.hint) from error

    def _references(self) -> set[str]:
        """The ids that a reference may lead to."""
        own = self._own = {entry.id for entry in self._entries if entry.id}
        named = {other for entry in self._entries for other in (*entry.needs, entry.parent)}
        return own | set(statuses_of(self._ctx, named - own - {""}))

    # Ordering

    def _order(self) -> list[_Entry]:
        """Each task after those that it depends on, and if that leaves a choice, after its parent.

        What is part of a circle of dependencies comes last, where the link that closes it is left
        out (see `_settled`).
        """
        places = {entry.id: place for place, entry in enumerate(self._entries) if entry.id}
        open_needs: Counter[int] = Counter()
        dependents: dict[int, list[int]] = {}
        children: dict[int, list[int]] = {}
        for place, entry in enumerate(self._entries):
            for other in {*entry.needs} & places.keys():
                open_needs[place] += 1
                dependents.setdefault(places[other], []).append(place)
            if entry.parent in places:
                children.setdefault(places[entry.parent], []).append(place)
        done = [False] * len(self._entries)
        order: list[_Entry] = []
        heap: list[tuple[int, int]] = []

        def offer(place: int) -> None:
            parent = places.get(self._entries[place].parent, -1)
            heapq.heappush(heap, (int(parent >= 0 and not done[parent]), place))

        def take(place: int) -> None:
            done[place] = True
            order.append(self._entries[place])
            for other in dependents.get(place, ()):
                open_needs[other] -= 1
                if not open_needs[other]:
                    offer(other)
            for child in children.get(place, ()):
                if not open_needs[child]:
                    offer(child)

        for place in range(len(self._entries)):
            if not open_needs[place]:
                offer(place)
        rest = iter(range(len(self._entries)))
        while len(order) < len(self._entries):
            while heap:
                _, place = heapq.heappop(heap)
                if not done[place]:
                    take(place)
            stuck = next((place for place in rest if not done[place]), None)
            if stuck is not None:
                take(stuck)
        return order

    # Writing

    def _write(self, entries: list[_Entry], start: int, total: int, spool: BinaryIO) -> None:
        ctx = self._ctx
        taken = statuses_of(ctx, (entry.id for entry in entries if entry.id))
        unknown: dict[str, tuple[str, ...]] = {}
        for done, entry in enumerate(entries, start):
            if (done - start) % _STEP == 0:
                ctx.progress(done, total)
                self._foresee(entries[done - start : done - start + _STEP], taken)
            if entry.id in taken:
                self._report.skip("already in the store", entry.id)
                self._written.add(entry.id)
                continue
            spool.seek(entry.offset)
            values, events, losses = marshal.loads(spool.read(entry.size))
            self._settled(values, events)
            others = tuple(
                name
                for name, value in values.items()
                if name not in self._fields and value not in (None, "", [], {})
            )
            task = self._restored(entry, values, events)
            self._report.created += 1
            for loss in losses:
                self._report.lose(*loss)
            self._written.add(task.id)
            if others:
                unknown[task.id] = others
        ctx.progress(start + len(entries), total)
        self._note_unknown(unknown)

    def _foresee(self, entries: Sequence[_Entry], taken: Collection[str]) -> None:
        """Let the store look at once for what the next tasks are about."""
        ids = [entry.id for entry in entries if entry.id and entry.id not in taken]
        self._ctx.tasks.foresee(ids, new=sum(not entry.id for entry in entries))

    def _settled(self, values: dict[str, Any], events: list[dict[str, Any]]) -> None:
        """Leave out what cannot be: a parent that is nowhere, and what closes a circle.

        A dependency that leads nowhere stays: what it leads to may come with a later import.
        """
        own, left = values.get("id", ""), {}
        parent = values.get("parent")
        if isinstance(parent, str) and parent and parent not in self._known:
            self._report.dangle("the parent is neither in the file nor in the store", own)
            left["parent"] = values.pop("parent")
        needs = values.get("depends_on")
        if _is_texts(needs):
            nowhere = [other for other in needs if other not in self._known]
            circle = [each for each in needs if each in self._own and each not in self._written]
            if nowhere:
                self._report.dangle("depends on what is neither in the file nor in the store", own)
            if circle:
                self._report.dangle("a dependency closes a circle", own)
                values["depends_on"] = [other for other in needs if other not in circle]
                left["depends_on"] = circle
        if left:
            events.append(self._kept(values, left))

    def _kept(self, values: dict[str, Any], left: dict[str, Any]) -> dict[str, Any]:
        """The event that holds what a task could not take."""
        return {
            "type": "task.kept",
            "at": values.get("updated_at") or values.get("created_at") or self._ctx.now,
            "actor": values.get("created_by") or "unknown",
            "session": "import",
            "data": {"left_out": left},
        }

    def _restored(self, entry: _Entry, values: dict[str, Any], events: list[dict[str, Any]]) -> Any:
        while True:
            try:
                return self._tasks.restore(values, events)
            except ValidationError as error:
                refused = self._refused(error, values) if self._lenient else set()
                if not refused:
                    error.message = f"line {entry.line}: {error.message}"
                    raise
                left = {name: values.pop(name) for name in refused}
                for name in left:
                    self._report.lose(f"'{name}': {error.message}", entry.id, "kept in its history")
                events.append(self._kept(values, left))
            except TmError as error:
                error.message = f"line {entry.line}: {error.message}"
                raise

    @staticmethod
    def _refused(error: ValidationError, values: dict[str, Any]) -> set[str]:
        """The fields that a rule refuses and a task can do without."""
        named = {str(problem.get("field", "")) for problem in error.problems}
        named.add(str(error.details.get("field", "")))
        return {name for name in named if name in values} - {"id", "title", "status", "priority"}

    def _note_unknown(self, unknown: dict[str, tuple[str, ...]]) -> None:
        """Report what no feature took: what is not told of the task that has just been written."""
        ids = iter(unknown)
        while batch := [task_id for task_id, _ in zip(ids, range(500), strict=False)]:
            tasks = [self._ctx.get(task_id) for task_id in batch]
            self._ctx.tasks.add_details(tasks)
            for task in tasks:
                for name in unknown[task.id]:
                    if name not in task.details:
                        feature = self._ctx.feature_of(name)
                        why = f" (the feature '{feature}' is off)" if feature else ""
                        self._report.lose(f"'{name}'{why}", task.id, "no feature keeps it")


def check_json(line: int, value: Any) -> None:
    """Raise ValidationError for what a file may say but the store cannot hold."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:  # JSON may hold halves of characters
        raise wrong(line, "not valid Unicode") from error
    except ValueError as error:
        raise wrong(line, "a number that is too large") from error


def _is_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def own_records(rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[Record]:
    """Records as an export holds them."""
    for line, row in rows:
        events = row.pop("events", None)
        if not isinstance(events, list | None):
            raise wrong(line, "events must be a list")
        yield Record(line, row, events or [], [])
