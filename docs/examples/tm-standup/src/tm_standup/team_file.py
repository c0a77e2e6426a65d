"""A config provider: settings that a team shares, from `team.toml` in the project's folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from tm_core.api import ConfigProvider, Context, UsageError, hookimpl


class TeamFile:
    """Settings above the user's own and below the project's: `[standup]` and `team = ["ann"]`."""

    name = "team.toml"

    def __init__(self, project: str) -> None:
        self._path = os.path.join(project, "team.toml")

    def get_config(self) -> Mapping[str, Any]:
        """Nested settings, as a configuration file holds them; empty where there is no file."""
        try:
            file = open(self._path, "rb")  # noqa: SIM115
        except FileNotFoundError:
            return {}
        import tomllib  # only where there is a file to read: this runs in every command

        with file:
            return tomllib.load(file)

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Keep settings at the source: this one is written by people."""
        raise UsageError(f"{self._path} is changed by hand", "edit it, and commit it")


@hookimpl
def config_providers(ctx: Context) -> Iterable[ConfigProvider]:
    """Further sources of configuration."""
    return [TeamFile(ctx.project)]
