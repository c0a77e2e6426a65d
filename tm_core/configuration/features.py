"""Which features are on, and why."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tm_core.errors import ConfigError, PluginError
from tm_core.model import Plugin
from tm_core.record import Record

from .settings import KERNEL_SETTINGS, Layer, nearest, shown


class FeatureChoice(Record):
    """The decision about every feature."""

    enabled: frozenset[str]
    reasons: Mapping[str, str]
    """For each installed feature, what decided: `disabled in .task-orchestrator/config.yaml`."""
    unknown: tuple[str, ...]
    """Features that the configuration names and that are not installed."""
    required: frozenset[str]
    """Features whose failure must stop the command."""


def choose(layers: Sequence[Layer], manifests: Iterable[Plugin]) -> FeatureChoice:
    """Decide layer by layer, lowest first.

    It begins with each manifest's `enabled`. In a layer `only` replaces the choice, `enable` and
    `required` add to it, `disable` takes away. `minimal_mode` is decided by the highest layer that
    sets it, and if that turns it on, nothing up to this layer stays on; higher layers may enable
    again. Neither of the two turns off what is essential. At last goes what requires a feature
    that is off.

    Raises ConfigError for values that do not fit.
    """
    installed = {manifest.name: manifest for manifest in manifests}
    on = {name for name, manifest in installed.items() if manifest.enabled}
    essential = {name for name, manifest in installed.items() if manifest.essential}
    reasons = {name: f"{'on' if name in on else 'off'} by default" for name in installed}
    deciding = max(
        (i for i, layer in enumerate(layers) if _says(layer, "minimal_mode") is not None),
        default=-1,
    )
    required: set[str] = set()
    mentioned: set[str] = set()
    for index, layer in enumerate(layers):
        where = _where(layer)
        only = _says(layer, "plugins.only") if layer.name != "default" else None
        if only is not None:
            mentioned |= set(only)
            on = set(only) | (on & essential)
            for name in installed.keys() - (essential - set(only)):
                reasons[name] = f"{'enabled' if name in on else 'not in plugins.only'} {where}"
        required.update(_says(layer, "plugins.required") or ())
        for name, state in _switches(layer):
            (on.add if state else on.discard)(name)
            mentioned.add(name)
            reasons[name] = f"{'enabled' if state else 'disabled'} {where}"
        if index == deciding and _says(layer, "minimal_mode"):
            on &= essential
            minimal = f"off in minimal mode, set {where}"
            reasons |= dict.fromkeys(installed.keys() - essential, minimal)
    on &= installed.keys()
    _drop_unmet(on, installed, reasons)
    return FeatureChoice(
        frozenset(on),
        {name: reasons[name] for name in installed},
        tuple(sorted(mentioned - installed.keys())),
        frozenset(required),
    )


def check_required(choice: FeatureChoice) -> None:
    """Raise PluginError if a required feature is not installed, or off."""
    for name in sorted(choice.required - choice.enabled):
        if name in choice.reasons:
            what, remedy = f"off: {choice.reasons[name]}", "enable it"
        else:
            what, remedy = f"not installed{nearest(name, choice.reasons)}", "install its plugin"
        raise PluginError(
            f"feature {name!r} is required, but {what}",
            f"{remedy}, or take it out of plugins.required; see tm --safe config show",
        )


def is_legacy(key: str) -> bool:
    """Whether a top-level key is one that the older tool wrote, accepted for its sake."""
    return key in ("features", "version") or key.startswith("enforce") or key.endswith("_enabled")


def _says(layer: Layer, key: str) -> Any:
    return layer.value(key, KERNEL_SETTINGS[key])


def _switches(layer: Layer) -> list[tuple[str, bool]]:
    """Features that a layer turns on and off, in order; the last word on each counts."""
    switches = list(layer.section("features").items())
    for name, state in switches:
        if not isinstance(state, bool):
            raise ConfigError(
                f"{layer.origin}: features.{name} must be true or false, not {shown(state)}",
                "correct it there",
            )
    for key, value in layer.values.items():
        # `telemetry_enabled: false` of the old tool is a refusal; true alone never was consent.
        if key.endswith("_enabled") and value is False:
            switches.append((key.removesuffix("_enabled").replace("_", "-"), False))
    for key, state in (("required", True), ("enable", True), ("disable", False)):
        switches += [(name, state) for name in _says(layer, f"plugins.{key}") or ()]
    return switches


def _drop_unmet(on: set[str], installed: Mapping[str, Plugin], reasons: dict[str, str]) -> None:
    """Turn off what requires a feature that is off, until nothing changes."""
    dropped = True
    while dropped:
        dropped = False
        for name in sorted(on):
            unmet = [need for need in installed[name].requires if need not in on]
            if unmet:
                state = "off" if unmet[0] in installed else "not installed"
                reasons[name] = f"needs {unmet[0]!r}, which is {state}"
                on.discard(name)
                dropped = True


def _where(layer: Layer) -> str:
    """Where a layer is, for a sentence: `in .task-orchestrator/config.yaml`, `by TM_PLUGINS`."""
    if layer.name == "project":
        folder, name = os.path.split(layer.origin)
        return f"in {os.path.join(os.path.basename(folder), name)}"
    return f"{'by' if layer.is_text else 'in'} {layer.origin}"
