"""What `tm plugin new` writes installs, passes its tests and is listed, without another touch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tm_core.api import HOOKS
from tm_core.testing import Cli, Process, run_readme
from tm_plugin_authoring.examples import FIELD_VALUES
from tm_plugin_authoring.examples import HOOKS as EXAMPLES


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A virtual environment's interpreter, which has all that this one has and its own besides."""
    folder = tmp_path / "venv"
    venv.create(folder)
    binary = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    packages = run(
        binary, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path
    ).strip()
    own = sysconfig.get_path("purelib")
    Path(packages, "ours.pth").write_text(f"import site; site.addsitedir({own!r})\n", "utf-8")
    return binary


def test_a_new_package_works_at_once(tm_environ: Path, python: Path) -> None:
    """With an example of everything: it is built, installed, listed, and passes its own tests."""
    words = [word for hook in EXAMPLES for word in ("--hook", hook)]
    words += [word for kind in FIELD_VALUES for word in ("--field", f"my_{kind}:{kind}")]
    words += ["--field", "size:enum=small,large", "--action", "people", "--action", "busy people"]
    cli = Cli(tm_environ)
    cli("plugin", "new", "all-of-it", *words, "--migration", "--author", 'Ann "Q" O\'Hara')
    folder = tm_environ / "tm-all-of-it"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "-q")
    run(
        *pip, "--no-deps", "--no-build-isolation", "--disable-pip-version-check", folder, cwd=folder
    )
    rows = json.loads(run(python, "-m", "tm_core", "plugins", "--json", cwd=tm_environ))
    (listed,) = (row for row in rows if row["name"] == "all-of-it")
    assert (listed["state"], listed["source"], listed["hooks"]) == (
        *("on", "tm-all-of-it"),
        sorted(EXAMPLES),
    )
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)


def test_there_is_an_example_of_each_usual_hook() -> None:
    """The others serve few plugins, or are no matter of a few lines, such as another engine."""
    rare = {
        *("storage_backends", "foreign_store", "task_reading"),
        *("command_ended", "event_validate", "task_availability"),
    }
    assert set(EXAMPLES) == set(HOOKS) - rare


def test_nothing_is_overwritten(tm_environ: Path) -> None:
    cli = Cli(tm_environ)
    folder = tm_environ / "tm-probe"
    folder.mkdir()
    (folder / "mine").write_text("mine", "utf-8")
    cli("plugin", "new", "probe", code=6)
    assert [path.name for path in folder.iterdir()] == ["mine"]
    (folder / "mine").unlink()
    cli("plugin", "new", "probe")  # an empty folder is as good as none
    assert (folder / "pyproject.toml").exists()
    assert [path.name for path in tm_environ.iterdir()] == ["tm-probe"]


def test_a_dry_run_writes_nothing(tm_environ: Path) -> None:
    told = Cli(tm_environ)("plugin", "new", "probe", "--dry-run", "--json").json
    assert "pyproject.toml" in told["files"]
    assert list(tm_environ.iterdir()) == []


def test_where_it_cannot_be_written_nothing_is_left(tm_environ: Path) -> None:
    (tm_environ / "file").touch()
    said = Cli(tm_environ)("plugin", "new", "probe", "--directory", "file/x", code=1).err
    assert said.startswith("tm: file/x cannot be written: ")
    assert [path.name for path in tm_environ.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "needs a NAME"),
        (["Probe"], 5, "is not a plugin name"),
        (["tags"], 6, "there is a plugin 'tags' already"),
        (["probe", "--hook", "task_vlidate"], 2, "did you mean 'task_validate'"),
        (["probe", "--field", "title:str"], 6, "tasks have a field 'title' already"),
        (["probe", "--field", "size:large"], 5, "has no type"),
        (["probe", "--field", "size:enum"], 5, "values are of an enum"),
        (["probe", "--field", "Size:int"], 5, "is not a field's name"),
        (["probe", "--action", "One"], 5, "is not a command's name"),
        (["probe", "--summary", "two\nlines"], 5, "one line of text"),
    ],
)
def test_what_does_not_fit_is_refused(
    words: list[str], code: int, said: str, tm_environ: Path
) -> None:
    assert said in Cli(tm_environ)("plugin", "new", *words, code=code).err
    assert list(tm_environ.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminal")
def test_at_a_terminal_it_asks(tm_process: Process) -> None:
    """Enter takes what is offered, and a wrong answer is asked again."""
    import pty

    answers = (
        "Wrong Name",
        "probe",
        "",
        "greet",
        "task_draft",
        "size:enum=small,large",
        "y",
        "",
        "",
    )
    ours, theirs = pty.openpty()
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    done = subprocess.run(
        [sys.executable, "-m", "tm_core", "plugin", "new"],
        cwd=tm_process.folder,
        stdin=theirs,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert "'Wrong Name' is not a plugin name" in done.stderr
    written = (tm_process.folder / "tm-probe/src/tm_probe/__init__.py").read_text("utf-8")
    for part in (
        '"greet": Action(',
        '"task_draft": Hook(',
        'choices=("small", "large")',
        "migrations=",
    ):
        assert part in written
    assert set(done.stdout.splitlines()) >= {"tm-probe/README.md", "tm-probe/pyproject.toml"}


def test_the_readme_is_a_run(tm_environ: Path) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", Cli(tm_environ))
