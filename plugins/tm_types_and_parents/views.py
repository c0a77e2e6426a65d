"""How the hierarchy looks: box lines at a terminal, indentation in a pipe."""

from __future__ import annotations

from tm_core.api import Output, Row, visible

from .actions import Children, Page

_COLORS = {"completed": "green", "in_progress": "blue", "blocked": "yellow", "cancelled": "dim"}


def tree(page: Page, out: Output) -> None:
    """A line for each task, parts below their whole."""
    # Each entry: a task (or how many are left out), what stands before it, and before its parts.
    todo: list[tuple[Row | int, str, str]] = [(root, "", "") for root in reversed(page.roots)]
    while todo:
        node, lead, below = todo.pop()
        if isinstance(node, int):
            out.data(f"{lead}... {node} more below")
            continue
        out.data(_line(node, lead, out))
        parts: list[Row | int] = [*node["children"]]
        if node["omitted"]:
            parts.append(node["omitted"])
        for place, part in reversed(list(enumerate(parts, 1))):
            if not out.terminal:
                todo.append((part, below + "  ", below + "  "))
            elif place == len(parts):
                todo.append((part, below + "└─ ", below + "   "))
            else:
                todo.append((part, below + "├─ ", below + "│  "))
    if not page.roots:
        out.say("No tasks found")
    if page.more:
        shown = len(page.roots)
        out.say(f"{shown} shown, there are more: --offset {page.next_offset}, or --limit 0 for all")


def _line(node: Row, lead: str, out: Output) -> str:
    title = visible(node["title"])
    if node["type"] and node["type"] != "task":
        title = f"{node['type']}: {title}"
    progress = f" ({node['done']}/{node['total']})" if node["total"] else ""
    status = node["status"]
    if not out.terminal:
        return f"{lead}[{node['id']}] {title} - {status}{progress}"
    room = out.width - len(lead) - len(node["id"]) - len(status) - len(progress) - 3
    color = _COLORS.get(status, "bold")
    return f"{lead}{out.style(node['id'], 'dim')} {_cut(title, max(room, 10))}" + (
        f"  {out.style(status, color)}{progress}"
    )


def _cut(text: str, room: int) -> str:
    from wcwidth import wcswidth

    if wcswidth(text) <= room:
        return text
    while wcswidth(text) > room - 1:
        text = text[:-1]
    return text + "…"


def children(found: Children, out: Output) -> None:
    """A line for each task."""
    if out.terminal and found.tasks:
        rows = [
            [each.id, each["type"], each.status, each.assignee, each.title] for each in found.tasks
        ]
        out.table(["id", "type", "status", "assignee", "title"], rows)
    else:
        for task in found.tasks:
            out.data(f"[{task.id}] {visible(task.title)} - {task.status}")
    if not found.tasks:
        out.say("It has no children")
    if found.more:
        out.say(f"{len(found.tasks)} shown, there are more: --limit 0 for all")
