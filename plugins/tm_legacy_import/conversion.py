"""Makes tasks, as a store restores them, of the earlier tool's rows.

The rows as they were are in each task's history, so that what a value became can always be seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tm_core.api import PRIORITIES, STATUSES, instant_now

from .instants import instant
from .ledger import Ledger
from .notes import Note
from .reading import Rows, by_task

UNKNOWN = "unknown"
"""Who did what nobody was named for."""
SESSION = "import"
_TITLE = 500
_NAME = 200
_MESSAGE = 10_000
_REVIEW = 500
_ID = re.compile(r"[^\s\x00-\x1f\x7f-][^\s\x00-\x1f\x7f]{0,63}")
_EVENTS = {
    "update": ("collaboration.shared", "update"),
    "discovery": ("collaboration.discovered", "discovery"),
    "sync": ("collaboration.synced", "sync"),
}
_LINE = re.compile(r"^(files|meta):[ \t]*(\S.*)$", re.IGNORECASE | re.MULTILINE)
_PLAIN = (
    *("completion_summary", "estimated_hours", "actual_hours", "context"),
    *("description", "assignee", "success_criteria"),
)
"""Columns that are fields here under the same name."""
_LEFT = ("notifications", "agent_metrics", "agent_messages", "agent_task_history")
"""Tables about tasks that no part of a task takes: they go to its history."""


class Converted(NamedTuple):
    """One task on its way into the store."""

    values: dict[str, Any]
    """As an export holds it: fields, `depends_on`, and parts by name."""
    history: list[dict[str, Any]]
    rows: dict[str, Rows]
    """The rows that its parts hold, by what they are: `{"dependencies": [...]}`."""
    left: list[tuple[str, dict[str, Any], str]]
    """Rows that only its history holds: table, row, why."""
    original: dict[str, Any]
    """Its own row."""


class Conversion:
    """All tasks of one database."""

    def __init__(
        self,
        tables: Mapping[str, Rows],
        notes: Sequence[Note],
        ledger: Ledger,
        zone: Mapping[str, str],
    ) -> None:
        self._tables = tables
        self._ledger = ledger
        self._zone = dict(zone)
        self._ids = self._named()
        self._notes: dict[str, list[Note]] = {}
        for note in dict.fromkeys(notes):  # an archive may hold what is in the folder too
            self._notes.setdefault(note.task_id, []).append(note)
        known = self._ids.__contains__
        self._left: dict[str, list[tuple[str, dict[str, Any], str]]] = {}
        self._of: dict[str, dict[str, Rows]] = {}
        for name in ("dependencies", "participants", "collaboration_events", *_LEFT):
            rows, orphans = by_task(tables.get(name, []), known)
            self._of[name] = rows
            ledger.keep(name, orphans, "it belongs to no task")

    def _named(self) -> dict[str, str]:
        """The id that each task will have, by that which it had; ids are kept if they can be."""
        found: dict[str, str] = {}
        for row in self._tables["tasks"]:
            old = row["id"]
            if isinstance(old, str) and _ID.fullmatch(old):
                found[old] = old
        return found

    def tasks(self) -> list[Converted]:
        """All tasks, each after those that it depends on."""
        rows = {str(row["id"]): row for row in self._tables["tasks"] if row["id"] in self._ids}
        strays = [row for row in self._tables["tasks"] if row["id"] not in self._ids]
        needs = self._needs(rows)
        found = [self._task(rows[task_id], needs[task_id]) for task_id in needs]
        for row in strays:  # nothing can refer to them
            self._ledger.change("an id that is none: a new one is given", repr(row["id"]))
            found.append(self._task(row, []))
        return found

    def _needs(self, rows: Mapping[str, Any]) -> dict[str, list[str]]:
        """What each task depends on, in an order that has no task before what it depends on."""
        needs: dict[str, list[str]] = {}
        for task_id in rows:
            needs[task_id] = []
            for row in self._of["dependencies"].get(task_id, []):
                other = row.get("depends_on")
                if other not in rows:
                    self._leave("dependencies", task_id, row, "it leads to no task")
                elif other == task_id or other in needs[task_id]:
                    self._leave("dependencies", task_id, row, "it is of no effect")
                else:
                    needs[task_id].append(str(other))
        return self._ordered(needs)

    def _ordered(self, needs: dict[str, list[str]]) -> dict[str, list[str]]:
        """The same with each task after what it depends on, without what closes a circle."""
        done: dict[str, list[str]] = {}
        for start in needs:
            path = {} if start in done else {start: iter([*needs[start]])}
            while path:
                task_id, rest = next(reversed(path.items()))
                other = next(rest, None)
                if other is None:
                    done[task_id] = needs[task_id]
                    del path[task_id]
                elif other in path:
                    needs[task_id].remove(other)
                    for row in self._of["dependencies"][task_id]:
                        if row["depends_on"] == other:
                            self._leave("dependencies", task_id, row, "it closes a circle")
                elif other not in done:
                    path[other] = iter([*needs[other]])
        return done

    def _leave(self, table: str, task_id: str, row: dict[str, Any], why: str) -> None:
        """Only the task's history is to hold this row."""
        self._left.setdefault(task_id, []).append((table, row, why))

    def _task(self, row: dict[str, Any], needs: list[str]) -> Converted:
        task_id = self._ids.get(row["id"], "")
        label = task_id or str(row["id"])
        values: dict[str, Any] = {"id": task_id} if task_id else {}
        values |= self._when(row, label)
        values["title"] = self._title(row.get("title"), label)
        values |= self._standing(row, label)
        values["created_by"] = self._name(row.get("created_by"), label)
        for name in _PLAIN:
            if row.get(name) not in (None, ""):
                values[name] = row[name]
        if row.get("assignee"):
            values["assignee"] = self._name(row["assignee"], label)
        if row.get("phase_id"):
            values["phase"] = row["phase_id"]
        if row.get("deadline"):
            values["deadline"] = self._deadline(row["deadline"], label)
        values["success_criteria"] = self._criteria(row.get("success_criteria"), label)
        values |= self._references(row.get("description"))
        if needs:
            values["depends_on"] = needs
        links = self._of["dependencies"].get(task_id, []) if task_id else []
        rows = {"dependencies": [link for link in links if link["depends_on"] in needs]}
        history = [self._event("legacy.tasks", values["created_at"], values["created_by"], row)]
        parts = self._parts(task_id, row, values, history, rows)
        left = self._left.get(task_id, []) if task_id else []
        history += [self._of_row(table, each, values["created_at"]) for table, each, _ in left]
        history.sort(key=lambda event: str(event["at"]))
        values = {name: value for name, value in values.items() if value is not None}
        return Converted(values | parts, history, rows, left, row)

    def _when(self, row: Mapping[str, Any], label: str) -> dict[str, Any]:
        created, updated, completed = (
            instant(row.get(name)) for name in ("created_at", "updated_at", "completed_at")
        )
        for name in ("created_at", "updated_at", "completed_at"):
            if row.get(name) and instant(row[name]) is None:
                self._ledger.change(f"{name} is no date or time", label)
        if created is None:
            created = updated or completed or instant_now()
            self._ledger.change("no creation time: the earliest that is known is taken", label)
        updated = max(each for each in (created, updated, completed) if each)
        found = {"created_at": created, "updated_at": updated}
        if row.get("status") == "completed":
            if completed is None:
                self._ledger.change("completed without a time: that of its last change", label)
            found["completed_at"] = completed or updated
        elif completed is not None:
            self._ledger.change("a completion time on a task that is not completed", label)
        return found

    def _title(self, raw: Any, label: str) -> str:
        title = _clean(raw) if raw is not None else ""
        if not title.strip():
            self._ledger.change("no title: '(no title)'", label)
            return "(no title)"
        if len(title) > _TITLE:
            self._ledger.change(f"a title of more than {_TITLE} characters: cut", label)
        return title[:_TITLE]

    def _standing(self, row: Mapping[str, Any], label: str) -> dict[str, str]:
        status = row.get("status") or "pending"
        if status not in STATUSES:
            self._ledger.change(f"the status {status!r}: pending", label)
            status = "pending"
        priority = row.get("priority")
        if priority not in PRIORITIES:
            if priority is not None:  # nothing was said: the earlier tool's own default
                self._ledger.change(f"the priority {priority!r}: medium", label)
            priority = "medium"
        return {"status": status, "priority": priority}

    def _name(self, raw: Any, label: str) -> str:
        name = _clean(raw).strip() if raw is not None else ""
        if len(name) > _NAME:
            self._ledger.change(f"a name of more than {_NAME} characters: cut", label)
        return name[:_NAME] or UNKNOWN

    def _deadline(self, raw: Any, label: str) -> str | None:
        if instant(raw) is None:
            self._ledger.change("a deadline that is no date or time", label)
            return None
        return str(raw).strip()  # as it is: a bare day means its end

    def _criteria(self, raw: Any, label: str) -> Any:
        if raw in (None, ""):
            return None
        try:
            found = json.loads(raw) if isinstance(raw, str) else raw
        except (ValueError, RecursionError):
            self._ledger.change("success criteria that are no JSON", label)
            return None
        if isinstance(found, dict):
            found = [found]
        if not isinstance(found, list):
            self._ledger.change("success criteria that are no list", label)
            return None
        return found or None

    def _references(self, description: Any) -> dict[str, list[str]]:
        """What the lines `Files:` and `Meta:` of a description name; the text stays as it is."""
        found: dict[str, list[str]] = {"file_refs": [], "tags": []}
        for kind, text in _LINE.findall(_clean(description)):
            items = [item.strip() for item in re.split(r"[,;]" if "," in text else r"\s+", text)]
            if kind.lower() == "files":
                found["file_refs"] += [item for item in items if item]
            else:
                found["tags"] += ["-".join(item.split()) for item in items if item.strip()]
        return {name: list(dict.fromkeys(items)) for name, items in found.items() if items}

    # Parts

    def _parts(
        self,
        task_id: str,
        row: Mapping[str, Any],
        values: Mapping[str, Any],
        history: list[dict[str, Any]],
        rows: dict[str, Rows],
    ) -> dict[str, Any]:
        found: dict[str, Any] = {"feedback": self._review(row, values, task_id)}
        found |= self._told(task_id, values["created_at"], history, rows)
        people: dict[str, str] = {}
        rows["participants"] = []
        for each in self._of["participants"].get(task_id, []):
            name = self._name(each.get("agent_id"), task_id)
            if name in people:
                self._leave("participants", task_id, each, "it is there twice")
                continue
            people[name] = instant(each.get("joined_at")) or values["created_at"]
            rows["participants"].append(each)
        found["participants"] = [{"actor": n, "joined_at": at} for n, at in people.items()]
        for table in _LEFT:
            for each in self._of[table].get(task_id, []):
                self._leave(table, task_id, each, "no part of a task takes it")
        return {name: part for name, part in found.items() if part}

    def _review(
        self, row: Mapping[str, Any], values: Mapping[str, Any], label: str
    ) -> list[dict[str, Any]]:
        review: dict[str, Any] = {}
        for column, name in (
            ("feedback_quality", "quality"),
            ("feedback_timeliness", "timeliness"),
        ):
            score = row.get(column)
            if score is None:
                continue
            if isinstance(score, int) and 1 <= score <= 5:
                review[name] = score
            else:
                self._ledger.change(f"{column} is not from 1 to 5", label)
        note = _clean(row.get("feedback_notes")) if row.get("feedback_notes") else ""
        if len(note) > _REVIEW:
            self._ledger.change(f"a review's note of more than {_REVIEW} characters: cut", label)
        if note.strip():
            review["note"] = note[:_REVIEW]
        if not review:
            return []
        at = values.get("completed_at") or values["updated_at"]
        return [{"reviewer": UNKNOWN, "at": at, **review}]

    def _told(
        self, task_id: str, created: str, history: list[dict[str, Any]], rows: dict[str, Rows]
    ) -> dict[str, Any]:
        contributions, progress = [], []
        rows["contributions"], rows["progress"] = [], []
        for row in self._of["collaboration_events"].get(task_id, []):
            at = instant(row.get("created_at")) or created
            who = self._name(row.get("agent_id"), task_id)
            kind, text = row.get("event_type"), _clean(row.get("content"))
            event, own = _EVENTS.get(str(kind), ("legacy.collaboration_events", ""))
            if kind == "progress":
                event = "progress.added"
            if not text.strip() or not (own or kind == "progress"):
                why = f"of the kind {kind!r}" if text.strip() else "it says nothing"
                self._leave("collaboration_events", task_id, row, why)
                continue
            # With its own number and key, which only the history has a place for.
            history.append(self._event(event, at, who, row))
            rows["contributions" if own else "progress"].append(row)
            if len(text) > _MESSAGE:
                self._ledger.change(f"a message of more than {_MESSAGE} characters: cut", task_id)
            if own:
                told = {"at": at, "actor": who, "kind": own, "message": text[:_MESSAGE]}
                contributions.append(told)
            else:
                progress.append({"at": at, "author": who, "message": text[:_MESSAGE]})
        for note in self._notes.get(task_id, []):
            for start in range(0, len(note.text), _MESSAGE):
                text = note.text[start : start + _MESSAGE]
                told = {"at": note.at, "actor": note.agent[:_NAME], "kind": "note", "message": text}
                contributions.append(told)
        return {"contributions": contributions, "progress": progress}

    def _of_row(self, table: str, row: Mapping[str, Any], created: str) -> dict[str, Any]:
        at = next((row[n] for n in ("created_at", "recorded_at", "timestamp") if row.get(n)), None)
        who = row.get("agent_id") or row.get("from_agent")
        moment = instant(at, utc=table.startswith("agent")) or created
        return self._event(f"legacy.{table}", moment, self._name(who, ""), row)

    def _event(
        self, event_type: str, at: str, actor: str, row: Mapping[str, Any]
    ) -> dict[str, Any]:
        told = {name: value for name, value in row.items() if value is not None}
        data = {"legacy": told, "zone": self._zone}
        return {"at": at, "actor": actor, "session": SESSION, "type": event_type, "data": data}


def _clean(raw: Any) -> str:
    """Text that a store can hold; NUL characters are written out."""
    if raw is None:
        return ""
    text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)
    return text.replace("\0", "\\x00")
