"""Edits of a configuration file that leave every other byte of it alone.

The file is parsed for the places of its parts, and only the text of the part in question is
replaced. A round-trip library would rewrite indentation and quotes, and lose the comment after a
key that it removes. Before the file is replaced, the new text is parsed again: unless it means
exactly what was asked for, nothing is written.

Every function takes `dry_run`, which does all but write, tells whether the file changes, and
raises ConfigError if the file is not valid or cannot be edited. Of two edits at the same moment
the later wins.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable
from typing import Any

from tm_core.errors import ConfigError

from .cache import write_atomically
from .config import read_config
from .yaml_file import compose, parse_any, parse_yaml

HEADER = (
    "# Settings of Task Orchestrator. `tm config explain KEY` shows where a value comes from.\n"
)

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
# What YAML takes for a line break, or refuses, inside a quoted text.
_UNSAFE = re.compile(
    "[^\n -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def set_value(path: str, key: str, value: Any, *, dry_run: bool = False) -> bool:
    """Give a dotted key a JSON value. The file and the key's section are made if missing."""
    parts = _split(key)
    return _edit(path, lambda document: document.set(parts, value), dry_run)


def unset_value(path: str, key: str, *, dry_run: bool = False) -> bool:
    """Remove a dotted key, and its section if nothing else is in it."""
    parts = _split(key)
    return _edit(path, lambda document: document.unset(parts), dry_run)


def set_feature(path: str, name: str, enabled: bool, *, dry_run: bool = False) -> bool:
    """Put a feature into `plugins.enable` or `plugins.disable`, and take it out of the other.

    An entry that the older tool made below `features` follows.
    """

    def change(document: _Document) -> None:
        add, remove = ("enable", "disable") if enabled else ("disable", "enable")
        document.remove(["plugins", remove], name)
        document.append(["plugins", add], name)
        if document.get(["features", name]) is not None:
            document.set(["features", name], enabled)

    return _edit(path, change, dry_run)


class _Document:
    """A text, and the values that it must have: each edit is made to both, independently."""

    def __init__(self, text: str, origin: str) -> None:
        self.text = text
        self.origin = origin
        self.values = parse_yaml(text, origin)
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def get(self, parts: list[str]) -> Any:
        value: Any = self.values
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def set(self, parts: list[str], value: Any) -> None:
        if self.get(parts) == value and type(self.get(parts)) is type(value):
            return
        place = self.values
        for part in parts[:-1]:
            if place.get(part) is None:
                place[part] = {}
            place = place[part]
            if not isinstance(place, dict):
                raise ConfigError(
                    f"{self.origin}: {part!r} is not a section", "correct the file there"
                )
        place[parts[-1]] = copy.deepcopy(value)
        root = self._root()
        if root is None:
            self._insert(len(self.text), self._block(parts, value, 0))
            return
        node = root
        for depth, part in enumerate(parts):
            if node.flow_style:
                # Inside braces there are no lines of its own: write the braces anew.
                self._replace(node, self._flow_of(self.get(parts[:depth]), node is root))
                return
            entry = _entry(node, part)
            if entry is None:
                column = node.value[0][0].start_mark.column
                self._insert(_end(node), self._block(parts[depth:], value, column))
                return
            key, node = entry
            rest = parts[depth + 1 :]
            if not rest:
                self._put(key, node, " " + _flow(value))
                return
            if node.id != "mapping":
                column = key.start_mark.column + 2
                self._put(key, node, "")
                self._insert(key.end_mark.index, self._block(rest, value, column))
                return

    def unset(self, parts: list[str]) -> None:
        section = self.get(parts[:-1])
        if not isinstance(section, dict) or parts[-1] not in section:
            return
        # A section that this leaves empty goes as well.
        while len(parts) > 1 and len(self.get(parts[:-1])) == 1:
            parts = parts[:-1]
        del self.get(parts[:-1])[parts[-1]]
        root = node = self._root()
        for depth, part in enumerate(parts):
            assert node is not None  # the values have it, so the text has it
            if node.flow_style:
                self._replace(node, self._flow_of(self.get(parts[:depth]), node is root))
                return
            entry = _entry(node, part)
            assert entry is not None
            key, node = entry
        self._cut_lines(key.start_mark.index, _end(node))

    def append(self, parts: list[str], item: str) -> None:
        """Add to a list of texts, unless it has the item."""
        items = self.get(parts)
        if isinstance(items, list) and item in items:
            return
        node = self._find(parts)
        if not _is_sequence(node) or node.flow_style or not items:
            self.set(parts, [*(items or ()), item])
            return
        items.append(item)
        first = node.value[0].start_mark.index
        bullet = self.text[self.text.rfind("\n", 0, first) + 1 : first]
        self._insert(_end(node), bullet + _flow(item))

    def remove(self, parts: list[str], item: str) -> None:
        """Take an item out of a list of texts, and the list away with its last one."""
        items = self.get(parts)
        if not isinstance(items, list) or item not in items:
            return
        left = [other for other in items if other != item]
        node = self._find(parts)
        if not left:
            self.unset(parts)
        elif not _is_sequence(node) or node.flow_style:
            self.set(parts, left)
        else:
            for index in reversed([i for i, other in enumerate(items) if other == item]):
                self._cut_lines(node.value[index].start_mark.index, _end(node.value[index]))
            items[:] = left

    def _root(self) -> Any:
        root: Any = compose(self.text, self.origin)
        return root if root is not None and root.id == "mapping" else None

    def _find(self, parts: list[str]) -> Any:
        node = self._root()
        for part in parts:
            entry = _entry(node, part) if node is not None and node.id == "mapping" else None
            node = entry[1] if entry else None
        return node

    def _put(self, key: Any, node: Any, text: str) -> None:
        """Replace the value after a key, with what stands between them."""
        scalar = node.id == "scalar" and node.style not in ("|", ">")
        if scalar and text and node.start_mark.index < node.end_mark.index:
            self._replace(node, text.lstrip())
            return
        colon = self.text.index(":", key.end_mark.index) + 1
        end = max(_end(node), colon)
        tail = self.newline if end and self.text[end - 1] == "\n" else ""
        self.text = self.text[:colon] + text + tail + self.text[end:]

    def _replace(self, node: Any, text: str) -> None:
        self.text = self.text[: node.start_mark.index] + text + self.text[node.end_mark.index :]

    def _insert(self, after: int, lines: str) -> None:
        """Put whole lines below the line that `after` is in, or at it if a line begins there."""
        if after and self.text[after - 1] != "\n":
            line_end = self.text.find("\n", after)
            after = len(self.text) if line_end < 0 else line_end + 1
        before = self.text[:after]
        if before and not before.endswith("\n"):
            before += self.newline
        self.text = before + lines + self.newline + self.text[after:]

    def _cut_lines(self, start: int, end: int) -> None:
        start = self.text.rfind("\n", 0, start) + 1
        if self.text[end - 1] != "\n":
            line_end = self.text.find("\n", end)
            end = len(self.text) if line_end < 0 else line_end + 1
        self.text = self.text[:start] + self.text[end:]

    def _block(self, parts: list[str], value: Any, column: int) -> str:
        lines = [" " * (column + 2 * depth) + _flow(part) + ":" for depth, part in enumerate(parts)]
        return self.newline.join(lines) + " " + _flow(value)

    def _flow_of(self, value: Any, root: bool) -> str:
        """Braces written anew; a whole file in braces is JSON, and stays it."""
        if not root:
            return _flow(value)
        return _escaped(json.dumps(value, indent=2, ensure_ascii=False)).replace("\n", self.newline)


def _edit(path: str, change: Callable[[_Document], None], dry_run: bool) -> bool:
    """Read, change, verify, replace. True if the file changes."""
    # A linked file stays a link: people keep their settings in a repository of dotfiles.
    target = os.path.realpath(path)
    read_config(target)  # its errors are the ones to give: not a file, too large, not UTF-8
    try:
        with open(target, "rb") as file:
            old = file.read()
            mode = os.fstat(file.fileno()).st_mode & 0o777
    except FileNotFoundError:
        old, mode = None, 0o666
    except OSError as error:
        raise _unwritable(path, error) from error
    text = HEADER if old is None else old.decode("utf-8-sig")
    document = _Document(text, path)
    change(document)
    if document.text == text:
        return False
    try:
        verified = parse_yaml(document.text, path) == document.values
    except ConfigError:
        verified = False
    if not verified:
        raise ConfigError(
            f"{path}: cannot be edited safely", "edit it by hand; nothing was changed"
        )
    if not dry_run:
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            write_atomically(target, document.text.encode(), mode=mode, durable=True)
        except OSError as error:
            raise _unwritable(path, error) from error
    return True


def _split(key: str) -> list[str]:
    parts = key.split(".")
    if not all(parts):
        raise ConfigError(f"{key!r} is not a key", "write it like list.limit")
    return parts


def _is_sequence(node: Any) -> bool:
    return node is not None and bool(node.id == "sequence")


def _entry(node: Any, key: str) -> tuple[Any, Any] | None:
    return next((entry for entry in node.value if entry[0].value == key), None)


def _end(node: Any) -> int:
    """Where the content of a node ends: the end mark of a block lies behind later comments."""
    while node.id != "scalar" and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def _flow(value: Any) -> str:
    """A JSON value on one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and isinstance(parse_any(value, ""), str):
            return value
        return _escaped(json.dumps(value, ensure_ascii=False))
    return json.dumps(value)


def _escaped(quoted: str) -> str:
    """JSON in which no text holds a character that YAML does not keep."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _unwritable(path: str, error: OSError) -> ConfigError:
    return ConfigError(f"{path}: {error.strerror}", "check the permissions of file and folder")
