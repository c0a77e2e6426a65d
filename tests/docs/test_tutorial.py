"""The code of the tutorial is that of the example that it makes."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "tm-hello"
PAGE = ROOT / "docs" / "tutorial" / "first-plugin.md"
NAMED_BLOCK = re.compile(r'^```\w+ title="([\w./-]+)"\n(.*?)^```', re.MULTILINE | re.DOTALL)


def test_each_file_of_the_tutorial_is_the_example_s() -> None:
    blocks = dict(NAMED_BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    written = {
        path.relative_to(EXAMPLE).as_posix(): path.read_text(encoding="utf-8")
        for path in EXAMPLE.rglob("*")
        if path.suffix in (".py", ".toml")
    }
    assert blocks == written
