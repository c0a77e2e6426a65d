"""Runs tests that are marked `every_backend` on each storage engine."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known that say which tests run on which storage engine."""
    for line in (
        "every_backend: runs on each storage engine of the option --tm-backends",
        "only_backend(name): within what is marked every_backend, runs on this engine alone",
    ):
        config.addinivalue_line("markers", line)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--tm-backends`."""
    parser.addoption(
        "--tm-backends",
        default="sqlite",
        help="Engines that tests marked every_backend run on: sqlite, and any NAME for which there"
        " is a fixture tm_url_NAME that gives a new store's URL",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each engine."""
    marked = metafunc.definition.get_closest_marker("every_backend")
    if marked is not None and "tm_backend" in metafunc.fixturenames:
        names = metafunc.config.getoption("--tm-backends").split(",")
        only = metafunc.definition.get_closest_marker("only_backend")
        names = [name for name in names if only is None or name in only.args]
        metafunc.parametrize("tm_backend", names, indirect=True)


@pytest.fixture
def tm_backend(request: pytest.FixtureRequest) -> str:
    """The storage engine that this test runs on: `sqlite`, unless it is marked `every_backend`."""
    return str(getattr(request, "param", "sqlite"))
