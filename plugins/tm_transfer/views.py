"""What people are told about an export or an import."""

from __future__ import annotations

from typing import Any

from tm_core.api import Document, Output, visible


def exported(result: Document | dict[str, Any], out: Output) -> None:
    """The document itself, or a sentence about the file."""
    if isinstance(result, Document):
        out.result(result)
    else:
        out.say(f"Exported {_tasks(result['exported'])} to {visible(result['output'])}")


def imported(report: dict[str, Any], out: Output) -> None:
    """How many came in, then what did not."""
    verb = "Would import" if report["dry_run"] else "Imported"
    out.say(f"{verb} {_tasks(report['created'])}")
    for entry in report["skipped"]:
        out.say(f"Skipped {entry['count']}: {_told(entry)}")
    for entry in report["dangling"]:
        out.say(f"Dangling, {entry['count']}: {_told(entry)}")
    if report["lost"]:
        out.say("Not carried over as it was:")
    for entry in report["lost"]:
        out.say(f"  {entry['count']} x {_told(entry)}")


def _told(entry: dict[str, Any]) -> str:
    text = entry["what"]
    if entry["instead"]:
        text += f" -> {entry['instead']}"
    if entry["examples"]:
        more = ", ..." if entry["count"] > len(entry["examples"]) else ""
        text += f" ({', '.join(entry['examples'])}{more})"
    return visible(text)


def _tasks(count: int) -> str:
    return f"{count} task" if count == 1 else f"{count} tasks"
