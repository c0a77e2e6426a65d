"""What a command imports, since users feel it: an agent runs `tm` hundreds of times an hour."""

from __future__ import annotations

import os
from typing import Any

import pytest

SCRIPT = """
import sys
import click
before = set(sys.modules)
from tm_core.command_line.cli import run
code = run(sys.argv[1:])
print(*sorted(set(sys.modules) - before), file=sys.stderr)
sys.exit(code)
"""

NEVER = frozenset(
    {
        "argparse",
        "asyncio",
        "concurrent",
        "configparser",
        "csv",
        "dataclasses",
        "decimal",
        "difflib",
        "email",
        "hashlib",
        "html",
        "http",
        "importlib.metadata",
        "logging",
        "multiprocessing",
        "pathlib",
        "pickle",
        "pluggy",
        "pydoc",
        "random",
        "rich",
        "shutil",
        "simpleeval",
        "socket",
        "ssl",
        "statistics",
        "subprocess",
        "tempfile",
        "textwrap",
        "tomllib",
        "unittest",
        "urllib",
        "wcwidth",
        "xml",
        "yaml",
        "zipfile",
    }
)
"""What is dear, and needless for these commands: each with all that is in it."""

ALLOWED = frozenset(
    {
        # the engine
        "sqlite3",
        "sqlite3.dbapi2",
        "_sqlite3",
        # JSON: results, the index, the log
        "json",
        "json.decoder",
        "json.encoder",
        "json.scanner",
        "_json",
        # times; the lock; names of caches; patterns of events
        "datetime",
        "_datetime",
        "fcntl",
        "fnmatch",
        "zlib",
        # digests of events
        "_sha2",
        "_sha256",
        # small parts of the interpreter that others bring along
        "platform",
        "typing.io",
        "typing.re",
        "_locale",
        "locale",
        "stat",
        "math",
        "threading",
        "_weakrefset",
        "importlib.machinery",
        "_typing",
        "_uuid",
        "uuid",
        "__future__",
        "ast",
        "_ast",
        "inspect",
        "dis",
        "opcode",
        "_opcode",
        "tokenize",
        "token",
        "linecache",
    }
)
"""What the kernel may import beyond its own modules and Click's own imports."""


def imported(tm: Any, *arguments: str) -> set[str]:
    """The modules that a command imports beyond those of a bare Click program.

    It runs twice: the first run may make the index, which takes more.
    """
    tm.script(SCRIPT, *arguments)
    return set(tm.script(SCRIPT, *arguments).err.splitlines()[-1].split())


def dear(modules: set[str]) -> set[str]:
    return {name for name in modules if any(f"{name}.".startswith(f"{d}.") for d in NEVER)}


def strange(modules: set[str]) -> set[str]:
    """Neither the kernel's nor allowed."""
    return {
        name
        for name in modules - ALLOWED
        if name.partition(".")[0] not in ("tm_core", "click", "encodings")
    }


def test_the_version_needs_hardly_anything(tm: Any) -> None:
    modules = imported(tm, "--version")
    assert dear(modules) == set()
    assert strange(modules) == set()


@pytest.mark.parametrize("arguments", [["add", "x"], ["list"], ["list", "--json"]])
def test_a_verb_imports_nothing_dear(arguments: list[str], tm: Any) -> None:
    tm("init")
    tm("add", "x")
    options = ["--safe"] if arguments[0] == "list" else []
    modules = imported(tm, *options, *arguments)
    assert dear(modules) == set()
    assert strange(modules) == set()


def test_a_bare_add_imports_no_plugin(tm: Any) -> None:
    """With all features that are on by default, none of which it concerns."""
    tm("init")
    modules = imported(tm, "add", "x")
    assert [name for name in modules if name.startswith("tm_") and "tm_core" not in name] == []
    assert not {"tm_core.language.expressions", "tm_core.language.syntax", "tm_core.api"} & modules


def test_what_is_on_and_not_configured_is_not_imported(tm: Any) -> None:
    tm("init")
    for feature in ("webhook", "config-providers"):
        tm("config", "enable", feature)
    modules = imported(tm, "add", "x")
    assert not {"pluggy", "tm_webhook", "tm_config_providers"} & modules
    tm("config", "set", "--user", "webhook.urls", "http://127.0.0.1:9/")
    assert "tm_webhook.hooks" in imported(tm, "add", "x")


@pytest.mark.parametrize("verb", ["show", "update", "complete", "delete"])
def test_the_other_verbs_import_nothing_dear(verb: str, tm: Any) -> None:
    tm("--safe", "init")
    task_id = tm("--safe", "add", "x").out.strip()
    options = ["--title", "y"] if verb == "update" else []
    printed = tm.script(SCRIPT, "--safe", verb, task_id, *options).err
    modules = set(printed.splitlines()[-1].split())
    assert dear(modules) == set()
    assert strange(modules) == set()


def test_a_configured_project_reads_no_yaml_twice(tm: Any) -> None:
    tm("init")
    tm("config", "set", "list.limit", "7")
    config = tm.folder / ".task-orchestrator" / "config.yaml"
    os.utime(config, (1_700_000_000, 1_700_000_000))  # a file of this very moment is read again
    modules = imported(tm, "list")
    assert "yaml" not in modules
    assert dear(modules) == set()


def test_help_imports_no_plugin(tm: Any) -> None:
    """Its rows and sections come from the index."""
    modules = imported(tm, "--help")
    assert [name for name in modules if name.startswith("tm_") and "tm_core" not in name] == []
    assert not {"yaml", "pluggy", "importlib.metadata"} & modules


def test_the_sensor_works(tm: Any) -> None:
    """A plugin's command does import its plugin, and a hook pluggy: both are seen."""
    tm("init")
    assert "tm_metrics.actions" in imported(tm, "metrics")
    assert {"tm_dependencies.health", "pluggy"} <= imported(tm, "doctor")
