"""What the pages say is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tm_core.testing import Cli, run_readme

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for folder in ("docs", "plugins")
    for path in (ROOT / folder).rglob("*.md")
    if "site" not in path.parts
)


def test_the_session_of_the_readme(tm_environ: Path) -> None:
    run_readme(ROOT / "README.md", Cli(tm_environ))


def test_the_python_example_of_the_readme(tm_environ: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tm_environ, capture_output=True, encoding="utf-8"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Write the tutorial" in Cli(tm_environ / "project")("list").out


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_each_page_of_the_site_is_in_its_navigation() -> None:
    docs = ROOT / "docs"
    named = re.findall(r": ([\w./-]+\.md)$", (docs / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    written = {path.relative_to(docs).as_posix() for path in PAGES if path.is_relative_to(docs)}
    assert sorted(named) == sorted({*written, "changes.md"})


def test_each_plugin_has_a_row_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[([\w-]+)\]\(plugins/(\w+)/README\.md\) \|", text, re.MULTILINE)
    with (ROOT / "pyproject.toml").open("rb") as file:
        declared = tomllib.load(file)["project"]["entry-points"]["tm.plugins"]
    assert sorted(rows) == sorted((name, target.split(":")[0]) for name, target in declared.items())


def test_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "reference" / "generate.py", "--check"],
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_room_of_the_kernel_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    rooms = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    told = [name for room in rooms for name in re.findall(r"`(\w+)/`", room)]
    folders = [path.parent.name for path in (ROOT / "tm_core").glob("*/__init__.py")]
    assert sorted(told) == sorted(folders)
