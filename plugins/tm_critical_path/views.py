"""How the critical path looks to a person and in a pipe."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, visible

from . import drawing
from .result import Path

_STEPS = 12
"""A longer chain is told by its ends."""


def shown(path: Path, out: Output) -> None:
    """The length, the critical chains, and a row for each task, the least slack first."""
    found = path.figures
    if path.format == "json":
        out.json(found)
        return
    if path.format != "text":
        for piece in (
            drawing.mermaid(found) if path.format == "mermaid" else drawing.graphviz(found)
        ):
            out.raw(piece)
        return
    if not found["tasks"]:
        what = f"Task {found['root']} is finished" if found["root"] else "No task is unfinished"
        out.say(f"{what}: there is nothing to plan")
        return
    _notes(found, out)
    out.data(out.style(f"{hours(found['hours'])} in all{_compared(found)}", "bold"))
    titles = {task["id"]: task for task in found["tasks"]}
    for chain in found["chains"]:
        out.data("critical: " + _chain(chain, titles))
    if (more := found["critical_chains"] - len(found["chains"])) > 0:
        out.say(f"{more} more critical chain(s): --chains tells more of them")
    tasks = found["tasks"][: path.limit or None]
    out.table(
        ["task", "hours", "from", "to", "latest from", "to", "slack", "title"],
        [
            [
                task["id"],
                f"{task['hours']:g}" + ("?" if task["hours_from"] == "assumed" else ""),
                *(f"{task[name]:g}" for name in ("early_start", "early_finish")),
                *(f"{task[name]:g}" for name in ("late_start", "late_finish")),
                f"{task['slack']:g}" if task["slack"] else "critical",
                task["title"],
            ]
            for task in tasks
        ],
    )
    if len(tasks) < len(found["tasks"]):
        out.say(f"{len(tasks)} of {len(found['tasks'])} tasks shown: --limit 0 for all")


def hours(number: float) -> str:
    """`1 hour`, `2.5 hours`."""
    return f"{number:g} hour{'' if number == 1 else 's'}"


def _notes(found: dict[str, Any], out: Output) -> None:
    assumed, calibration = found["assumed"], found.get("calibration")
    if assumed["tasks"]:
        which = f"{assumed['tasks']} of {len(found['tasks'])} tasks"
        out.say(f"{which} without an estimate: {hours(assumed['hours'])} assumed for each (?)")
    if not calibration:
        return
    name = calibration["quantile"].upper()
    for each in calibration["rests_on"]:
        out.say(
            f"{each['applied_to']} estimate(s) times {each['ratio']:g}, the {name} ratio of"
            f" {each['tasks']} finished tasks ({visible(each['group'])})"
        )
    if calibration["uncalibrated"]:
        out.say(
            f"{calibration['uncalibrated']} estimate(s) as they are: fewer than"
            f" {calibration['minimum_tasks']} finished tasks tell about such ones"
        )


def _compared(found: dict[str, Any]) -> str:
    what_if = found.get("what_if")
    if not what_if:
        return ""
    difference = found["hours"] - what_if["hours_before"]
    if not difference:
        return f", as without what is supposed: {hours(what_if['hours_before'])}"
    word = "more" if difference > 0 else "less"
    return f", {hours(round(abs(difference), 6))} {word} than {hours(what_if['hours_before'])}"


def _chain(chain: list[str], tasks: dict[str, Any]) -> str:
    named = [f"[{each}] {visible(tasks[each]['title'])}" for each in chain]
    if len(named) > _STEPS:
        half = _STEPS // 2
        named = [*named[:half], f"... {len(named) - 2 * half} more ...", *named[-half:]]
    return " -> ".join(named)
