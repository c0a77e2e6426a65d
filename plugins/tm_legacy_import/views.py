"""The report of a take-over, for people."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output, visible

from .ledger import STATES


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
            output.say(f"changed {change['count']} times: {visible(change['what'])} ({examples})")
        for each in report["notes"]["left"]:
            output.say(f"not read: {visible(each['file'])}: {visible(each['why'])}")
        if report["notes"]["entries"]:
            output.say(f"{report['notes']['entries']} notes from {report['notes']['files']} files")
        if report["left_in_place"]:
            output.say(f"left where they are: {', '.join(map(visible, report['left_in_place']))}")
        output.say(f"Times without a zone were read as {report['zone']['name']}")
    tasks = report["tables"]["tasks"]["carried"]
    count = "1 task" if tasks == 1 else f"{tasks} tasks"
    if report["dry_run"]:
        output.say(f"{count} would be carried over; nothing was changed")
        return
    output.say(f"{count} carried over; the original is {report['original']}")
    if report["kept"]:
        output.say(f"What has no place in a store is in {report['kept']}")
