"""Settings: the kernel's own, and how a value is read from a layer, converted and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from tm_core.errors import ConfigError
from tm_core.model import Setting
from tm_core.record import Record

KERNEL_SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "actor": Setting("str", "", "Who you are in the event log; empty: the name of your login"),
        "minimal_mode": Setting("bool", False, "Turn all features off"),
        "store.url": Setting("str", "", "Database file or URL; empty: in the store folder"),
        "store.busy_timeout": Setting(
            "float", 30.0, "Seconds to wait for another writer", minimum=0, maximum=3600
        ),
        "store.synchronous": Setting(
            "str", "full", "`normal` is faster and may lose the last writes", ("full", "normal")
        ),
        "plugins.set": Setting("str", "", "A plugin set: a file, or a name from a package"),
        "sets": Setting("dict", {}, "Plugin sets of one's own, by name"),
        "plugins.only": Setting("list", [], "Features to have on, instead of all others"),
        "plugins.enable": Setting("list", [], "Features to turn on"),
        "plugins.disable": Setting("list", [], "Features to turn off"),
        "plugins.required": Setting("list", [], "Features without which no command may run"),
        "plugins.time_budget": Setting(
            "float",
            1.0,
            "Seconds that a call of a plugin may take before it is named; 0: any",
            minimum=0,
        ),
        "output.color": Setting("str", "auto", "Colours", ("auto", "always", "never")),
        "list.limit": Setting("int", 50, "Tasks on one page of a list; 0: all", minimum=0),
    }
)
"""The kernel's own settings, by key."""
RESERVED_NAMES = frozenset({*(key.partition(".")[0] for key in KERNEL_SETTINGS), "features"})
"""Names that no plugin can have, since its settings would be the kernel's."""

_KINDS: Mapping[str, tuple[Any, str]] = MappingProxyType(
    {
        "str": (str, "text (in quotes, if it looks like something else)"),
        "int": (int, "a whole number"),
        "float": (float, "a number"),
        "bool": (bool, "true or false"),
        "list": (list, "a list"),
        "dict": (dict, "keys with values"),
    }
)
_TRUTH: Mapping[str, bool] = MappingProxyType(
    {"true": True, "yes": True, "on": True, "1": True}
    | {"false": False, "no": False, "off": False, "0": False}
)


class Layer(Record):
    """Values from one source."""

    name: str
    """One of `tm_core.configuration.config.LAYERS`."""
    origin: str
    """The file, the variable, the argument or the provider that they come from."""
    values: dict[str, Any]
    """As nested mappings: `{"deadlines": {"warn_before_hours": 12}}`."""

    @property
    def is_text(self) -> bool:
        """Its values were typed as text, and become what their settings are."""
        return self.name in ("environment", "command line")

    def section(self, name: str) -> Mapping[str, Any]:
        """The values below one top-level key. Raises ConfigError if it holds something else."""
        values = self.values.get(name)
        if values is None:
            return {}
        if not isinstance(values, dict):
            raise ConfigError(
                f"{self.origin}: {name!r} must hold keys with values, not {shown(values)}",
                "write its settings below it, indented",
            )
        return values

    def value(self, key: str, setting: Setting | None) -> Any:
        """What it says of a key, converted and checked if the setting is known; None if nothing.

        Raises ConfigError for a value that does not fit.
        """
        section, dot, name = key.partition(".")
        value = self.section(section).get(name) if dot else self.values.get(key)
        if value is None:
            return None
        as_text = self.is_text and isinstance(value, str)
        if setting is None:
            return _structured(value) if as_text else value
        try:
            value = _checked(setting, value, as_text)
            if section == "plugins" and isinstance(value, list):
                _check_names(value)
        except ValueError as error:
            hint = f"correct it there; {key}: {setting.help}"
            raise ConfigError(f"{self.origin}: {key} {error}", hint) from None
        return value


def parse_value(text: str, setting: Setting | None = None, key: str = "value") -> Any:
    """The value that a person means by `text` for a setting, checked.

    A list is `a,b` or JSON; without a setting, JSON is what it says and all else is text. Raises
    ConfigError if the value does not fit the setting.
    """
    if setting is None:
        return _structured(text)
    try:
        return _checked(setting, text, as_text=True)
    except ValueError as error:
        raise ConfigError(f"{key} {error}", setting.help) from None


def shown(value: Any) -> str:
    """A value as an error message quotes it: escaped, and short."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion to put after an unknown name, or nothing."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _checked(setting: Setting, value: Any, as_text: bool) -> Any:
    """The value as the setting's type. Raises ValueError: "must be a number, not 'x'"."""
    kind, words = _KINDS[setting.type]
    if as_text:
        value = _from_text(setting.type, value)
    if kind is float and type(value) is int and abs(value) < 2**1000:
        value = float(value)
    # type(), since True is an int, too.
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise ValueError(f"must be {words}, not {shown(value)}")
    if setting.choices:
        for item in value if kind is list else [value]:
            if item not in setting.choices:
                raise ValueError(f"must be {' or '.join(setting.choices)}, not {shown(item)}")
    if setting.minimum is not None and value < setting.minimum:
        raise ValueError(f"must be at least {setting.minimum}, not {shown(value)}")
    if setting.maximum is not None and value > setting.maximum:
        raise ValueError(f"must be at most {setting.maximum}, not {shown(value)}")
    # A copy, so that no reader changes a layer or a default for the others.
    return kind(value) if kind in (list, dict) else value


def _from_text(kind: str, text: str) -> Any:
    """Text as a type, or as it is if it cannot be that."""
    if kind == "str":
        return text
    if kind == "bool":
        return _TRUTH.get(text.lower(), text)
    if kind == "list" and not text.startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        if kind == "int":
            return int(text)
        return float(text) if kind == "float" else _structured(text)
    except ValueError:
        return text


def _structured(text: str) -> Any:
    """JSON as what it says, YAML in brackets or quotes as well, anything else as text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if not text.startswith(("[", "{", '"', "'")):
            return text
    from .yaml_file import parse_any

    try:
        return parse_any(text, "")
    except ConfigError:
        return text


def _check_names(names: Iterable[Any]) -> None:
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f"must hold names of features, not {shown(name)}")
