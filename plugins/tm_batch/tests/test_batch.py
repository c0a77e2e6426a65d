"""Batches as people and programs meet them."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Conflict, PluginError, UsageError
from tm_core.testing import Cli, Result, run_readme

README = Path(__file__).parents[1] / "README.md"


def batch(cli: Cli, *lines: Any, options: tuple[str, ...] = (), code: int = 0) -> Result:
    file = cli.folder / "lines.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return cli("batch", str(file), *options, code=code)


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.out.splitlines()]


def titles(cli: Cli) -> list[str]:
    return sorted(task["title"] for task in cli("list", "--json").json)


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    text = README.read_text(encoding="utf-8")
    (plan,) = [part.partition("```")[0] for part in text.split("```json\n")[1:]]
    (tm_cli.folder / "plan.jsonl").write_text(plan, encoding="utf-8")
    wrong = '["add", "never written"]\n["complete", "nonesuch"]\n'
    (tm_cli.folder / "wrong.jsonl").write_text(wrong, encoding="utf-8")
    shown = tm_cli.folder / "README.md"
    shown.write_text(text.replace(",...\n", ",REST\n"), encoding="utf-8")
    cut = _Cut(tm_cli.folder)
    run_readme(shown, cut)


class _Cut(Cli):
    """Ends long results where the page does."""

    def transcript(self, *arguments: str) -> str:
        lines = super().transcript(*arguments).splitlines()
        ends = ('"id":"', "'nonesuch'\",")
        cut = []
        for line in lines:
            if line.startswith("{") and ends[0] in line:
                line = line[: line.index(ends[0]) + 16] + "REST"
            elif line.startswith("{") and ends[1] in line:
                line = line[: line.index(ends[1]) + len(ends[1])] + "REST"
            cut.append(line)
        return "".join(f"{line}\n" for line in cut)


def test_all_lines_are_one_transaction(tm_cli: Cli) -> None:
    found = records(
        batch(
            tm_cli,
            {"command": "add", "args": {"title": "a", "tags": ["x"]}, "as": "first"},
            "",
            {"action": "add", "title": "b", "depends_on": ["$first.id"]},
            ["complete", "$1"],
            ["dependencies", "remove", "$3.id", "$first"],
            {"command": "list", "args": {"limit": 1}},
            {"command": "update", "args": {"task": "$5.id", "title": "$$3 and $1"}},
        )
    )
    assert [record["line"] for record in found] == [1, 3, 4, 5, 6, 7]
    assert all(record["ok"] for record in found)
    assert found[1]["result"]["status"] == "blocked"
    assert found[-1]["result"]["title"] == "$3 and $1"
    assert found[4]["result"][0]["id"] in {found[0]["result"]["id"], found[1]["result"]["id"]}
    events = tm_cli("log", "--limit", "0", "--json").json
    assert len({event["transaction_id"] for event in events}) == 1
    tm_cli("undo")
    assert titles(tm_cli) == []


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("nonsense", 2, "not JSON"),
        ("[" * 100_000, 2, "not JSON"),
        ("5", 2, "neither an object nor a list"),
        ("[]", 2, "must hold words"),
        ('["add", 5]', 2, "must hold words"),
        ({"args": {}}, 2, "no command is named"),
        ({"command": "add", "args": []}, 2, "'args' must be an object"),
        ({"command": "add", "args": {}, "title": "x"}, 2, "belongs into 'args'"),
        ({"command": "add", "args": {"title": "x"}, "as": "a b"}, 2, "'as' must be a name"),
        ({"command": "add", "args": {"title": "x"}, "key": 5}, 2, "'key' must be text"),
        ({"command": "ad", "args": {"title": "x"}}, 2, "did you mean 'add'?"),
        ({"command": "add", "args": {"titel": "x"}}, 2, "there is no parameter 'titel'"),
        ({"command": "add", "args": {"title": ""}}, 5, "needs a title"),
        ({"command": "add", "args": {"title": 5}}, 5, "title"),
        ({"command": "batch", "args": {}}, 2, "a batch cannot stand in a batch"),
        ({"command": "init", "args": {}}, 2, "there is no action 'init'"),
        (["init"], 2, "is a command by itself"),
        (["ad", "x"], 2, "did you mean 'add'?"),
        (["add"], 2, "TITLE"),
        (["add", "x", "--nope"], 2, "--nope"),
        (["add", "x", "--help"], 2, "--help"),
        (["add", "x", "--actor", "eve"], 2, "concerns the whole run"),
        (["update", "$2", "--title", "x"], 2, "no earlier result '$2'"),
        (["update", "$nobody.id", "--title", "x"], 2, "no earlier result '$nobody'"),
        (["update", "$1.ids", "--title", "x"], 2, "has no 'ids'"),
        (["update", "ffffffff", "--title", "x"], 3, "no task has the id"),
        (["update", "$1", "--title", "y", "--if-version", "7"], 6, "has version 1, not 7"),
        (["progress", "$1", "y", "--if-version", "7"], 6, "has version 1, not 7"),
        ({"command": "progress", "task": "$1", "message": "y", "if_version": 7}, 6, "version 1"),
        (["claim", "--next", "--where", "1"], 5, ""),
    ],
)
def test_an_error_names_its_line_and_nothing_is_written(
    tm_cli: Cli, line: Any, code: int, said: str
) -> None:
    result = batch(tm_cli, ["add", "first"], line, ["add", "last"], code=code)
    assert result.err.startswith("tm: line 2: ")
    assert said in result.err
    assert result.out == ""
    assert titles(tm_cli) == []

    each = batch(tm_cli, ["add", "first"], line, ["add", "last"], options=("--each",), code=code)
    assert [record["ok"] for record in records(each)] == [True, False, True]
    assert records(each)[1]["error"]["exit"] == code
    assert each.err.startswith("tm: line 2: ")
    assert titles(tm_cli) == ["first", "last"]


def test_a_dry_run_runs_all_and_takes_it_back(tm_cli: Cli) -> None:
    lines = (["add", "a"], ["update", "$1", "--title", "b"], ["complete", "nonesuch"])
    assert batch(tm_cli, *lines, options=("--dry-run",), code=3).out == ""
    each = batch(tm_cli, *lines, options=("--dry-run", "--each"), code=3)
    assert [record["ok"] for record in records(each)] == [True, True, False]
    assert titles(tm_cli) == []


def test_keys_of_lines_and_of_the_whole(tm_cli: Cli) -> None:
    line = {"command": "add", "args": {"title": "a"}, "key": "k"}
    first = records(batch(tm_cli, line))[0]["result"]
    assert (
        records(batch(tm_cli, line, ["add", "b", "--key", "m"]))[0]["result"]["id"] == first["id"]
    )
    assert titles(tm_cli) == ["a", "b"]
    used = batch(tm_cli, ["add", "x"], ["tag", "$1", "x", "--key", "k"], code=6)
    assert "line 2: the key 'k' was used for 'add'" in used.err

    whole = ("--key", "w")
    told = batch(tm_cli, ["add", "c"], ["add", "d"], options=whole)
    repeated = batch(tm_cli, ["add", "c"], ["add", "d"], options=whole)
    assert "Done before" in repeated.err
    assert repeated.out == told.out
    assert [each["result"]["title"] for each in records(repeated)] == ["c", "d"]
    tried = ("--dry-run", "--key", "t")
    batch(tm_cli, ["add", "z"], options=tried)
    assert "Done before" not in batch(tm_cli, ["add", "z"], options=tried).err
    assert titles(tm_cli) == ["a", "b", "c", "d"]

    each = ("--each", "--key", "e")
    batch(tm_cli, ["add", "e"], ["complete", "nonesuch"], options=each, code=3)
    again = records(batch(tm_cli, ["add", "e"], ["add", "f"], options=each))
    assert [record["result"]["title"] for record in again] == ["e", "f"]
    assert titles(tm_cli) == ["a", "b", "c", "d", "e", "f"]


def test_from_a_pipe(tm_cli: Cli) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tm_core", "batch"],
        cwd=tm_cli.folder,
        input=b'\xef\xbb\xbf["add", "a"]\r\n["add", "\xc3\xa9"]',
        capture_output=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 2
    assert titles(tm_cli) == ["a", "é"]
    assert "not UTF-8" in _bytes(tm_cli, b'["add", "a"]\n\xff\n').err
    assert "cannot read" in tm_cli("batch", "nowhere.jsonl", code=2).err


def _bytes(cli: Cli, content: bytes) -> Result:
    (cli.folder / "raw").write_bytes(content)
    return cli("batch", "raw", code=2)


def test_memory_does_not_grow_with_the_lines(tm_store: TaskManager, tm_environ: Path) -> None:
    """What is kept for each line is its place in a file."""

    def peak(lines: int) -> int:
        file = tm_environ / "many.jsonl"
        text = json.dumps({"command": "add", "args": {"title": "x", "description": "y" * 2000}})
        file.write_text(f"{text}\n" * lines, encoding="utf-8")
        tracemalloc.start()
        result = tm_store.batch(str(file))
        for _ in result:
            pass
        result.close()
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(20)
    small, large = peak(20), peak(400)
    assert large - small < 380 * 1000  # a result alone has more than two thousand bytes


def test_any_action_can_be_called_by_its_command(tm_store: TaskManager) -> None:
    """As a server does it, which knows a command's name and values."""
    task = tm_store.call("add", {"title": "x"}, key="k")
    assert tm_store.call("add", {"title": "x"}, key="k").id == task.id
    other = tm_store.call("add", {"title": "y"})
    changed = tm_store.call("dependencies add", {"task": task.id[:6], "others": [other.id]})
    assert changed["status"] == "blocked"
    with pytest.raises(Conflict, match="has version 2, not 1"):
        tm_store.call("progress", {"task": task.id, "message": "hi", "if_version": 1})
    assert tm_store.call("progress", {"task": task.id, "message": "hi", "if_version": 2})
    with pytest.raises(UsageError, match="there is no action 'ad'"):
        tm_store.call("ad", {"title": "x"})
    off = TaskManager.open(tm_store.workspace.project, settings=["plugins.disable=progress"])
    with off, pytest.raises(PluginError, match="'progress' is disabled"):
        off.call("progress", {"task": task.id})
