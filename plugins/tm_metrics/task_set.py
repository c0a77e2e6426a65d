"""All tasks of one read snapshot, as calculators get them: of a period, and by groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tm_core.api import (
    Context,
    FeatureDisabled,
    Field,
    Row,
    SQLDialect,
    UsageError,
    parse_instant,
    visible,
)

_GROUPING = ("enum", "list", "bool", "task")
_WORD = 200
"""Texts of at most so many characters name something; longer ones tell something."""


@contextmanager
def snapshot(
    ctx: Context, *, since: str = "", until: str = "", by: str = ""
) -> Iterator[SnapshotTasks]:
    """The tasks as they are now, unchanging for as long as the block lasts.

    Args:
        ctx: The plugin's context.
        since: The figures are wanted of what happened from this instant on.
        until: ... and before this one.
        by: The figures are wanted for each value of this field, too: its name, or the name of its
            option.

    Raises:
        UsageError: Tasks cannot be grouped so.
        FeatureDisabled: The field belongs to a feature that is off.
    """
    tasks = SnapshotTasks(
        ctx,
        parse_instant(since) if since else "",
        parse_instant(until) if until else "",
    )
    with ctx.snapshot():
        yield tasks.grouped(by)


class SnapshotTasks:
    """Implements `TaskSet`."""

    def __init__(self, ctx: Context, since: str = "", until: str = "", by: str = "") -> None:
        self._ctx = ctx
        self._fields = {name: field for name, field in ctx.fields.items() if field.stored}
        self.since = since
        self.until = until
        self.by = by

    def __iter__(self) -> Iterator[Row]:
        for task in self._ctx.tasks.select():
            yield task.as_dict()

    def __len__(self) -> int:
        return int(self._ctx.tasks.count())

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Rows of a SELECT with `?` placeholders."""
        return self._ctx.query(sql, parameters)

    @property
    def dialect(self) -> SQLDialect:
        """The few differences between SQL engines."""
        return self._ctx.dialect

    @property
    def last_event(self) -> int:
        """The log's last sequence number in this snapshot."""
        rows = self.query("SELECT max(seq) AS last FROM event")
        return int(rows[0]["last"] or 0)

    @property
    def groupings(self) -> tuple[str, ...]:
        """The fields that tasks can be grouped by."""
        return tuple(name for name, field in self._fields.items() if _groups(field))

    def grouped(self, by: str) -> SnapshotTasks:
        """The same tasks with figures wanted by another field; empty: by none."""
        return SnapshotTasks(self._ctx, self.since, self.until, self._grouping(by) if by else "")

    def _grouping(self, name: str) -> str:
        """The field that is meant; `tag` means the field that has the option `--tag`."""
        known = self._fields
        wanted = name.strip().lower().replace("-", "_")
        flag = "--" + wanted.replace("_", "-")
        named = [known[wanted]] if wanted in known else []
        for field in [
            *named,
            *(field for field in known.values() if flag in field.options),
        ]:
            if _groups(field):
                return field.name
        off = self._ctx.tasks.host.owner_of_option
        owner = "" if named else off("add", wanted) or off("add", flag)
        if owner:
            raise FeatureDisabled(owner)
        raise UsageError(
            f"tasks cannot be grouped by '{visible(name)}'",
            f"known: {', '.join(self.groupings)}",
        )

    def within(self, instant: str) -> str:
        """The SQL condition that a column of instants lies in the period."""
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
        """The figures of all tasks together, and those of each group; see `TaskSet`."""
        conditions = [each for each in (where, self.within(at) if at else "") if each]
        condition = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        whole = self.query(f"SELECT {figures} FROM {tables}{condition}", parameters)[0]
        if not self.by:
            return whole, {}
        column = f'task."{self.by}"'
        source = f"{tables} {join}"
        if self._fields[self.by].type == "list":
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
        """`aggregate`, each row made into what people see; groups go under `by_<field>`."""
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
