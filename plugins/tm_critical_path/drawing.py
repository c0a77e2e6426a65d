"""The network as a drawing: Graphviz DOT and Mermaid, critical tasks and edges marked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tm_core.api import visible

_LONG = 60


def graphviz(found: dict[str, Any]) -> Iterator[str]:
    """A digraph in the DOT language; an arrow leads from a task to what waits for it."""
    names = _names(found)
    yield "digraph critical_path {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n"
    for task in found["tasks"]:
        lines = "\\n".join(_dot_text(line) for line in _lines(task))
        mark = ", color=red, penwidth=2" if task["critical"] else ""
        yield f'  {names[task["id"]]} [label="{lines}"{mark}];\n'
    for first, then, tight in _edges(found):
        mark = " [color=red, penwidth=2]" if tight else ""
        yield f"  {names[first]} -> {names[then]}{mark};\n"
    yield "}\n"


def mermaid(found: dict[str, Any]) -> Iterator[str]:
    """A Mermaid flowchart."""
    names = _names(found)
    yield "flowchart LR\n"
    for task in found["tasks"]:
        lines = "<br>".join(_mermaid_text(line) for line in _lines(task))
        yield f'  {names[task["id"]]}["{lines}"]{":::critical" if task["critical"] else ""}\n'
    for first, then, tight in _edges(found):
        yield f"  {names[first]} {'==>' if tight else '-->'} {names[then]}\n"
    yield "  classDef critical stroke:#c00,stroke-width:3px\n"


def _names(found: dict[str, Any]) -> dict[str, str]:
    """A node's name is ours: an id may have been imported with any characters."""
    return {task["id"]: f"t{number}" for number, task in enumerate(found["tasks"])}


def _lines(task: dict[str, Any]) -> tuple[str, str]:
    title = visible(task["title"])
    title = title if len(title) <= _LONG else title[: _LONG - 1] + "…"
    slack = "critical" if task["critical"] else f"slack {task['slack']:g} h"
    return f"{task['id']} {title}", f"{task['hours']:g} h, {slack}"


def _edges(found: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    tasks = {task["id"]: task for task in found["tasks"]}
    for task in found["tasks"]:
        for each in task["depends_on"]:
            first = tasks[each]
            tight = first["critical"] and task["critical"]
            yield each, task["id"], tight and first["early_finish"] == task["early_start"]


def _dot_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _mermaid_text(text: str) -> str:
    # Mermaid's own escapes are written #34; and #name;, so # itself comes first.
    escaped = text.replace("#", "#35;").replace('"', "#quot;")
    return escaped.replace("&", "#amp;").replace("<", "#lt;").replace(">", "#gt;")
