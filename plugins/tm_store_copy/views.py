"""What people see of a copy."""

from __future__ import annotations

from tm_core.api import Output

from .actions import Report


def copied(report: Report, output: Output) -> None:
    """One line for each table that holds something, then what to do."""
    for name, number in report.rows.items():
        if number:
            output.data(f"{name}\t{number}\t{report.digests.get(name, '')[:12]}".rstrip("\t"))
    total = sum(report.rows.values())
    if report.dry_run:
        output.say(f"{total} row(s) would be copied from {report.source} to {report.target}")
        return
    again = ", going on where it stopped" if report.resumed else ""
    output.say(f"{total} row(s) copied from {report.source} to {report.target}{again}")
    output.say("Source and target were compared: each table has the same rows")
    if report.written_meanwhile:
        output.say(
            f"The source got {report.written_meanwhile} event(s) meanwhile, which are not in the"
            " copy: remove it and copy again while nobody writes"
        )
    output.say("Point TM_DB_PATH or store.url to the copy; the source stays as it is")
