"""Every code block of the documentation is run, as a reader would who copies it.

A page's blocks are used in this order: those with a title are files, written into an empty folder;
a `pyproject.toml` among them is installed, as pip would do it; then `console` blocks are run and
compared, `bash` and `python` ones must succeed. `sh` blocks are set-up that needs a network; of
these only `python -m pytest` is run, the others must be ones that are known.
"""

from __future__ import annotations

import ast
import os
import re
import sqlite3
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tm_core.api import HOOKS
from tm_core.testing import Cli, run_readme

DOCS = Path(__file__).parents[2] / "docs"
# Examples have tests of their own; the reference is generated, and compared with the code.
PAGES = sorted(
    page
    for page in DOCS.rglob("*.md")
    if page.relative_to(DOCS).parts[0] not in ("examples", "reference")
    and page.name != "postgresql.md"  # has a test of its own, with a server
)
_BLOCK = re.compile(
    r'^(?P<fence>`{3,})(\w*)(?: title="([^"]+)")?\n(.*?)^(?P=fence)$', re.MULTILINE | re.DOTALL
)
_SET_UP = re.compile(
    r"mkdir (-p )?[\w/-]+|cd [\w/-]+|python3 -m venv \.venv|\. \.venv/bin/activate"
    r"|pip install .+|python -m (build|pytest|twine upload dist/\*)|touch [\w/.-]+"
)

EARLIER = """
CREATE TABLE tasks (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, description TEXT, status TEXT, priority TEXT,
    assignee TEXT, created_at TEXT, updated_at TEXT, completed_at TEXT);
CREATE TABLE dependencies (task_id TEXT, depends_on TEXT, PRIMARY KEY (task_id, depends_on));
CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id TEXT, task_id TEXT, type TEXT, message TEXT,
    created_at TEXT, read INTEGER DEFAULT 0);
INSERT INTO tasks VALUES ('1a2b3c4d', 'Carry over', NULL, 'pending', 'high', NULL,
    '2025-03-01T09:00:00', '2025-03-01T09:00:00', NULL);
"""


class Block(NamedTuple):
    """A code block of a page."""

    language: str
    title: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    found = [Block(*match[1:]) for match in _BLOCK.findall(text)]
    assert "```" not in _BLOCK.sub("", text), f"{page}: a fence that is no block's"
    return found


class Reader:
    """Somebody who does what a page says, in an empty folder."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder
        self.site = site
        self.packages: set[str] = set()

    def write(self, block: Block) -> None:
        """Write a file."""
        path = self.folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def install(self) -> None:
        """What `pip install -e .` does: a dist-info, and a folder on the path."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text("utf-8"))["project"]
        info = self.site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n",
            encoding="utf-8",
        )
        lines = []
        for group, entries in project["entry-points"].items():
            lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
            self.packages |= {target.partition(":")[0] for target in entries.values()}
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (info / "RECORD").write_text(f"{info.name}/METADATA,,\n", encoding="utf-8")

    @property
    def path(self) -> list[str]:
        """The folders that an installation adds to Python's path."""
        if not self.packages:
            return []
        source = self.folder / "src"
        return [str(self.site), str(source if source.is_dir() else self.folder)]

    def run(self, *command: str, **environ: str) -> None:
        """Run a program that must succeed, with these further variables."""
        binaries = str(Path(sys.executable).parent)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={
                **os.environ,
                **environ,
                "PATH": os.pathsep.join([binaries, os.environ["PATH"]]),
                "PYTHONPATH": os.pathsep.join(self.path),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"


def read_as_configuration(text: str, folder: Path) -> None:
    """The project's configuration file: there must be nothing to say about it."""
    (folder / ".task-orchestrator" / "config.yaml").write_text(text, encoding="utf-8")
    assert Cli(folder)("config", "show").err == ""


def earlier_store(folder: Path) -> None:
    """What the page about the earlier tool takes for granted: a database of that tool."""
    place = folder / ".task-orchestrator"
    place.mkdir()
    with closing(sqlite3.connect(place / "tasks.db")) as connection, connection:
        connection.executescript(EARLIER)


@pytest.fixture
def reader(tm_environ: Path, tmp_path: Path) -> Iterator[Reader]:
    """A reader with nothing in the folder."""
    reader = Reader(tm_environ, tmp_path / "site")
    yield reader
    for name in [name for name in sys.modules if name.partition(".")[0] in reader.packages]:
        del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_a_page_does_what_it_says(
    page: Path, reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = blocks(page)
    if page.name == "from-the-earlier-tool.md":
        earlier_store(reader.folder)
    for block in found:
        if block.title:
            reader.write(block)
    if (reader.folder / "pyproject.toml").exists():
        reader.install()
        # The first entry is where Python was started, which `tm` leaves out.
        monkeypatch.setattr(sys, "path", [sys.path[0], *reader.path, *sys.path[1:]])
    if any(block.language == "console" for block in found):
        commands = tmp_path / page.name
        commands.write_text(
            "\n".join(
                f"```console\n{block.text}```" for block in found if block.language == "console"
            )
        )
        run_readme(commands, Cli(reader.folder))
    for block in found:
        if block.title:
            continue
        if block.language == "sh":
            for line in block.text.splitlines():
                assert _SET_UP.fullmatch(line), f"{page.name}: unknown set-up: {line}"
                if line == "python -m pytest":
                    reader.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
        elif block.language == "bash":
            reader.run("bash", "-euo", "pipefail", "-c", block.text)
        elif block.language == "python":
            reader.run(sys.executable, "-c", block.text)
        elif block.language == "yaml":
            read_as_configuration(block.text, reader.folder)
        else:
            assert block.language in ("console", "text"), f"{page.name}: {block.language}"


def test_the_page_about_postgresql(reader: Reader, tm_postgres: str) -> None:
    """What `tm` does of it; the server's set-up and its own tools are left out."""
    import psycopg

    page = DOCS / "how-to" / "postgresql.md"
    url = f"{tm_postgres}{'&' if '?' in tm_postgres else '?'}schema=docs_page"
    cli = Cli(reader.folder)
    cli("init")
    cli.add("Carried over")
    try:
        for block in blocks(page):
            if block.language == "bash" and "tm store copy" in block.text:
                reader.run("bash", "-euo", "pipefail", "-c", block.text, TM_DB_PATH=url)
            elif block.language == "python":
                code = re.sub(r'"postgresql://[^"]+"', repr(url), block.text)
                reader.run(sys.executable, "-c", code)
        titles = {task["title"] for task in cli("--store", url, "list", "--json").json}
        assert titles == {"Carried over", "From a thread"}
        assert "Carried over" in cli("-C", "new-folder", "list").out
    finally:
        with psycopg.connect(tm_postgres, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS docs_page CASCADE")


def test_the_examples_of_the_hooks_can_be_read_by_python() -> None:
    """They are parts of a module, so they are parsed and not run."""
    text = (DOCS / "reference" / "hooks.md").read_text(encoding="utf-8")
    examples = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.MULTILINE)
    assert len(examples) > 10
    for example in examples:
        ast.parse(textwrap.dedent(example))


def test_the_drawing_has_a_place_for_each_hook() -> None:
    drawing = (DOCS / "explanation" / "hooks.svg").read_text(encoding="utf-8")
    assert [hook for hook in HOOKS if not re.search(rf"\b{hook}\b", drawing)] == []
