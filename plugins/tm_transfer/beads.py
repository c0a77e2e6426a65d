"""Issues of beads (`bd export`, `.beads/issues.jsonl`) as tasks.

What has no place in a task's fields stays in its history, word for word, and is in the report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from tm_core.api import OPEN, Context, InvalidValue, check, parse_instant

from .readers import Loss, Record, read_jsonl, wrong
from .store import statuses_of

_PRIORITIES = ("critical", "high", "medium", "low", "low")
_STATUSES = {
    "open": "pending",
    "in_progress": "in_progress",
    "blocked": "blocked",
    "closed": "completed",
    "tombstone": "deleted",
}
_DONE = ("closed", "tombstone")
_SECTIONS = (
    ("design", "Design"),
    ("acceptance_criteria", "Acceptance criteria"),
    ("notes", "Notes"),
    ("external_ref", "External reference"),
)
_TASK_TITLE = 500
_NEWS = 10_000
"""Characters of an entry of the part `progress`."""
_GAP = re.compile(r"[\s,]+")
_HISTORY = "kept in its history"
_NOTHING: tuple[Any, ...] = (None, "", 0, False, [], {}, "{}", "[]")


def records(file: BinaryIO, ctx: Context) -> Iterator[Record]:
    """The issues of a file as tasks.

    Raises:
        ValidationError: A line is not an issue.
    """
    waiting_for: dict[str, bool] = {}
    """Whether an issue, or a task that is there already, is still to be done."""
    others: set[str] = set()
    for line, issue in read_jsonl(file):
        waiting_for[_text(line, issue, "id")] = _text(line, issue, "status") not in _DONE
        for link in _objects(line, issue, "dependencies"):
            others.add(_text(line, link, "depends_on_id"))
    for other, status in statuses_of(ctx, others - waiting_for.keys()).items():
        waiting_for[other] = status in OPEN
    file.seek(0)
    for line, issue in read_jsonl(file):
        yield _Issue(line, issue, ctx, waiting_for).record()


def _text(line: int, issue: Mapping[str, Any], name: str) -> str:
    value = issue.get(name)
    if value is not None and not isinstance(value, str):
        raise wrong(line, f"{name} must be text, not {json.dumps(value)[:40]}")
    return value or ""


def _objects(line: int, issue: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = issue.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise wrong(line, f"{name} must be a list of objects")
    return value


class _Issue:
    """One issue on its way to become a task."""

    def __init__(
        self,
        line: int,
        issue: dict[str, Any],
        ctx: Context,
        waiting_for: Mapping[str, bool],
    ) -> None:
        self.line = line
        self.issue = issue
        self.rest = {name: value for name, value in issue.items() if value not in _NOTHING}
        self.ctx = ctx
        self.losses: list[Loss] = []
        self.waiting_for = waiting_for
        self.values: dict[str, Any] = {}
        self.tags: list[str] = []
        self.kept: dict[str, Any] = {}
        """What no field takes, as it was."""
        self.id = self.closed_at = self.reason = ""
        self.deletion = ("", "", "")
        """When, by whom and why."""
        self.waits = False
        """It needs something that is not done."""

    def record(self) -> Record:
        """The task."""
        self.id = self._take("id")
        self.values |= {"id": self.id, "title": self._take("title")}
        if not self.id or not self.values["title"].strip():
            raise wrong(self.line, "an issue needs an id and a title")
        self.values["created_by"] = self._take("created_by") or "unknown"
        self._times()
        self._links()
        self._status()
        self._priority()
        self._type()
        self._deletion()
        self._numbers()
        self._field("assignee", self._take("assignee"))
        self._description()
        self._labels()
        for name in [*self.rest]:
            self._keep(name, self.rest[name], f"field '{name}'")
        return Record(self.line, self.values, self._events(), self.losses)

    def _take(self, name: str) -> str:
        text = _text(self.line, self.issue, name)
        self.rest.pop(name, None)
        return text

    def _lose(self, what: str, instead: str) -> None:
        self.losses.append(Loss(what, self.id, instead))

    def _keep(self, name: str, value: Any, what: str, instead: str = "") -> None:
        """Put something into the history, and into the report."""
        if name in self.kept:
            before = self.kept[name]
            self.kept[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            self.kept[name] = value
        self._lose(what, instead or _HISTORY)
        self.rest.pop(name, None)

    def _field(self, name: str, value: Any, source: str = "") -> None:
        """Set a field if there is such a one that takes the value."""
        if value in (None, "", []):
            return
        source = source or name
        field = self.ctx.fields.get(name)
        if field is None:
            feature = self.ctx.feature_of(name)
            why = f" (the feature '{feature}', which would take it, is off)" if feature else ""
            self._keep(source, value, f"field '{source}'{why}")
            return
        try:
            self.values[name] = check(field, value)
        except InvalidValue as error:
            self._keep(source, value, f"field '{source}': {error.message}")

    def _instant(self, name: str) -> str:
        text = self._take(name)
        if not text or text.startswith("0001-"):  # the zero time of the program that wrote it
            return ""
        try:
            return parse_instant(text)
        except InvalidValue as error:
            raise wrong(self.line, f"{name}: {error.message}", error.hint) from error

    def _times(self) -> None:
        for name in ("created_at", "updated_at"):
            instant = self._instant(name)
            if instant:
                self.values[name] = instant
        if "updated_at" in self.values:
            self.values.setdefault("created_at", self.values["updated_at"])
        self._field("deadline", self._instant("due_at"), "due_at")

    def _status(self) -> None:
        given = self._take("status") or "open"
        status = _STATUSES.get(given)
        if status is None:
            status = "pending"
            tag = f", tag beads:{given}" if self._tag(f"beads:{given}") else ""
            self._keep("status", given, f"status '{given}'", f"pending{tag}, {_HISTORY}")
        if status == "pending" and self.waits:
            status = "blocked"
        self.closed_at = self._instant("closed_at")
        if status == "completed":
            if not self.closed_at:
                self.closed_at = self.values.get("updated_at", "")
                self._lose("closed without 'closed_at'", "the time of the last update")
            if self.closed_at:
                self.values["completed_at"] = self.closed_at
        elif self.closed_at:
            self._keep("closed_at", self.closed_at, f"'closed_at' of an issue that is {given}")
        self.values["status"] = status
        self.reason = self._take("close_reason")
        self._field("completion_summary", self.reason, "close_reason")
        if self.rest.get("pinned") is True:
            self._tag("beads:pinned")

    def _priority(self) -> None:
        given = self.issue.get("priority")
        self.rest.pop("priority", None)
        if given is None:
            return
        if isinstance(given, bool) or not isinstance(given, int):
            raise wrong(self.line, f"priority must be a number, not {json.dumps(given)[:40]}")
        if not 0 <= given < len(_PRIORITIES):
            self._keep("priority", given, f"priority {given}", f"medium; {_HISTORY}")
            return
        self.values["priority"] = _PRIORITIES[given]
        if given == len(_PRIORITIES) - 1:
            self._keep("priority", given, f"priority {given}", f"low, as {given - 1}; {_HISTORY}")

    def _type(self) -> None:
        original = self._take("original_type")
        given = original or self._take("issue_type")
        self.rest.pop("issue_type", None)
        if not given:
            return
        field = self.ctx.fields.get("type")
        allowed = () if field is None else field.choices
        if given in allowed:
            self.values["type"] = given
            return
        if given == "task" and field is None:
            return
        tagged = self._tag(f"type:{given}")
        instead = f"tag type:{given}, {_HISTORY}" if tagged else _HISTORY
        what = f"type '{given}'"
        if field is not None and field.choices_setting:
            setting = f"{self.ctx.feature_of('type')}.{field.choices_setting}"
            what += f" (to keep it as a type, add it to {setting} before)"
        elif field is None and self.ctx.feature_of("type"):
            what += f" (the feature '{self.ctx.feature_of('type')}' is off)"
        self._keep("issue_type", given, what, instead)

    def _deletion(self) -> None:
        if self.values["status"] == "deleted":
            at = self._instant("deleted_at")
            by = self._take("deleted_by") or "unknown"
            self.deletion = (at, by, self._take("delete_reason"))

    def _numbers(self) -> None:
        minutes = self.rest.get("estimated_minutes")
        if isinstance(minutes, int | float) and not isinstance(minutes, bool):
            del self.rest["estimated_minutes"]
            self._field("estimated_hours", minutes / 60, "estimated_minutes")

    def _description(self) -> None:
        parts = [self._take("description")]
        for name, heading in _SECTIONS:
            text = self._take(name)
            if text:
                parts.append(f"## {heading}\n\n{text}")
        parts += self._comments()
        if len(self.values["title"]) > _TASK_TITLE:
            parts.insert(0, self.values["title"])
            self.values["title"] = self.values["title"][: _TASK_TITLE - 1] + "…"
            self._lose("title of more than 500 characters", "whole in the description")
        self._field("description", "\n\n".join(part for part in parts if part))

    def _comments(self) -> list[str]:
        """Comments as news of the work, or where nobody keeps such, as text."""
        news: list[dict[str, str]] = []
        texts: list[str] = []
        for comment in _objects(self.line, self.issue, "comments"):
            author = _text(self.line, comment, "author") or "unknown"
            at = _text(self.line, comment, "created_at")
            text = _text(self.line, comment, "text")
            if "progress" in self.ctx.parts and at and 0 < len(text) <= _NEWS:
                news.append({"at": at, "author": author, "message": text})
            else:
                texts.append(f"### {author}, {at}\n\n{text}".replace(", \n", "\n"))
        self.rest.pop("comments", None)
        if news:
            self.values["progress"] = news
        return ["## Comments", *texts] if texts else []

    def _links(self) -> None:
        depends_on: list[str] = []
        for link in _objects(self.line, self.issue, "dependencies"):
            kind = _text(self.line, link, "type") or "blocks"
            other = _text(self.line, link, "depends_on_id")
            if not other:
                raise wrong(self.line, "a dependency without depends_on_id")
            if other == self.id:
                self._link(link, f"dependency '{kind}' on itself")
            elif kind == "blocks" and "depends_on" in self.ctx.fields:
                depends_on.append(other)
                self.waits |= self.waiting_for.get(other, False)
            elif kind == "parent-child" and "parent" in self.ctx.fields:
                if self.values.setdefault("parent", other) != other:
                    self._link(link, "a second parent")
            else:
                self._link(link, f"dependency '{kind}'")
        self.rest.pop("dependencies", None)
        if depends_on:
            self.values["depends_on"] = list(dict.fromkeys(depends_on))

    def _link(self, link: dict[str, Any], what: str) -> None:
        self.kept.setdefault("dependencies", [])
        self._keep("dependencies", link, what)

    def _labels(self) -> None:
        labels = self.issue.get("labels") or []
        self.rest.pop("labels", None)
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise wrong(self.line, "labels must be a list of texts")
        tags = []
        for label in labels:
            tag = _GAP.sub("-", label.strip())  # a tag is one word
            if tag != label and tag:
                self._keep("labels", label, f"label '{label}'", f"tag {tag}, {_HISTORY}")
            tags.append(tag)
        tags = [tag for tag in (*tags, *self.tags) if tag]
        self._field("tags", list(dict.fromkeys(tags)), "labels")

    def _tag(self, tag: str) -> bool:
        """Make something findable by a tag, where there are tags."""
        if "tags" in self.ctx.fields:
            self.tags.append(tag)
            return True
        return False

    def _events(self) -> list[dict[str, Any]]:
        def event(kind: str, at: str, actor: str, data: dict[str, Any]) -> dict[str, Any]:
            return {"type": kind, "at": at, "actor": actor, "session": "beads", "data": data}

        events: list[dict[str, Any]] = []
        created = self.values.get("created_at", "")
        changed = self.values.get("updated_at", "")
        if created:
            events.append(event("task.created", created, self.values["created_by"], {}))
        if self.closed_at and self.values["status"] == "completed":
            data = {"reason": self.reason} if self.reason else {}
            events.append(event("task.completed", self.closed_at, "unknown", data))
        if self.values["status"] == "deleted":
            at, actor, reason = self.deletion
            data = {"reason": reason} if reason else {}
            events.append(event("task.deleted", at or changed or self.ctx.now, actor, data))
        if self.kept:
            at = changed or self.ctx.now
            events.append(event("task.kept", at, self.values["created_by"], {"beads": self.kept}))
        return events
