"""What a storage engine gives: a dialect of SQL, a connection, and what it may do beyond that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from tm_core.record import Record

Row = dict[str, Any]
"""A row of a query, by column name."""


class SQLDialect(Protocol):
    """Where SQL engines differ: each method gives SQL text."""

    def contains(self, haystack: str, needle: str) -> str:
        """Whether one text holds another; case matters."""

    def list_contains(self, column: str, item: str) -> str:
        """Whether a list field holds an item."""

    def lower(self, text: str) -> str:
        """Text in lower case, beyond ASCII too."""

    def upper(self, text: str) -> str:
        """Text in upper case, beyond ASCII too."""

    def list_items(self, column: str) -> str:
        """A table expression with one row per item of a list field, in its column `value`."""

    def hours_between(self, start: str, end: str) -> str:
        """The hours from one stored instant to another."""

    def spread(self, value: str) -> str:
        """An aggregate that tells how numbers are spread; `Spread.of` reads it. NULL is no value.

        The quantiles are those of `percentile_disc`: values that occur, none in between.
        """

    def json_part(self, column: str, *path: str) -> str:
        """A part of a JSON document as text; NULL where there is none."""

    def schema(self, text: str) -> str:
        """The statements of a migration in this engine's words.

        Types stand in capitals: `TEXT`, `BIGINT`, `DOUBLE PRECISION`.
        `{serial}` is a key that counts by itself, and `{append_only TABLE}`, on a line of its own,
        makes a table refuse changes and deletions of its rows; `{append_only TABLE past
        OTHER.COLUMN}`, written later, lets those go whose `seq` is up to the greatest there.
        """


class Database(Protocol):
    """A connection to a store: what a storage backend opens."""

    url: str
    """Where the store is, for people: without a password."""
    dialect: SQLDialect
    self_migrating: bool
    """Whether the store is this user's own and brings itself up to date when it is opened."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a SELECT."""

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        """Rows of a SELECT, one at a time, in bounded memory."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement and give the number of rows that it touched."""

    def execute_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Run one statement for many rows."""

    def insert_returning(self, sql: str, parameters: Sequence[Any], column: str) -> Any:
        """Insert one row and give the value that the engine chose for a column."""

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside is written together or not at all; writers wait for each other."""

    def savepoint(self) -> AbstractContextManager[None]:
        """A part of the transaction that is undone alone when it raises."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Reads inside see one state of the store."""

    def wait_for_events(self, after: int, timeout: float) -> bool:
        """Wait until the log holds an event past number `after`; False after `timeout` seconds.

        Not within a transaction or snapshot, which see no others.
        """

    def is_blank(self) -> bool:
        """Whether there are no tables at all."""

    def columns(self, table: str) -> set[str]:
        """The names of a table's columns; empty where there is no such table."""

    def check(self) -> list[str]:
        """What is wrong with the store's own structure; empty when nothing is."""

    def backup(self, reason: str) -> str:
        """Copy the whole store aside and give the copy's place; empty where the engine does not."""

    def close(self) -> None:
        """Let go of the store."""


@runtime_checkable
class Upkeep(Database, Protocol):
    """A database that can be looked after; engines that do it all themselves need not have this."""

    def statistics(self) -> Mapping[str, Any]:
        """What there is to tell of the store's size: figures by name, bytes as whole numbers."""

    def vacuum(self) -> None:
        """Give the space of what was deleted back. Not within a transaction."""

    def analyze(self) -> None:
        """Let the engine look at the data again, so that it plans its queries well."""

    def cascades(self, table: str) -> set[str]:
        """The columns of a table that name a task, with which their row goes when it is purged."""


class TableShape(Record):
    """What has to be known of a table to carry its rows elsewhere."""

    key: tuple[str, ...]
    """The columns of its primary key; empty where it has none."""
    refers_to: frozenset[str]
    """The tables whose rows must be there before its own."""


@runtime_checkable
class Portable(Database, Protocol):
    """A database whose rows can be carried to another engine, and back."""

    def tables(self) -> dict[str, TableShape]:
        """All tables of the store by name, those that plugins made as well."""

    def count_on(self, table: str) -> None:
        """Let a key that counts by itself go on after the greatest number there."""


@runtime_checkable
class Relaxed(Protocol):
    """A database that can write without waiting until the disk has it."""

    def relaxed(self) -> AbstractContextManager[None]:
        """A transaction that a power failure may undo, though never in part."""

    def execute_relaxed(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """One statement as such a transaction; gives the number of rows that it touched."""


@runtime_checkable
class PuttingOff(Protocol):
    """A database that can put rows off, to write them together."""

    def insert_later(self, sql: str, parameters: Sequence[Any]) -> None:
        """Insert one row before the next statement that could see it, or the commit.

        Only within a transaction, and only rows that cannot clash with others: what is wrong with
        one is found when others have been put off too, and undoes the whole transaction.
        """


@runtime_checkable
class Exclusive(Protocol):
    """A database whose users can agree that one of them hands out events.

    Without it two processes may hand out the same event, which handlers must expect anyway.
    """

    def serving(self) -> AbstractContextManager[bool]:
        """Let only one process or connection be inside; tells whether it is this one.

        It does not wait. Whoever dies is no more inside, and who has been for over ten minutes
        counts for nothing: it hangs.
        """


@runtime_checkable
class Frugal(Protocol):
    """A database that otherwise keeps much of what it has read in memory."""

    def frugal(self) -> AbstractContextManager[None]:
        """Reads inside keep little: for what goes through a whole store once."""


@runtime_checkable
class Copies(Protocol):
    """A database that can be copied to a file and back, as a whole."""

    def backup_to(self, path: str) -> None:
        """Copy the whole store, as it is at one instant, into a new private file."""

    def restore_from(self, path: str, *, set_aside: bool = False) -> str:
        """Replace the whole content by that of such a file, which is the caller's to throw away.

        Other connections go on and see the new content. Numbers that were given to events are not
        given again. A store too damaged to be written to is moved aside first, with `set_aside` any
        store; gives its new place.
        """


class Backend(Protocol):
    """A storage engine."""

    def open(self, url: str, *, create: bool, settings: Mapping[str, Any]) -> Database:
        """Connect to a store; with `create`, make it where there is none.

        Args:
            url: As configured: it may hold a password, which must not get into `Database.url`, a
                message or a traceback.
            create: Make the store where there is none.
            settings: By dotted key: those of `store`, and those of the plugin that offers this.

        Raises:
            NoStore: There is none.
            DatabaseError: It cannot be used.
        """
