"""Dependencies as people and programs meet them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Conflict, ValidationError
from tm_core.testing import Cli, run_readme

pytestmark = pytest.mark.every_backend


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def status(cli: Cli, task_id: str) -> str:
    return str(cli.show(task_id)["status"])


def statuses(tm: TaskManager, *ids: str) -> list[str]:
    return [tm.get(each).status for each in ids]


def events(tm: TaskManager) -> list[tuple[str, str | None]]:
    return [(event["type"], event["task_id"]) for event in tm.log()]


def test_a_task_begins_as_blocked_and_is_released_by_the_completion(tm_cli: Cli) -> None:
    first = tm_cli.add("design")
    second = tm_cli.add("build", "--depends-on", first[:6])
    shown = tm_cli.show(second)
    assert (shown["status"], shown["depends_on"], shown["dependents"]) == ("blocked", [first], [])
    assert tm_cli.show(first)["dependents"] == [second]
    tm_cli("complete", first)
    assert status(tm_cli, second) == "pending"


def test_a_finished_dependency_blocks_nothing(tm_cli: Cli) -> None:
    done, dropped = tm_cli.add("done"), tm_cli.add("dropped")
    tm_cli("complete", done)
    tm_cli("update", dropped, "--status", "cancelled")
    after = tm_cli.add("after", "--depends-on", done, "--depends-on", dropped)
    assert status(tm_cli, after) == "pending"


def test_unknown_and_ambiguous_dependencies_are_refused_and_nothing_is_written(
    tm_cli: Cli,
) -> None:
    result = tm_cli("add", "x", "--depends-on", "ffffffff0", code=3)
    assert "no task has the id 'ffffffff0'" in result.err
    assert tm_cli("list", "--json").json == []
    tm_cli("add", "x", "--depends-on", "", code=5)


def test_a_deleted_task_is_nothing_to_wait_for(tm_cli: Cli) -> None:
    gone = tm_cli.add("gone")
    tm_cli("delete", gone)
    result = tm_cli("add", "x", "--depends-on", gone, code=5)
    assert f"task {gone} 'gone' is deleted" in result.err


def test_a_chain_is_released_level_by_level(tm_store: TaskManager) -> None:
    a = tm_store.add("a").id
    b = tm_store.add("b", depends_on=[a]).id
    c = tm_store.add("c", depends_on=[b]).id
    tm_store.complete(a)
    assert statuses(tm_store, b, c) == ["pending", "blocked"]
    tm_store.complete(b)
    assert statuses(tm_store, b, c) == ["completed", "pending"]


def test_a_diamond_waits_for_both_sides(tm_store: TaskManager) -> None:
    top = tm_store.add("top").id
    left, right = (tm_store.add(name, depends_on=[top]).id for name in ("left", "right"))
    end = tm_store.add("end", depends_on=[left, right]).id
    tm_store.complete(top)
    assert statuses(tm_store, left, right, end) == ["pending", "pending", "blocked"]
    tm_store.complete(left)
    assert statuses(tm_store, end) == ["blocked"]
    tm_store.complete(right)
    assert statuses(tm_store, end) == ["pending"]


def test_reopening_blocks_again_what_can_still_wait(tm_store: TaskManager) -> None:
    a = tm_store.add("a").id
    waiting, started, done = (tm_store.add(name, depends_on=[a]).id for name in "wsd")
    tm_store.complete(a)
    tm_store.update(started, status="in_progress")
    tm_store.complete(done)
    tm_store.update(a, status="pending")
    assert statuses(tm_store, waiting, started, done) == ["blocked", "blocked", "completed"]
    # What is reopened itself, while it must wait, comes back as blocked.
    assert tm_store.update(done, status="pending").status == "blocked"


def test_edges_come_and_go_at_any_time(tm_cli: Cli) -> None:
    a, b, c = (tm_cli.add(name) for name in "abc")
    tm_cli("update", c, "--status", "in_progress")
    result = tm_cli("dependencies", "add", c, a, b[:7])
    assert result.out == ""
    assert f"Task {c} is blocked, it depends on" in result.err
    again = tm_cli("dependencies", "add", c, a, "--json").json
    assert again == {"id": c, "title": "c", "status": "blocked", "depends_on": sorted([a, b])}
    tm_cli("dependencies", "remove", c, a[:7])
    assert status(tm_cli, c) == "blocked"
    assert "is pending, it depends on nothing" in tm_cli("dependencies", "remove", c, b).err
    tm_cli("update", c, "--depends-on", a)
    assert tm_cli.show(c)["depends_on"] == [a]


def test_wrong_calls_say_what_to_do(tm_cli: Cli) -> None:
    a, b = tm_cli.add("a"), tm_cli.add("b")
    assert "tm dependencies add ID OTHER" in tm_cli("dependencies", "add", a, code=2).err
    assert "tm dependencies remove ID" in tm_cli("dependencies", "remove", a, code=2).err
    assert (
        f"task {a} does not depend on '{b}'" in tm_cli("dependencies", "remove", a, b, code=3).err
    )
    tm_cli("dependencies", "add", a, "zz", code=3)


def test_a_dry_run_and_a_repeated_key_write_nothing_more(tm_cli: Cli) -> None:
    a, b = tm_cli.add("a"), tm_cli.add("b")
    tm_cli("dependencies", "add", b, a, "--dry-run")
    assert tm_cli.show(b)["depends_on"] == []
    tm_cli("dependencies", "add", b, a, "--key", "k")
    tm_cli("dependencies", "remove", b, a)
    tm_cli("dependencies", "add", b, a, "--key", "k")
    assert tm_cli.show(b)["depends_on"] == []


def test_a_repeated_key_tells_of_the_completed_task_and_not_of_a_released_one(
    tm_store: TaskManager,
) -> None:
    a = tm_store.add("a").id
    tm_store.add("b", depends_on=[a])
    for _ in range(2):
        assert tm_store.once("k", "complete", a).id == a


def test_cycles_are_refused_and_shown(tm_cli: Cli) -> None:
    a = tm_cli.add("one")
    b = tm_cli.add("two", "--depends-on", a)
    c = tm_cli.add("three", "--depends-on", b)
    result = tm_cli("dependencies", "add", a, c, code=5)
    assert f"{a} 'one' -> {c} 'three' -> {b} 'two' -> {a} 'one'" in result.err
    result = tm_cli("update", a, "--depends-on", a, "--force", code=5)
    assert f"{a} 'one' -> {a} 'one'" in result.err
    assert tm_cli.show(a)["depends_on"] == []
    assert status(tm_cli, a) == "pending"


def test_a_blocked_task_is_completed_or_started_by_force_only(tm_cli: Cli) -> None:
    a = tm_cli.add("plan")
    b = tm_cli.add("build", "--depends-on", a)
    refused = tm_cli("complete", b, code=5)
    assert f"it waits for {a} 'plan' (pending)" in refused.err
    assert "--force" in refused.err
    for wish in ("pending", "in_progress"):
        tm_cli("update", b, "--status", wish, code=5)
    assert status(tm_cli, b) == "blocked"
    tm_cli("update", b, "--status", "in_progress", "--force")
    tm_cli("update", b, "--title", "build it")
    assert status(tm_cli, b) == "in_progress"
    tm_cli("complete", b, "--force")
    last = tm_cli("log", b, "--limit", "1", "--json").json[0]
    assert "it waits for" in last["data"]["forced"][0]


def test_a_task_that_others_wait_for_is_deleted_by_force_only(tm_cli: Cli) -> None:
    a = tm_cli.add("plan")
    b = tm_cli.add("build", "--depends-on", a)
    assert f"{b} 'build' (blocked)" in tm_cli("delete", a, code=5).err
    tm_cli("delete", a, "--force")
    assert status(tm_cli, b) == "pending"
    tm_cli("update", a, "--status", "pending")
    assert status(tm_cli, b) == "blocked"
    tm_cli("delete", a, "--purge", "--force")
    assert tm_cli.show(b)["status"] == "pending"
    assert tm_cli.show(b)["depends_on"] == []


def test_a_finished_dependent_holds_nobody(tm_cli: Cli) -> None:
    a = tm_cli.add("plan")
    b = tm_cli.add("build", "--depends-on", a)
    tm_cli("complete", a)
    tm_cli("complete", b)
    tm_cli("delete", a)


def test_a_task_blocked_by_hand_stays_blocked(tm_cli: Cli) -> None:
    a, b = tm_cli.add("a"), tm_cli.add("b")
    tm_cli("update", b, "--status", "blocked")
    tm_cli("complete", a)
    assert status(tm_cli, b) == "blocked"
    assert "blocked by hand" in tm_cli("blocked").out
    assert "is blocked, though" not in tm_cli("doctor").out
    tm_cli("update", b, "--status", "pending")


def test_each_task_has_its_own_event_and_the_cause_comes_first(tm_store: TaskManager) -> None:
    a = tm_store.add("a").id
    b = tm_store.add("b", depends_on=[a]).id
    c = tm_store.add("c", depends_on=[a]).id
    tm_store.complete(a)
    assert events(tm_store)[-3:] == [
        ("task.completed", a),
        ("task.unblocked", b),
        ("task.unblocked", c),
    ]
    *_, done, released, _ = tm_store.log()
    assert done["transaction_id"] == released["transaction_id"]
    assert released["data"]["before"]["status"] == "blocked"
    assert released["data"]["after"]["status"] == "pending"
    created = next(tm_store.log(b))
    assert created["data"]["after"]["status"] == "blocked"
    [[table, key, before, row]] = created["data"]["rows"]
    assert (table, key, before) == (
        "dependencies_edge",
        {"task_id": b, "depends_on": a},
        None,
    )
    assert row["created_by"] == tm_store.actor
    d = tm_store.add("d").id
    tm_store.dependencies_add(b, d)
    tm_store.dependencies_remove(b, d)
    assert events(tm_store)[-3:] == [
        ("task.blocked", b),
        ("dependencies.removed", b),
        ("task.unblocked", b),
    ]


def test_the_undo_of_a_completion_blocks_dependents_again(tm_cli: Cli) -> None:
    a = tm_cli.add("a")
    b = tm_cli.add("b", "--depends-on", a)
    tm_cli("complete", a)
    tm_cli("undo")
    assert (status(tm_cli, a), status(tm_cli, b)) == ("pending", "blocked")
    tm_cli("complete", a)
    assert status(tm_cli, b) == "pending"


def test_an_undo_settles_edges_that_came_later(tm_store: TaskManager) -> None:
    a = tm_store.add("a").id
    tm_store.complete(a)
    done = tm_store.store.last_seq()
    later = tm_store.add("later", depends_on=[a]).id
    assert statuses(tm_store, later) == ["pending"]
    tm_store.undo(done)
    assert statuses(tm_store, later) == ["blocked"]
    # An edge that comes back, to a task that was finished in between, does not block.
    tm_store.dependencies_remove(later, a)
    removed = tm_store.store.last_seq()
    tm_store.complete(a)
    tm_store.undo(removed)
    assert tm_store.get(later).details["depends_on"] == [a]
    assert statuses(tm_store, later) == ["pending"]


def test_an_undo_that_would_close_a_cycle_is_refused(tm_store: TaskManager) -> None:
    a, b = tm_store.add("a").id, tm_store.add("b").id
    tm_store.dependencies_add(a, b)
    tm_store.dependencies_remove(a, b)
    removed = tm_store.store.last_seq()
    tm_store.dependencies_add(b, a)
    with pytest.raises(ValidationError, match="cycle"):
        tm_store.undo(removed)
    assert tm_store.get(a).details["depends_on"] == []


def test_the_undo_of_an_add_is_refused_while_others_wait_for_the_task(
    tm_store: TaskManager,
) -> None:
    a = tm_store.add("a").id
    added = tm_store.store.last_seq()
    b = tm_store.add("b", depends_on=[a]).id
    with pytest.raises(Conflict):
        tm_store.undo(added)
    tm_store.dependencies_remove(b, a)
    tm_store.undo(added)
    assert [task.id for task in tm_store.find()] == [b]


def test_ready_goes_by_priority_then_by_what_waits_then_by_age(tm_cli: Cli) -> None:
    old = tm_cli.add("old")
    useful = tm_cli.add("useful")
    more = tm_cli.add("more useful")
    urgent = tm_cli.add("urgent", "-p", "critical", "--assignee", "ada")
    tm_cli.add("x", "--depends-on", useful, "--depends-on", more)
    tm_cli.add("y", "--depends-on", more)
    started = tm_cli.add("started")
    tm_cli("update", started, "--status", "in_progress")
    order = [urgent, more, useful, old]

    def ids(*arguments: str) -> list[str]:
        return [task["id"] for task in tm_cli("ready", "--json", *arguments).json]

    assert ids() == order
    assert ids("--limit", "0") == order
    pages = [ids("--limit", "1", "--offset", str(place)) for place in range(5)]
    assert pages == [[each] for each in order] + [[]]
    assert ids("--assignee", "ada") == [urgent]
    assert ids("--where", "title == 'old' or title == 'more useful'") == [more, old]
    result = tm_cli("ready", "--limit", "2")
    assert result.out.splitlines() == [
        f"[{urgent}] urgent - pending",
        f"[{more}] more useful - pending",
    ]
    assert "there are more: --offset 2" in result.err
    assert tm_cli("ready", "--json").json[1]["dependents"] != []
    tm_cli("ready", "--where", "nonsense ==", code=5)


def test_a_nearer_deadline_comes_first_and_then_what_unblocks_more(tm_cli: Cli) -> None:
    plain = tm_cli.add("plain")
    late = tm_cli.add("late", "--deadline", "2031-01-02")
    soon = tm_cli.add("soon", "--deadline", "2031-01-01")
    deep = tm_cli.add("deep", "--deadline", "2031-01-02")
    root = tm_cli.add("root")
    low = tm_cli.add("low", "-p", "low", "--deadline", "2030-01-01")
    last = tm_cli.add("a", "--depends-on", root)
    for _ in range(3):
        last = tm_cli.add("chain", "--depends-on", last)
    tm_cli.add("one more", "--depends-on", deep)

    rows = tm_cli("ready", "--explain", "--json").json
    assert [(row["id"], row["unblocks"], row["before_next_by"]) for row in rows] == [
        (soon, 0, "deadline"),
        (deep, 1, "what waits for it"),
        (late, 0, "deadline"),
        (root, 4, "what waits for it"),
        (plain, 0, "priority"),
        (low, 0, ""),
    ]
    text = tm_cli("ready", "--explain", "--limit", "1", "--offset", "1").out
    assert text.startswith(f"[{deep}] deep - medium, due 2031-01-02 23:59, unblocks 1, from ")
    assert text.endswith("before the next by what waits for it\n")

    tm_cli("update", plain, "--priority", "critical")
    tm_cli("update", root, "--priority", "low")
    tm_cli("complete", soon)
    found = [task["id"] for task in tm_cli("ready", "--json").json]
    assert found == [plain, deep, late, low, root]
    without = tm_cli("-p", "no:deadlines", "ready", "--explain", "--json").json
    assert [row["id"] for row in without] == [plain, deep, late, root, low]
    assert without[0]["deadline"] is None


def test_counts_that_went_stale_are_told_and_made_anew(tm_open: Callable[..., TaskManager]) -> None:
    """Work while the feature is off leaves them behind; each task is listed once all the same."""
    on = tm_open()
    first = on.add("first")
    second = on.add("second", depends_on=[first.id])
    third = on.add("third", depends_on=[second.id])
    off = tm_open(settings=["plugins.disable=dependencies"])
    off.update(first.id, priority="high")
    off.update(second.id, status="cancelled")
    off.update(third.id, status="pending")
    assert [task.id for task in on.ready().tasks] == [first.id, third.id]
    assert any("recount" in finding.hint for finding in on.health())
    assert on.dependencies_recount() == {"counted": 0}
    assert not any("recount" in finding.hint for finding in on.health())


def test_nothing_ready_is_said_on_stderr(tm_cli: Cli) -> None:
    result = tm_cli("ready")
    assert (result.out, "Nothing is ready" in result.err) == ("", True)
    assert "No task is blocked" in tm_cli("blocked").err


@pytest.mark.only_backend("sqlite")  # asks SQLite for its plan
def test_ready_pages_through_an_index(tm_store: TaskManager) -> None:
    """A page must not cost a walk over all tasks, nor a sort of them."""
    seen: list[str] = []
    real = tm_store.database.query

    def spy(sql: str, parameters: Any = ()) -> Any:
        if sql.startswith(("SELECT task.id", "WITH freed")):
            plan = real("EXPLAIN QUERY PLAN " + sql, parameters)
            seen.append("; ".join(row["detail"] for row in plan))
        return real(sql, parameters)

    tm_store.database.query = spy  # type: ignore[method-assign]
    tm_store.ready()
    assert len(seen) == 13
    forgotten = seen.pop(0)
    assert "SEARCH task USING INDEX sqlite_autoindex_task_1 (id=?)" in forgotten
    for urgent, heavy, others in zip(seen[::3], seen[1::3], seen[2::3], strict=True):
        assert "INDEX deadlines_pending (status=? AND priority=? AND deadline>?)" in urgent
        assert "TEMP B-TREE FOR ORDER BY" not in urgent  # only among those with one deadline
        assert "INDEX dependencies_weight_order (priority=?)" in heavy
        assert "SEARCH task USING INDEX sqlite_autoindex_task_1 (id=?)" in heavy
        assert "INDEX dependencies_ready (status=? AND priority=?)" in others
        assert "TEMP B-TREE" not in heavy + others
        assert "SCAN" not in urgent + heavy + others


def test_blocked_tells_why(tm_cli: Cli) -> None:
    a = tm_cli.add("a\x1b[31m", "--assignee", "ada")
    b = tm_cli.add("b", "--depends-on", a, "--assignee", "bob")
    c = tm_cli.add("c", "--depends-on", b)
    found = {task["id"]: task["waits_for"] for task in tm_cli("blocked", "--json").json}
    assert found == {
        b: [{"id": a, "title": "a\x1b[31m", "status": "pending"}],
        c: [{"id": b, "title": "b", "status": "blocked"}],
    }
    lines = tm_cli("blocked").out.splitlines()
    assert lines[0] == f"[{c}] c - waits for [{b}] b (blocked)"
    assert "\x1b" not in lines[1]
    only = tm_cli("blocked", "--assignee", "bob", "--where", "title == 'b'", "--json").json
    assert [task["id"] for task in only] == [b]
    assert len(tm_cli("blocked", "--limit", "1").out.splitlines()) == 1


def test_off_and_on_again(tm_cli: Cli) -> None:
    a = tm_cli.add("a")
    b = tm_cli.add("b", "--depends-on", a)
    tm_cli("config", "disable", "dependencies")
    for command in (["ready"], ["dependencies", "add", b, a], ["add", "c", "--depends-on", a]):
        assert "feature 'dependencies' is disabled" in tm_cli(*command, code=8).err
    tm_cli("complete", a)
    assert "depends_on" not in tm_cli.show(b)
    tm_cli("config", "enable", "dependencies")
    assert tm_cli.show(b)["depends_on"] == [a]
    found = tm_cli("doctor", code=None).out
    assert f"task {b} 'b' is blocked, though all that it depends on is finished" in found
    tm_cli("update", b, "--status", "pending")
    assert "all that it depends on" not in tm_cli("doctor", code=None).out


@pytest.mark.only_backend("sqlite")  # makes several stores, each a file
def test_an_export_comes_back_in_any_order(
    tm_open: Callable[..., TaskManager], tmp_path: Path
) -> None:
    source = tm_open()
    a = source.add("a")
    b = source.add("b", depends_on=[a.id])
    c = source.add("c", depends_on=[b.id, a.id])
    records = [task.as_dict() for task in source.find(details=True)]
    folder = tmp_path / "other"
    folder.mkdir()
    with TaskManager.open(str(folder), create=True) as target:
        with target.transaction():
            for record in records:  # newest first: each comes before what it depends on
                target.restore(record)
        back = {task.id: task for task in target.find(details=True)}
        for record in records:
            task = back[record["id"]]
            assert task.status == record["status"]
            assert sorted(task.details["depends_on"]) == sorted(record["depends_on"])
            assert sorted(task.details["dependents"]) == sorted(record["dependents"])
        assert not target.database.query("SELECT * FROM dependencies_awaited")
        target.complete(a.id)
        target.complete(b.id)
        assert target.get(c.id).status == "pending"


def test_an_import_may_lack_tasks(tm_cli: Cli, tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open()
    tm.restore({"id": "aaaa0001", "title": "x", "depends_on": ["aaaa0002", "aaaa0003"]})
    assert tm.get("aaaa0001").details["depends_on"] == ["aaaa0002", "aaaa0003"]
    found = tm_cli("doctor", code=None).out
    assert "2 edge(s) lead to tasks that are not in this store: aaaa0001 on aaaa0002" in found
    tm_cli("dependencies", "remove", "aaaa0001", "aaaa0003")
    # It comes later, from a source that knows nothing of dependencies.
    tm.restore({"id": "aaaa0002", "title": "y"})
    assert tm.get("aaaa0002").details["dependents"] == ["aaaa0001"]
    assert "not in this store" not in tm_cli("doctor", code=None).out


def test_an_import_of_a_cycle_is_refused_as_a_whole(tm_store: TaskManager) -> None:
    def bring_in() -> None:
        with tm_store.transaction():
            tm_store.restore({"id": "aaaa0001", "title": "x", "depends_on": ["aaaa0002"]})
            tm_store.restore({"id": "aaaa0002", "title": "y", "depends_on": ["aaaa0001"]})

    with pytest.raises(ValidationError, match="cycle"):
        bring_in()
    assert tm_store.find() == []


def test_the_doctor_finds_cycles_and_premature_starts(
    tm_cli: Cli, tm_open: Callable[..., TaskManager]
) -> None:
    tm = tm_open()
    a = tm.add("a").id
    b = tm.add("b", depends_on=[a]).id
    tm.add("behind", depends_on=[b])
    tm.update(b, status="in_progress", force=True)
    assert f"task {b} 'b' is not blocked" in tm_cli("doctor", code=None).out
    tm.database.execute(
        "INSERT INTO dependencies_edge (task_id, depends_on, created_at, created_by)"
        " VALUES (?, ?, 'then', 'damage')",
        [a, b],
    )
    found = tm_cli("doctor", code=None).out
    assert "is a cycle" in found
    assert "behind" not in found.split("is a cycle")[0].splitlines()[-1]


def test_many_ways_to_the_same_task_do_not_slow_the_search_for_cycles(
    tm_store: TaskManager,
) -> None:
    """Thirty diamonds in a row have 2**30 paths; visiting each would never end."""
    last = first = tm_store.add("0").id
    with tm_store.transaction():
        for level in range(30):
            sides = [tm_store.add(f"{level}{side}", depends_on=[last]).id for side in "ab"]
            last = tm_store.add(str(level), depends_on=sides).id
    with pytest.raises(ValidationError, match=r"\.\.\. 52 more \.\.\."):
        tm_store.dependencies_add(first, last)


def python(code: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "TM_STRICT": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.only_backend("sqlite")  # imports, whatever the engine
def test_a_bare_add_does_not_import_the_feature(tm_cli: Cli) -> None:
    code = (
        "import json, sys\nfrom tm_core.command_line.cli import run\nrun({arguments!r})\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('tm_dep')]))"
    )
    first = tm_cli.add("a")
    for arguments, imported in (
        (("add", "x", "-p", "high"), False),
        (("update", first, "--title", "y"), False),
        (("add", "x", "--depends-on", first), True),
    ):
        process = python(code.format(arguments=arguments), tm_cli.folder)
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert ("tm_dependencies.hooks" in json.loads(out.splitlines()[-1])) is imported


def test_edges_and_completions_in_two_processes_agree(tm_cli: Cli) -> None:
    others = [tm_cli.add(f"other {number}") for number in range(20)]
    waiting = [tm_cli.add(f"waiting {number}") for number in range(20)]
    head = "from tm_core import TaskManager\nwith TaskManager.open() as tm:\n"
    pairs = list(zip(waiting, others, strict=True))
    connect = head + f"    for a, b in {pairs}: tm.update(a, depends_on=[b])"
    complete = head + f"    for b in {others}: tm.complete(b)"
    processes = [python(connect, tm_cli.folder), python(complete, tm_cli.folder)]
    for process in processes:
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert {status(tm_cli, each) for each in waiting} == {"pending"}


def test_opposite_edges_in_two_processes_never_make_a_cycle(tm_cli: Cli) -> None:
    ids = [tm_cli.add(str(number)) for number in range(20)]
    code = (
        "from tm_core.api import ValidationError\nfrom tm_core import TaskManager\n"
        "refused = 0\nwith TaskManager.open() as tm:\n    for a, b in {pairs}:\n"
        "        try: tm.update(a, depends_on=[b])\n"
        "        except ValidationError: refused += 1\nprint(refused)"
    )
    pairs = [(ids[place], ids[place + 1]) for place in range(0, 20, 2)]
    back = [(b, a) for a, b in pairs]
    processes = [python(code.format(pairs=each), tm_cli.folder) for each in (pairs, back)]
    refused = 0
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, err
        refused += int(out)
    assert refused == len(pairs)
    assert "cycle" not in tm_cli("doctor", code=None).out.replace("no cycle", "")
