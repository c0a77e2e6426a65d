"""For authors of plugins: fixtures, and a kit that examines a plugin as `tm` would use it.

Load the fixtures with `-p tm_core.testing` in pytest's `addopts`, or with
`pytest_plugins = ["tm_core.testing"]` in a `conftest.py`. The whole examination is one class:

    from tm_core.testing import PluginConformance

    class TestConformance(PluginConformance):
        plugin = "hello"
"""

from .backends import (
    pytest_addoption,
    pytest_configure,
    pytest_generate_tests,
    tm_backend,
)
from .clock import Clock
from .command_line import Cli, Process, Result
from .conformance import PluginConformance
from .fixtures import (
    tm_cache,
    tm_cli,
    tm_clock,
    tm_environ,
    tm_failing,
    tm_host,
    tm_open,
    tm_process,
    tm_store,
)
from .pages import run_readme

__all__ = [
    "Cli",
    "Clock",
    "PluginConformance",
    "Process",
    "Result",
    "pytest_addoption",
    "pytest_configure",
    "pytest_generate_tests",
    "run_readme",
    "tm_backend",
    "tm_cache",
    "tm_cli",
    "tm_clock",
    "tm_environ",
    "tm_failing",
    "tm_host",
    "tm_open",
    "tm_process",
    "tm_store",
]
