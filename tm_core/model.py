"""What everything else talks about: tasks, changes, and the parts of a manifest."""

from __future__ import annotations

from collections.abc import (
    Generator,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
)
from typing import Any

from tm_core.record import Record

API_VERSION = (1, 0)
"""Of plugins' API, (major, minor): a minor version only adds."""
PRIORITIES = ("low", "medium", "high", "critical")
STATUSES = ("pending", "in_progress", "blocked", "completed", "cancelled", "deleted")
OPEN = ("pending", "in_progress", "blocked")
"""Statuses in which work is still to be done."""
FIELD_TYPES = (
    *("str", "int", "float", "bool", "datetime", "duration", "enum", "json", "list"),
    "task",
)


class Field(Record):
    """A property of tasks that a plugin declares, and that the kernel then stores and offers.

    The kernel adds the column, the options, the checks, JSON, filters, sorting, export and import.
    """

    name: str
    """Column, JSON key and Python name: `estimated_hours`. The option is `--estimated-hours`."""
    type: str
    """One of `FIELD_TYPES`. A datetime is UTC, a duration is in hours, a list holds strings, and a
    task is the id of one: any unambiguous beginning of it is accepted."""
    on: tuple[str, ...] = ("add", "update")
    """The commands that take it; on `list` it selects the tasks that have the value."""
    help: str = ""
    options: tuple[str, ...] = ()
    """Spellings of the option, where they differ from the name: `("--tag",)`."""
    choices: tuple[str, ...] = ()
    """The values of an enum, lowest first."""
    choices_setting: str = ""
    """A setting of the same plugin that holds the choices instead."""
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    """Characters of a string, or of each item of a list."""
    indexed: bool = False
    day_end: bool = False
    """A datetime given as a bare day means the end of that day, local time."""
    stored: bool = True
    """False: no column. The plugin finds the value in `Change.options` and keeps it itself."""
    sql: str = ""
    """For a field that is not stored: an SQL expression over `task`, which makes the name usable in
    filters, and on `list` if `on` says so. One of type `bool` gives 1 or 0, on every engine."""
    default: Any = None
    """What every task has unless it is told otherwise, those from before the field included. A
    field with a default cannot be cleared. With `choices_setting`, where the setting lacks it, the
    first choice stands in for it."""
    default_setting: str = ""
    """For a field that is not stored: a setting of the same plugin, whose value counts when the
    option is not given, unless it is empty or false."""


TASK_FIELDS = (
    Field("id", "str", on=(), max_length=64),
    Field("title", "str", on=("update",), help="What is to be done", max_length=500),
    Field(
        "description",
        "str",
        help="More about it",
        options=("-d", "--description"),
        max_length=1_000_000,
    ),
    Field(
        "status",
        "enum",
        on=("update",),
        help="Where it stands",
        choices=STATUSES,
        default="pending",
    ),
    Field(
        "priority",
        "enum",
        on=("add", "update", "list"),
        help="How much it matters",
        options=("-p", "--priority"),
        choices=PRIORITIES,
        default="medium",
    ),
    Field("assignee", "str", on=("add", "update", "list"), help="Who does it", max_length=200),
    Field("created_by", "str", on=(), max_length=200),
    Field("created_at", "datetime", on=()),
    Field("updated_at", "datetime", on=()),
    Field("completed_at", "datetime", on=()),
    Field("version", "int", on=()),
)
"""The kernel's own fields of a task, declared as a plugin declares its."""


class Hook(Record):
    """Where the implementation of one hook is, and when it is worth importing."""

    target: Any
    """A module's dotted name; in a plugin made in code, any object that has the function."""
    when: tuple[str, ...] = ()
    """For hooks about a change: names of fields, options or details, or types of event such as
    `task.completed`; the hook is called only if one of them is touched, or is what happens.
    `priority.changed` is the field of a task that is there, and leaves new ones out. For
    `event_handlers`: patterns such as `task.*`. Empty: always."""
    settings: tuple[str, ...] = ()
    """The plugin's own settings without which there is nothing to do, such as `urls`: while none of
    them has a value, the hook counts as not offered. Empty: always."""


class Action(Record):
    """Something that a plugin lets people do: a command, a method of `TaskManager`, and more."""

    target: Any
    """`module:function`; in a plugin made in code, the function itself."""
    help: str
    """One line, for the list of commands."""
    view: Any = ""
    """`module:function` that turns the result into text for a person; empty: the general view."""
    writes: bool = False
    """It changes the store: it takes `--dry-run` and `--key`."""
    hidden: bool = False
    local: bool = False
    """It reads or writes files that its parameters name: for this machine's users only, so a plugin
    that serves actions to others leaves it out."""
    needs_store: bool = True
    """False: the store is opened when the action first asks for something in it, so that it also
    runs where there is none, or a damaged one. Such an action takes no tasks and no fields."""


class Command(Record):
    """A plain Click command, for what does not fit an action (a wizard, a following watch)."""

    target: Any
    """`module:object`; in a plugin made in code, the Click command itself."""
    help: str


class Setting(Record):
    """One key of a plugin's configuration: `<plugin>.<key>`."""

    type: str
    """`str`, `int`, `float`, `bool`, `list` or `dict`."""
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    personal: bool = False
    """Only a person's own file, environment or command line may set it: what a cloned project says
    is ignored. For what would make a machine run or send something."""


class Plugin(Record):
    """A manifest: all that the kernel must know of a plugin before it imports any of its modules.

    Every value is a literal, so that the index can hold it as JSON.
    """

    name: str
    """The feature's name, in lower case with dashes: `time-tracking`."""
    summary: str
    api: int | tuple[int, int] = 1
    """The API version that it is written for: a major version, or (major, least minor)."""
    fields: tuple[Field, ...] = ()
    hooks: Mapping[str, Hook] = {}
    actions: Mapping[str, Action] = {}
    """By command name; a space makes a subcommand: `criteria confirm`."""
    commands: Mapping[str, Command] = {}
    config: Mapping[str, Setting] = {}
    migrations: str = ""
    """The folder of `NNNN_name.sql` files, relative to the package. `NNNN_name@feature.sql` is done
    once that feature is on, whose tables it may use."""
    requires: tuple[str, ...] = ()
    """Features without which this one does not work."""
    enabled: bool = True
    """Whether it is on unless the configuration says otherwise."""
    essential: bool = False
    """A tool for looking after `tm` itself, such as the one that turns features on. It is no
    feature that minimal mode or `plugins.only` turns off: only naming it does. Of those that come
    with `tm`, `--safe` keeps the essential ones, too."""


class Document:
    """A result that is text of any size: an action gives its pieces, printed as they come.

    It is printed as it is, `--json` or not. Pieces hold their own line breaks.
    """

    __slots__ = ("_pieces",)

    def __init__(self, pieces: Generator[str, None, None]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[str]:
        return self._pieces

    def close(self) -> None:
        """Let go of what the rest would have been made from."""
        self._pieces.close()


class Task(MutableMapping[str, Any]):
    """A task: a mapping from field name to value, with the kernel's own fields as attributes.

    Setting a value changes this object only; `TaskManager.update` changes the store.
    """

    __slots__ = ("_values", "details")

    def __init__(self, values: Mapping[str, Any], details: Mapping[str, Any] | None = None) -> None:
        self._values = dict(values)
        self.details: dict[str, Any] = dict(details or {})
        """What plugins tell about the task beside its fields, by name."""

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> ItemsView[str, Any]:
        """Names and values; the inherited way would ask for each value by its name."""
        return self._values.items()

    def __repr__(self) -> str:
        return f"<Task {self.id} {self.title!r} {self.status}>"

    @property
    def id(self) -> str:
        """8 hex digits, or as it was imported."""
        return str(self._values["id"])

    @property
    def title(self) -> str:
        """What is to be done."""
        return str(self._values["title"])

    @property
    def description(self) -> str | None:
        """More about it."""
        return self._values["description"]  # type: ignore[no-any-return]  # a column of text

    @property
    def status(self) -> str:
        """One of `STATUSES`."""
        return str(self._values["status"])

    @property
    def priority(self) -> str:
        """One of `PRIORITIES`."""
        return str(self._values["priority"])

    @property
    def assignee(self) -> str | None:
        """Who does it."""
        return self._values["assignee"]  # type: ignore[no-any-return]  # a column of text

    @property
    def version(self) -> int:
        """Counts the changes of the task's own row."""
        return int(self._values["version"])

    def copy(self) -> Task:
        """A task of its own with the same values."""
        return Task(self._values, self.details)

    def as_dict(self) -> dict[str, Any]:
        """Fields, then details: the task's JSON shape."""
        return self._values | self.details


class Change:
    """One change of one task, on its way through the hooks into the store."""

    __slots__ = (
        "action",
        "actor",
        "after",
        "before",
        "caused",
        "data",
        "defaults",
        "details",
        "evidence",
        "forced",
        "given",
        "options",
        "rows",
    )

    def __init__(
        self,
        action: str,
        actor: str,
        before: Task | None,
        after: Task,
        *,
        options: Mapping[str, Any] | None = None,
        details: Mapping[str, Any] | None = None,
        evidence: Mapping[str, Any] | None = None,
        given: Iterable[str] = (),
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        self.action = action
        """`add`, `update`, `complete`, `delete`, `import` or `undo`."""
        self.actor = actor
        self.before = before
        """None when the task is new."""
        self.caused = False
        """Another change brings it about: nobody asked for this one by itself."""
        self.after = after
        """As it will be written. `task_draft` may change its values."""
        self.given = frozenset(given)
        """Names of the fields that the caller gave, also where the value was there before."""
        self.options: dict[str, Any] = dict(options or {})
        """Values given for fields that are not columns."""
        self.details: dict[str, Any] = dict(details or {})
        """When importing: parts as `task_details` gave them, by name."""
        self.evidence: dict[str, Any] = dict(evidence or {})
        """Names that the `evidence` hooks measured."""
        self.defaults: dict[str, Any] = dict(defaults or {})
        """Of a new task: the values that its fields have when nobody gives any."""
        self.forced: list[str] = []
        """Messages of the problems that `--force` overrode."""
        self.data: dict[str, Any] = {}
        """More that plugins want to be in the event, by plugin name."""
        self.rows: list[list[Any]] = []
        """What was written to plugins' tables: [table, key, before, after]."""

    @property
    def changed(self) -> set[str]:
        """Names of the fields whose value differs (for a new task: that are set)."""
        if self.before is None:
            return {name for name, value in self.after.items() if value is not None}
        before = self.before
        return {name for name, value in self.after.items() if before.get(name) != value}

    @property
    def touched(self) -> set[str]:
        """What `Hook.when` looks at: `changed`, and the options and details that were given.

        A new task's defaults do not count, so that a bare `tm add` wakes nobody.
        """
        defaults = self.defaults
        touched = self.changed
        for name, value in defaults.items():
            if self.after.get(name) == value:
                touched.discard(name)
        touched.update(self.options, self.details)
        return touched

    @property
    def completes(self) -> bool:
        """The task becomes completed by this change."""
        return self.after.status == "completed" and (
            self.before is None or self.before.status != "completed"
        )
