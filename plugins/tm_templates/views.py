"""How templates look to a person and in a pipe."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, visible


def listed(rows: list[dict[str, Any]], out: Output) -> None:
    """One row for each template."""
    if not rows:
        out.say("There is no template yet: tm template create NAME ID... makes one of tasks")
        return
    out.table(
        ["name", "where", "tasks", "description"],
        [
            [row["name"], row["where"], row["tasks"], row["error"] or row["description"]]
            for row in rows
        ],
    )


def shown(found: dict[str, Any], out: Output) -> None:
    """What it is for, its variables, its tasks."""
    version = f" {found['version']}" if found["version"] else ""
    out.data(out.style(visible(f"{found['name']}{version} ({found['where']})"), "bold"))
    if found["description"]:
        out.data(visible(found["description"], multiline=True))
    for each in found["variables"]:
        out.data(visible(f"  {each['name']}: {_variable(each)}"))
    for task in found["tasks"]:
        after = ", ".join(map(str, task["depends_on"]))
        out.data(visible(f"{task['place']}. {task['title']}" + (f" (after {after})" * bool(after))))
    for remark in found["remarks"]:
        out.say(visible(remark))


def _variable(each: dict[str, Any]) -> str:
    parts = [each["type"]]
    if each["required"]:
        parts.append("required")
    elif each["default"] is not None:
        parts.append(f"default {each['default']}")
    parts += [f"matches {each['pattern']}"] if each["pattern"] else []
    parts += [f"{n} {each[n]:g}" for n in ("min", "max") if each[n] is not None]
    parts += [f"one of {', '.join(map(str, each['enum']))}"] if each["enum"] else []
    text = ", ".join(parts)
    return f"{text} - {each['description']}" if each["description"] else text


def applied(result: dict[str, Any], out: Output) -> None:
    """A sentence, and a line for each task."""
    count = len(result["tasks"])
    verb = "would be added" if result["dry_run"] else "added"
    out.say(f"{count} task{'s' if count != 1 else ''} of template {result['template']} {verb}")
    for task in result["tasks"]:
        name = "" if result["dry_run"] else f"[{task['id']}] "
        out.data(f"{name}{visible(task['title'])} - {task['status']}")


def created(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    count = len(result["template"]["tasks"])
    verb = "would hold" if result["dry_run"] else "holds"
    out.say(f"Template {result['name']} {verb} {count} task(s): {visible(result['path'])}")


def validated(rows: list[dict[str, Any]], out: Output) -> None:
    """A line for each."""
    if not rows:
        out.say("There is no template")
    for row in rows:
        state = out.style("wrong", "red") if row["error"] else out.style("ok", "green")
        told = row["error"] or "; ".join(row["remarks"])
        out.data(f"{state}\t{visible(row['name'])}" + (f"\t{visible(told)}" if told else ""))
