"""Any CSV file by a mapping: a YAML file that says what each field of a task is made from.

The language is described in the README. Everything in the YAML is taken as text (`NO` is no
truth value, `007` no number), for so it stands in the CSV file too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from math import fsum
from typing import Any, BinaryIO, NamedTuple

from tm_core.api import Context, InvalidValue, UsageError, ValidationError, parse_instant

from .readers import Loss, Record, headings_of, misfit, read_csv, wrong

_LARGEST = 1024 * 1024
_KEYS = {"encoding", "delimiter", "join", "group_by", "ignore", "fields", "history"}
_RULE_KEYS = {"column", "template", "value", "default", "format", "combine", "separator"}
_NO_TEXT = {"map", "replace", "scale"}
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_EVENT = re.compile(r"[a-z]+\.[a-z_]+")

Row = Mapping[str, str]


class Rule(NamedTuple):
    """How one value is made from the row, or the rows, of a task."""

    where: str
    """Its place in the mapping, for messages: `fields.priority`."""
    column: str = ""
    template: str = ""
    value: str | None = None
    map: Mapping[str, str] | None = None
    default: str | None = None
    format: str = ""
    combine: str = "first"
    separator: str = ""
    scale: float = 1.0
    replace: Mapping[str, str] | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that it reads."""
        named = [name for name in _PLACE.findall(self.template) if name]
        return [self.column, *named] if self.column else named

    def _text(self, row: Row) -> str:
        """What one row gives, before it is looked up or read; empty for nothing."""
        text = self._raw(row)
        for old, new in (self.replace or {}).items():
            text = text.replace(old, new)
        return text

    def _raw(self, row: Row) -> str:
        if self.value is not None:
            return self.value
        if self.column:
            return row[self.column].strip()
        if self.columns and not any(row[name].strip() for name in self.columns):
            return ""

        def fill(match: re.Match[str]) -> str:
            return match[0][0] if match[1] is None else row[match[1]].strip()

        return _PLACE.sub(fill, self.template)

    def apply(self, line: int, rows: Sequence[Row], example: str, losses: list[Loss]) -> Any:
        """The value for a task; None for none.

        Raises:
            ValidationError: A cell is not what the rule expects.
        """
        texts = [text for row in rows if (text := self._text(row))]
        if not texts:
            return self.default
        combined = _COMBINE[self.combine](self, line, texts)
        if combined is None:
            kept = texts[0]
            if any(text != kept for text in texts[1:]):
                losses.append(
                    Loss(
                        f"{self.where}: rows of one task that differ", example, "the first is taken"
                    )
                )
            combined = kept
        if isinstance(combined, str):
            return self._read(line, combined, example, losses)
        return combined

    def _read(self, line: int, text: str, example: str, losses: list[Loss]) -> Any:
        if self.map is not None:
            if text in self.map:
                return self.map[text] or None
            if self.default is None:
                raise wrong(
                    line, f"{self.where}: '{text[:60]}' is not in its map", "add it, or a default"
                )
            losses.append(Loss(f"{self.where}: '{text[:60]}'", example, self.default))
            return self.default
        if self.format:
            try:
                return datetime.strptime(text, self.format).isoformat()
            except ValueError as error:
                raise wrong(
                    line, f"{self.where}: '{text[:60]}' is not of the format {self.format}"
                ) from error
        if self.scale != 1.0:
            return _number(self, line, text) * self.scale
        return text


def _number(rule: Rule, line: int, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise wrong(line, f"{rule.where}: '{text[:60]}' is not a number")
    return number


def _sum(rule: Rule, line: int, texts: Sequence[str]) -> float:
    # Decimal fractions added up leave dust far behind the comma.
    return round(fsum(_number(rule, line, text) for text in texts) * rule.scale, 9)


def _minimum(rule: Rule, line: int, texts: Sequence[str]) -> str:
    return min(texts, key=lambda text: _order(rule, line, text))


def _maximum(rule: Rule, line: int, texts: Sequence[str]) -> str:
    return max(texts, key=lambda text: _order(rule, line, text))


def _order(rule: Rule, line: int, text: str) -> Any:
    if rule.format:
        try:
            return datetime.strptime(text, rule.format)
        except ValueError as error:
            raise wrong(
                line, f"{rule.where}: '{text[:60]}' is not of the format {rule.format}"
            ) from error
    return _number(rule, line, text)


def _join(rule: Rule, line: int, texts: Sequence[str]) -> str:
    return (rule.separator or ", ").join(dict.fromkeys(texts))


def _first(rule: Rule, line: int, texts: Sequence[str]) -> None:
    return None  # with a look at whether the others differ


_COMBINE: dict[str, Callable[[Rule, int, Sequence[str]], Any]] = {
    "first": _first,
    "sum": _sum,
    "join": _join,
    "min": _minimum,
    "max": _maximum,
}


class Plan(NamedTuple):
    """A mapping file, checked."""

    path: str
    encodings: tuple[str, ...]
    delimiter: str
    joins: tuple[tuple[str, str], ...]
    """(file, the column that both have)"""
    group_by: str
    ignore: frozenset[str]
    fields: Mapping[str, tuple[Rule, ...]]
    history: Mapping[str, Rule]

    @property
    def rules(self) -> Iterator[Rule]:
        """All of its rules."""
        for rules in self.fields.values():
            yield from rules
        yield from self.history.values()


def load(path: str, ctx: Context) -> Plan:
    """Read and check a mapping file.

    Raises:
        UsageError: It cannot be read.
        ValidationError: It is not in the language; with the place.
    """
    import yaml  # only here: it takes longer to import than most commands take

    try:
        with open(path, "rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if len(raw) > _LARGEST:
        raise ValidationError(f"the mapping {path} is larger than {_LARGEST >> 20} MB")
    try:
        # BaseLoader is the safest of all: it makes nothing but text, lists and dicts.
        found = yaml.load(raw, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        reason = getattr(error, "problem", None) or "it cannot be read"
        raise ValidationError(f"the mapping {path}{place} is not YAML: {reason}") from error
    try:
        return _checked(path, found, ctx)
    except ValidationError as error:
        error.message = f"the mapping {path}: {error.message}"
        raise


def _checked(path: str, found: Any, ctx: Context) -> Plan:
    top = _table(found, "it", _KEYS)
    fields = _table(top.get("fields") or {}, "fields")
    if "title" not in fields:
        raise ValidationError("fields: a rule for 'title' is missing")
    for name in fields:
        if name not in ctx.fields and not ctx.feature_of(name):
            raise ValidationError(
                f"fields: there is no field '{name}'", _near(name, list(ctx.fields))
            )
    rules = {name: _rules(rule, f"fields.{name}", ctx) for name, rule in fields.items()}
    for name, several in rules.items():
        is_list = name in ctx.fields and ctx.fields[name].type == "list"
        if len(several) != 1 and name in ctx.fields and not is_list:
            raise ValidationError(f"fields.{name}: takes one rule, it is no list")
    history = {
        name: _rule(rule, f"history.{name}", ctx)
        for name, rule in _table(top.get("history") or {}, "history").items()
    }
    for name in history:
        if not _EVENT.fullmatch(name):
            raise ValidationError(f"history: '{name}' is no event's name, such as task.started")
    encodings = tuple(_texts(top.get("encoding", "utf-8-sig"), "encoding")) or ("utf-8-sig",)
    delimiter = _a_text(top.get("delimiter", ","), "delimiter").replace("\\t", "\t")
    if len(delimiter) != 1:
        raise ValidationError("delimiter: one character is needed")
    joins = top.get("join") or []
    return Plan(
        path,
        encodings,
        delimiter,
        tuple(_join_of(item) for item in (joins if isinstance(joins, list) else [joins])),
        _a_text(top.get("group_by", ""), "group_by"),
        frozenset(_texts(top.get("ignore") or [], "ignore")),
        rules,
        history,
    )


def _join_of(item: Any) -> tuple[str, str]:
    table = _table(item, "join", {"file", "on"})
    if len(table) != 2:
        raise ValidationError("join: 'file' and 'on' are needed")
    return _a_text(table["file"], "join.file"), _a_text(table["on"], "join.on")


def _rules(found: Any, where: str, ctx: Context) -> tuple[Rule, ...]:
    if isinstance(found, list):
        return tuple(_rule(item, where, ctx) for item in found)
    return (_rule(found, where, ctx),)


def _rule(found: Any, where: str, ctx: Context) -> Rule:
    if isinstance(found, str):
        return Rule(where, column=found)
    table = _table(found, where, _RULE_KEYS | _NO_TEXT)
    if sum(name in table for name in ("column", "template", "value")) != 1:
        raise ValidationError(f"{where}: give one of column, template and value")
    texts: dict[str, Any] = {
        name: _a_text(table[name], where) for name in table if name not in _NO_TEXT
    }
    rule = Rule(where, **texts)
    if rule.combine not in _COMBINE:
        raise ValidationError(f"{where}: combine is one of {', '.join(_COMBINE)}")
    if rule.template and _PLACE.sub("", rule.template).strip("{}") != _PLACE.sub("", rule.template):
        raise ValidationError(f"{where}: a lone brace in the template; {{{{ stands for one")
    if "map" in table:
        rule = rule._replace(map=_words(table["map"], f"{where}.map"))
    if "replace" in table:
        rule = rule._replace(replace=_words(table["replace"], f"{where}.replace"))
    if "scale" in table:
        rule = rule._replace(scale=_number(rule, 0, _a_text(table["scale"], where)))
    return rule


def _words(found: Any, where: str) -> dict[str, str]:
    return {old: _a_text(new, where) for old, new in _table(found, where).items()}


def _table(found: Any, where: str, keys: Iterable[str] = ()) -> dict[str, Any]:
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise ValidationError(f"{where} must be a mapping from names to rules")
    allowed = set(keys)
    for key in found:
        if allowed and key not in allowed:
            raise ValidationError(f"{where}: there is no key '{key}'", _near(key, sorted(allowed)))
    return found


def _a_text(found: Any, where: str) -> str:
    if not isinstance(found, str):
        raise ValidationError(f"{where}: text is needed")
    return found


def _texts(found: Any, where: str) -> list[str]:
    return [_a_text(item, where) for item in (found if isinstance(found, list) else [found])]


def _near(word: str, known: Sequence[str]) -> str:
    import difflib  # only once something is wrong

    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"


def records(
    mapping: Plan, file: BinaryIO, path: str, ctx: Context
) -> Generator[Record, None, None]:
    """The tasks of a CSV file, as the mapping makes them.

    Raises:
        ValidationError: A column is missing, or a cell is not what its rule expects.
    """
    with _decoded(file, mapping) as text:
        columns = headings_of(text, mapping.delimiter)
        text.seek(0)
        folder = os.path.dirname(os.path.abspath(mapping.path if path == "-" else path))
        joined = [(on, *_side_file(folder, name, on, mapping)) for name, on in mapping.joins]
        known = {*columns, *(name for _, names, _ in joined for name in names)}
        for rule in mapping.rules:
            _check_columns(rule.where, rule.columns, known)
        _check_columns("group_by", [mapping.group_by] if mapping.group_by else [], set(columns))
        _check_columns("ignore", mapping.ignore, known)
        for on, _, _ in joined:
            _check_columns("join.on", [on], set(columns))
        used = {name for rule in mapping.rules for name in rule.columns}
        used |= {mapping.group_by, *mapping.ignore, *(on for on, _, _ in joined)}
        unused = [name for name in known if name not in used]

        def rows() -> Iterator[tuple[int, dict[str, str]]]:
            for line, row in read_csv(text, mapping.delimiter):
                for on, names, side in joined:
                    row = {**dict.fromkeys(names, ""), **side.get(row[on], {}), **row}
                yield line, row

        lists = {name for name, field in ctx.fields.items() if field.type == "list"}
        for line, group in _grouped(rows(), mapping.group_by):
            record = _record(mapping, line, group, lists)
            for name in unused:
                if any(row[name].strip() for row in group):
                    example = str(record.values.get("id") or f"line {line}")
                    record.losses.append(
                        Loss(f"column '{name}'", example, "the mapping does not use it")
                    )
            yield record


@contextmanager
def _decoded(file: BinaryIO, mapping: Plan) -> Iterator[TextIOWrapper]:
    """The file as text, in the first of the encodings that fits all of it."""
    line = 0
    for encoding in mapping.encodings:
        try:
            b"a".decode(encoding)
        except LookupError as error:  # no codec, or one that is not for text
            raise ValidationError(f"there is no encoding '{encoding}'") from error
        line = misfit(file, encoding)
        if not line:
            text = TextIOWrapper(file, encoding=encoding, newline="")
            try:
                yield text
            finally:
                text.detach()
            return
    raise wrong(line, f"not {', '.join(mapping.encodings)}", "set `encoding:` in the mapping")


def _side_file(
    folder: str, name: str, on: str, mapping: Plan
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """The columns of a second file, and its rows by the common column."""
    path = os.path.realpath(os.path.join(folder, name))
    if os.path.commonpath([path, os.path.realpath(folder)]) != os.path.realpath(folder):
        raise ValidationError(f"join: {name} is outside of {folder}", "copy it beside the file")
    try:
        with open(path, "rb") as raw:
            rows: dict[str, dict[str, str]] = {}
            with _decoded(raw, mapping) as text:
                columns = headings_of(text, mapping.delimiter)
                _check_columns(f"join.on in {name}", [on], set(columns))
                text.seek(0)
                for _, row in read_csv(text, mapping.delimiter):
                    rows.setdefault(row[on], row)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        error.message = f"{name}: {error.message}"
        raise
    return [column for column in columns if column != on], rows


def _check_columns(where: str, names: Iterable[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise ValidationError(
                f"{where}: the file has no column '{name}'", _near(name, sorted(known))
            )


def _grouped(
    rows: Iterator[tuple[int, dict[str, str]]], column: str
) -> Iterator[tuple[int, list[dict[str, str]]]]:
    if not column:
        for line, row in rows:
            yield line, [row]
        return
    groups: dict[str, tuple[int, list[dict[str, str]]]] = {}
    for line, row in rows:
        key = row[column].strip()
        if not key:
            raise wrong(line, f"column '{column}', by which rows are grouped, is empty")
        groups.setdefault(key, (line, []))[1].append(row)
    yield from groups.values()


def _record(mapping: Plan, line: int, rows: list[dict[str, str]], lists: set[str]) -> Record:
    example = rows[0][mapping.group_by] if mapping.group_by else f"line {line}"
    losses: list[Loss] = []
    values: dict[str, Any] = {}
    for name, rules in mapping.fields.items():
        made = [rule.apply(line, rows, example, losses) for rule in rules]
        known = [value for value in made if value is not None]
        is_list = len(rules) > 1 or name in lists
        if is_list:
            items = [
                part.strip()
                for rule, value in zip(rules, made, strict=True)
                if value is not None
                for part in (
                    str(value).split(rule.separator)
                    if rule.separator and rule.combine != "join"
                    else [str(value)]
                )
            ]
            known = [list(dict.fromkeys(item for item in items if item))] if items else []
        if known:
            values[name] = known[0]
    if values.get("completed_at") and values.get("status") != "completed":
        status = values.get("status", "pending")
        losses.append(Loss(f"fields.completed_at of a task that is {status}", example, "left out"))
        del values["completed_at"]
    events: list[dict[str, Any]] = []
    for kind, rule in mapping.history.items():
        at = rule.apply(line, rows, example, losses)
        if at is not None:
            try:
                instant = parse_instant(str(at))
            except InvalidValue as error:
                raise wrong(line, f"{rule.where}: {error.message}", error.hint) from error
            events.append({"at": instant, "type": kind, "session": "csv"})
    events.sort(key=lambda event: str(event["at"]))
    return Record(line, values, events, losses)
