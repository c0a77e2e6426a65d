"""The files of a new package that are no Python modules of the plugin, as templates."""

PROJECT = """\
[build-system]
requires = ["hatchling>=1.24"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
description = $summary
readme = "README.md"
requires-python = ">=3.11"
authors = [{ name = $author }]
keywords = ["task-orchestrator", "plugin"]
dependencies = ["task-orchestrator>=0.1"]

[project.optional-dependencies]
test = ["pytest>=8"]

[project.entry-points."tm.plugins"]
$name = "$package:plugin"

[tool.hatch.build.targets.wheel]
packages = ["src/$package"]

[tool.pytest.ini_options]
testpaths = ["tests"]
addopts = "-p tm_core.testing"
filterwarnings = ["error"]

[tool.ruff]
line-length = 100
target-version = "py311"

[tool.ruff.lint]
select = ["B", "E", "F", "I", "RUF", "SIM", "UP", "W"]

[tool.mypy]
strict = true
"""

IGNORED = """\
__pycache__/
.*_cache/
.venv/
dist/
"""

WORKFLOW = """\
name: Test

on:
  push:
    branches: [main]
  pull_request:

permissions:
  contents: read

jobs:
  test:
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      matrix:
        python: ["3.11", "3.12", "3.13"]
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: ${{ matrix.python }}
      - run: python -m pip install -e '.[test]'
      - run: python -m pytest
      - run: tm plugins
"""

README = """\
# $distribution

$summary. A plugin for [Task Orchestrator](https://pypi.org/project/task-orchestrator/)'s `tm`.

```sh
pip install $distribution
tm plugins
```

```console
$session
```

`tm config disable $name` turns it off, and `tm config enable $name` on again; its data stays.

## Develop

```sh
python -m venv .venv
. .venv/bin/activate
pip install -e '.[test]'
python -m pytest
```

`src/$package/__init__.py` holds the manifest: all that `tm` must know before it imports anything
else of this package. `tests/test_conformance.py` examines the plugin as `tm` would use it.
"""

MODULES = {
    "criteria": "Strategies that criteria may name.",
    "handlers": "What follows from what happened.",
    "health": "What `tm doctor` tells of this plugin.",
    "hooks": "What this plugin has to say when a task is changed or shown.",
    "measurements": "Facts that criteria may name.",
    "metrics": "Figures about the work.",
    "providers": "Settings from elsewhere.",
}
"""What each module of hooks is for."""

CONFORMANCE = """
class TestConformance(PluginConformance):
    plugin = "$name"


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)
"""

BARE_TEST = """
def test_it_is_on(tm_host: Callable[..., Any]) -> None:
    assert "$name" in tm_host(only=["$name"]).enabled
"""
