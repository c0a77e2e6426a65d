"""The report of a take-over, for people."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, visible

from .ledger import STATES

REMARKS = {
    "config": "its agent-id has no effect: TM_AGENT_ID or --actor says who acts",
    "enforcement.json": "there is no enforcement here: every command is always allowed",
    "hooks": "no shell hooks are run; plugins have handlers of events instead",
}
"""What to know of files that are left where they are."""


def show(report: dict[str, Any], output: Output) -> None:
    """The account as data, what it means as sentences."""
    if output.as_json:
        output.json(report)
    else:
        rows = [
            [name, table["rows"], *(table[state] for state in STATES)]
            for name, table in report["tables"].items()
        ]
        output.table(["table", "rows", *STATES], rows)
        for name, table in report["tables"].items():
            for each in table["where"]:
                where = visible(each["why"])
                output.say(f"{name}: {each['rows']} {each['state']}: {where}")
        for change in report["changes"]:
            examples = ", ".join(visible(each) for each in change["examples"])
            count = "one task" if change["count"] == 1 else f"{change['count']} tasks"
            output.say(f"changed in {count}: {visible(change['what'])} ({examples})")
        for each in report["notes"]["left"]:
            output.say(f"not read: {visible(each['file'])}: {visible(each['why'])}")
        if report["notes"]["entries"]:
            output.say(f"{report['notes']['entries']} notes from {report['notes']['files']} files")
        if report["left_in_place"]:
            output.say(f"left where they are: {', '.join(map(visible, report['left_in_place']))}")
        for name in sorted(REMARKS.keys() & {*report["left_in_place"]}):
            output.say(f"{name}: {REMARKS[name]}")
        output.say(f"Times without a zone were read as {report['zone']['name']}")
    if report["dry_run"]:
        output.say(f"{_tasks(report)} would be carried over; nothing was changed")
    else:
        tell_places(report, output)


def tell_places(report: dict[str, Any], output: Output) -> None:
    """That it is done, and where things are now."""
    output.say(f"{_tasks(report)} carried over; the original is {report['original']}")
    if report["kept"]:
        output.say(f"What has no place in a store is in {report['kept']}")


def _tasks(report: dict[str, Any]) -> str:
    count = report["tables"]["tasks"]["carried"]
    return "1 task" if count == 1 else f"{count} tasks"
