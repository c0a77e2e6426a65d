"""What there is to tell, gathered from tasks, their details, and other features' actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tm_core.api import OPEN, Context, Task, TmError, format_local

from .fitting import Section, line, lines

_MOST = 200
"""Tasks of one kind: more would not be read."""
_FURTHEST = 40
"""Tasks that are looked at behind those that a task waits for."""
_UNTOLD = ("id", "title", "description", "created_by", "created_at", "updated_at", "version")
"""Fields that are told in their own way, or that tell nothing about the work."""
_SUMMARY = "completion_summary"
_CRITERIA = "success_criteria"


def of_store(ctx: Context) -> list[Section]:
    """What somebody needs to know who begins to work."""
    mine, waiting = _own(ctx, "in_progress"), _own(ctx, "blocked")
    ctx.tasks.add_details([*mine, *waiting])
    ready = _ready(ctx)
    return _filled(
        Section("In your hands", [_row(task) for task in mine], 0.25),
        Section("What done means there", _criteria_of(mine), 0.2),
        Section("Ready: yours, then nobody's", [_row(task) for task in ready], 0.3),
        Section("Yours, but waiting", _waiting(ctx, waiting), 0.15),
        Section("New for you", _news(ctx), 0.1),
        Section("What they are about", _descriptions([*mine, *ready[:3]]), 0),
    )


def of_task(ctx: Context, task: Task, shared: bool) -> list[Section]:
    """What somebody needs to know who works on a task."""
    parts = dict(task.details)
    needed = ctx.tasks.many([str(each) for each in parts.pop("depends_on", ())])
    after = ctx.tasks.many([str(each) for each in parts.pop("dependents", ())])
    told = [each for each in parts.pop("contributions", ()) if isinstance(each, Mapping)]
    notes = [] if shared else [each for each in told if each.get("kind") == "note"]
    public = [each for each in told if each.get("kind") != "note"]
    open_first = sorted(needed, key=lambda each: each.status not in OPEN)
    return _filled(
        Section("What it is", [line(task.title), *_fields(task)], 0.15),
        Section("What done means", _criteria_of([task]), 0.15),
        Section("It waits for", [text for each in open_first for text in _outcome(each)], 0.15),
        Section("Description", lines(task.description or ""), 0.25),
        Section("Your notes, newest first", _told(notes), 0.1),
        Section("Told about it, newest first", _told(public), 0.15),
        Section("Behind what it waits for", [_row(each) for each in _behind(ctx, needed)], 0.05),
        Section("Waiting for it", [_row(each) for each in after], 0),
        *(
            Section(name.replace("_", " ").capitalize(), _part(part), 0)
            for name, part in parts.items()
        ),
    )


def _filled(*sections: Section) -> list[Section]:
    return [section for section in sections if section.lines]


def _own(ctx: Context, status: str) -> list[Task]:
    rows = ctx.query(
        "SELECT id FROM task WHERE assignee = ? AND status = ? ORDER BY created_at, id"
        f" LIMIT {_MOST}",
        [ctx.actor, status],
    )
    found: list[Task] = ctx.tasks.many([row["id"] for row in rows])
    ranks = ctx.field_choices("priority")
    return sorted(found, key=lambda task: -ranks.index(task.priority))


def _ready(ctx: Context) -> list[Task]:
    """What can be begun by the actor: first what is assigned to them."""
    page = _asked(lambda: ctx.tasks.ready(limit=_MOST))
    found = page.tasks if page is not None else _pending(ctx)
    free = [task for task in found if task.assignee in (None, "", ctx.actor)]
    return sorted(free, key=lambda task: task.assignee != ctx.actor)


def _pending(ctx: Context) -> list[Task]:
    return ctx.find(status="pending", sort="-priority,created_at", limit=_MOST)


def _news(ctx: Context) -> list[str]:
    found = _asked(lambda: ctx.tasks.notifications(peek=True, limit=_MOST))
    items: Sequence[Mapping[str, Any]] = found["notifications"] if found is not None else ()
    ordered = sorted(items, key=lambda item: not item["mentioned"])
    return [
        line(f"{item['type']} {item['task_id'] or ''} by {item['actor']}: {item['message']}")
        for item in ordered
    ]


def _asked(action: Callable[[], Any]) -> Any:
    """What another feature's action gives; None where that feature is off or not installed."""
    try:
        return action()
    except (AttributeError, TmError):
        return None


def _row(task: Task) -> str:
    whose = f" ({task.assignee})" if task.assignee else ""
    return line(f"{task.id} {task.status} {task.priority}{whose}: {task.title}")


def _outcome(task: Task) -> list[str]:
    summary = task.get(_SUMMARY)
    return [_row(task), *(f"  came to: {each}" for each in lines(str(summary or "")))]


def _criteria_of(tasks: Sequence[Task]) -> list[str]:
    found: list[str] = []
    for task in tasks:
        criteria = task.get(_CRITERIA)
        for each in criteria if isinstance(criteria, list) else ():
            if isinstance(each, Mapping):
                measure = f" [{each['measurable']}]" if each.get("measurable") else ""
                found.append(line(f"{task.id}: {each.get('criterion', '')}{measure}"))
    return found


def _waiting(ctx: Context, tasks: Sequence[Task]) -> list[str]:
    needed = {str(each) for task in tasks for each in task.details.get("depends_on", ())}
    known = {task.id: task for task in ctx.tasks.many(sorted(needed))}
    found: list[str] = []
    for task in tasks:
        found.append(_row(task))
        for each in task.details.get("depends_on", ()):
            if each in known and known[each].status in OPEN:
                found.append(f"  waits for {_row(known[each])}")
    return found


def _behind(ctx: Context, needed: Sequence[Task]) -> list[Task]:
    """The open tasks that the open ones of these wait for, and so on, the nearest first."""
    seen = {task.id for task in needed}
    found: list[Task] = []
    level = [task for task in needed if task.status in OPEN]
    while level and len(found) < _FURTHEST:
        ctx.tasks.add_details(level)
        ids = [str(each) for task in level for each in task.details.get("depends_on", ())]
        fresh = [each for each in dict.fromkeys(ids) if each not in seen]
        seen.update(fresh)
        level = [task for task in ctx.tasks.many(fresh) if task.status in OPEN]
        found += level
    return found[:_FURTHEST]


def _descriptions(tasks: Sequence[Task]) -> list[str]:
    return [
        text
        for task in tasks
        if task.description
        for text in (f"{task.id}:", *(f"  {each}" for each in lines(task.description)))
    ]


def _fields(task: Task) -> list[str]:
    return [
        line(f"{name}: {_value(value)}")
        for name, value in task.items()
        if name not in (*_UNTOLD, _CRITERIA) and value not in (None, "", [])
    ]


def _told(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        text
        for each in reversed(entries)
        for text in lines(
            f"{_value(each.get('at'))} {each.get('actor')} ({each.get('kind')}):"
            f" {each.get('message')}"
        )
    ]


def _part(part: Any) -> list[str]:
    """Another feature's detail, one line for each of its items, the newest first."""
    if isinstance(part, Mapping):
        return [line(f"{name}: {_value(value)}") for name, value in part.items()]
    if isinstance(part, list):
        return [
            line(", ".join(f"{name}: {_value(value)}" for name, value in each.items() if value))
            if isinstance(each, Mapping)
            else line(_value(each))
            for each in reversed(part)
        ]
    return [line(_value(part))] if part not in (None, "") else []


def _value(value: Any) -> str:
    if isinstance(value, str) and len(value) == 27 and value[10] == "T" and value[26] == "Z":
        return format_local(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
