"""`tm criteria recheck`: whether what was completed still meets its criteria, and by what evidence.

The event of a completion keeps each result with the reports that it rests on. Here they are read
anew. A task whose criteria still pass, but by other reports or another commit than then, is
*stale*: nobody has looked at it since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from tm_core.api import Context, Param, Task, TaskId, UsageError, ValidationError

from .facts import Facts, gather
from .hooks import judge

_WORST_FIRST = ("failed", "unknown", "stale", "holds")


class Recheck(NamedTuple):
    """What has become of completed tasks."""

    tasks: list[dict[str, Any]]
    """By task: id, title, completed_at, state (`failed`, `unknown`, `stale`, `holds`), results."""
    strict: bool
    """Whether stale evidence is a failure, too."""

    @property
    def failure(self) -> ValidationError | None:
        """What the command ends with, once the tasks are shown."""
        bad = ("failed", "unknown", "stale") if self.strict else ("failed", "unknown")
        found = [task for task in self.tasks if task["state"] in bad]
        if not found:
            return None
        return ValidationError(
            f"criteria no longer met by {len(found)} of {len(self.tasks)} completed task(s)",
            f"tm criteria check {found[0]['id']} shows one as it is now",
        )


def recheck(
    ctx: Context,
    *tasks: TaskId,
    evidence: Annotated[
        list[str], Param("A report to read besides: FILE, or NAME=FILE; may be repeated")
    ] = [],  # noqa: B006  # never changed
    strict: Annotated[bool, Param("Stale evidence is a failure, too")] = False,
    limit: Annotated[int | None, Param("At most so many tasks; 0 for all", minimum=0)] = None,
) -> Recheck:
    """Tell which completed tasks no longer meet the criteria that they were completed by.

    The reports that are configured, and those that a completion used, are read as they are now. A
    task has *failed* when a criterion fails now, is *unknown* when one cannot be decided any more,
    *stale* when all pass by other reports or another commit than then, and otherwise *holds*. What
    was claimed then counts as claimed, unless it is measured now. The exit code is 5 if any has
    failed or is unknown. Nothing is written.

    Args:
        tasks: Which tasks; by default those that were completed last, by a check of their criteria.
        evidence: Reports to read besides: `FILE`, or `NAME=FILE`.
        strict: Stale evidence is a failure, too.
        limit: At most so many tasks; 0 for all.

    Raises:
        UsageError: A task is not completed.
    """
    chosen = [_completed(ctx, task) for task in dict.fromkeys(tasks)] or _last(ctx, limit)
    rows = []
    known: dict[Any, Mapping[str, Any]] = {}
    for number, task in enumerate(chosen):
        ctx.progress(number, len(chosen))
        recorded = _recorded(ctx, task)
        if recorded or tasks:
            rows.append(_row(ctx, task, recorded, evidence, known))
    ctx.progress(len(chosen), len(chosen))
    rows.sort(key=lambda row: _WORST_FIRST.index(row["state"]))
    return Recheck(rows, strict)


def _completed(ctx: Context, task_id: str) -> Task:
    task = ctx.get(task_id)
    if task.status != "completed":
        raise UsageError(
            f"task {task.id} is {task.status}, not completed",
            f"tm criteria check {task.id} tells where it stands",
        )
    return task


def _last(ctx: Context, limit: int | None) -> list[Task]:
    most = int(ctx.setting("list.limit")) if limit is None else limit
    found = ctx.find(
        "success_criteria is not None",
        status="completed",
        sort="-completed_at",
        limit=most and most + 1,
    )
    if limit is None and len(found) > most:
        ctx.warn(f"the last {most} completed tasks are looked at: --limit 0 for all")
    return found[:most] if most else found


def _recorded(ctx: Context, task: Task) -> Mapping[str, Any]:
    """What the event of the last completion tells of the criteria; empty if none was checked."""
    events = ctx.tasks.log(task.id, event_type="task.completed", limit=1, newest_first=True)
    for event in events:
        told = event["data"].get("plugins", {}).get("success-criteria")
        if isinstance(told, Mapping):
            return told
    return {}


def _row(
    ctx: Context,
    task: Task,
    recorded: Mapping[str, Any],
    sources: Sequence[str],
    known: dict[Any, Mapping[str, Any]],
) -> dict[str, Any]:
    before = {result["criterion"]: result for result in recorded.get("results", ())}
    wanted = [*sorted(_still_there(ctx, before.values())), *sources]
    measured = ctx.gather_evidence(task, wanted, known)
    facts = gather(ctx, task, measured, ())
    claims = {
        name: claim["value"]
        for name, claim in (recorded.get("claimed") or {}).items()
        if facts.source(name) != "measured"
    }
    facts = Facts(claims, facts.measured, facts.fields)
    results = [
        _compared(result, before.get(result["criterion"]))
        for result in judge(ctx, task, facts)["results"]
    ]
    states = [result["state"] for result in results]
    stale = any(result["stale"] for result in results)
    state = next((each for each in ("failed", "unknown") if each in states), "")
    return {
        "id": task.id,
        "title": task.title,
        "completed_at": task["completed_at"],
        "state": state or ("stale" if stale else "holds"),
        "results": results,
    }


def _still_there(ctx: Context, results: Iterable[Mapping[str, Any]]) -> list[str]:
    """The reports that the results rest on, as `NAME=FILE`, as far as there are such files."""
    import glob
    import os

    reports = [each for result in results for each in result.get("evidence", ()) if each["file"]]
    there = {
        f"{each['name']}={glob.escape(each['file'])}": None
        for each in reports
        if os.path.isfile(os.path.join(ctx.project, each["file"]))
    }
    return list(there)


def _compared(now: dict[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """A result, with what it was then, and what has changed beneath it."""
    reasons = []
    if before is None:
        reasons.append("it was not checked then")
    else:
        reasons += _differences(before.get("evidence", ()), now.get("evidence", ()))
    told = {name: now[name] for name in ("number", "criterion", "state", "reason")}
    return {**told, "then": before["state"] if before is not None else None, "stale": reasons}


def _differences(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> list[str]:
    """How the reports of now differ from those of then, a sentence each."""
    known = {each["file"]: each for each in now}
    found = []
    for each in before:
        name, other = each["file"] or "git", known.pop(each["file"], None)
        if other is None:
            found.append(f"{name} is not read any more")
        elif other["sha256"] != each["sha256"]:
            found.append(f"{name} has changed")
        elif other["commit"] != each["commit"]:
            found.append(
                f"{name} was read at commit {_short(each)}, and the project is at {_short(other)}"
            )
    return [*found, *(f"{each['file'] or 'git'} was not read then" for each in known.values())]


def _short(report: Mapping[str, Any]) -> str:
    return str(report["commit"] or "none")[:8]
