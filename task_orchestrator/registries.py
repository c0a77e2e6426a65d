"""The four registrations of the specification: what a plugin's hooks offer, offered from code.

What is registered belongs to one `CoreLoop`, and is part of a plugin made in code: so it is called
exactly as an installed plugin's is, with the same isolation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tm_core.api import Hook, Plugin, UsageError, Validator, hookimpl

NAME = "registered-in-code"


class _Calculator(NamedTuple):
    """A calculator under a name; it is given all tasks as a list of dicts."""

    name: str
    calculator: Any

    def calculate(self, tasks: Any) -> Mapping[str, Any]:
        """The figures."""
        figures: Mapping[str, Any] = self.calculator.calculate(list(tasks))
        return figures


class _Handler(NamedTuple):
    """A handler under a name and with a pattern."""

    name: str
    pattern: str
    handle: Callable[[Any], None]


class _Provider(NamedTuple):
    """A provider under a name."""

    name: str
    get_config: Callable[[], Mapping[str, Any]]
    set_config: Callable[[Mapping[str, Any]], None]


class Registered:
    """What was registered: the module of a plugin made in code."""

    def __init__(self) -> None:
        self.validators: list[Validator] = []
        self.calculators: list[_Calculator] = []
        self.handlers: list[_Handler] = []
        self.providers: list[_Provider] = []

    @hookimpl
    def criterion_validators(self) -> list[Validator]:
        """The registered strategies."""
        return self.validators

    @hookimpl
    def metric_calculators(self) -> list[_Calculator]:
        """The registered calculators."""
        return self.calculators

    @hookimpl
    def event_handlers(self) -> list[_Handler]:
        """The registered handlers."""
        return self.handlers

    @hookimpl
    def config_providers(self) -> list[_Provider]:
        """The registered providers."""
        return self.providers

    def plugin(self) -> Plugin:
        """The manifest."""
        names = (
            *("criterion_validators", "metric_calculators"),
            *("event_handlers", "config_providers"),
        )
        return Plugin(
            NAME, "What a program has registered", hooks={name: Hook(self) for name in names}
        )


class ValidatorRegistry:
    """Strategies that a criterion may name as its `validator`."""

    def __init__(self, registered: Registered) -> None:
        self._registered = registered

    def register(self, validator: Validator) -> None:
        """Offer a strategy under the name that its `get_name` gives.

        Raises:
            UsageError: The name is taken.
        """
        name = validator.get_name()
        if name in [known.get_name() for known in self._registered.validators]:
            raise UsageError(f"there is a validator '{name}' already", "give it another name")
        self._registered.validators.append(validator)


class MetricsRegistry:
    """Measures of the work, for `metrics`."""

    def __init__(self, registered: Registered) -> None:
        self._registered = registered

    def register(self, name: str, calculator: Any) -> None:
        """Offer a calculator: its `calculate(tasks)` gets every task as a dict, and gives figures.

        Raises:
            UsageError: The name is taken.
        """
        if name in [known.name for known in self._registered.calculators]:
            raise UsageError(f"there is a calculator '{name}' already", "give it another name")
        self._registered.calculators.append(_Calculator(name, calculator))


class EventBus:
    """Observers of what happens."""

    def __init__(self, registered: Registered) -> None:
        self._registered = registered

    def subscribe(self, pattern: str, handler: Any) -> None:
        """Call `handler.handle(event)`, or the handler itself, for each event that matches.

        It is called after the commit, at least once for each event.

        Args:
            pattern: A type of event such as `task.completed`, or `task.*`.
            handler: An object with `handle`, or a function.
        """
        handle = getattr(handler, "handle", handler)
        kind = handler if callable(handler) and not hasattr(handler, "handle") else type(handler)
        number = len(self._registered.handlers)
        name = f"{getattr(kind, '__qualname__', 'handler')}-{pattern}-{number}"
        self._registered.handlers.append(_Handler(name, pattern, handle))


def provider_of(provider: Any) -> _Provider:
    """A provider with a name: its own, or that of its class."""
    name = getattr(provider, "name", type(provider).__name__)
    return _Provider(str(name), provider.get_config, provider.set_config)
