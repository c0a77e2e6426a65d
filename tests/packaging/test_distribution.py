"""What a user gets: the wheel and the sdist, built from the tracked files, installed and run.

Slow, and in need of a package index, so only on request: `python -m pytest -m packaging`.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).resolve().parents[2]
NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".*_cache", ".hypothesis", ".venv", "venv", "__pycache__", "*.egg-info", "dist", "build"
)


class Built(NamedTuple):
    """The distributions of one source tree."""

    source: Path
    sdist: Path
    wheel: Path
    wheel_of_sdist: Path


def run(
    *command: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed, and show all it said when it does not."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, (
        f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    )
    return done


def git(*arguments: str) -> str | None:
    """What git says about this folder; None where there is no git, or no checkout."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def copy_source(target: Path) -> None:
    """Copy the tracked files only, so that nothing lying about in the checkout is built in."""
    top = git("rev-parse", "--show-toplevel")
    # An unpacked sdist may lie inside the checkout of another project.
    if top is None or Path(top.strip()).resolve() != ROOT:
        shutil.copytree(ROOT, target, ignore=NOT_SOURCE)
        return
    for name in (git("ls-files", "-z") or "").split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def only(folder: Path, pattern: str) -> Path:
    """The one file of that kind."""
    found = sorted(folder.glob(pattern))
    assert len(found) == 1, found
    return found[0]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build an sdist and a wheel from the source, and another wheel from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    copy_source(source)
    build = (sys.executable, "-m", "build")
    # Without --sdist and --wheel, `build` makes the sdist, and the wheel from that.
    run(*build, "--outdir", folder / "both", source, cwd=folder)
    run(*build, "--wheel", "--outdir", folder / "direct", source, cwd=folder)
    return Built(
        source,
        only(folder / "both", "*.tar.gz"),
        only(folder / "direct", "*.whl"),
        only(folder / "both", "*.whl"),
    )


def wheel_files(wheel: Path) -> dict[str, bytes]:
    """The content of a wheel by name, without its dist-info."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: archive.read(name)
            for name in archive.namelist()
            if not name.split("/")[0].endswith(".dist-info")
        }


def source_files(source: Path) -> dict[str, Path]:
    """The files that ought to be in the wheel, by their name there."""
    files = {}
    places = (
        *((source, source / "tm_core"), (source, source / "task_orchestrator")),
        (source / "plugins", source / "plugins"),
    )
    for base, within in places:
        for path in within.rglob("*"):
            name = path.relative_to(base)
            if path.is_file() and not (base.name == "plugins" and name.parts[1:2] == ("tests",)):
                files[name.as_posix()] = path
    return files


def plugin_packages(source: Path) -> set[str]:
    """The names of the folders under plugins/."""
    return {path.name for path in (source / "plugins").iterdir() if path.is_dir()}


def version(source: Path) -> str:
    """The version that pyproject.toml names."""
    with (source / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def entry_points(wheel: Path) -> configparser.ConfigParser:
    """The entry points as an installer sees them."""
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # names keep their case
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/entry_points.txt"))
        parser.read_string(archive.read(name).decode())
    return parser


def test_wheel_has_the_packages_and_nothing_else_at_the_top(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        top = {name.split("/")[0] for name in archive.namelist()}
    dist_info = f"task_orchestrator-{version(built.source)}.dist-info"
    packages = plugin_packages(built.source)
    assert packages
    assert all(name.startswith("tm_") for name in packages)
    assert top == {"tm_core", "task_orchestrator", dist_info} | packages


def test_wheel_is_typed(built: Built) -> None:
    files = wheel_files(built.wheel)
    packages = {"tm_core", "task_orchestrator"} | plugin_packages(built.source)
    assert [name for name in sorted(packages) if f"{name}/py.typed" not in files] == []


def test_wheel_has_every_file_of_the_packages_but_their_tests(built: Built) -> None:
    # Among them the migrations: without one, a store cannot be made.
    assert sorted(wheel_files(built.wheel)) == sorted(source_files(built.source))


def test_wheel_has_no_tests(built: Built) -> None:
    assert [name for name in wheel_files(built.wheel) if "tests" in name.split("/")] == []


def test_wheel_has_the_migrations(built: Built) -> None:
    def migrations(names: Mapping[str, Any]) -> list[str]:
        return sorted(name for name in names if name.endswith(".sql"))

    assert migrations(wheel_files(built.wheel)) == migrations(source_files(built.source))


def test_each_plugin_folder_has_one_entry_point(built: Built) -> None:
    points = entry_points(built.wheel)
    packages = [target.partition(":")[0] for target in points["tm.plugins"].values()]
    assert sorted(packages) == sorted(plugin_packages(built.source))
    assert dict(points["console_scripts"]) == {"tm": "tm_core.__main__:main"}


def test_sdist_makes_the_same_wheel(built: Built) -> None:
    assert wheel_files(built.wheel_of_sdist) == wheel_files(built.wheel)


def test_sdist_has_what_its_readers_need(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}
    tests = {
        path.relative_to(built.source).as_posix()
        for folder in ("tests", "plugins")
        for path in (built.source / folder).rglob("test_*.py")
    }
    assert (wanted | tests) - names == set()


class Installed(NamedTuple):
    """A virtual environment with the wheel, and a folder to work in that knows no source."""

    bin: Path
    cwd: Path
    env: dict[str, str]

    def python(self, code: str) -> str:
        """What Python prints there; -I: nothing but what is installed can be imported."""
        return run(self.bin / "python", "-I", "-c", code, cwd=self.cwd, env=self.env).stdout

    def tm(self, *arguments: str) -> str:
        """What `tm` prints there."""
        return run(self.bin / "tm", *arguments, cwd=self.cwd, env=self.env).stdout


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel as a stranger would."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    binaries = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = (binaries / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check")
    run(*pip, built.wheel, cwd=folder)
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TM_", "PYTHON", "XDG_")) and name != "VIRTUAL_ENV"
    }
    env |= {"HOME": str(home), "USERPROFILE": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    return Installed(binaries, work, env)


def test_installed_plugins_import_and_bear_the_name_of_their_entry_point(
    installed: Installed,
) -> None:
    wrong = installed.python(
        "from importlib.metadata import entry_points\n"
        "for point in entry_points(group='tm.plugins'):\n"
        "    name = point.load().name\n"
        "    if name != point.name:\n"
        "        print(point.name, name)\n"
    )
    assert wrong == ""


def strings(data: Any) -> set[str]:
    """Every string within JSON data."""
    if isinstance(data, str):
        return {data}
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return set().union(*map(strings, parts))


def test_installed_command_works(built: Built, installed: Installed) -> None:
    assert version(built.source) in installed.tm("--version")
    installed.tm("init")
    task = installed.tm("add", "x").strip()
    assert re.fullmatch(r"[0-9a-f]{8}", task), task
    assert task in strings(json.loads(installed.tm("list", "--json")))
    listed = strings(json.loads(installed.tm("plugins", "list", "--json")))
    assert set(entry_points(built.wheel)["tm.plugins"]) - listed == set()


EXAMPLES = ("tm-hello", "tm-signoff", "tm-standup")
TUTORIAL = """
import os
import re
from pathlib import Path
from tm_core.testing import Cli, run_readme

def test_the_tutorial_is_a_run(tm_environ, tmp_path):
    text = Path(os.environ["TUTORIAL"]).read_text(encoding="utf-8")
    page = tmp_path / "page.md"
    # The file README.md that the page shows is no part of its own run.
    page.write_text(re.sub("^````.*?^````$", "", text, flags=re.DOTALL | re.MULTILINE))
    run_readme(page, Cli(tm_environ))
"""


@pytest.fixture(scope="module")
def examples(built: Built, installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install a wheel of each example beside the wheel of the project; gives their sources."""
    folder = tmp_path_factory.mktemp("examples")
    for name in EXAMPLES:
        source = folder / name
        shutil.copytree(built.source / "docs" / "examples" / name, source)
        run(sys.executable, "-m", "build", "--wheel", "-o", folder / "dist", source, cwd=folder)
    pip = (installed.bin / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check")
    wheels = sorted((folder / "dist").glob("*.whl"))
    assert len(wheels) == len(EXAMPLES)
    run(*pip, "pytest>=8", cwd=folder)
    run(*pip, "--no-index", "--no-deps", *wheels, cwd=folder)
    return folder


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_works_beside_the_wheel_of_the_project(
    name: str, examples: Path, installed: Installed
) -> None:
    feature = name.removeprefix("tm-")
    states = {row["name"]: row["state"] for row in json.loads(installed.tm("plugins", "--json"))}
    assert states[feature] == "on"
    # Its tests alone: what they import is what is installed.
    tests = examples / f"tests of {name}"
    tests.mkdir()
    for part in ("tests", "README.md", "pyproject.toml"):
        source = examples / name / part
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, tests / part)
    run(installed.bin / "python", "-m", "pytest", "-q", cwd=tests, env=installed.env)


def test_the_tutorial_is_a_run(
    built: Built, examples: Path, installed: Installed, tmp_path: Path
) -> None:
    (tmp_path / "test_tutorial.py").write_text(TUTORIAL, encoding="utf-8")
    page = built.source / "docs" / "tutorial" / "first-plugin.md"
    env = {**installed.env, "TUTORIAL": str(page)}
    command = (installed.bin / "python", "-m", "pytest", "-q", "-p", "tm_core.testing")
    run(*command, cwd=tmp_path, env=env)
