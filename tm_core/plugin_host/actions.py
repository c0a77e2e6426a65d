"""An action's signature as data: what a function asks for becomes checked parameters.

One typed function serves every interface. Positional parameters are arguments of the command,
keyword-only ones its options; `*names` takes any number of arguments; `**fields` takes the fields
that plugins declare for the action.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from tm_core.errors import UsageError
from tm_core.language import values
from tm_core.model import Field
from tm_core.record import Record


class Param(Record):
    """What a parameter's annotation adds to its type: `Annotated[int, Param(minimum=1)]`."""

    help: str = ""
    type: str = ""
    """A field type such as `datetime`, or `task`: the id of a task; empty: the annotation's."""
    options: tuple[str, ...] = ()
    """Spellings of the option, where they differ from the name."""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    day_end: bool = False


TaskId = Annotated[str, Param("A task's id, or the beginning of it", type="task")]
"""The parameter is a task: any unambiguous beginning is accepted, the function gets the whole."""


class Parameter(Record):
    """One parameter of an action."""

    name: str
    kind: str
    """`argument`, `arguments` (any number) or `option`."""
    field: Field
    """Its type and bounds, in the words in which a task's fields are declared."""
    is_task: bool
    required: bool
    default: Any

    @property
    def flags(self) -> tuple[str, ...]:
        """The option's spellings."""
        return self.field.options or ("--" + self.name.replace("_", "-"),)


class Signature(Record):
    """What an action takes."""

    parameters: tuple[Parameter, ...]
    takes_fields: bool
    text: str
    """The function's docstring."""

    @property
    def names(self) -> frozenset[str]:
        """The parameters' names."""
        return frozenset(each.name for each in self.parameters)

    @property
    def the_task(self) -> str:
        """The parameter that is the task which the action is about; empty: none, or several."""
        names = [each.name for each in self.parameters if each.is_task and each.kind == "argument"]
        return names[0] if len(names) == 1 else ""

    def bind(
        self,
        given: Mapping[str, Any],
        resolve: Callable[[str], str],
        fields: Mapping[str, Field],
        now: datetime | None = None,
    ) -> tuple[list[Any], dict[str, Any]]:
        """Check what was given and give the positional and named arguments for the function.

        Args:
            given: Values by parameter name; what is absent takes its default.
            resolve: Makes a task's id whole.
            fields: The declared fields of the action, by name.
            now: What relative instants count from; the present by default.

        Raises:
            UsageError: Something is missing or unknown.
            InvalidValue: A value is not of its type or out of bounds.
        """
        known = {parameter.name for parameter in self.parameters}
        extra = {name: value for name, value in given.items() if name not in known}
        for name in extra:
            if not self.takes_fields or name not in fields:
                raise UsageError(f"there is no parameter '{name}'")
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name not in given:
                if parameter.required:
                    raise UsageError(f"'{parameter.name}' is missing")
                value = () if parameter.kind == "arguments" else parameter.default
            else:
                value = self._checked(parameter, given[parameter.name], resolve, now)
            if parameter.kind == "option":
                named[parameter.name] = value
            elif parameter.kind == "arguments":
                positional.extend(value)
            else:
                positional.append(value)
        for name, value in extra.items():
            # Empty is no value of most types, but a word to clear a field where the action allows.
            empty = value == "" or (value == [""] and fields[name].type == "list")
            checked = "" if empty else values.check(fields[name], value, now=now)
            named[name] = resolve(checked) if checked and fields[name].type == "task" else checked
        return positional, named

    def given(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """A Python call's arguments by parameter name. Raises TypeError as a call would."""
        found: dict[str, Any] = dict(named)
        places = [parameter for parameter in self.parameters if parameter.kind != "option"]
        rest = list(arguments)
        for parameter in places:
            if parameter.kind == "arguments":
                found[parameter.name], rest = rest, []
            elif rest:
                if parameter.name in found:
                    raise TypeError(f"'{parameter.name}' is given twice")
                found[parameter.name] = rest.pop(0)
        if rest:
            raise TypeError(f"{len(rest)} argument(s) too many")
        return found

    @staticmethod
    def _checked(
        parameter: Parameter, value: Any, resolve: Callable[[str], str], now: datetime | None
    ) -> Any:
        if parameter.kind == "arguments":
            items: Iterable[Any] = value
            one = parameter._replace(kind="argument")
            return [Signature._checked(one, item, resolve, now) for item in items]
        if value is None:
            return None
        checked = values.check(parameter.field, value, now=now)
        if parameter.is_task:
            if isinstance(checked, list):
                return [resolve(item) for item in checked]
            return resolve(checked)
        return checked


_TYPES: dict[Any, str] = {str: "str", int: "int", float: "float", bool: "bool"}


def signature_of(function: Callable[..., Any]) -> Signature:
    """Read what an action's function takes after its context.

    Raises:
        TypeError: A parameter has no annotation that says what it takes.
    """
    hints = getattr(function, "__annotations__", {})
    names = getattr(inspect.unwrap(function), "__globals__", {})
    parameters: list[Parameter] = []
    takes_fields = False
    for index, parameter in enumerate(inspect.signature(function).parameters.values()):
        if index == 0:
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_fields = True
            continue
        hint = hints.get(parameter.name)
        # Only these: what the context or the result is called need not be there at run time.
        hint = eval(hint, names) if isinstance(hint, str) else hint  # its own source
        parameters.append(_parameter(parameter, hint))
    return Signature(tuple(parameters), takes_fields, inspect.getdoc(function) or "")


def _parameter(parameter: inspect.Parameter, hint: Any) -> Parameter:
    annotation, param = _unwrapped(hint)
    kind = "option" if parameter.kind is parameter.KEYWORD_ONLY else "argument"
    if parameter.kind is parameter.VAR_POSITIONAL:
        kind = "arguments"
    type_name = param.type
    is_task = type_name == "task"
    if typing.get_origin(annotation) is list:
        item, item_param = _unwrapped(typing.get_args(annotation)[0])
        is_task = is_task or item_param.type == "task"
        type_name = "list" if item is str else ""
    elif is_task:
        type_name = "str"
    elif not type_name:
        type_name = "enum" if param.choices else _TYPES.get(annotation, "")
        if annotation in (dict, Any) or typing.get_origin(annotation) is dict:
            type_name = "json"
    if not type_name:
        raise TypeError(f"parameter '{parameter.name}' has no usable type: {hint!r}")
    default = None if parameter.default is parameter.empty else parameter.default
    field = Field(
        parameter.name,
        type_name,
        help=param.help,
        options=param.options,
        choices=param.choices,
        minimum=param.minimum,
        maximum=param.maximum,
        max_length=param.max_length,
        day_end=param.day_end,
    )
    required = parameter.default is parameter.empty and kind != "arguments"
    return Parameter(parameter.name, kind, field, is_task, required, default)


def _unwrapped(hint: Any) -> tuple[Any, Param]:
    """The bare type and what was annotated, without `| None`."""
    param = Param()
    while True:
        if typing.get_origin(hint) is Annotated:
            hint, *notes = typing.get_args(hint)
            param = next((note for note in notes if isinstance(note, Param)), param)
        elif typing.get_origin(hint) in (typing.Union, types.UnionType):
            hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
        else:
            return hint, param
