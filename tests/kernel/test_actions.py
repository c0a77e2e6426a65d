"""What an action's signature says, as data and as checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Optional

import pytest

from tm_core.context import Context
from tm_core.errors import InvalidValue, NotFound, UsageError
from tm_core.model import Field
from tm_core.plugin_host.actions import Param, TaskId, signature_of


def resolve(prefix: str) -> str:
    if prefix not in ("a", "abc"):
        raise NotFound(f"no task has the id '{prefix}'")
    return "abc"


def bound(function: Any, given: Mapping[str, Any], **fields: Field) -> tuple[list[Any], Any]:
    return signature_of(function).bind(given, resolve, fields)


def review(
    ctx: Context,
    task: TaskId,
    note: str = "",
    *,
    quality: Annotated[int, Param("How good", minimum=1, maximum=5)],
    hours: Annotated[float | None, Param("How long", type="duration")] = None,
    due: Annotated[Optional[str], Param(type="datetime")] = None,  # noqa: UP045
    kind: Annotated[str, Param(choices=("short", "long"))] = "short",
    amend: bool = False,
    tags: Annotated[list[str], Param(options=("--tag",))] = [],  # noqa: B006
    extra: dict[str, Any] | None = None,
) -> None:
    """Review a task."""


def collect(ctx: Context, *tasks: TaskId, others: list[TaskId] | None = None) -> None: ...


def with_fields(ctx: Context, title: str, **fields: Any) -> None: ...


def test_a_signature_is_read_from_the_annotations() -> None:
    signature = signature_of(review)
    assert signature.text == "Review a task."
    assert not signature.takes_fields
    shapes = {
        each.name: (each.kind, each.field.type, each.is_task, each.required)
        for each in signature.parameters
    }
    assert shapes == {
        "task": ("argument", "str", True, True),
        "note": ("argument", "str", False, False),
        "quality": ("option", "int", False, True),
        "hours": ("option", "duration", False, False),
        "due": ("option", "datetime", False, False),
        "kind": ("option", "enum", False, False),
        "amend": ("option", "bool", False, False),
        "tags": ("option", "list", False, False),
        "extra": ("option", "json", False, False),
    }
    flags = {each.name: each.flags for each in signature.parameters}
    assert flags["tags"] == ("--tag",)
    assert flags["quality"] == ("--quality",)
    quality = next(each for each in signature.parameters if each.name == "quality")
    assert (quality.field.minimum, quality.field.maximum) == (1, 5)
    assert quality.field.help == "How good"


def test_any_number_of_arguments_and_lists_of_tasks() -> None:
    tasks, others = signature_of(collect).parameters
    assert (tasks.kind, tasks.is_task, tasks.required) == ("arguments", True, False)
    assert (others.kind, others.is_task, others.field.type) == ("option", True, "list")
    assert bound(collect, {"tasks": ["a", "abc"], "others": ["a"]}) == (
        ["abc", "abc"],
        {"others": ["abc"]},
    )
    assert bound(collect, {}) == ([], {"others": None})


def test_binding_checks_converts_and_fills_in() -> None:
    positional, named = bound(review, {"task": "a", "quality": "4", "hours": "90m", "tags": "x"})
    assert positional == ["abc", ""]
    assert named == {
        "quality": 4,
        "hours": 1.5,
        "due": None,
        "kind": "short",
        "amend": False,
        "tags": ["x"],
        "extra": None,
    }


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"quality": 3}, UsageError, "'task' is missing"),
        ({"task": "a"}, UsageError, "'quality' is missing"),
        ({"task": "a", "quality": 3, "nonsense": 1}, UsageError, "no parameter 'nonsense'"),
        ({"task": "zzz", "quality": 3}, NotFound, "zzz"),
        ({"task": 7, "quality": 3}, InvalidValue, "task must be text"),
        ({"task": "a", "quality": 6}, InvalidValue, "quality must be from 1 to 5"),
        ({"task": "a", "quality": "good"}, InvalidValue, "whole number"),
        ({"task": "a", "quality": 3, "hours": "nan"}, InvalidValue, "hours"),
        ({"task": "a", "quality": 3, "hours": "-1"}, InvalidValue, "hours"),
        ({"task": "a", "quality": 3, "due": "2025-02-30"}, InvalidValue, "due"),
        ({"task": "a", "quality": 3, "kind": "medium"}, InvalidValue, "one of short, long"),
        ({"task": "a", "quality": 3, "amend": "perhaps"}, InvalidValue, "true or false"),
        ({"task": "a", "quality": 3, "tags": ["", "x"]}, InvalidValue, "empty item"),
        ({"task": "a", "quality": 3, "extra": "{"}, InvalidValue, "JSON"),
        ({"task": "a", "quality": 3, "note": "a\0b"}, InvalidValue, "NUL"),
        ({"task": "a", "quality": 3, "note": "\udcff"}, InvalidValue, "UTF-8"),
    ],
)
def test_binding_refuses_what_does_not_fit(
    given: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        bound(review, given)


def test_declared_fields_are_taken_where_they_are_asked_for() -> None:
    points = Field("points", "int", maximum=8)
    assert bound(with_fields, {"title": "x", "points": "3"}, points=points) == (
        ["x"],
        {"points": 3},
    )
    with pytest.raises(InvalidValue, match="at most 8"):
        bound(with_fields, {"title": "x", "points": 9}, points=points)
    with pytest.raises(UsageError, match="no parameter 'other'"):
        bound(with_fields, {"title": "x", "other": 9}, points=points)
    with pytest.raises(UsageError, match="no parameter 'points'"):
        bound(review, {"task": "a", "quality": 3, "points": 3}, points=points)


def test_a_python_call_becomes_values_by_name() -> None:
    signature = signature_of(review)
    assert signature.given(["a", "fine"], {"quality": 3}) == {
        "task": "a",
        "note": "fine",
        "quality": 3,
    }
    assert signature_of(collect).given(["a", "b"], {}) == {"tasks": ["a", "b"]}
    with pytest.raises(TypeError, match="too many"):
        signature.given(["a", "fine", 3], {})
    with pytest.raises(TypeError, match="given twice"):
        signature.given(["a"], {"task": "b"})


@pytest.mark.parametrize("annotation", [object, set[str], list[int], bytes, None])
def test_an_annotation_that_says_nothing_is_a_mistake_of_the_author(annotation: Any) -> None:
    def action(ctx: Context, value: Any) -> None: ...

    action.__annotations__["value"] = annotation
    with pytest.raises(TypeError, match="parameter 'value' has no usable type"):
        signature_of(action)


def test_a_parameter_without_annotation_is_a_mistake_too() -> None:
    def action(ctx, value): ...  # type: ignore[no-untyped-def]

    with pytest.raises(TypeError, match="'value'"):
        signature_of(action)
