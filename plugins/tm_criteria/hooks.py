"""Checks criteria when they are written down, and the task when it is completed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tm_core.api import Change, Context, Problem, Task, hookimpl

from .confirmations import confirmations
from .criteria import is_comparison, problems, read_all, short
from .facts import Facts, gather
from .validator import CriteriaValidator, name_of

FEATURE = "success-criteria"
_TOLD = 3
"""So many unmet criteria are all told in the refusal itself."""


@hookimpl
def task_validate(ctx: Context, change: Change) -> Iterator[Problem]:
    """Refuse criteria that nobody can judge, and a completion whose criteria are not met."""
    if change.action == "import":
        return  # what another tool let pass is kept; nobody can judge it until it is corrected
    if "success_criteria" in change.changed:
        faults = list(problems(change.after["success_criteria"]))
        yield from faults
        if not faults:
            _advise(ctx, change.after["success_criteria"])
    given = change.options.keys() & {"measurements", "evidence"}  # what for, if not to judge by it
    asked = change.options.get("validate") or given
    if change.completes and asked:
        yield from _gate(ctx, change)


def _advise(ctx: Context, value: Sequence[object] | None) -> None:
    criteria = read_all(value)
    maximum = ctx.settings["recommended_maximum"]
    if len(criteria) > maximum:
        ctx.warn(f"{len(criteria)} success criteria. Maximum recommended: {maximum}")
    for number, item in enumerate(value or (), 1):
        if (
            isinstance(item, str)
            and any(sign in item for sign in "<>=")
            and not is_comparison(item)
        ):
            ctx.warn(f"criterion {number} is no expression: a person is to confirm it")
    wanted = {each.validator: number for number, each in enumerate(criteria, 1) if each.validator}
    if wanted:
        known = {name_of(each) for each in ctx.collect("criterion_validators")}
        for name, number in wanted.items():
            if name not in known:
                ctx.warn(f"criterion {number}: there is no validator '{name}' yet")


def _gate(ctx: Context, change: Change) -> Iterator[Problem]:
    facts = gather(ctx, change.after, change.evidence, change.options.get("measurements", ()))
    report = judge(ctx, change.after, facts)
    if not report["results"]:
        return
    for sentence in facts.contradictions():
        ctx.warn(sentence)
    told: dict[str, Any] = {"results": report["results"]}
    if facts.claimed:
        told["claimed"] = facts.claims()
    change.data[FEATURE] = told
    for result in report["failures"]:
        yield Problem(
            f"criteria unmet: {unmet(result)}",
            "success_criteria",
            overridable=True,
            hint=_remedy(change.after, result, len(report["failures"])),
        )


@hookimpl
def task_refused(ctx: Context, change: Change, problems: Sequence[Problem]) -> None:
    """Record that a completion did not pass its criteria: the first attempt is what metrics count.

    The task is as it was; the event holds what a completion that passes holds of its criteria.
    """
    told = change.data.get(FEATURE)
    if told and any(result["state"] != "passed" for result in told["results"]):
        refused = [problem.message for problem in problems]
        with ctx.event(
            "task.completion_refused", change.after.id, refused=refused, plugins={FEATURE: told}
        ):
            pass


def judge(ctx: Context, task: Task, facts: Facts) -> dict[str, Any]:
    """The report of `CriteriaValidator.validate`, each result saying where its values are from."""
    criteria = task["success_criteria"]
    if criteria is None:
        return CriteriaValidator().validate(None)
    wanted = any(criterion.validator for criterion in read_all(criteria))
    strategies = ctx.collect("criterion_validators") if wanted else ()
    report = CriteriaValidator(strategies, confirmations(ctx, task)).validate(
        criteria, facts.context
    )
    for result in report["results"]:
        if "values" in result:
            result["sources"] = {name: facts.source(name) for name in result["values"]}
            reports = [each for name in result["values"] for each in facts.reports(name)]
            if reports:
                result["evidence"] = [r for n, r in enumerate(reports) if r not in reports[:n]]
    return report


def unmet(result: Mapping[str, Any]) -> str:
    """Which criterion, and why it is not passed, in one line."""
    text, reason = short(result["criterion"]), result["reason"]
    label = (
        f"{result['number']}."
        if result.get("expression") == result["criterion"]
        else (f"{result['number']}. {text}:")
    )
    return f"{label} {reason}"


def _remedy(task: Task, result: Mapping[str, Any], failures: int) -> str:
    if failures > _TOLD:
        return f"tm criteria check {task.id} shows all; --force overrides"
    if result["kind"] == "manual":
        return f"tm criteria confirm {task.id} {result['number']}; --force overrides"
    if result["kind"] == "faulty":
        return f"tm update {task.id} --criteria corrects it; --force overrides"
    return "--force overrides"
