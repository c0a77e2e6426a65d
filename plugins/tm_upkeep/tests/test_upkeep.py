"""Size and space, and archives that lose nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Conflict, DatabaseError, instant_now
from tm_core.testing import Cli, run_readme

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture
def tm(tm_store: TaskManager) -> TaskManager:
    """A store with a few events about two tasks, and one about none."""
    first = tm_store.add("first", tags=["a"])
    second = tm_store.add("second", depends_on=[first.id])
    tm_store.complete(first.id)
    tm_store.update(second.id, title="zwei")
    return tm_store


def events(tm: TaskManager) -> list[dict[str, Any]]:
    return list(tm.history())


def archive_folder(tm: TaskManager) -> Path:
    return Path(tm.workspace.folder) / "archive"


def test_archiving_loses_nothing(tm: TaskManager, tmp_path: Path) -> None:
    anchor = str(tmp_path / "anchor.json")
    tm.verify(anchor=anchor)
    before, tasks = events(tm), [task.as_dict() for task in tm.find(details=True)]
    found = tm.store_archive(before=instant_now())
    assert (found["events"], found["last_seq"]) == (len(before), before[-1]["seq"])
    assert [event["type"] for event in tm.log()] == ["log.archived"]
    assert events(tm)[: len(before)] == before
    assert [task.as_dict() for task in tm.find(details=True)] == tasks
    assert tm.verify(anchor=anchor).found == 0


def test_the_chain_goes_on_over_many_archives(tm: TaskManager) -> None:
    (first,) = tm.find("title == 'first'")
    for number in range(3):
        assert tm.store_archive(before=instant_now())["events"] > 0
        tm.update(first.id, description=str(number))
        tm.add(f"new {number}")
    assert tm.verify().found == 0
    assert len(tm.archives.known()) == 3
    seqs = [event["seq"] for event in events(tm)]
    assert seqs == list(range(1, len(seqs) + 1))


def test_only_what_is_old_enough_goes(tm: TaskManager) -> None:
    at = instant_now()
    kept = tm.add("later")
    assert tm.store_archive(before="2020-01-01T00:00:00.000000Z") is None
    tm.store_archive(before=at)
    assert next(tm.log(kept.id))["type"] == "task.created"
    assert tm.undo()[0]["task_id"] == kept.id
    with pytest.raises(Conflict, match="event 1 was archived"):
        tm.undo(1)


def test_what_waits_for_a_handler_stays(tm: TaskManager) -> None:
    tm.database.execute("INSERT INTO waiting (plugin, seq) VALUES ('slow', 2)")
    assert tm.store_archive(before=instant_now())["last_seq"] == 2


def test_a_dry_run_writes_nothing(tm: TaskManager) -> None:
    before = events(tm)
    with tm.options(dry_run=True):
        assert tm.store_archive(before=instant_now())["events"] == len(before)
        tm.store_vacuum()
        tm.store_analyze()
    assert events(tm) == before
    assert not archive_folder(tm).exists()


def test_events_leave_the_log_through_archives_only(tm: TaskManager) -> None:
    tm.store_archive(before=instant_now())
    tm.add("x")
    for statement in ("DELETE FROM event", "UPDATE event SET actor = 'x'"):
        with pytest.raises(DatabaseError, match="append-only"):
            tm.database.execute(statement)


@pytest.mark.parametrize("harm", ["missing", "changed"])
def test_an_archive_that_is_not_well_is_told(harm: str, tm: TaskManager, tm_cli_here: Cli) -> None:
    name = tm.store_archive(before=instant_now())["file"]
    file = Path(tm.workspace.folder) / name
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes() + b"\0")
    for command, code in ((["verify"], 5), (["list", "--at", "now"], 4)):
        assert name in tm_cli_here(*command, code=code).err
    assert "zwei" in tm_cli_here("list").out


def test_a_changed_event_is_not_archived(tm: TaskManager) -> None:
    tm.database.execute("DROP TRIGGER event_no_update")
    tm.database.execute("UPDATE event SET actor = 'mallory' WHERE seq = 2")
    before = events(tm)
    with pytest.raises(DatabaseError, match="event 2 is not what was written"):
        tm.store_archive(before=instant_now())
    assert events(tm) == before
    assert list(archive_folder(tm).iterdir()) == []


def test_time_travel_reads_archives(tm: TaskManager, tm_cli_here: Cli) -> None:
    at = instant_now()
    (second,) = tm.find("title == 'zwei'")
    tm.update(second.id, title="drei")
    tm.store_archive(before=instant_now())
    tm.update(second.id, title="vier")
    listed = tm_cli_here("list", "--at", at, "--json").json
    assert sorted(task["title"] for task in listed) == ["first", "zwei"]
    assert tm_cli_here("show", second.id, "--at", at, "--json").json["title"] == "zwei"


def test_archives_are_compressed_lines(tm: TaskManager) -> None:
    with tm.transaction():
        for number in range(300):
            tm.add(f"task {number}", description="much the same " * 20)
    before = events(tm)
    found = tm.store_archive(before=instant_now())
    file = Path(tm.workspace.folder) / found["file"]
    assert file.stat().st_size < sum(len(json.dumps(event)) for event in before) / 5
    assert [event["id"] for event in tm.archived()] == [event["id"] for event in before]


def test_vacuum_gives_space_back(tm: TaskManager) -> None:
    with tm.transaction():
        for number in range(300):
            tm.add(f"task {number}", description="x" * 2000)
    tm.store_archive(before=instant_now())
    for task in tm.find("description is not None"):
        tm.delete(task.id, purge=True)
    tm.store_archive(before=instant_now())
    done = tm.store_vacuum()
    assert done["bytes"] < done["bytes_before"]
    assert tm.verify().found == 0


def test_stats_and_analyze(tm: TaskManager) -> None:
    told = tm.store_stats()
    assert (told["tasks"], told["by_status"]) == (2, {"completed": 1, "pending": 1})
    assert told["events"] == tm.store.last_seq()
    assert told["bytes"] > 0
    assert tm.store_analyze() == {"analyzed": True}
    connection = sqlite3.connect(tm.database.url)
    assert connection.execute("SELECT count(*) FROM sqlite_stat1").fetchone()[0] > 0
    connection.close()


@pytest.fixture
def tm_cli_here(tm: TaskManager, tm_environ: Path) -> Callable[..., Any]:
    """The command line in the folder of the store."""
    return Cli(tm_environ)


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(README, tm_cli)
