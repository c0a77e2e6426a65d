"""Types and the hierarchy, through the command line and the facade."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import NotFound, Output, Task, ValidationError
from tm_core.testing import Cli, run_readme

pytestmark = pytest.mark.every_backend


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


# Types


def test_a_task_has_a_type(tm_cli: Cli) -> None:
    task, bug = tm_cli.add("x"), tm_cli.add("y", "--type", "Bug")
    assert (tm_cli.show(task)["type"], tm_cli.show(bug)["type"]) == ("task", "bug")
    assert [each["id"] for each in tm_cli("list", "--type", "bug", "--json").json] == [bug]
    assert "did you mean 'bug'?" in tm_cli("add", "z", "--type", "buug", code=5).err
    assert "type cannot be empty" in tm_cli("update", bug, "--type", "", code=5).err
    assert tm_cli.show(bug)["type"] == "bug"


def test_types_are_configured(tm_cli: Cli) -> None:
    old = tm_cli.add("x")
    tm_cli("config", "set", "types-and-parents.types", "story,spike")
    assert tm_cli.show(tm_cli.add("y"))["type"] == "story"
    tm_cli("add", "z", "--type", "task", code=5)
    tm_cli("update", old, "--title", "still editable")
    assert "1 task(s) have the type 'task', which is not configured" in tm_cli("doctor").out


@pytest.mark.only_backend("sqlite")  # takes the file away
def test_tasks_from_before_the_feature_have_the_usual_type(tm_cli: Cli) -> None:
    tm_cli("config", "disable", "types-and-parents")
    (tm_cli.folder / ".task-orchestrator" / "tasks.db").unlink()
    tm_cli("init", code=None)
    before = tm_cli.add("before it was ever on")
    tm_cli("config", "enable", "types-and-parents")
    tm_cli("list")
    tm_cli("config", "disable", "types-and-parents")
    between = tm_cli.add("while it was off")
    tm_cli("config", "enable", "types-and-parents")
    found = tm_cli("list", "--where", "type == 'task'", "--json").json
    assert {task["id"] for task in found} == {before, between}


# Parents


def test_a_parent_is_given_by_the_beginning_of_its_id(tm_cli: Cli) -> None:
    whole = tm_cli.add("whole")
    part = tm_cli.add("part", "--parent", whole[:7])
    assert tm_cli.show(part)["parent"] == whole
    assert tm_cli("list", "--parent", whole[:7]).out == f"[{part}] part - pending\n"
    assert tm_cli("list", "--parent", "").out == f"[{whole}] whole - pending\n"
    assert tm_cli("children", whole[:7]).out == f"[{part}] part - pending\n"
    tm_cli("update", part, "--parent", "")
    assert tm_cli.show(part)["parent"] is None
    tm_cli("undo")
    assert tm_cli.show(part)["parent"] == whole


def test_a_wrong_parent_is_refused(tm_cli: Cli) -> None:
    task, gone = tm_cli.add("x"), tm_cli.add("gone")
    tm_cli("delete", gone)
    assert "no task has the id 'zzz'" in tm_cli("add", "y", "--parent", "zzz", code=3).err
    assert "is deleted" in tm_cli("add", "y", "--parent", gone, code=5).err
    assert "its own parent" in tm_cli("update", task, "--parent", task, code=5).err
    assert tm_cli("list").out == f"[{task}] x - pending\n"


def test_a_circle_is_refused_and_shown(tm_store: TaskManager) -> None:
    a = tm_store.add("a").id
    b = tm_store.add("b", parent=a).id
    c = tm_store.add("c", parent=b).id
    with pytest.raises(ValidationError, match=f"{a} -> {c} -> {b} -> {a}"):
        tm_store.update(a, parent=c)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 5)), max_size=15))
def test_there_never_is_a_circle(
    tm_store: TaskManager, moves: list[tuple[int, int | None]]
) -> None:
    ids = [tm_store.add(str(n)).id for n in range(6)]
    parents: dict[int, int | None] = dict.fromkeys(range(6))

    def ancestors(number: int | None) -> set[int]:
        found: set[int] = set()
        while number is not None:
            found.add(number)
            number = parents[number]
        return found

    for part, whole in moves:
        new = None if whole is None else ids[whole]
        if part in ancestors(whole):
            with pytest.raises(ValidationError):
                tm_store.update(ids[part], parent=new)
        else:
            tm_store.update(ids[part], parent=new)
            parents[part] = whole
    for number, whole in parents.items():
        assert tm_store.get(ids[number])["parent"] == (None if whole is None else ids[whole])
    # Every task is in exactly one tree.
    seen: list[str] = []
    todo = list(tm_store.tree(limit=0).roots)
    while todo:
        node = todo.pop()
        seen.append(node["id"])
        todo += node["children"]
    assert sorted(seen) == sorted(task.id for task in tm_store.find())


def test_a_whole_is_not_done_before_its_parts(tm_cli: Cli) -> None:
    whole = tm_cli.add("whole")
    part = tm_cli.add("part", "--parent", whole)
    refused = tm_cli("complete", whole, code=5)
    assert f"has 1 open child: {part}" in refused.err
    assert "--force" in refused.err
    tm_cli("update", whole, "--status", "completed", code=5)
    tm_cli("complete", whole, "--force")
    assert "forced past" in tm_cli("log", whole).out
    tm_cli("undo")
    tm_cli("-c", "types-and-parents.complete_with_open_children=true", "complete", whole)
    tm_cli("undo")
    tm_cli("complete", part)
    tm_cli("complete", whole)


def test_parts_of_a_deleted_task_stand_on_their_own(tm_cli: Cli) -> None:
    whole = tm_cli.add("whole")
    parts = {tm_cli.add("part", "--parent", whole) for _ in range(3)}
    assert "has 3 children" in tm_cli("delete", whole, code=5).err
    tm_cli("delete", whole, "--force")
    assert {node["id"] for node in tm_cli("tree", "--json").json} == parts
    assert all(tm_cli.show(part)["parent"] is None for part in parts)
    assert "parent" in tm_cli("log", min(parts)).out
    tm_cli("undo")
    assert {task["id"] for task in tm_cli("children", whole, "--json").json} == parts


def test_a_purged_task_leaves_no_dangling_part(tm_cli: Cli) -> None:
    whole = tm_cli.add("whole")
    part = tm_cli.add("part", "--parent", whole)
    tm_cli("delete", whole, "--force", "--purge")
    assert tm_cli.show(part)["parent"] is None
    assert "every parent is there" in tm_cli("doctor").out


def test_a_task_comes_back_without_a_parent_that_is_gone(tm_cli: Cli) -> None:
    whole = tm_cli.add("whole")
    part = tm_cli.add("part", "--parent", whole)
    tm_cli("delete", part)
    tm_cli("delete", whole)
    tm_cli("update", part, "--status", "pending")
    assert tm_cli.show(part)["parent"] is None


# The tree


def test_the_tree_has_progress_and_depth(tm_cli: Cli) -> None:
    whole = tm_cli.add("whole", "--type", "epic")
    part = tm_cli.add("a\x1b[2Jb", "--parent", whole)
    leaf = tm_cli.add("leaf", "--parent", part)
    tm_cli("complete", leaf)
    tm_cli("update", tm_cli.add("dropped", "--parent", whole), "--status", "cancelled")
    lines = tm_cli("tree").out.splitlines()
    assert lines[0] == f"[{whole}] epic: whole - pending (1/2)"
    assert lines[1] == rf"  [{part}] a\x1b[2Jb - pending (1/1)"
    assert lines[2] == f"    [{leaf}] leaf - completed"
    assert "dropped - cancelled" in lines[3]
    root = tm_cli("tree", whole, "--depth", "2", "--json").json[0]
    assert [node["omitted"] for node in root["children"]] == [1, 0]
    assert root["omitted"] == 0
    assert "    ... 1 more below" in tm_cli("tree", "--depth", "2").out
    tm_cli("tree", "--depth", "0", code=5)
    tm_cli("tree", "nothing", code=3)


def test_finished_trees_are_shown_on_demand(tm_cli: Cli) -> None:
    done = tm_cli.add("done")
    deep = tm_cli.add("deep")
    middle = tm_cli.add("middle", "--parent", deep)
    tm_cli.add("open", "--parent", middle)
    tm_cli("complete", done)
    tm_cli("complete", middle, "--force")
    tm_cli("-c", "types-and-parents.complete_with_open_children=true", "complete", deep)
    assert [root["id"] for root in tm_cli("tree", "--json").json] == [deep]
    assert {root["id"] for root in tm_cli("tree", "--all", "--json").json} == {done, deep}


def test_trees_come_in_pages(tm_cli: Cli) -> None:
    assert "No tasks found" in tm_cli("tree").err
    ids = [tm_cli.add(str(n)) for n in range(5)]
    first = tm_cli("tree", "--limit", "2", "--json").json
    rest = tm_cli("tree", "--limit", "0", "--offset", "2", "--json").json
    assert [root["id"] for root in first + rest] == ids[::-1]
    assert "2 shown, there are more: --offset 2" in tm_cli("tree", "--limit", "2").err
    assert "1 shown" in tm_cli("-c", "list.limit=1", "tree").err


@pytest.mark.only_backend("sqlite")  # thousands of round trips take a minute
def test_a_chain_of_thousands(tm_cli: Cli, tm_open: Callable[..., TaskManager]) -> None:
    store = tm_open()
    with store.transaction():
        before = ""
        for number in range(5000):
            record = {"id": f"{number:08x}", "title": str(number)}
            store.restore(record | ({"parent": before} if before else {}))
            before = record["id"]
    lines = tm_cli("tree").out.splitlines()
    assert lines[0] == "[00000000] 0 - pending (0/4999)"
    assert lines[-1].strip() == "... 4900 more below"
    deepest, levels = tm_cli("tree", "--json").json[0], 1
    while deepest["children"]:
        deepest, levels = deepest["children"][0], levels + 1
    assert (levels, deepest["omitted"]) == (100, 4900)
    assert "(4991 more)" in tm_cli("update", "00000000", "--parent", before, code=5).err


class _Terminal:
    """A stream that a person reads."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("no width")


def test_at_a_terminal_the_tree_has_lines(tm_store: TaskManager) -> None:
    from tm_types_and_parents import views

    root = tm_store.add("root " * 40).id
    first = tm_store.add("界" * 60, parent=root).id
    leaf = tm_store.add("leaf", parent=first).id
    last = tm_store.add("last", parent=root).id
    terminal: Any = _Terminal()
    views.tree(tm_store.tree(), Output(terminal, terminal, color="never"))
    lines = terminal.text.splitlines()
    starts = [f"{root} ", f"├─ {first} ", f"│  └─ {leaf} ", f"└─ {last} "]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
    assert lines[0].endswith("…  pending (0/3)")
    assert len(lines[0]) <= 80


# Export and import, health, toggling


def test_parts_may_be_imported_before_their_whole(tm_store: TaskManager) -> None:
    whole = tm_store.add("whole", type="epic")
    part = tm_store.add("part", type="bug", parent=whole.id)
    tm_store.complete(whole.id, force=True)
    records = [tm_store.get(task.id).as_dict() for task in (part, whole)]
    for record in records:
        tm_store.delete(record["id"], purge=True, force=True)
    with tm_store.transaction():
        restored = [tm_store.restore(record) for record in records]
    assert [(task["type"], task["parent"]) for task in restored] == [
        ("bug", whole.id),
        ("epic", None),
    ]
    assert restored[1].status == "completed"


def test_an_import_cannot_close_a_circle(tm_store: TaskManager) -> None:
    def restore(name: str, parent: str) -> Task:
        return tm_store.restore({"id": name * 8, "title": name, "parent": parent * 8})

    restore("a", "c")
    restore("b", "a")
    with pytest.raises(ValidationError, match="part of itself"):
        restore("c", "b")
    with pytest.raises(ValidationError, match="its own parent"):
        restore("d", "d")


def test_the_doctor_finds_what_dangles_and_what_goes_round(
    tm_cli: Cli, tm_open: Callable[..., TaskManager]
) -> None:
    store = tm_open()
    store.restore({"id": "a" * 8, "title": "a", "parent": "0" * 8})
    assert "1 task has a parent that is not there: aaaaaaaa" in tm_cli("doctor", code=None).out
    assert tm_cli("tree").out.startswith("[aaaaaaaa]")
    b, c = tm_cli.add("b"), tm_cli.add("c")
    tm_cli("update", b, "--parent", c)
    seq = json.loads(tm_cli("log", b, "--limit", "1", "--json").out)[0]["seq"]
    tm_cli("update", b, "--parent", "")
    away = json.loads(tm_cli("log", b, "--limit", "1", "--json").out)[0]["seq"]
    assert away > seq
    tm_cli("update", c, "--parent", b)
    # Taking back an older change does not ask the rules: reading has to cope with a circle.
    tm_cli("undo", str(away))
    assert "2 tasks have no beginning" in tm_cli("doctor", code=None).out
    shown = tm_cli("tree", b, "--json").json[0]
    assert shown["id"] == b
    assert [node["id"] for node in shown["children"]] == [c]


def test_off_and_on_again(tm_cli: Cli, tm_open: Callable[..., TaskManager]) -> None:
    whole = tm_cli.add("whole", "--type", "epic")
    part = tm_cli.add("part", "--parent", whole)
    tm_cli("config", "disable", "types-and-parents")
    assert "feature 'types-and-parents' is disabled" in tm_cli("tree", code=8).err
    assert "disabled" in tm_cli("add", "y", "--parent", whole, code=8).err
    tm_cli("complete", whole)
    tm_cli("undo")
    tm_cli("config", "enable", "types-and-parents")
    assert tm_cli.show(part)["parent"] == whole
    assert tm_cli.show(whole)["type"] == "epic"
    with pytest.raises(NotFound):
        tm_open().children("nothing")
