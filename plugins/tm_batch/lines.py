"""What a line of a batch says: a command, its arguments, and what it takes from earlier results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tm_core.api import UsageError, visible

LONGEST = 10_000_000
"""Characters of a line: a description may be long, but a file without line breaks is a mistake."""
_REFERENCE = re.compile(r"\$(\w+)((?:\.\w+)*)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_OWN = ("command", "action", "args", "as", "key")


class Line(NamedTuple):
    """One command to be run."""

    command: str
    """As on the command line, such as `add` or `dependencies add`; empty: `words` tell."""
    given: Mapping[str, Any]
    words: tuple[str, ...] = ()
    """The command and its arguments as a shell would split them."""
    name: str = ""
    """What later lines may call its result."""
    key: str = ""
    """An idempotency key of its own."""


def read(text: str) -> Line | None:
    """What a line says; None if it is empty. Raises UsageError."""
    text = text.strip().removeprefix("\ufeff")
    if not text:
        return None
    if len(text) > LONGEST:
        raise UsageError("the line is too long", "one JSON value on each line")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise UsageError(f"not JSON: {visible(reason)}", "one JSON value on each line") from None
    if isinstance(value, list):
        if not value or not all(isinstance(word, str) for word in value):
            raise UsageError("a list must hold words", '["add", "Write it", "-p", "high"]')
        return Line("", {}, tuple(value))
    if not isinstance(value, dict):
        raise UsageError("neither an object nor a list", '{"command": "add", "args": {...}}')
    return _object(value)


def _object(value: dict[str, Any]) -> Line:
    command = value.get("command", value.get("action"))
    if not isinstance(command, str) or not command.strip():
        raise UsageError("no command is named", '{"command": "add", "args": {"title": "..."}}')
    given = value.get("args")
    if given is None:
        given = {name: item for name, item in value.items() if name not in _OWN}
    elif not isinstance(given, dict):
        raise UsageError("'args' must be an object", '{"title": "..."}')
    elif unknown := [name for name in value if name not in _OWN]:
        raise UsageError(f"'{visible(unknown[0])}' belongs into 'args'")
    name, key = value.get("as", ""), value.get("key", "")
    if not isinstance(name, str) or (name and not _NAME.fullmatch(name)):
        raise UsageError("'as' must be a name of letters and digits")
    if not isinstance(key, str):
        raise UsageError("'key' must be text")
    return Line(" ".join(command.split()), given, (), name, key)


def resolved(value: Any, result_of: Callable[[str], Any]) -> Any:
    """The value with the results of earlier lines in place of references to them.

    A text that is a reference as a whole is replaced: `$2.id`, `$plan.assignee`; `$2` alone means
    `$2.id`. `$$2` is the text `$2`.

    Args:
        value: Any JSON value.
        result_of: Gives a result by its line's number or name. Raises UsageError.
    """
    if isinstance(value, str):
        if value.startswith("$$"):
            return value[1:]
        found = _REFERENCE.fullmatch(value)
        return _part(result_of(found[1]), value, found[2]) if found else value
    if isinstance(value, list):
        return [resolved(item, result_of) for item in value]
    if isinstance(value, dict):
        return {name: resolved(item, result_of) for name, item in value.items()}
    return value


def _part(result: Any, reference: str, path: str) -> Any:
    for step in path.split(".")[1:] or ["id"]:
        try:
            result = result[int(step) if isinstance(result, list) else step]
        except (LookupError, TypeError, ValueError):
            raise UsageError(
                f"the result has no '{visible(step)}' for {visible(reference)}",
                "$$ begins a text that begins with a dollar",
            ) from None
    return result
