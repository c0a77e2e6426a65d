"""The formats of an export: each a generator of text over batches of tasks, in bounded memory."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

from tm_core.api import STATUSES, Context, Field, Frugal, Task, format_local, readable, visible

_BATCH = 500
_HISTORY = "SELECT task_id, at, actor, session, type, data FROM event"
_IMPORTED = '{"imported":'

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Selection(NamedTuple):
    """Which tasks to export, and whether with their history."""

    where: str
    status: Sequence[str]
    history: bool


Writer = Callable[[Context, Selection], Iterator[str]]


def _batches(ctx: Context, chosen: Selection) -> Iterator[list[Task]]:
    """Tasks in the order of their creation, each page found by an index from where the last ended.

    One query with an order would sort all tasks in memory first: the condition stands where no
    index is chosen for it, so that the one of the order is.
    """
    condition, parameters = ctx.tasks.condition(chosen.where, status=chosen.status)
    page = (
        "SELECT task.id, task.created_at FROM task WHERE (task.created_at, task.id) > (?, ?)"
        f" AND CASE WHEN {condition} THEN 1 ELSE 0 END = 1"
        f" ORDER BY task.created_at, task.id LIMIT {_BATCH}"
    )
    last = ["", ""]
    while rows := ctx.query(page, [*last, *parameters]):
        last = [rows[-1]["created_at"], rows[-1]["id"]]
        yield ctx.tasks.many([row["id"] for row in rows], details=True)


def _histories(ctx: Context, tasks: Sequence[Task]) -> dict[str, str]:
    """The events of each task as the inside of a JSON array."""
    found: dict[str, list[str]] = {}
    for row in ctx.query_for(tasks, _HISTORY, "seq"):
        data = row["data"]
        if data.startswith(_IMPORTED):
            # The history that came with the task once; a second import marks it again.
            data = data[len(_IMPORTED) : -1]
        if '"private_to":' in data:
            # What somebody wrote down for themselves leaves with nobody else's export.
            data = _encode(readable(json.loads(data), ctx.actor))
        head = {name: row[name] for name in ("at", "actor", "session", "type")}
        found.setdefault(row["task_id"], []).append(f'{_encode(head)[:-1]},"data":{data}}}')
    return {task_id: ",".join(events) for task_id, events in found.items()}


def _objects(ctx: Context, chosen: Selection) -> Iterator[str]:
    """Each task as a JSON object in one line: its fields, its details, its history."""
    for batch in _batches(ctx, chosen):
        histories = _histories(ctx, batch) if chosen.history else None
        for task in batch:
            text = _encode(task.as_dict())
            if histories is None:
                yield text
            else:
                yield f'{text[:-1]},"events":[{histories.get(task.id, "")}]}}'


def write_jsonl(ctx: Context, chosen: Selection) -> Iterator[str]:
    """One task a line."""
    for line in _objects(ctx, chosen):
        yield line + "\n"


def write_json(ctx: Context, chosen: Selection) -> Iterator[str]:
    """One document, with one task a line in it."""
    yield '{"format": "task-orchestrator", "version": 1, "tasks": ['
    separator = "\n"
    for line in _objects(ctx, chosen):
        yield separator + line
        separator = ",\n"
    yield "\n]}\n"


def _columns(ctx: Context) -> list[Field]:
    """Fields with one value a task, and lists that a feature keeps in its own way."""
    return [
        field
        for field in ctx.fields.values()
        if field.stored or (field.type == "list" and "add" in field.on)
    ]


def _rows(ctx: Context, chosen: Selection) -> Iterator[list[str]]:
    columns = _columns(ctx)
    yield [field.name for field in columns]
    for batch in _batches(ctx, chosen):
        for task in batch:
            known = task.as_dict()
            yield [_cell(known.get(field.name)) for field in columns]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ";".join(item.replace("\\", "\\\\").replace(";", "\\;") for item in value)
    return json.dumps(value, ensure_ascii=False)


def write_csv(ctx: Context, chosen: Selection) -> Iterator[str]:
    """Comma-separated values with a heading, lists joined by semicolons."""
    line = io.StringIO()
    # With this line end every line break inside a value gets quoted; outside one is enough.
    writer = csv.writer(line, lineterminator="\r\n")
    for row in _rows(ctx, chosen):
        line.seek(0)
        line.truncate()
        writer.writerow(row)
        yield line.getvalue()[:-2] + "\n"


_TSV = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def write_tsv(ctx: Context, chosen: Selection) -> Iterator[str]:
    r"""Tab-separated values with a heading: one line a task, `\t`, `\n` and `\\` written out."""
    for row in _rows(ctx, chosen):
        yield "\t".join(cell.translate(_TSV) for cell in row) + "\n"


_MARKS = re.compile(r"([\\`*_\[\]<>#|~&])")
_HIDDEN = ("title", "description", "status", "version", "updated_at")


def write_markdown(ctx: Context, chosen: Selection) -> Iterator[str]:
    """A document for people: tasks as check boxes, by status."""
    yield "# Task Orchestrator Export\n"
    for status in chosen.status:
        headed = False
        for batch in _batches(ctx, chosen._replace(status=[status])):
            if not headed:
                yield f"\n## {status.replace('_', ' ').capitalize()}\n\n"
                headed = True
            for task in batch:
                yield "".join(f"{line}\n" for line in _item(ctx, task))


def _item(ctx: Context, task: Task) -> Iterable[str]:
    done = "x" if task.status == "completed" else " "
    yield f"- [{done}] {_escaped(task.title)}"
    told = []
    for name, value in task.items():
        if value in (None, "", []) or name in _HIDDEN:
            continue
        if ctx.fields[name].type == "datetime":
            value = format_local(value)
        elif isinstance(value, list):
            value = ", ".join(value)
        told.append(f"{name.replace('_', ' ')}: {_escaped(str(value))}")
    yield f"  {'; '.join(told)}"
    if task.description:
        yield ""
        # A quote keeps whatever the text holds, headings and lists too, inside this task.
        for line in visible(task.description, multiline=True).splitlines():
            yield f"  > {line.replace('<', chr(92) + '<')}".rstrip()
        yield ""


def _escaped(text: str) -> str:
    return _MARKS.sub(r"\\\1", visible(text))


WRITERS: dict[str, Writer] = {
    "json": write_json,
    "jsonl": write_jsonl,
    "csv": write_csv,
    "tsv": write_tsv,
    "markdown": write_markdown,
}
COMPLETE = ("json", "jsonl")
"""Formats that lose nothing, and so hold deleted tasks too."""


def statuses(name: str, chosen: Sequence[str]) -> Sequence[str]:
    """The statuses that a format shows, where some are chosen or none."""
    if chosen:
        return chosen
    return STATUSES if name in COMPLETE else [each for each in STATUSES if each != "deleted"]


def pieces(ctx: Context, name: str, chosen: Selection) -> Generator[str, None, None]:
    """The document in a format, made from one state of the store."""
    frugal = ctx.database.frugal() if isinstance(ctx.database, Frugal) else nullcontext()
    with frugal, ctx.snapshot():
        yield from WRITERS[name](ctx, chosen._replace(status=statuses(name, chosen.status)))
