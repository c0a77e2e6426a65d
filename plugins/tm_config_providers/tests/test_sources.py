"""Sources on this machine and in the store, through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core.api import TaskManager, UsageError
from tm_core.testing import Cli, PluginConformance, run_readme

SETTING = "config-providers.project_sources"


class TestConformance(PluginConformance):
    plugin = "config-providers"


@pytest.fixture
def cli(tm_cli: Cli) -> Cli:
    tm_cli("config", "enable", "config-providers")
    return tm_cli


def own(monkeypatch: pytest.MonkeyPatch, *sources: Any) -> None:
    """Sources that the user names."""
    monkeypatch.setenv("TM_CONFIG_PROVIDERS_SOURCES", json.dumps(sources))


def projects(cli: Cli, *sources: Any) -> None:
    """Sources that the project names."""
    cli("config", "set", SETTING, json.dumps(sources))


def limit(cli: Cli) -> tuple[str, int]:
    """The page size in force, and whose it is."""
    last = cli("config", "explain", "list.limit", "--json").json[-1]
    return last["origin"].removeprefix("config-providers/"), last["value"]


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_a_file_keeps_its_comments(cli: Cli) -> None:
    projects(cli, {"kind": "file", "path": "team.yaml", "label": "team"})
    text = "# ours\nlist:\n  limit: 2  # short\n"
    file = cli.folder / "team.yaml"
    file.write_text(text, encoding="utf-8")
    for title in "abc":
        cli("add", title)
    assert limit(cli) == ("team", 2)
    assert len(cli("list", "--json").json) == 2
    assert cli("providers", "set", "team", "list.limit", "1").err == "list.limit is set in team\n"
    assert file.read_text(encoding="utf-8") == text.replace("2 ", "1 ")
    assert len(cli("list", "--json").json) == 1
    cli("providers", "set", "team", "list.limit", "9", "--dry-run")
    assert limit(cli) == ("team", 1)
    assert cli("providers", "unset", "team", "list.limit", "--json").json == {
        "source": "team",
        "key": "list.limit",
        "removed": True,
    }
    assert limit(cli) == ("built in", 50)


def test_a_project_cannot_leave_its_folder(cli: Cli, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("list: {limit: 2}", encoding="utf-8")
    (cli.folder / "link.yaml").symlink_to(outside)
    for path in ("../outside.yaml", str(outside), "link.yaml"):
        projects(cli, {"kind": "file", "path": path})
        result = cli("add", "x")
        assert result.err.count("not in the project's folder") == 1
        assert limit(cli) == ("built in", 50)


def test_the_users_own_file_is_beside_the_configuration(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.environ["XDG_CONFIG_HOME"]) / "task-orchestrator"
    folder.mkdir(exist_ok=True)
    (folder / "more.yaml").write_text("list: {limit: 2}", encoding="utf-8")
    own(monkeypatch, {"kind": "file", "path": "more.yaml"})
    assert limit(cli) == ("file more.yaml", 2)
    (folder / "more.yaml").unlink()
    assert "there is no such file" in cli("providers", "list").out
    assert "there is no such file" in cli("doctor", code=None).out
    (folder / "more.yaml").write_text("list: {limit: [", encoding="utf-8")
    (told,) = [line for line in cli("doctor", code=1).out.splitlines() if "not YAML" in line]
    assert told.startswith("error\tconfig-providers\tfile more.yaml: ")
    assert "authors" not in told


def test_order_of_the_layers(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("config", "set", "--user", "list.limit", "1")
    own(
        monkeypatch,
        {"kind": "environment", "prefix": "ONE_"},
        {"kind": "environment", "prefix": "TWO_"},
    )
    assert limit(cli)[1] == 1
    monkeypatch.setenv("ONE_LIST_LIMIT", "2")
    assert limit(cli) == ("environment ONE_", 2)
    monkeypatch.setenv("TWO_LIST_LIMIT", "3")
    assert limit(cli) == ("environment TWO_", 3)
    projects(cli, {"kind": "database"})
    cli("providers", "set", "database", "list.limit", "4")
    assert limit(cli) == ("database", 4)
    cli("config", "set", "list.limit", "5")
    assert limit(cli)[1] == 5
    monkeypatch.setenv("TM_LIST_LIMIT", "6")
    assert limit(cli) == ("TM_LIST_LIMIT", 6)


def test_the_database_is_for_each_team_in_the_log_and_undone(cli: Cli) -> None:
    projects(cli, {"kind": "database"}, {"kind": "database", "team": "web"})
    cli("providers", "set", "database web", "list.limit", "4")
    cli("providers", "set", "database", "list.limit", "3")
    assert limit(cli) == ("database web", 4)
    cli("providers", "set", "database web", "list.limit", "7", "--dry-run")
    assert limit(cli) == ("database web", 4)
    event = cli("log", "--json").json[0]
    assert event["type"] == "configuration.set"
    cli("providers", "unset", "database web", "list.limit")
    assert limit(cli) == ("database", 3)
    cli("undo")
    assert limit(cli) == ("database web", 4)


@pytest.mark.every_backend
def test_the_database_on_every_backend(tm_open: Callable[..., TaskManager]) -> None:
    options = {
        "settings": [
            "plugins.enable=config-providers",
            f'{SETTING}=[{{"kind": "database"}}]',
        ]
    }
    tm = tm_open(**options)
    tm.call("providers set", {"source": "database", "setting": "list.limit", "value": "3"})
    tm.call("providers set", {"source": "database", "setting": "list.limit", "value": "4"})
    assert tm_open(**options).workspace.config.get("list.limit") == 4


PACKAGE = """
from pathlib import Path
Path(__file__).with_name("imported").touch()
settings = {"list": {"limit": 8}}
def made(): return {"list": {"limit": 9}}
def raises(): raise RuntimeError("no such luck")
number = 5
more = {"config-providers": {"sources": []}}
early = {"plugins": {"disable": ["feedback"]}}
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages with `acme_tm`."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "acme_tm.py").write_text(PACKAGE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "acme_tm", raising=False)
    return folder


@pytest.mark.parametrize(("attribute", "value"), [("settings", 8), ("made", 9)])
def test_a_package_of_ones_own(
    attribute: str, value: int, cli: Cli, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(monkeypatch, {"kind": "package", "name": f"acme_tm:{attribute}"})
    assert limit(cli) == (f"package acme_tm:{attribute}", value)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("acme_tm:raises", "RuntimeError: no such luck"),
        ("acme_tm:number", "gave int, not a mapping"),
        ("acme_tm:nothing", "AttributeError"),
        ("acme_tm:more", "a source cannot name further sources"),
        ("acme_tm:early", "a provider cannot set 'plugins'"),
        ("acme_not_there:x", "acme_not_there is not installed"),
        ("acme_tm", "is not written module:attribute"),
        ("../x:y", "is not written module:attribute"),
    ],
)
def test_a_package_that_is_of_no_use(
    name: str, why: str, cli: Cli, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(monkeypatch, {"kind": "package", "name": name})
    result = cli("add", "x")
    assert why in result.err
    assert result.err.count("config_providers: ") == 1
    assert len(result.out.strip()) == 8
    assert limit(cli) == ("built in", 50)


def test_a_projects_package_waits_for_consent(cli: Cli, site: Path) -> None:
    projects(cli, {"kind": "package", "name": "acme_tm:settings"})
    assert "not approved on this machine" in cli("add", "x").err
    assert not (site / "imported").exists()
    (asked,) = cli("trust", "--json").json
    cli("trust", "approve", asked["digest"], "--yes")
    assert limit(cli) == ("package acme_tm:settings", 8)
    assert (site / "imported").exists()


def test_a_module_in_the_project_is_no_package(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    (cli.folder / "checked_out.py").write_text(PACKAGE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(cli.folder))
    own(monkeypatch, {"kind": "package", "name": "checked_out:settings"})
    assert "lies in the project, it is not installed" in cli("add", "x").err
    assert not (cli.folder / "imported").exists()


def test_a_project_cannot_name_the_users_sources(cli: Cli) -> None:
    text = "plugins: {enable: [config-providers]}\n"
    text += "config-providers: {sources: [{kind: package, name: 'os:environ'}]}\n"
    (cli.folder / ".task-orchestrator" / "config.yaml").write_text(text, encoding="utf-8")
    assert "only your own configuration may set it" in cli("add", "x").err
    assert cli("providers", "list", "--json").json == []


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("team.yaml", "must be a mapping"),
        ({"path": "x"}, "kind must be one of file, environment"),
        ({"kind": ["file"]}, "kind must be one of"),
        ({"kind": "file"}, "needs 'path'"),
        ({"kind": "file", "pth": "x"}, "unknown key 'pth' (did you mean 'path'?)"),
        ({"kind": "file", "path": 5}, "path must be a text"),
        ({"kind": "file", "path": "a\nb\x1b[2J"}, "path must be a text"),
        ({"kind": "environment", "prefix": "TM_"}, "is no prefix"),
        ({"kind": "environment", "prefix": "a-b"}, "is no prefix"),
        ({"kind": "database"}, "is there already (give it a label"),
    ],
)
def test_entries_that_name_nothing(
    entry: Any, why: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says which entry and why, and the others count."""
    own(monkeypatch, {"kind": "database"}, entry)
    cli("providers", "set", "database", "list.limit", "4")
    result = cli("add", "x")
    assert result.err.count("sources[2]: ") == 1
    assert why.partition(" (")[0] in result.err
    assert "\x1b" not in result.err
    assert limit(cli) == ("database", 4)
    assert cli("providers", "list", "--json").json[1]["error"].startswith("sources[2]: ")


@pytest.mark.parametrize(
    ("source", "key", "value", "code"),
    [
        ("nowhere", "list.limit", "1", 3),
        ("database", "list.limit", "many", 5),
        ("database", "list.limt", "1", 2),
        ("database", "nothing.here", "1", 2),
        ("database", "store.url", "x.db", 2),
        ("database", "plugins.disable", "feedback", 2),
        ("database", "config-providers.timeout", "1", 2),
        ("database", "webhook.urls", "http://x", 2),
        ("environment ACME_", "list.limit", "1", 2),
    ],
)
def test_what_cannot_be_set(source: str, key: str, value: str, code: int, cli: Cli) -> None:
    projects(cli, {"kind": "database"}, {"kind": "environment", "prefix": "ACME_"})
    result = cli("providers", "set", source, key, value, code=code)
    assert result.err.startswith("tm: ")
    assert result.err.count("\n") == 1
    assert limit(cli) == ("built in", 50)


def test_several_settings_are_written_or_none(
    cli: Cli, tm_open: Callable[..., TaskManager]
) -> None:
    """As the specification's `set_config`, of the provider itself."""
    projects(cli, {"kind": "file", "path": "team.yaml"}, {"kind": "environment", "prefix": "A_"})
    tm = tm_open()
    file, environment = (each for _, each in tm.host.collect("config_providers", tm._context))
    file.set_config({"list": {"limit": 3}, "actor": "ann"})
    assert file.get_config() == {"list": {"limit": 3}, "actor": "ann"}
    file.set_config({"list": {"limit": None}})
    assert file.get_config() == {"actor": "ann"}
    with pytest.raises(UsageError, match="cannot be written to"):
        environment.set_config({"actor": "bob"})


def test_a_broken_file_stops_nothing_unless_it_is_required(cli: Cli) -> None:
    (cli.folder / "team.yaml").write_text("list: [", encoding="utf-8")
    projects(cli, {"kind": "file", "path": "team.yaml"})
    assert "not YAML" in cli("add", "x").err
    cli("config", "set", "plugins.required", "config-providers")
    assert "required plugin 'config-providers'" in cli("add", "y", code=8).err


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ([], False),
        (["plugins.enable=config-providers"], False),
        (["plugins.enable=config-providers", f'{SETTING}=[{{"kind": "database"}}]'], True),
    ],
)
def test_without_sources_it_is_not_even_imported(
    settings: list[str], needed: bool, tm_environ: Path
) -> None:
    code = (
        "import sys; from tm_core.api import TaskManager\n"
        "TaskManager.open('.', create=True, settings=sys.argv[1:]).add('x')\n"
        "print(any(name.startswith('tm_config_providers') for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *settings],
        capture_output=True,
        text=True,
        check=True,
        cwd=tm_environ,
    )
    assert done.stdout == f"{needed}\n"
