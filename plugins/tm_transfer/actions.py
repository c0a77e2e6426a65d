"""`tm export` and `tm import`."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import closing
from io import TextIOWrapper
from typing import Annotated, Any, BinaryIO

from tm_core.api import Conflict, Context, Document, Param, TmError, UsageError, ValidationError

from . import beads, mapping, readers
from .importer import Importer, own_records
from .readers import Record
from .report import Report
from .writers import Selection, pieces, statuses

_FORMATS = ("json", "jsonl", "csv", "tsv", "markdown")
_SOURCES = ("json", "jsonl", "beads", "csv", "tsv")


def export(
    ctx: Context,
    *,
    format: Annotated[str, Param("The document's format", choices=_FORMATS)] = "json",
    output: Annotated[str, Param("Write to this file, whole or not at all")] = "",
    where: Annotated[str, Param("Only tasks that match this filter, as in tm list")] = "",
    status: Annotated[list[str], Param("Only this status; may be repeated")] = [],  # noqa: B006
    no_history: Annotated[bool, Param("Leave out the events (json, jsonl)")] = False,
    force: Annotated[bool, Param("Write over a file that is there")] = False,
) -> Document | dict[str, Any]:
    """Write tasks as a document.

    json and jsonl hold all there is: deleted tasks, what features keep, and the history; tm import
    brings all of it back. csv, tsv and markdown hold the fields of tasks that are not deleted.

    Args:
        format: `json`, `jsonl`, `csv`, `tsv` or `markdown`.
        output: A file; without one the document itself is the result.
        where: A filter in the expression language.
        status: Only these statuses.
        no_history: Leave out the events.
        force: Replace an existing file.

    Raises:
        Conflict: The file exists.
        ExpressionError: The filter is not in the language.
    """
    ctx.tasks.condition(where, status=status)  # a wrong filter is to be told before any output
    chosen = Selection(where, status, not no_history)
    if not output or output == "-":
        return Document(pieces(ctx, format, chosen))
    with ctx.snapshot():
        count = ctx.tasks.count(where, status=statuses(format, status))
        _write(output, pieces(ctx, format, chosen), replace=force)
    return {"exported": count, "output": output}


def _write(path: str, document: Generator[str, None, None], *, replace: bool) -> None:
    """Write a file so that it is there whole or not at all. Raises Conflict, TmError."""
    try:
        there = os.stat(path)
    except OSError:
        there = None
    try:
        if there is not None and not stat.S_ISREG(there.st_mode):  # a pipe or a device
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.writelines(document)
            return
        if there is not None and not replace:
            raise _exists(path)
        path = os.path.realpath(path)
        draft = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}.tmp")
        try:
            with open(draft, "x", encoding="utf-8", newline="") as file:
                file.writelines(document)
                file.flush()
                os.fsync(file.fileno())
            if there is not None:
                os.chmod(draft, stat.S_IMODE(there.st_mode))
            if replace or os.name == "nt":
                os.replace(draft, path)
            else:
                _link(draft, path)
        finally:
            if os.path.exists(draft):
                os.unlink(draft)
    except OSError as error:
        raise TmError(f"cannot write {path}: {error.strerror}") from error
    finally:
        document.close()


def _link(draft: str, path: str) -> None:
    """Name the draft as the file, unless somebody has made it meanwhile."""
    try:
        os.link(draft, path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError:  # a file system without links
        os.replace(draft, path)


def _exists(path: str) -> Conflict:
    return Conflict(f"the file {path} exists", "--force writes over it")


def import_(
    ctx: Context,
    file: Annotated[str, Param("The file; - for standard input")],
    *,
    source: Annotated[
        str,
        Param("The file's format, where it cannot be told", options=("--from",), choices=_SOURCES),
    ] = "",
    map_file: Annotated[
        str, Param("A mapping that says what the columns of a CSV file are", options=("--map",))
    ] = "",
    batch: Annotated[int, Param("Commit after so many tasks; 0 for all at once", minimum=0)] = 0,
    force: Annotated[bool, Param("Pass problems that may be overridden")] = False,
) -> dict[str, Any]:
    """Bring in tasks from an export, from beads, or from any CSV file.

    Ids and times are kept. A task whose id is in the store already is skipped, so an import may be
    repeated. Either all tasks come in or none; with --batch what was committed stays. At the end
    stands what came in, what was skipped, and what could not be carried over; try --dry-run first.

    Args:
        file: A file, or `-`.
        source: `json`, `jsonl`, `beads`, `csv` or `tsv`; from the name and content if empty.
        map_file: A YAML mapping, for CSV files whose columns are not named as fields.
        batch: Commit after so many tasks.
        force: Pass problems that may be overridden.

    Raises:
        ValidationError: The file is wrong, with the line; nothing was written.
    """
    if map_file and source not in ("", "csv"):
        raise UsageError(f"--map is for CSV files, not for {source}")
    if batch and ctx.tasks.take_key():
        # It would stand for the first part only, and the rest would never be brought in.
        raise UsageError("a key is for one transaction", "leave out --batch, or the key")
    report = Report()
    plan = mapping.load(map_file, ctx) if map_file else None
    with readers.opened(file) as raw, readers.long_cells():
        if plan is None:
            readers.check_text(raw)
            source = source or readers.kind_of(file, raw)
            records = _records(source, raw, ctx)
        else:
            source = "csv"
            records = mapping.records(plan, raw, file, ctx)
        with closing(records), ctx.tasks.options(force=force):
            Importer(ctx, report, lenient=source == "beads").run(records, batch)
    return report.as_dict(dry_run=ctx.dry_run)


def _records(source: str, raw: BinaryIO, ctx: Context) -> Generator[Record, None, None]:
    if source == "jsonl":
        yield from own_records(readers.read_jsonl(raw))
    elif source == "beads":
        yield from beads.records(raw, ctx)
    else:
        text = TextIOWrapper(raw, encoding="utf-8-sig", newline="" if source == "csv" else "\n")
        try:
            if source == "json":
                yield from own_records(readers.read_json(text))
            elif source == "csv":
                yield from _by_field(readers.read_csv(text), ctx)
            else:
                yield from _by_field(readers.read_tsv(text), ctx)
        finally:
            text.detach()


def _by_field(rows: Iterator[tuple[int, dict[str, str]]], ctx: Context) -> Iterator[Record]:
    """Rows whose headings are names of fields."""
    for line, row in rows:
        if "title" not in row:
            raise ValidationError(
                "no column is named 'title'", "--map FILE says what the columns are"
            )
        values: dict[str, Any] = {}
        for name, cell in row.items():
            if cell == "":
                continue
            is_list = name in ctx.fields and ctx.fields[name].type == "list"
            values[name] = readers.split_list(cell) if is_list else cell
        yield Record(line, values, [], [])
