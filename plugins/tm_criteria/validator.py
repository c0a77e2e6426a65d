"""Judges criteria: each is passed, failed or unknown, and unknown never counts as passed.

Nothing here knows the store: values come in a context, strategies and confirmations by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tm_core.api import ExpressionError, Validator, names, parse

from .confirmations import Confirmation
from .criteria import Criterion, read, read_all, short
from .facts import lookup, plain

if TYPE_CHECKING:
    import ast

PASSED, FAILED, UNKNOWN = "passed", "failed", "unknown"


class CriteriaValidator:
    """Judges lists of criteria."""

    def __init__(
        self,
        strategies: Sequence[Validator] = (),
        confirmations: Mapping[int, Confirmation] | None = None,
    ) -> None:
        """Prepare to judge.

        Args:
            strategies: What a criterion may name as its `validator`.
            confirmations: For manual criteria, by the criterion's number in the list, from 1.
        """
        self._strategies = strategies
        self._confirmations = confirmations or {}

    def validate(
        self, criteria: Sequence[object] | None, context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Judge a list of criteria.

        Gives `overall_pass`, the `results` (number, criterion, kind, state, reason, and the values
        that an expression used), and as `failures` those results that are not passed.
        """
        results = [
            self._result(number, criterion, context or {})
            for number, criterion in enumerate(read_all(criteria), 1)
        ]
        failures = [result for result in results if result["state"] != PASSED]
        return {"overall_pass": not failures, "failures": failures, "results": results}

    def parse_expression(self, expression: str) -> ast.expr:
        """The checked tree of an expression. Raises ExpressionError."""
        return parse(expression)

    def evaluate_criterion(self, criterion: object, context: Mapping[str, Any]) -> bool:
        """Whether one criterion is passed; a manual one never is by evaluation alone."""
        state, _ = self._judge(0, read(criterion), context)
        return state == PASSED

    def _result(
        self, number: int, criterion: Criterion, context: Mapping[str, Any]
    ) -> dict[str, Any]:
        state, reason = self._judge(number, criterion, context)
        result: dict[str, Any] = {
            "number": number,
            "criterion": criterion.text,
            "kind": criterion.kind,
            "state": state,
            "reason": reason,
        }
        if criterion.expression:
            result["expression"] = criterion.expression
            found = {n: lookup(context, n) for n in sorted(names(parse(criterion.expression)))}
            result["values"] = {name: plain(one.value) for name, one in found.items() if one.found}
        return result

    def _judge(
        self, number: int, criterion: Criterion, context: Mapping[str, Any]
    ) -> tuple[str, str]:
        if criterion.fault:
            return UNKNOWN, criterion.fault
        if criterion.expression:
            return self._measure(criterion.expression, context)
        if criterion.validator:
            return self._ask(criterion, context)
        confirmation = self._confirmations.get(number)
        if confirmation is None:
            return UNKNOWN, "nobody has confirmed it"
        if confirmation.criterion != criterion.text:
            return UNKNOWN, f"its text changed after {confirmation.confirmed_by} confirmed it"
        return PASSED, f"confirmed by {confirmation.confirmed_by}"

    def _measure(self, expression: str, context: Mapping[str, Any]) -> tuple[str, str]:
        from .evaluation import Unknown, evaluate, shown  # simpleeval only where it is needed

        text = short(expression)
        try:
            tree = self.parse_expression(expression)
            state = PASSED if evaluate(tree, context) else FAILED
        except ExpressionError as error:
            return UNKNOWN, f"{text}: {error.message}"
        except Unknown as error:
            return UNKNOWN, f"{text}: {error}"
        values = ", ".join(
            f"{name} is {shown(lookup(context, name).value)}" for name in sorted(names(tree))
        )
        return state, f"{text}: {values or ('true' if state == PASSED else 'false')}"

    def _ask(self, criterion: Criterion, context: Mapping[str, Any]) -> tuple[str, str]:
        name = criterion.validator
        strategy = next((each for each in self._strategies if name_of(each) == name), None)
        if strategy is None:
            return UNKNOWN, f"there is no validator '{name}'"
        try:
            holds = strategy.validate(criterion.raw, context)
        except Exception as error:  # another plugin's: it may raise anything
            return UNKNOWN, f"validator '{name}' raised {type(error).__name__}: {short(str(error))}"
        if not isinstance(holds, bool):
            return UNKNOWN, f"validator '{name}' gave {type(holds).__name__}, not true or false"
        return (PASSED, f"validator '{name}'") if holds else (FAILED, f"validator '{name}': no")


def name_of(strategy: Validator) -> str | None:
    """The name under which a strategy is asked for; None if it cannot tell."""
    try:
        return strategy.get_name()
    except Exception:  # one broken strategy must not hide the others
        return None
