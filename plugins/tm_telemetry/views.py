"""How telemetry looks to a person."""

from __future__ import annotations

from typing import Any

from tm_core.api import Output


def shown(result: dict[str, Any], out: Output) -> None:
    """A table of commands, then the other sums."""
    if result["since"] is None:
        out.say("Nothing is counted yet")
        return
    out.say(f"From {result['since']} to {result['until']}")
    rows = [
        ["command", name, one["runs"], one["failed"], one["median_seconds"], one["p95_seconds"]]
        for name, one in {**result["commands"], **result["captured"]}.items()
    ]
    rows += [["event", name, count, "", "", ""] for name, count in result["events"].items()]
    rows += [["feature", name, count, "", "", ""] for name, count in result["features"].items()]
    out.table(["kind", "name", "times", "failed", "median s", "95 % s"], rows)


def insights(result: dict[str, Any], out: Output) -> None:
    """A sentence each."""
    for one in result["findings"]:
        out.data(one["finding"])
    now, before = result["trend"]["last_7_days"], result["trend"]["before"]
    if not result["findings"]:
        out.say(f"Nothing stands out (of what ran {result['least_runs']} times or more)")
    out.say(
        f"Last 7 days: {now['runs']} commands, {now['failed']} failed;"
        f" the 7 days before: {before['runs']}, {before['failed']} failed"
    )


def exported(result: dict[str, Any], out: Output) -> None:
    """JSON, also for a person: that is what an export is for."""
    out.json(result)


def purged(result: dict[str, Any], out: Output) -> None:
    """A sentence."""
    done = "Dry run: would remove" if result["dry_run"] else "Removed"
    out.say(f"{done} {result['removed']} count(s)")
