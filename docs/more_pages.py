"""Pages of the site that are written elsewhere: the plugins' own, and the code of the examples.

A hook of MkDocs, named in `mkdocs.yml`. Each plugin's README.md becomes `features/NAME.md`, so that
whoever has the site has all that there is to read; links that leave `docs/` are led there.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS = Path(__file__).parent
ROOT = DOCS.parent
_LINK = re.compile(r"\]\((\.\.?/[^)#]+|[\w./-]+\.md|[\w./-]+/)(#[^)]*)?\)")
_LANGUAGES = {".py": "python", ".toml": "toml", ".sql": "sql"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the plugins' pages in the navigation, in the order of the README's table."""
    for section in config.nav or ():
        if "Features" in section:
            pages = [{name: _target(path)} for name, path in _features()]
            section["Features"] = [{"All features": "features/index.md"}, *pages]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside of `docs/`."""
    pages = {_target(path): path for _, path in _features()} | {"changes.md": "CHANGELOG.md"}
    for target, path in pages.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=_led(text, path, target)))
    table = "# What is in it\n\n" + _section("What is in it")
    files.append(
        File.generated(
            config, "features/index.md", content=_led(table, "README.md", "features/index.md")
        )
    )
    return files


def on_page_markdown(text: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links that leave `docs/`, and show an example with its files."""
    source = page.file.src_uri
    if page.file.generated_by is None:
        text = _led(text, f"docs/{source}", source)
    if source.startswith("examples/") and source.endswith("/README.md"):
        text += "\n## Its files\n" + _code(DOCS / source.removesuffix("/README.md"))
    return text


def _features() -> list[tuple[str, str]]:
    """Name and page of each plugin, as the README's table has them."""
    rows = re.findall(r"^\| \[([\w-]+)\]\(([\w/]+\.md)\)", _section("What is in it"), re.MULTILINE)
    return [(name, path) for name, path in rows]


def _section(title: str) -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _target(path: str) -> str:
    """Where the site has a file, both relative to the project and to the site."""
    parts = path.split("/")
    if parts[0] == "plugins" and parts[-1] == "README.md":
        return f"features/{parts[1].removeprefix('tm_').replace('_', '-')}.md"
    return {"CHANGELOG.md": "changes.md", "README.md": "features/index.md"}.get(
        path, path.removeprefix("docs/")
    )


def _led(text: str, source: str, target: str) -> str:
    """The text with its links between files of the project as links between pages of the site."""
    folder = (ROOT / source).parent

    def led(match: re.Match[str]) -> str:
        linked = (folder / match[1]).resolve()
        if not linked.is_relative_to(ROOT) or not linked.exists():
            return match[0]
        page = _target(linked.relative_to(ROOT).as_posix())
        up = "../" * target.count("/")
        return f"]({up}{page}{match[2] or ''})"

    return _LINK.sub(led, text)


def _code(folder: Path) -> str:
    blocks = []
    for path in sorted(folder.rglob("*")):
        language = _LANGUAGES.get(path.suffix)
        if language:
            text = path.read_text(encoding="utf-8")
            name = path.relative_to(folder).as_posix()
            blocks.append(f'\n```{language} title="{name}"\n{text}```\n')
    return "".join(blocks)
