"""Every plugin that comes with `tm` stands what an author's plugin is asked to stand."""

from __future__ import annotations

import importlib.metadata

import pytest

from tm_core.testing import PluginConformance

BUILT_IN = sorted(
    entry.name
    for entry in importlib.metadata.entry_points(group="tm.plugins")
    if entry.dist is not None and entry.dist.name == "task-orchestrator"
)


class TestBuiltIns(PluginConformance):
    @pytest.fixture(params=BUILT_IN)
    def plugin_name(self, request: pytest.FixtureRequest) -> str:
        name: str = request.param
        return name
