"""`ConfigManager`: which features are on, as the specification's methods."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tm_core.api import UsageError, Workspace, nearest, set_config_feature, set_config_value

from .registries import Registered, provider_of


class ConfigManager:
    """The features of one project, by its configuration file.

    ConfigManager(Path("project/.task-orchestrator/config.yaml")).disable_feature("feedback")
    """

    def __init__(
        self,
        config_path: Path,
        registered: Registered | None = None,
        changed: Callable[[], None] | None = None,
    ) -> None:
        """Look after a file; it need not exist yet.

        Args:
            config_path: The project's `config.yaml`.
            registered: Where providers are registered.
            changed: Called when the configuration has another value than before.

        Raises:
            UsageError: The file has another name, so that tm would not read it.
        """
        self.config_path = Path(config_path)
        if self.config_path.name != "config.yaml":
            raise UsageError(f"{config_path} is not read by tm", "its name is config.yaml")
        self._registered = Registered() if registered is None else registered
        self._changed = changed or (lambda: None)

    @property
    def config(self) -> dict[str, bool]:
        """The same as `get_config()`."""
        return self.get_config()

    def get_config(self) -> dict[str, bool]:
        """Whether each installed feature is on, all layers of the configuration considered."""
        host = self._workspace().host
        return {
            one.name: one.name in host.enabled for one in host.installed if one.manifest is not None
        }

    def enable_feature(self, feature: str) -> bool:
        """Turn a feature on; gives whether it is on now, which another layer may prevent.

        Raises:
            UsageError: There is no such feature.
        """
        return self._toggle(feature, True)

    def disable_feature(self, feature: str) -> bool:
        """Turn a feature off; its data stays. Gives whether it is off now.

        Raises:
            UsageError: There is no such feature.
        """
        return not self._toggle(feature, False)

    def set_minimal_mode(self, enabled: bool) -> bool:
        """Turn all features off, or back to what is configured; gives whether that is so now."""
        self._make_folder()
        set_config_value(str(self.config_path), "minimal_mode", enabled)
        self._changed()
        return bool(self._workspace().config.get("minimal_mode")) is enabled

    def add_provider(self, provider: Any) -> None:
        """Add a source of settings, between the user's files and the project's.

        Args:
            provider: Has `get_config()` and `set_config(config)`.
        """
        self._registered.providers.append(provider_of(provider))
        self._changed()

    def _toggle(self, feature: str, enabled: bool) -> bool:
        known = self.get_config()
        if feature not in known:
            hint = nearest(feature, known) or f"known: {', '.join(known)}"
            raise UsageError(f"there is no feature '{feature}'", hint)
        self._make_folder()
        set_config_feature(str(self.config_path), feature, enabled)
        self._changed()
        return self.get_config()[feature]

    def _make_folder(self) -> None:
        os.makedirs(self.config_path.parent, mode=0o700, exist_ok=True)

    def _workspace(self) -> Workspace:
        folder = str(self.config_path.parent)
        return Workspace(folder, store=folder, report=lambda line: None)
