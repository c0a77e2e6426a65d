"""Links are checked when made, told when broken, and never lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tm_core import TaskManager
from tm_core.api import NotFound, UsageError, ValidationError
from tm_core.testing import Cli, run_readme

README = Path(__file__).parents[1] / "README.md"
Open = Callable[..., TaskManager]


@pytest.fixture
def other(tm_environ: Path) -> Iterator[TaskManager]:
    """Another project's store."""
    with TaskManager.open(str(tm_environ.parent / "other"), create=True) as manager:
        yield manager


@pytest.fixture
def tm(tm_open: Open, other: TaskManager) -> TaskManager:
    return tm_open(settings=['links.stores={"api": "../other"}'])


def test_a_task_waits_for_one_in_another_store(tm: TaskManager, other: TaskManager) -> None:
    api, here = other.add("api"), tm.add("here")
    task = tm.add("client", depends_on=[f"api:{api.id[:6]}", here.id[:6]])
    assert task.status == "blocked"
    assert tm.get(task.id).details["depends_on"] == [here.id]
    tm.complete(here.id)  # which alone would have released it
    with pytest.raises(ValidationError, match=f"waits for api#{api.id}: pending"):
        tm.complete(task.id)
    with pytest.raises(ValidationError, match="waits for"):
        tm.update(task.id, status="in_progress")
    other.complete(api.id)
    assert tm.complete(task.id).status == "completed"


def test_releasing(tm: TaskManager, other: TaskManager) -> None:
    api, here = other.add("api"), tm.add("here")
    free = tm.add("free", depends_on=[f"api:{api.id}"])
    bound = tm.add("bound", depends_on=[f"api:{api.id}", here.id])
    assert tm.links(release=True).released == []
    other.complete(api.id)
    assert tm.links().released == []
    assert tm.links(release=True).released == [free.id]
    assert (tm.get(free.id).status, tm.get(bound.id).status) == ("pending", "blocked")


def test_what_is_not_there_is_refused(tm: TaskManager, other: TaskManager) -> None:
    task, api = tm.add("x"), other.add("api")
    log = list(tm.log())
    for target in ("nowhere:12", "api:zzz", "../nowhere#12", "api:", "#1", "x"):
        with pytest.raises((NotFound, UsageError)):
            tm.link(task.id, target)
    for target in ("nowhere:12", "api:zzz"):
        with pytest.raises(NotFound):
            tm.add("y", depends_on=[target])
    with pytest.raises(UsageError, match="this very store"):
        tm.link(task.id, f"{tm.workspace.project}#{task.id}")
    with pytest.raises(ValidationError, match="cannot wait for one on a server"):
        tm.link(task.id, "postgresql://nowhere/x#1", waits=True)
    other.delete(api.id)
    with pytest.raises(NotFound):
        tm.link(task.id, f"api:{api.id}")
    assert list(tm.log()) == log


def test_a_store_that_goes_away_is_told_and_waited_for(
    tm: TaskManager, other: TaskManager, tm_environ: Path
) -> None:
    api = other.add("api")
    task = tm.add("client", depends_on=[f"api:{api.id}"])
    tm.link(task.id, f"{tm_environ.parent / 'other'}#{api.id}")
    (tm_environ.parent / "other").rename(tm_environ.parent / "moved")
    told = tm.get(task.id).details["links"]
    assert [(link["state"], link["waits"]) for link in told] == [
        ("unreachable", False),
        ("unreachable", True),
    ]
    assert told[0]["target"] == f"../other#{api.id}"
    with pytest.raises(ValidationError, match="the store api is not there"):
        tm.complete(task.id)
    assert "2 of 2 links lead nowhere" in tm.links().failure.message
    assert tm.complete(task.id, force=True).status == "completed"
    tm.unlink(task.id, f"api:{api.id}", told[0]["target"])
    assert tm.links().failure is None


def test_a_task_that_goes_away_is_told(tm: TaskManager, other: TaskManager) -> None:
    api = other.add("api")
    task = tm.add("client", depends_on=[f"api:{api.id}"])
    other.delete(api.id, purge=True)
    assert tm.get(task.id).details["links"][0]["state"] == "missing"
    with pytest.raises(ValidationError, match=f"api has no task {api.id}"):
        tm.complete(task.id)


def test_another_store_is_only_read(tm: TaskManager, other: TaskManager) -> None:
    api = other.add("api")
    before = list(other.log())
    other.database.execute("DELETE FROM schema_fingerprint")
    task = tm.add("client", depends_on=[f"api:{api.id}"])
    assert tm.get(task.id).details["links"][0]["title"] == "api"
    assert list(other.log()) == before
    assert other.database.query("SELECT * FROM schema_fingerprint") == []


def test_links_come_back_from_an_export_and_an_undo(tm: TaskManager, other: TaskManager) -> None:
    api = other.add("api")
    task = tm.add("client", depends_on=[f"api:{api.id}"])
    record = tm.get(task.id).as_dict()
    again = tm.restore({**record, "id": "again"})
    assert tm.get(again.id).details["links"] == record["links"]
    tm.unlink(task.id, f"api#{api.id}")
    tm.undo()
    assert tm.get(task.id).details["links"] == record["links"]
    with pytest.raises(ValidationError, match="names no task"):
        tm.restore({**record, "id": "bad", "links": [{"target": "x"}]})
    assert tm.verify().found == 0


def test_without_the_feature_it_is_refused(tm_open: Open, other: TaskManager) -> None:
    api = other.add("api")
    off = tm_open(settings=["plugins.disable=links"])
    with pytest.raises(NotFound):
        off.add("client", depends_on=[f"api:{api.id}"])
    assert off.find() == []


def test_the_command(tm_cli: Cli, other: TaskManager) -> None:
    api, task_id = other.add("\x1b[31mapi"), tm_cli.add("client")
    path = Path(other.workspace.project)
    tm_cli("link", task_id, f"{path}#{api.id}", "--dry-run")
    assert tm_cli("links").out == ""
    tm_cli("link", task_id, f"{path}#{api.id}", "--waits")
    shown = tm_cli("links")
    assert shown.out.startswith(f"{task_id}\twaits for\t../other#{api.id}\tpending\t")
    assert "\x1b" not in shown.out
    other.delete(api.id)
    assert json.loads(tm_cli("links", "--json", code=5).out)["links"][0]["state"] == "missing"
    assert tm_cli("unlink", task_id, "x#1", code=3).err
    assert tm_cli("link", task_id, code=2).err


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(README, tm_cli)
