"""`tm batch`: reads lines, runs them, and tells what came of each."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO

from tm_core.api import Context, Document, Param, TmError, UsageError, current_run, json_shape

from . import lines
from .results import Results

_REMEMBERED = 5_000_000
"""Bytes of results that are kept for a repetition under the same key."""


def batch(
    ctx: Context,
    file: Annotated[str, Param("A file of JSON lines; - for standard input")] = "-",
    *,
    each: Annotated[
        bool, Param("Each line in a transaction of its own; one that fails stops no other")
    ] = False,
) -> Document:
    """Run commands from JSON lines: all in one transaction, or none of them.

    A line is {"command": "add", "args": {"title": "Write it", "priority": "high"}}, or the same
    without "args", or a list of words: ["add", "Write it", "-p", "high"]. A later line may take a
    value from an earlier result: "$1.id" by the line's number, "$plan.id" by the name that the line
    gave itself with "as": "plan". "key" makes a line an idempotent write. The results are JSON
    lines, in order. Done again under its --key, a batch gives the results of the first time.

    Raises:
        TmError: A line failed, which the message names; nothing was written.
    """
    results = Results()
    try:
        failure = _all(ctx, file, results, each=each)
    except BaseException:
        results.close()
        raise
    return results.document(failure)


def _all(ctx: Context, file: str, results: Results, *, each: bool) -> TmError | None:
    """Run all lines; gives the error of the first that failed, where others go on."""
    failure: TmError | None = None
    stem = ctx.tasks.take_key() if each else ""
    whole = contextlib.nullcontext() if each and not ctx.dry_run else ctx.tasks.transaction()
    with _opened(file) as source, whole:
        for number, text in _numbered(source):
            name = ""
            try:
                # Of a line that fails in a greater transaction nothing may stay in it.
                with ctx.tasks.transaction() if ctx.dry_run else contextlib.nullcontext():
                    line = lines.read(text)
                    if line is None:
                        continue
                    name = line.name
                    result = _run(ctx, line, results, f"{stem}#{number}" if stem else "")
                    record = {"line": number, "ok": True, "result": json_shape(result)}
            except TmError as error:
                error.details["line"] = number
                if not each:
                    raise _named(error, number) from None
                record = {"line": number, "ok": False, "error": error.as_dict()}
                failure = failure or _named(error, number)
            results.add(number, record, name)
        if not each and results.size <= _REMEMBERED:
            ctx.remember(results.pieces())
    return failure


def _named(error: TmError, number: int) -> TmError:
    """The error of a line, which it names."""
    error.message = f"line {number}: {error.message}"
    return error


def _run(ctx: Context, line: lines.Line, results: Results, key: str) -> Any:
    if line.words:
        words = [str(lines.resolved(word, results.of)) for word in line.words]
        command, given, own_key = current_run().parse(words)
    else:
        command, given, own_key = line.command, lines.resolved(line.given, results.of), line.key
    if command == "batch":
        raise UsageError("a batch cannot stand in a batch")
    return ctx.tasks.call(command, given, key=own_key or key)


@contextlib.contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = open(file, "rb")  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"cannot read '{file[:200]}': {error.strerror}") from None
    with opened:
        yield opened


def _numbered(source: BinaryIO) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source, 1):
        try:
            yield number, line.decode()
        except UnicodeDecodeError:
            raise UsageError(f"line {number}: not UTF-8 text") from None
