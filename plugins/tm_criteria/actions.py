"""What people do with criteria: look at them, check them, confirm those that nothing measures."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from tm_core.api import (
    OPEN,
    Conflict,
    Context,
    NotFound,
    Param,
    Task,
    TaskId,
    UsageError,
    ValidationError,
)

from .confirmations import Confirmation, confirmations, forget, keep
from .criteria import Criterion, read_all
from .facts import gather
from .hooks import judge, unmet

Number = Annotated[int, Param("The criterion's number in the list", minimum=1)]


class Report(NamedTuple):
    """What a check of a task's criteria found."""

    task_id: str
    overall_pass: bool
    results: list[dict[str, Any]]
    claimed: dict[str, dict[str, Any]]

    @property
    def failure(self) -> ValidationError | None:
        """What the command ends with, once the report is shown."""
        failures = [result for result in self.results if result["state"] != "passed"]
        if not failures:
            return None
        return ValidationError(
            f"criteria unmet: {len(failures)} of {len(self.results)}",
            problems=[
                {"message": f"criteria unmet: {unmet(result)}", "field": "success_criteria"}
                for result in failures
            ],
        )


class Confirmed(NamedTuple):
    """What became of a confirmation."""

    task_id: str
    number: int
    criterion: str
    confirmed_by: str
    confirmed_at: str
    changed: bool


def list_criteria(ctx: Context, task: TaskId) -> list[dict[str, Any]]:
    """List a task's criteria, how each is judged, and who has confirmed what."""
    found = ctx.get(task)
    known = confirmations(ctx, found)
    return [
        _row(number, criterion, known.get(number))
        for number, criterion in enumerate(read_all(found["success_criteria"]), 1)
    ]


def _row(number: int, criterion: Criterion, confirmation: Confirmation | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "number": number,
        "criterion": criterion.text,
        "kind": criterion.kind,
        "check": criterion.expression or criterion.validator or criterion.fault,
        "confirmed_by": None,
        "confirmed_at": None,
        "outdated": False,
    }
    if criterion.manual and confirmation is not None:
        row["confirmed_by"] = confirmation.confirmed_by
        row["confirmed_at"] = confirmation.confirmed_at
        row["outdated"] = confirmation.criterion != criterion.text
    return row


def check(
    ctx: Context,
    task: TaskId,
    *,
    measurements: Annotated[
        list[str],
        Param("A value for the criteria, NAME=VALUE; may be repeated", options=("--set",)),
    ] = [],  # noqa: B006  # never changed
    evidence: Annotated[
        list[str], Param("A report to read names from: FILE, or NAME=FILE; may be repeated")
    ] = [],  # noqa: B006  # never changed
) -> Report:
    """Check a task's criteria as if it were completed now, and write nothing.

    The exit code is 5 unless every criterion is passed.

    Raises:
        UsageError: Reports are given, and the feature that reads them is off.
    """
    found = ctx.get(task)
    if evidence and "evidence" not in ctx.fields:
        feature = ctx.feature_of("evidence")
        raise UsageError(f"feature '{feature}' is disabled", f"tm config enable {feature}")
    if found.status in OPEN:
        found["status"], found["completed_at"] = "completed", ctx.now
    facts = gather(ctx, found, ctx.gather_evidence(found, evidence), measurements)
    for sentence in facts.contradictions():
        ctx.warn(sentence)
    report = judge(ctx, found, facts)
    return Report(found.id, report["overall_pass"], report["results"], facts.claims())


def confirm(
    ctx: Context,
    task: TaskId,
    number: Number,
    *,
    by: Annotated[str, Param("Who vouches for it; by default who acts", max_length=200)] = "",
) -> Confirmed:
    """Confirm that a criterion is met which nothing measures.

    The confirmation counts as long as the criterion's text stays what it is now.

    Raises:
        NotFound: There is no such criterion.
        ValidationError: The criterion is measured, so nobody's word counts.
        Conflict: Somebody else has confirmed it.
    """
    who = by.strip() or ctx.actor
    with ctx.tasks.transaction():
        found = ctx.get(task)
        criterion = _criterion(found, number)
        if not criterion.manual:
            cause = criterion.fault or f"{criterion.expression or criterion.validator} decides"
            raise ValidationError(f"criterion {number} cannot be confirmed: {cause}")
        known = confirmations(ctx, found).get(number)
        if known is not None and known.criterion == criterion.text:
            if known.confirmed_by != who:
                raise Conflict(
                    f"criterion {number} was confirmed already, by {known.confirmed_by}",
                    f"tm criteria unconfirm {found.id} {number} takes it back",
                )
            return Confirmed(
                found.id,
                number,
                known.criterion,
                known.confirmed_by,
                known.confirmed_at,
                changed=False,
            )
        with ctx.event("criteria.confirmed", found.id, number=number, by=who):
            keep(ctx, found.id, number, criterion.text, who, ctx.now)
        return Confirmed(found.id, number, criterion.text, who, ctx.now, changed=True)


def unconfirm(ctx: Context, task: TaskId, number: Number) -> Confirmed:
    """Take a confirmation back.

    Raises:
        NotFound: The criterion has none.
    """
    with ctx.tasks.transaction():
        found = ctx.get(task)
        known = confirmations(ctx, found).get(number)
        if known is None:
            raise NotFound(
                f"criterion {number} of task {found.id} is not confirmed",
                f"tm criteria list {found.id}",
            )
        with ctx.event("criteria.unconfirmed", found.id, number=number, by=known.confirmed_by):
            forget(ctx, found.id, number)
    return Confirmed(
        found.id, number, known.criterion, known.confirmed_by, known.confirmed_at, changed=True
    )


def _criterion(task: Task, number: int) -> Criterion:
    criteria = read_all(task["success_criteria"])
    if number > len(criteria):
        has = f"{len(criteria)} criteria" if len(criteria) != 1 else "1 criterion"
        raise NotFound(f"task {task.id} has {has}, no {number}", f"tm criteria list {task.id}")
    return criteria[number - 1]
