"""Pages whose commands are run, so that what they say is what happens."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from .command_line import Cli

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CAPTURE = re.compile(r"(\w+)=\$\((.*)\)")
_VARYING = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d\.\d{6}Z)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "<id>"),
)


def run_readme(path: Path, cli: Cli) -> None:
    """Run the commands of a page and compare what they say with what the page says.

    In every ```` ```console ```` block a line that begins with `$ tm` is a command, and the lines
    up to the next one are all that it says, on both streams, as into a pipe. `$ ID=$(tm add "x")`
    keeps standard output for later commands, which say `$ID`. Task ids and times may differ; a
    line of `...` stands for any lines. A backslash continues a line. Blocks share one store.

        def test_the_readme_is_a_run(tm_cli):
            run_readme(Path(__file__).parents[1] / "README.md", tm_cli)

    Raises AssertionError where the page is wrong, or holds no command.
    """
    commands = 0
    variables: dict[str, str] = {}
    for block in _BLOCK.findall(path.read_text(encoding="utf-8")):
        for step in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
            line, _, expected = step.partition("\n")
            captured = _CAPTURE.fullmatch(line)
            command = captured[2] if captured else line
            words = [
                re.sub(r"\$(\w+)", lambda name: variables[name[1]], word)
                for word in shlex.split(command)
            ]
            assert words[0] == "tm", f"{path.name}: only tm can be run: {line}"
            if captured:
                result = cli(*words[1:])
                variables[captured[1]], said = result.out.strip(), result.err
            else:
                said = cli.transcript(*words[1:])
            pattern = "".join(
                r"(?:.*\n)*?" if part == "..." else re.escape(part + "\n")
                for part in _same(expected).splitlines()
            )
            assert re.fullmatch(pattern, _same(said)), (
                f"$ {line}\n{said}--- {path.name}:\n{expected}"
            )
            commands += 1
    assert commands, f"{path} has no ```console block with a command"


def _same(text: str) -> str:
    """What a command said, without what differs from run to run, and without blank lines."""
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return "".join(f"{line}\n" for line in text.splitlines() if line.strip())
