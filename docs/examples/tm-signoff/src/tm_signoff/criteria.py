"""A strategy for criteria: `{"criterion": "two have read it", "validator": "signed-off"}`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tm_core.api import Context, Validator, hookimpl

from .signatures import missing, of_id


class SignedOff:
    """Holds when enough people have signed: two, or as many as the criterion's `people` says."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def get_name(self) -> str:
        """The name that a criterion gives as its `validator`."""
        return "signed-off"

    def validate(self, criterion: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
        """Count the signatures of the task, whose fields are names in the context."""
        return not missing(int(criterion.get("people", 2)), of_id(self._ctx, context["id"]))


@hookimpl
def criterion_validators(ctx: Context) -> Iterable[Validator]:
    """The strategies that criteria may name."""
    return [SignedOff(ctx)]
