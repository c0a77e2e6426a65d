"""How agents look."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, visible

from .actions import DAYS


def registered(agent: dict[str, Any], out: Output) -> None:
    """A sentence."""
    out.say(f"Agent {visible(agent['id'])} {'updated' if agent['known'] else 'registered'}")


def listed(agents: list[dict[str, Any]], out: Output) -> None:
    """One line for each agent."""
    rows = [
        [
            agent["id"],
            agent["name"],
            agent["type"],
            agent["status"],
            agent["capabilities"],
            out.when(agent["last_activity"]),
        ]
        for agent in agents
    ]
    if rows:
        out.table(["id", "name", "type", "status", "can", "last activity"], rows)
    else:
        out.say("No agents found")


def stated(agents: list[dict[str, Any]], out: Output) -> None:
    """One line for each agent, with what it is doing."""
    rows = [
        [
            agent["id"],
            agent["status"],
            out.when(agent["last_activity"]),
            ", ".join(f"{task['id']} {task['title']}" for task in agent["in_progress"]),
        ]
        for agent in agents
    ]
    if rows:
        out.table(["id", "status", "last activity", "in progress"], rows)
    else:
        out.say("No agents found")


def loaded(people: list[dict[str, Any]], out: Output) -> None:
    """One line for each who has or had something to do."""
    rows = [
        [
            each["id"],
            each["open"],
            each["in_progress"],
            each["blocked"],
            each["estimated_hours"],
            f"{each['load']:g} %",
            each[f"completed_{DAYS}d"],
            out.when(each["last_activity"]),
        ]
        for each in people
    ]
    if rows:
        done = f"done in {DAYS} days"
        headings = ["id", "open", "in progress", "blocked", "hours", "load", done, "last activity"]
        out.table(headings, rows)
    else:
        out.say("Nobody has anything to do")


def measured(people: list[dict[str, Any]], out: Output) -> None:
    """One line for each, with what was done in the period."""
    rows = [
        [
            each["id"],
            each["completed"],
            each["open"],
            "" if each["completion_rate"] is None else f"{100 * each['completion_rate']:.0f} %",
            each["lead_hours"],
            each["estimated_hours"],
            each["actual_hours"],
            each["acts"],
        ]
        for each in people
    ]
    if rows:
        headings = ["id", "completed", "open", "rate", "lead h", "estimated h", "actual h", "acts"]
        out.table(headings, rows)
    else:
        out.say("Nobody has done anything")


def sent(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    out.say("Message sent")


def moved(result: dict[str, Any], out: Output) -> None:
    """A line for each task that moved, and a sentence."""
    rows = [[each["task_id"], each["from"], each["to"], each["title"]] for each in result["moved"]]
    if rows:
        out.table(["task", "from", "to", "title"], rows)
        out.say(f"Redistributed {len(rows)} tasks from overloaded agents")
    else:
        out.say("No tasks needed redistribution")
    if result["still_overloaded"]:
        names = ", ".join(map(visible, result["still_overloaded"]))
        out.say(f"Still above {result['threshold']:g} %: {names}")
