from __future__ import annotations

import csv
import io
import json
import os
import stat
from pathlib import Path

import pytest

from tm_core import TaskManager
from tm_core.api import Conflict, ExpressionError
from tm_core.testing import Cli


def test_json_holds_all_there_is(tm_cli: Cli) -> None:
    kept = tm_cli.add("Überall & <b>", "-d", "two\nlines")
    gone = tm_cli.add("gone")
    tm_cli("delete", gone)
    document = tm_cli("export").json
    assert (document["format"], document["version"]) == ("task-orchestrator", 1)
    assert [task["id"] for task in document["tasks"]] == [kept, gone]
    assert [task["status"] for task in document["tasks"]] == ["pending", "deleted"]
    shown = tm_cli.show(kept)
    first = document["tasks"][0]
    events = first.pop("events")
    assert first == shown
    assert [event["type"] for event in events] == ["task.created"]
    assert set(events[0]) == {"at", "actor", "session", "type", "data"}


def test_an_empty_store_is_a_whole_document(tm_cli: Cli) -> None:
    assert tm_cli("export").json["tasks"] == []
    assert tm_cli("export", "--format", "jsonl").out == ""
    assert tm_cli("export", "--format", "csv").out.count("\n") == 1
    assert tm_cli("export", "--format", "markdown").out == "# Task Orchestrator Export\n"


def test_jsonl_is_one_task_a_line(tm_cli: Cli) -> None:
    tm_cli.add("a\u2028b")
    tm_cli.add("c", "-d", "x\ny")
    lines = tm_cli("export", "--format", "jsonl", "--no-history").out.split("\n")
    assert [json.loads(line)["title"] for line in lines if line] == ["a\u2028b", "c"]
    assert "events" not in json.loads(lines[0])


def test_chosen_tasks(tm_cli: Cli) -> None:
    tm_cli.add("low", "-p", "low")
    done = tm_cli.add("done", "-p", "high")
    tm_cli("complete", done)
    titles = [t["title"] for t in tm_cli("export", "--where", "priority == 'high'").json["tasks"]]
    assert titles == ["done"]
    assert tm_cli("export", "--status", "pending").json["tasks"][0]["title"] == "low"
    result = tm_cli("export", "--where", "nonsense ==", code=5)
    assert result.out == ""


def test_csv_keeps_every_text_as_it_is(tm_cli: Cli) -> None:
    texts = ["=1+1", 'say "hi", now', "a;b", "tab\there", "line\nbreak", "carriage\rreturn"]
    for text in texts:
        tm_cli.add(text)
    rows = list(csv.DictReader(io.StringIO(tm_cli("export", "--format", "csv").out, newline="")))
    assert [row["title"] for row in rows] == texts
    assert rows[0]["assignee"] == ""
    lines = tm_cli("export", "--format", "tsv").out.split("\n")
    assert len(lines) == len(texts) + 2
    assert "tab\\there" in lines[4]


def test_markdown_is_for_people_and_holds_no_task_that_breaks_it(tm_cli: Cli) -> None:
    tm_cli.add("# no *heading* <script>", "-d", "# nor this\n<b>")
    done = tm_cli.add("over")
    tm_cli("complete", done)
    text = tm_cli("export", "--format", "markdown").out
    assert text.startswith("# Task Orchestrator Export\n\n## Pending\n")
    assert r"- [ ] \# no \*heading\* \<script\>" in text
    assert "  > # nor this\n  > \\<b>\n" in text
    assert "## Completed\n\n- [x] over\n" in text
    assert text.count("\n# ") == 0


def test_a_file_is_written_whole_and_never_over_another(tm_cli: Cli) -> None:
    tm_cli.add("x")
    target = tm_cli.folder / "out.json"
    result = tm_cli("export", "--output", "out.json")
    assert (result.out, result.err) == ("", "Exported 1 task to out.json\n")
    assert len(json.loads(target.read_text())["tasks"]) == 1
    before = target.read_text()
    assert "--force" in tm_cli("export", "--output", "out.json", code=6).err
    assert target.read_text() == before
    tm_cli.add("y")
    assert tm_cli("export", "--output", "out.json", "--force", "--json").json == {
        "exported": 2,
        "output": "out.json",
    }
    assert len(json.loads(target.read_text())["tasks"]) == 2
    assert [name for name in os.listdir(tm_cli.folder) if name.endswith(".tmp")] == []


def test_a_file_that_cannot_be_written(tm_cli: Cli) -> None:
    tm_cli.add("x")
    result = tm_cli("export", "--output", "no/such/folder.json", code=1)
    assert result.err.count("\n") == 1
    (tm_cli.folder / "folder").mkdir()
    assert tm_cli("export", "--output", "folder", code=1).err.startswith("tm: cannot write folder")


def test_a_replaced_file_keeps_its_mode_and_a_link_its_target(tm_cli: Cli) -> None:
    target = tm_cli.folder / "real.json"
    target.write_text("old")
    target.chmod(0o600)
    (tm_cli.folder / "link.json").symlink_to(target)
    tm_cli("export", "--output", "link.json", "--force")
    assert (tm_cli.folder / "link.json").is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert json.loads(target.read_text())["tasks"] == []


def test_in_python_a_document_comes_in_pieces(tm_store: TaskManager, tmp_path: Path) -> None:
    tm_store.add("x")
    assert json.loads("".join(tm_store.export()))["tasks"][0]["title"] == "x"
    with pytest.raises(ExpressionError):
        tm_store.export(where="title ~ 3")
    (tmp_path / "there").write_text("")
    with pytest.raises(Conflict):
        tm_store.export(output=str(tmp_path / "there"))


def test_a_reader_that_has_seen_enough(tm_cli: Cli, tm_open: object) -> None:
    for number in range(3):
        tm_cli.add(f"task {number}")
    with TaskManager.open(str(tm_cli.folder)) as tm:
        document = tm.export(format="jsonl")
        assert next(iter(document))
        document.close()
        tm.add("the store is free to be written again")


def test_switched_off(tm_cli: Cli) -> None:
    tm_cli.add("x")
    tm_cli("config", "disable", "transfer")
    for command in (["export"], ["import", "x"]):
        assert "feature 'transfer' is disabled" in tm_cli(*command, code=8).err
