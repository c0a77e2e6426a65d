"""Plays the log from nothing, and compares what comes out with what the store holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tm_core.api import Context, Row, Upkeep

from .findings import Difference, Differences
from .scratch import Kept, Scratch


class Replay:
    """The state that the log tells, event by event, and then against the tables."""

    def __init__(self, ctx: Context, scratch: Scratch, found: Differences) -> None:
        self._ctx = ctx
        self._scratch = scratch
        self._found = found
        self._keys: dict[str, set[tuple[str, ...]]] = {}
        """The columns by which the rows of each table are known."""
        self._owners: dict[str, set[str]] = {}
        self._partial = False
        """Whether a part of the log is missing: what only that could tell is taken as it is."""
        self.tasks = 0
        self.rows = 0

    def skip(self) -> None:
        """Go on after a part of the log that cannot be read."""
        self._partial = True
        self._scratch.clear()

    # Playing

    def play(self, event: Row) -> None:
        """Take one event."""
        data, task_id, seq = json.loads(event["data"]), event["task_id"], event["seq"]
        if "imported" in data:  # it happened in another store
            return
        for table, key, before, after in data.get("rows", ()):
            self._play_row(event, table, key, before, after)
        if task_id is None:
            return
        if event["type"] == "task.purged" or ("after" in data and data["after"] is None):
            self._scratch.forget_task(task_id)
        elif "after" in data:
            known = self._scratch.task(task_id)
            values = known[0] if known is not None else {}
            for name, value in (data["before"] or {}).items():
                self._check_before(event, values, name, value)
            self._scratch.keep_task(task_id, {**values, **data["after"]}, seq)

    def _check_before(self, event: Row, values: dict[str, Any], name: str, value: Any) -> None:
        if name in values:
            expected = values[name]
        elif self._partial:
            return
        else:
            field = self._ctx.fields.get(name)
            # A field that came later, or whose feature is off: tasks have its default.
            expected = value if field is None else field.default if value is not None else None
        if value != expected:
            self._found.add(
                Difference(
                    "log",
                    f"event {event['seq']}: {name} of task {event['task_id']} was"
                    f" {_told(value)} before it, but the log so far says {_told(expected)}",
                    task=event["task_id"],
                    event=event["seq"],
                    field=name,
                )
            )

    def _play_row(
        self,
        event: Row,
        table: str,
        key: dict[str, Any],
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
    ) -> None:
        self._keys.setdefault(table, set()).add(tuple(key))
        known = self._scratch.row(table, key)
        unknown = known is None and self._partial
        if not unknown and not _same(before, known.values if known is not None else None):
            self._found.add(
                Difference(
                    "log",
                    f"event {event['seq']}: the row {_told(key)} of {table} was not before it"
                    " what the log so far says",
                    task=event["task_id"],
                    event=event["seq"],
                    table=table,
                )
            )
        if after is None:
            self._scratch.forget_row(table, key)
            return
        whole = {**key, **after}
        owners = [str(whole[name]) for name in self._cascades(table) if whole.get(name)]
        self._scratch.keep_row(Kept(table, key, after, event["seq"], event["task_id"]), owners)

    def _cascades(self, table: str) -> set[str]:
        if table not in self._owners:
            database = self._ctx.database
            self._owners[table] = (
                database.cascades(table) if isinstance(database, Upkeep) else {"task_id"}
            )
        return self._owners[table]

    # Comparing

    def compare(self) -> None:
        """Compare what was played with the tables; afterwards the scratch is empty."""
        for row in self._ctx.database.stream("SELECT * FROM task"):
            self.tasks += 1
            self._compare_task(row)
        for task_id, seq in self._scratch.tasks():
            message = f"task {task_id} is gone, although nothing in the log took it away"
            self._found.add(Difference("task", message, task=task_id, event=seq))
        for table, keys in self._keys.items():
            self._compare_table(table, keys)
        for kept in self._scratch.rows():
            self._found.add(
                Difference(
                    "row",
                    f"the row {_told(kept.key)} of {kept.table} is gone, although nothing in the"
                    " log took it away",
                    task=kept.task,
                    event=kept.event,
                    table=kept.table,
                )
            )

    def _compare_task(self, row: dict[str, Any]) -> None:
        task_id = row["id"]
        known = self._scratch.task(task_id)
        if known is None and self._partial:
            return
        if known is None:
            self._found.add(Difference("task", f"task {task_id} is not in the log", task=task_id))
            return
        values, seq = known
        self._scratch.drop_task(task_id)
        for name in row.keys() | values.keys():
            actual = row.get(name)
            if name not in values and self._partial:
                continue
            if name not in values and actual is not None:
                field = self._ctx.fields.get(name)
                if field is None or actual == _stored(field.default):
                    continue  # a field that came later, or whose feature is off: its default
            expected = _stored(values.get(name))
            if actual != expected:
                self._found.add(
                    Difference(
                        "task",
                        f"{name} of task {task_id} is {_told(actual)}, but event {seq} left it"
                        f" {_told(expected)}",
                        task=task_id,
                        event=seq,
                        field=name,
                    )
                )

    def _compare_table(self, table: str, keys: set[tuple[str, ...]]) -> None:
        if not self._ctx.database.columns(table):
            return  # each of its rows is told as gone
        # The name is quoted as the kernel does; it came from a manifest and was checked there.
        for row in self._ctx.database.stream(f'SELECT * FROM "{table}"'):
            self.rows += 1
            self._compare_row(table, keys, row)

    def _compare_row(self, table: str, keys: set[tuple[str, ...]], row: dict[str, Any]) -> None:
        for names in keys:
            key = {name: row.get(name) for name in names}
            kept = self._scratch.row(table, key)
            if kept is None:
                continue
            for name in (row.keys() | kept.values.keys()) - set(names):
                if row.get(name) != kept.values.get(name):
                    self._found.add(
                        Difference(
                            "row",
                            f"{name} in the row {_told(key)} of {table} is"
                            f" {_told(row.get(name))}, but event {kept.event} left it"
                            f" {_told(kept.values.get(name))}",
                            task=kept.task,
                            event=kept.event,
                            field=name,
                            table=table,
                        )
                    )
            self._scratch.forget_row(table, key)
            return
        if self._partial:
            return
        message = f"a row of {table} is not in the log: {_told(row)}"
        self._found.add(Difference("row", message, task=row.get("task_id"), table=table))


def _same(before: Mapping[str, Any] | None, known: Mapping[str, Any] | None) -> bool:
    """Whether two rows are the same; a column that was not given is empty."""
    if before is None or known is None:
        return before is known
    return all(before.get(name) == known.get(name) for name in before.keys() | known.keys())


def _stored(value: Any) -> Any:
    """A value as a column holds it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _told(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
