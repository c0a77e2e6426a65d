"""The plugin index: on a hit no plugin is imported, and whatever changes is noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core.api import Action, Command, Field, Hook, Plugin, Setting
from tm_core.plugin_host.registry import Installed, installed_plugins

MANIFEST = 'from tm_core.api import Plugin\nplugin = Plugin("{name}", "{summary}")\n'


@pytest.fixture
def cache(tm_environ: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test's own; gives the folder of the index."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "task-orchestrator"


@pytest.fixture
def listed(tm: Any, cache: Path) -> Callable[..., dict[str, Any]]:
    """The plugins that are no built-ins, by name, as a process of its own sees them."""

    def run(**environ: str) -> dict[str, Any]:
        rows = tm("plugins", "--json", **environ).json
        return {row["name"]: row for row in rows if row["source"] != "task-orchestrator"}

    return run


LOADED = """
import sys
from tm_core.command_line.cli import run
code = run(["-q", "plugins", "--json"])
print(*sorted(name for name in sys.modules if name.startswith(("tm_", "tp_"))), file=sys.stderr)
sys.exit(code)
"""


def loaded(tm: Any) -> set[str]:
    """The plugins' packages that are imported in listing the plugins, beside the one that lists."""
    modules = tm.script(LOADED).err.split()
    return {name for name in modules if not name.startswith(("tm_core", "tm_plugin_management"))}


def test_a_hit_imports_no_plugin(tm: Any, site: Any, cache: Path) -> None:
    site.install("probe", MANIFEST.format(name="probe", summary="x"))
    first = loaded(tm)
    assert {"tp_probe", "tm_metrics"} <= first
    assert loaded(tm) == set()


def test_a_hit_needs_no_metadata(tm: Any, cache: Path) -> None:
    loaded(tm)
    script = LOADED.replace('startswith(("tm_", "tp_"))', 'startswith(("importlib.m", "email"))')
    found = tm.script(script).err.split()
    assert "importlib.metadata" not in found
    assert "email" not in found


def test_what_the_index_holds_is_what_was_declared(tmp_path: Path, cache: Path) -> None:
    anew = installed_plugins(None)
    installed_plugins(str(cache))
    from_index = installed_plugins(str(cache))
    assert from_index == anew

    def types(one: Installed) -> list[Any]:
        manifest = one.manifest
        assert type(manifest) is Plugin
        tables: list[Any] = [*manifest.hooks.values(), *manifest.actions.values()]
        tables += [*manifest.commands.values(), *manifest.config.values(), *manifest.fields]
        return [type(item) for item in tables]

    assert [types(one) for one in from_index] == [types(one) for one in anew]
    assert {Hook, Action, Setting, Field, Command} >= {t for one in anew for t in types(one)}


def test_the_index_is_private_and_whole(cache: Path, listed: Callable[..., Any]) -> None:
    listed()
    (index,) = cache.glob("index-*.json")
    assert json.loads(index.read_text())["plugins"]
    if os.name == "posix":
        assert index.stat().st_mode & 0o077 == 0
    assert list(cache.glob("*.tmp")) == []


def test_a_changed_manifest_is_noticed(site: Any, listed: Callable[..., Any]) -> None:
    site.install("probe", MANIFEST.format(name="probe", summary="old"))
    assert listed()["probe"]["summary"] == "old"
    site.write("tp_probe/__init__.py", MANIFEST.format(name="probe", summary="newer"))
    assert listed()["probe"]["summary"] == "newer"


def test_a_new_and_a_removed_distribution_are_noticed(
    site: Any, listed: Callable[..., Any]
) -> None:
    assert listed() == {}
    site.install("probe", MANIFEST.format(name="probe", summary=""))
    assert list(listed()) == ["probe"]
    site.install("second", MANIFEST.format(name="second", summary=""))
    assert list(listed()) == ["probe", "second"]
    for file in (site.folder / "tm_probe-1.2.dist-info").iterdir():
        file.unlink()
    (site.folder / "tm_probe-1.2.dist-info").rmdir()
    assert list(listed()) == ["second"]


def test_an_upgrade_is_noticed(site: Any, listed: Callable[..., Any]) -> None:
    site.install("probe", MANIFEST.format(name="probe", summary=""))
    assert listed()["probe"]["version"] == "1.2"
    folder = site.folder / "tm_probe-1.2.dist-info"
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: tm-probe\nVersion: 1.3\n")
    folder.rename(site.folder / "tm_probe-1.3.dist-info")
    assert listed()["probe"]["version"] == "1.3"


def test_a_changed_entry_point_is_noticed(site: Any, listed: Callable[..., Any]) -> None:
    site.install("probe", MANIFEST.format(name="probe", summary=""))
    assert list(listed()) == ["probe"]
    info = site.folder / "tm_probe-1.2.dist-info"
    (info / "entry_points.txt").write_text("[tm.plugins]\n")
    assert listed() == {}


def test_a_new_migration_is_noticed(site: Any, tm: Any, cache: Path) -> None:
    manifest = (
        'from tm_core.api import Plugin\nplugin = Plugin("probe", "", migrations="migrations")\n'
    )
    site.install("probe", manifest)
    site.write("tp_probe/migrations/0001_a.sql", "CREATE TABLE probe_a (n BIGINT);\n")
    tm("init")
    site.write("tp_probe/migrations/0002_b.sql", "CREATE TABLE probe_b (n BIGINT);\n")
    tm("-q", "list")
    script = (
        "from tm_core import TaskManager\n"
        "with TaskManager.open() as tm:\n"
        "    print(tm.database.columns('probe_b'))\n"
    )
    assert tm.script(script).out == "{'n'}\n"


@pytest.mark.parametrize("module", ["__init__", "other"])
def test_a_mended_plugin_is_noticed(module: str, site: Any, listed: Callable[..., Any]) -> None:
    """Whichever of its files was broken."""
    good = MANIFEST.format(name="probe", summary="") + "from . import other\n"
    site.install("probe", good, other="")
    site.write(f"tp_probe/{module}.py", "import no_such_thing\n")
    assert listed()["probe"]["state"] == "failed"
    site.write(f"tp_probe/{module}.py", good if module == "__init__" else "")
    assert listed()["probe"]["state"] == "on"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not JSON",
        "[]",
        "{}",
        "null",
        '{"key": 1}',
        "KEY_ONLY",
        "NO_PLUGINS",
        "WRONG_PLUGINS",
        "[" * 100_000,
        "\x00\xff",
    ],
)
def test_a_corrupt_index_is_ignored(
    content: str, site: Any, cache: Path, listed: Callable[..., Any]
) -> None:
    site.install("probe", MANIFEST.format(name="probe", summary="x"))
    listed()
    (index,) = cache.glob("index-*.json")
    good = json.loads(index.read_text())
    special = {
        "KEY_ONLY": {"key": good["key"]},
        "NO_PLUGINS": {"key": good["key"], "stamps": {}},
        "WRONG_PLUGINS": {"key": good["key"], "stamps": {}, "plugins": [["probe", ["probe"]], 5]},
    }
    index.write_text(json.dumps(special[content]) if content in special else content)
    assert listed()["probe"]["summary"] == "x"
    assert json.loads(index.read_text()) == good  # and made anew


def test_a_cache_that_cannot_be_written_is_no_trouble(
    site: Any, tm: Any, tmp_path: Path, cache: Path
) -> None:
    """A file stands where the folder should be: it hinders also those who may write anywhere."""
    site.install("probe", MANIFEST.format(name="probe", summary="x"))
    (tmp_path / "cache").write_text("")
    for _ in range(2):
        result = tm("-q", "plugins", "--json")
        assert result.err == ""
        assert "probe" in [row["name"] for row in result.json]
    assert (tmp_path / "cache").read_text() == ""


def test_where_the_program_starts_makes_no_difference(
    tm: Any, site: Any, cache: Path, tmp_path: Path
) -> None:
    """The first entry of the path is the script's folder or the current one, and is left out."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        script = tmp_path / name / "script.py"
        script.write_text(
            "from tm_core.command_line.cli import run\nrun(['-q', 'plugins', '--json'])\n"
        )
        tm.finish(tm.start(str(script)))
    tm("plugins")
    assert len(list(cache.glob("index-*.json"))) == 1


def names(tm: Any, path: Path) -> list[str]:
    """The plugins that a process finds with this folder on its path."""
    found = subprocess.run(
        [sys.executable, "-m", "tm_core", "plugins", "--json"],
        env={**os.environ, "PYTHONPATH": str(path)},
        cwd=tm.folder,
        check=True,
        capture_output=True,
    )
    return [row["name"] for row in json.loads(found.stdout)]


def test_a_folder_of_the_path_that_comes_to_be_is_noticed(
    tm: Any, site: Any, cache: Path, tmp_path: Path
) -> None:
    site.install("probe", MANIFEST.format(name="probe", summary=""))
    later = tmp_path / "later"
    assert "probe" not in names(tm, later)
    site.folder.rename(later)
    assert "probe" in names(tm, later)


def test_another_path_has_an_index_of_its_own(
    tm: Any, site: Any, cache: Path, tmp_path: Path
) -> None:
    site.install("probe", MANIFEST.format(name="probe", summary=""))
    other = tmp_path / "other"
    other.mkdir()
    for _ in range(2):
        assert "probe" in names(tm, site.folder)
        assert "probe" not in names(tm, other)
    assert len(list(cache.glob("index-*.json"))) == 2
