"""Immutable values with named fields, as `typing.NamedTuple` gives them, but quick to define.

A named tuple or a dataclass compiles source when its class is made, once for each annotation; with
thirty such classes on the way to the first line of work, users would feel it at every command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, ClassVar, Self, dataclass_transform


@dataclass_transform(frozen_default=True)
class Record(tuple[Any, ...]):
    """A tuple whose places have names, types and defaults, given as annotations of the subclass."""

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()
    """The names, in order."""
    _field_defaults: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        """Make an attribute of each annotation, and keep what is assigned to it as its default."""
        cls._fields = tuple(cls.__annotations__)
        cls._field_defaults = {
            name: cls.__dict__[name] for name in cls._fields if name in cls.__dict__
        }
        for place, name in enumerate(cls._fields):
            setattr(cls, name, property(itemgetter(place)))

    def __new__(cls, *values: Any, **named: Any) -> Self:
        """One value for each field, by place or by name."""
        if named or len(values) != len(cls._fields):
            values = cls._complete(values, named)
        return super().__new__(cls, values)

    @classmethod
    def _make(cls, values: Iterable[Any]) -> Self:
        """One from just as many values as there are fields, quicker than by a call."""
        made = super().__new__(cls, values)
        if len(made) != len(cls._fields):
            raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(made)}")
        return made

    @classmethod
    def _complete(cls, values: Sequence[Any], named: dict[str, Any]) -> tuple[Any, ...]:
        first = dict(zip(cls._fields, values, strict=False))
        complete = {**cls._field_defaults, **first, **named}
        missing = [name for name in cls._fields if name not in complete]
        unknown = [name for name in named if name in first or name not in cls._fields]
        if missing or unknown or len(values) > len(cls._fields):
            wrong = f"missing: {missing}, unknown or given twice: {unknown}"
            raise TypeError(f"{cls.__name__} has the fields {', '.join(cls._fields)}; {wrong}")
        return tuple([complete[name] for name in cls._fields])

    def __getnewargs__(self) -> tuple[Any, ...]:
        """For copying: `__new__` takes the values one by one."""
        return tuple(self)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({shown})"

    def _asdict(self) -> dict[str, Any]:
        """The values by name."""
        return dict(zip(self._fields, self, strict=True))

    def _replace(self, **named: Any) -> Self:
        """The same with other values for some fields."""
        return type(self)(**self._asdict() | named)
