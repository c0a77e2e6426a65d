"""What the kernel hands to plugins, and what plugins hand to the kernel, as typed protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NotRequired, Protocol, TypedDict

from .model import Field, Plugin, Task
from .storage.backend import Database, Row, SQLDialect


class Event(TypedDict):
    """One entry of the append-only log."""

    seq: int
    id: str
    transaction_id: str
    at: str
    actor: str
    session: str
    type: str
    task_id: str | None
    data: dict[str, Any]
    digest: NotRequired[str | None]
    """Of this event and the one before it about the same task; None before digests were kept."""


class Context(Protocol):
    """One plugin's view of the store during one operation.

    Reading is free. Writing happens in a transaction: inside a hook that runs in one, or inside
    `with ctx.event(...)`. Every write is recorded, with what was there before, in the event of the
    change that it belongs to; that record is what history, undo and sync work from.
    """

    @property
    def actor(self) -> str:
        """Who acts: `--actor`, `TM_AGENT_ID`, or the login name."""

    @property
    def session(self) -> str:
        """Names this process or connection in the log."""

    @property
    def now(self) -> str:
        """The time of this operation, UTC, as it is stored."""

    @property
    def remembered(self) -> dict[str, Any]:
        """What the plugin wants to know again later in the running transaction, by names of its
        own: it is empty when a transaction begins, and once part of it was taken back."""

    def pass_over(self, *occasions: str) -> None:
        """Take no part any more in changes for which only these occasions of `Hook.when` would call
        `task_write`: until the transaction ends, part of it is taken back, or this is said anew.

        For what happens often and rarely matters, such as the coming of each of an import's tasks.
        """

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables of whoever opened the store."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The plugin's own settings, checked, with defaults."""

    @property
    def project(self) -> str:
        """The folder that holds the store's folder; paths in the configuration start here."""

    @property
    def folder(self) -> str:
        """The store's folder, `.task-orchestrator`: the place for a plugin's files."""

    @property
    def tasks(self) -> Tasks:
        """Every action of the store: the same object that the Python API gives."""

    @property
    def dialect(self) -> SQLDialect:
        """The few differences between SQL engines."""

    @property
    def database(self) -> Database:
        """The connection, for what looks after the store itself; there may be no schema in it.

        What is written here is in no event: no history tells it and no undo takes it back.
        """

    @property
    def forced(self) -> bool:
        """Whether `--force` was given."""

    @property
    def for_program(self) -> bool:
        """Whether the result goes to a program, which wants all there is to tell."""

    @property
    def dry_run(self) -> bool:
        """Whether what is done now will be taken back at the end of its transaction."""

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields of tasks by name: the kernel's, and all that enabled plugins declare."""

    @property
    def parts(self) -> frozenset[str]:
        """Names of the details that enabled plugins write when a task is imported."""

    def feature_of(self, field: str) -> str:
        """The installed feature, on or off, that declares a field; empty if none does."""

    def get(self, task_id: str) -> Task:
        """The task with this id, or with the only id that begins so. Raises NotFound."""

    def find(
        self,
        where: str = "",
        *,
        status: str | Sequence[str] = (),
        sort: str = "",
        limit: int = 0,
        details: bool = False,
    ) -> list[Task]:
        """Tasks that match a filter expression; see `TaskManager.find`."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Rows of a SELECT with `?` placeholders."""

    def wait_for_events(self, after: int, timeout: float) -> bool:
        """Wait until the log holds an event past number `after`; False after `timeout` seconds.

        Read the log, wait past the last event that was read, and read on: nothing is missed.
        """

    def query_for(self, tasks: Sequence[Task], sql: str, order: str = "") -> list[Row]:
        """Rows of `SELECT ... FROM one_table` that belong to these tasks by their `task_id`."""

    def put(self, table: str, key: Mapping[str, Any], values: Mapping[str, Any] | None) -> None:
        """Insert or update the row with this key in one of the plugin's tables; None deletes it."""

    def derive(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Write derived rows of the plugin's own tables in the running transaction.

        For what can be made again from the rest, such as an index or a count: nothing of it is
        recorded, so that history, undo and sync know nothing of it. The statement is an INSERT,
        UPDATE or DELETE; gives the number of rows that it touched.
        """

    def keep(self, table: str, key: Mapping[str, Any], values: Mapping[str, Any] | None) -> None:
        """As `put`, for what is no part of the history, such as how far somebody has read.

        It needs no event, the log does not tell it, and undo does not take it back.
        """

    def event(
        self,
        event_type: str,
        task_id: str | None = None,
        *,
        private_to: str | None = None,
        **data: Any,
    ) -> AbstractContextManager[None]:
        """Open (or join) a transaction and record one event with all that is put inside it.

        Of an event that is private to an actor, the log and exports show others, and handlers get,
        only that there was one; see `readable`.
        """

    def remember(self, pieces: Iterable[str]) -> None:
        """Keep a text as the result that a repetition under the same key gives, as a `Document`.

        For the running transaction; without a key the pieces are not even asked for. An action that
        remembers nothing gives, done again under its key, the task that it was about.
        """

    def update(self, task_id: str, **fields: Any) -> Task:
        """Change a task in the running transaction, through all hooks, with an event of its own."""

    def gather_evidence(
        self,
        task: Task,
        sources: Sequence[str] = (),
        known: dict[Any, Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """What the `evidence` hooks measure for this task. Never inside a transaction.

        Whoever asks for many tasks gives the same dict as `known` each time, at first an empty one:
        hooks that do not take the task are then asked once for the same sources.
        """

    def collect(self, hook: str) -> list[Any]:
        """Everything that the enabled plugins give for a collecting hook, such as validators."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Everything that is read inside the block is of one state of the store."""

    @property
    def features(self) -> Mapping[str, Plugin]:
        """The manifests of the features that are on, by name."""

    def setting(self, key: str) -> Any:
        """Any setting by its dotted key, or None."""

    def field_choices(self, name: str) -> tuple[str, ...]:
        """The allowed values of an enum field, as configured."""

    def warn(self, message: str) -> None:
        """Say one line on stderr."""

    def progress(self, done: int, total: int) -> None:
        """Show on a terminal how far a long action is."""


class Tasks(Protocol):
    """The facade: see `TaskManager`, whose further methods are the enabled plugins' actions."""

    def __getattr__(self, name: str) -> Any:
        """An action by its Python name: `ctx.tasks.add`."""


class TaskSet(Protocol):
    """All tasks of one read snapshot, for a calculator: iterate over dicts, or ask in SQL."""

    def __iter__(self) -> Iterator[Row]:
        """Every task that is not deleted, as a dict, one at a time."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Rows of a SELECT with `?` placeholders."""

    @property
    def dialect(self) -> SQLDialect:
        """The few differences between SQL engines."""

    @property
    def last_event(self) -> int:
        """The log's last sequence number in this snapshot."""

    def __len__(self) -> int:
        """How many tasks there are that are not deleted."""

    @property
    def since(self) -> str:
        """The instant from which on things are to count; empty: from the beginning."""

    @property
    def until(self) -> str:
        """The instant before which things are to count; empty: until now."""

    @property
    def by(self) -> str:
        """The field for each of whose values figures are wanted too; empty: none."""

    def within(self, instant: str) -> str:
        """The SQL condition that a column of instants lies between `since` and `until`."""

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
        """The figures of all tasks together, and those of each group where groups are wanted.

        Args:
            figures: What to select, in SQL: `count(*) AS tasks, sum(actual_hours) AS actual`.
            tables: What to select from.
            join: Further SQL that joins `task` to the tables, where only groups need it.
            where: A condition.
            at: The column of instants that decides whether a row lies in the period.
            parameters: For `?` in `where`, and in nothing else.
        """

    def measure(
        self, figures: str, shape: Callable[[Row], dict[str, Any]], **options: Any
    ) -> dict[str, Any]:
        """`aggregate`, each row made into what people see; groups go under `by_<field>`.

        Args:
            figures: See `aggregate`.
            shape: Makes figures of a row.
            options: See `aggregate`.
        """


class Validator(Protocol):
    """A strategy that judges a criterion which names it."""

    def get_name(self) -> str:
        """The name that a criterion gives as its `validator`."""

    def validate(self, criterion: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
        """Whether the criterion holds; `context` has every name that expressions may use."""


class MetricCalculator(Protocol):
    """A measure of the work, by name."""

    name: str

    def calculate(self, tasks: TaskSet) -> Mapping[str, Any]:
        """Figures by name.

        One that heeds `tasks.since`, `tasks.until` and `tasks.by` (`tasks.measure` does) answers
        for a period and for groups. A calculator may also have a method
        `findings(figures) -> Iterable[Insight]`: what its own figures tell, of all tasks as of a
        group; findings that rest on too few tasks are left out by whoever asks.

        One whose figures change only with some events may name them in `heeds`, as types or
        patterns such as `task.*`; while none of them happens, what it found may be kept. Whatever
        rewrites the past (an undo, an import, a purge) counts for every calculator, and so does the
        turn of an hour.
        """


class Handler(Protocol):
    """An observer of events whose type matches its pattern, such as `task.completed`, `task.*`."""

    name: str
    pattern: str

    def handle(self, event: Event) -> None:
        """React to what happened. May use the network; may be called again for the same event."""


class ConfigProvider(Protocol):
    """A further source of configuration."""

    name: str

    def get_config(self) -> Mapping[str, Any]:
        """Nested settings, as a configuration file holds them."""

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Keep settings at the source; raise TmError where it is read-only."""
