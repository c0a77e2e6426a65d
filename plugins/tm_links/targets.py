"""What a link leads to: a store, by alias, path or URL, and a task in it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from tm_core.api import Context, NotFound, Record, TmError, UsageError, ValidationError

_FILES = (".task-orchestrator/tasks.db", "tasks.db")
OPEN = ("pending", "in_progress", "blocked")


class Target(Record):
    """A task in another store."""

    store: str
    """An alias, a path from this store's project, or a URL."""
    task: str

    @classmethod
    def of(cls, text: str) -> Target:
        """As the table holds it."""
        store, _, task = text.rpartition("#")
        return cls(store, task)

    def __str__(self) -> str:
        return f"{self.store}#{self.task}"


class Found(Record):
    """What is at the end of a link."""

    target: str
    state: str
    """`resolved`, `missing` (no such task in the store) or `unreachable` (no such store)."""
    title: str | None = None
    status: str | None = None
    why: str | None = None

    @property
    def done(self) -> bool:
        """Whether nobody has to wait for it any more."""
        return self.state == "resolved" and self.status not in OPEN


def is_foreign(text: str) -> bool:
    """Whether it names a task in another store."""
    return "#" in text or ":" in text


def parse(ctx: Context, text: str) -> Target:
    """`alias:id`, `alias#id`, `path#id` or `url#id`. Raises UsageError."""
    store, mark, task = text.rpartition("#")
    if not mark:
        store, mark, task = text.rpartition(":")
    store, task = store.strip(), task.strip()
    if not (store and task) or store.endswith(":"):
        raise UsageError(f"'{text}' names no task in another store", "ALIAS:ID, or STORE#ID")
    if store in ctx.settings["stores"] or "://" in store:
        return Target(store, task)
    path = os.path.abspath(os.path.expanduser(store))
    if mark == ":" or not os.path.exists(path):
        raise NotFound(
            f"there is no store '{store}' to link to",
            f'tm config set links.stores \'{{"{store}": "../its/project"}}\', or give its path',
        )
    # As a path from here it stays right when all of it moves.
    return Target(os.path.relpath(path, _home(ctx)), task)


def _home(ctx: Context) -> str:
    return os.path.dirname(os.path.abspath(ctx.folder or os.getcwd()))


def place(ctx: Context, store: str) -> str:
    """The file or URL of a store."""
    named = str(ctx.settings["stores"].get(store, store))
    if "://" in named:
        return named
    path = os.path.normpath(os.path.join(_home(ctx), os.path.expanduser(named)))
    for file in _FILES:
        if os.path.isfile(os.path.join(path, file)):
            return os.path.join(path, file)
    return path


def whole(ctx: Context, target: Target) -> tuple[Target, Found]:
    """The target with its whole id. Raises NotFound for what is not there."""
    rows = _read(ctx, target.store, [target.task], prefix=True)
    rows = [row for row in rows if row["id"] == target.task] or rows
    if len(rows) != 1:
        what = "no task has the id" if not rows else "more than one id begins with"
        raise NotFound(f"{target.store}: {what} '{target.task}'", "look there with tm list")
    row = rows[0]
    target = Target(target.store, row["id"])
    if target.store not in ctx.settings["stores"] and place(ctx, target.store) == os.path.abspath(
        ctx.database.url
    ):
        raise UsageError("that task is in this very store", "tm dependencies add")
    return target, Found(str(target), "resolved", row["title"], row["status"])


def look(ctx: Context, targets: Iterable[str], *, servers: bool = True) -> dict[str, Found]:
    """What is at the end of many links; each store is read once.

    Args:
        ctx: This store.
        targets: As the table holds them.
        servers: Ask stores on servers, too, which takes a while.
    """
    by_store: dict[str, list[str]] = {}
    for text in targets:
        target = Target.of(text)
        by_store.setdefault(target.store, []).append(target.task)
    found: dict[str, Found] = {}
    for store, tasks in by_store.items():
        names = {task: f"{store}#{task}" for task in tasks}
        if not servers and "://" in place(ctx, store):
            found |= {name: Found(name, "not asked") for name in names.values()}
            continue
        try:
            rows = {row["id"]: row for row in _read(ctx, store, tasks)}
        except TmError as error:
            found |= {n: Found(n, "unreachable", why=error.message) for n in names.values()}
            continue
        for task, name in names.items():
            row = rows.get(task)
            if row is None or row["status"] == "deleted":
                found[name] = Found(name, "missing", why=f"{store} has no task {task}")
            else:
                found[name] = Found(name, "resolved", row["title"], row["status"])
    return found


def _read(
    ctx: Context, store: str, tasks: list[str], *, prefix: bool = False
) -> list[Mapping[str, Any]]:
    """Rows of another store's tasks. Raises NotFound where it cannot be read."""
    where = place(ctx, store)
    sql = "SELECT id, title, status FROM task WHERE "
    parameters = list(tasks)
    if prefix:
        sql += "id >= ? AND id < ? AND status <> 'deleted' ORDER BY id LIMIT 2"
        parameters = [tasks[0], tasks[0] + "\U0010ffff"]
    else:
        sql += f"id IN ({', '.join('?' * len(tasks))})"
    try:
        if "://" in where:
            with ctx.tasks.open(where) as other:
                rows: list[Mapping[str, Any]] = other.database.query(sql, parameters)
                return rows
        if not os.path.isfile(where):
            raise NotFound(f"the store {store} is not there ({where})")
        # Read as it is: opening it as ours would bring its schema up to date.
        address = where.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        with closing(sqlite3.connect(f"file:{address}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, parameters)]
    except NotFound:
        raise
    except (TmError, sqlite3.Error) as error:
        raise NotFound(f"the store {store} cannot be read ({where}): {error}") from error


def check_waitable(ctx: Context, target: Target) -> None:
    """Refuse to wait for what cannot be looked at within a transaction."""
    if "://" in place(ctx, target.store):
        raise ValidationError(
            f"a task cannot wait for one on a server ({target.store})", "link it without --waits"
        )
