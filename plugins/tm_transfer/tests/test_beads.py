from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Change, Context, Field, Hook, Plugin, Problem, ValidationError, hookimpl

DAY = "2025-12-24T10:00:00-08:00"
UTC_DAY = "2025-12-24T18:00:00.000000Z"


def issue(key: str, **more: Any) -> dict[str, Any]:
    usual = {"title": f"issue {key}", "status": "open", "priority": 2, "issue_type": "task"}
    return {"id": key, **usual, "created_at": DAY, "updated_at": DAY, **more}


def link(kind: str, to: str) -> dict[str, Any]:
    return {"issue_id": "", "depends_on_id": to, "type": kind, "created_at": DAY}


def bring(tm: TaskManager, folder: Path, *issues: dict[str, Any]) -> dict[str, Any]:
    path = folder / "issues.jsonl"
    path.write_text("\n".join(map(json.dumps, issues)), encoding="utf-8")
    report: dict[str, Any] = tm.import_(str(path))
    return report


def kept(tm: TaskManager, key: str) -> dict[str, Any]:
    events = [event["data"]["imported"] for event in tm.log(key) if event["type"] == "task.kept"]
    found: dict[str, Any] = events[0]["beads"] if events else {}
    return found


def lost(report: dict[str, Any]) -> dict[str, int]:
    return {entry["what"]: entry["count"] for entry in report["lost"]}


@pytest.mark.parametrize(
    ("given", "becomes"), [(0, "critical"), (1, "high"), (2, "medium"), (3, "low"), (4, "low")]
)
def test_priorities(rich: TaskManager, tmp_path: Path, given: int, becomes: str) -> None:
    report = bring(rich, tmp_path, issue("bd-1", priority=given))
    assert rich.get("bd-1").priority == becomes
    assert lost(report) == ({"priority 4": 1} if given == 4 else {})
    assert kept(rich, "bd-1") == ({"priority": 4} if given == 4 else {})


@pytest.mark.parametrize(
    ("given", "becomes"),
    [("open", "pending"), ("in_progress", "in_progress"), ("blocked", "blocked")],
)
def test_statuses(rich: TaskManager, tmp_path: Path, given: str, becomes: str) -> None:
    assert lost(bring(rich, tmp_path, issue("bd-1", status=given))) == {}
    assert rich.get("bd-1").status == becomes


@pytest.mark.parametrize("given", ["deferred", "pinned", "hooked", "something-new"])
def test_statuses_that_we_have_not_are_tags(rich: TaskManager, tmp_path: Path, given: str) -> None:
    report = bring(rich, tmp_path, issue("bd-1", status=given, labels=["ui"]))
    task = rich.get("bd-1")
    assert (task.status, task["tags"]) == ("pending", ["ui", f"beads:{given}"])
    assert lost(report) == {f"status '{given}'": 1}


def test_a_closed_issue_keeps_its_time_and_reason(rich: TaskManager, tmp_path: Path) -> None:
    closed = issue("bd-1", status="closed", closed_at=DAY, close_reason="Done", created_by="ada")
    assert lost(bring(rich, tmp_path, closed)) == {}
    task = rich.get("bd-1")
    assert (task.status, task["completed_at"]) == ("completed", UTC_DAY)
    assert (task["completion_summary"], task["created_by"]) == ("Done", "ada")
    assert (task["created_at"], task["updated_at"], task["version"]) == (UTC_DAY, UTC_DAY, 1)


def test_a_tombstone_is_a_deleted_task(rich: TaskManager, tmp_path: Path) -> None:
    stone = issue("bd-1", status="tombstone", original_type="bug", deleted_at=DAY)
    stone |= {"deleted_by": "ada", "delete_reason": "twice"}
    assert lost(bring(rich, tmp_path, stone)) == {}
    task = rich.get("bd-1")
    assert (task.status, task["type"]) == ("deleted", "bug")
    event = next(event for event in rich.log("bd-1") if event["type"] == "task.deleted")
    assert (event["at"], event["actor"], event["session"]) == (UTC_DAY, "ada", "beads")
    assert event["data"]["imported"] == {"reason": "twice"}


@pytest.mark.parametrize("given", ["bug", "feature", "epic", "chore", "task"])
def test_known_types_stay(rich: TaskManager, tmp_path: Path, given: str) -> None:
    bring(rich, tmp_path, issue("bd-1", issue_type=given))
    assert (rich.get("bd-1")["type"], rich.get("bd-1")["tags"]) == (given, None)


def test_other_types_are_tags_and_the_report_tells_how_to_have_them(
    rich: TaskManager, tmp_path: Path
) -> None:
    report = bring(rich, tmp_path, issue("bd-1", issue_type="molecule"))
    assert (rich.get("bd-1")["type"], rich.get("bd-1")["tags"]) == ("task", ["type:molecule"])
    assert "stand-in.types" in report["lost"][0]["what"]


def test_dependencies(rich: TaskManager, tmp_path: Path) -> None:
    others = ["related", "discovered-from", "waits-for", "conditional-blocks", "tracks"]
    report = bring(
        rich,
        tmp_path,
        issue(
            "bd-1",
            dependencies=[
                link("blocks", "bd-2"),
                link("blocks", "bd-3"),
                link("parent-child", "bd-4"),
                link("parent-child", "bd-2"),
                *(link(kind, "bd-2") for kind in others),
            ],
        ),
        issue("bd-2"),
        issue("bd-3", status="closed", closed_at=DAY),
        issue("bd-4", dependencies=[link("blocks", "bd-1")]),
        issue("bd-5", dependencies=[link("blocks", "bd-3")]),
    )
    task = rich.get("bd-1")
    assert (task["depends_on"], task["parent"], task.status) == (
        ["bd-2", "bd-3"],
        "bd-4",
        "blocked",
    )
    assert [rich.get(key).status for key in ("bd-4", "bd-5")] == ["blocked", "pending"]
    assert lost(report) == {"a second parent": 1} | {f"dependency '{kind}'": 1 for kind in others}
    links = kept(rich, "bd-1")["dependencies"]
    assert [each["type"] for each in links] == ["parent-child", *others]


def test_every_text_stays_readable(rich: TaskManager, tmp_path: Path) -> None:
    bring(
        rich,
        tmp_path,
        issue(
            "bd-1",
            description="What",
            design="How",
            acceptance_criteria="When",
            notes="Also",
            external_ref="gh-1",
            comments=[{"id": 1, "author": "ada", "text": "Hm", "created_at": DAY}],
        ),
    )
    text = rich.get("bd-1").description or ""
    order = ["What", "How", "## Acceptance criteria\n\nWhen", "Also", "gh-1", "ada", "Hm"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_further_fields(rich: TaskManager, tmp_path: Path) -> None:
    more = {
        "estimated_minutes": 90,
        "due_at": DAY,
        "defer_until": DAY,
        "metadata": {"k": 1},
        "owner": "ada@example.org",
        "invented_later": [1, {"x": None}],
        "compaction_level": 0,
        "ephemeral": False,
        "labels": ["two words", "from:ada"],
    }
    report = bring(rich, tmp_path, issue("bd-1", **more))
    task = rich.get("bd-1")
    assert (task["estimated_hours"], task["deadline"]) == (1.5, UTC_DAY)
    assert task["tags"] == ["two-words", "from:ada"]
    names = ["defer_until", "metadata", "owner", "invented_later"]
    expected = {f"field '{name}'": 1 for name in names}
    assert lost(report) == expected | {"label 'two words'": 1}
    assert kept(rich, "bd-1") == {name: more[name] for name in names} | {"labels": "two words"}


def test_a_bare_issue(rich: TaskManager, tmp_path: Path) -> None:
    bare = {"id": "bd-1", "title": "x" * 600, "issue_type": "task", "closed_at": "0001-01-01"}
    report = bring(rich, tmp_path, bare)
    task = rich.get("bd-1")
    assert (task.status, task.priority, len(task.title)) == ("pending", "medium", 500)
    assert task.description == "x" * 600
    assert report["created"] == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"title": 5}, "title must be text"),
        ({"title": ""}, "needs an id and a title"),
        ({"id": None}, "needs an id and a title"),
        ({"priority": "high"}, "priority must be a number"),
        ({"labels": "ui"}, "labels must be a list"),
        ({"dependencies": ["bd-2"]}, "dependencies must be a list of objects"),
        ({"dependencies": [{"type": "blocks"}]}, "without depends_on_id"),
        ({"created_at": "whenever"}, "created_at: 'whenever' is not a date"),
        ({"comments": {"text": "x"}}, "comments must be a list"),
    ],
)
def test_a_wrong_issue(
    rich: TaskManager, tmp_path: Path, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match="line 2: ") as caught:
        bring(rich, tmp_path, issue("bd-1"), issue("bd-2") | wrong)
    assert message in caught.value.message
    assert rich.count() == 0


class Strict:
    @hookimpl
    def task_validate(self, ctx: Context, change: Change) -> list[Problem]:
        tags = change.after["tags"] or []
        return [Problem("no ui here", field="tags")] if "ui" in tags else []

    @hookimpl
    def task_write(self, ctx: Context, change: Change) -> None:
        if "progress" in change.details:
            change.data["told"] = change.details["progress"]


def test_what_a_rule_refuses_is_left_out_and_kept_in_the_history(
    tm_open: Callable[..., TaskManager], tmp_path: Path
) -> None:
    strict = Strict()
    plugin = Plugin(
        name="strict",
        summary="A rule about tags, and a keeper of progress",
        fields=(Field("tags", "list"),),
        hooks={"task_validate": Hook(strict), "task_write": Hook(strict, ("progress",))},
    )
    tm = tm_open(plugins=[plugin], settings=["plugins.only=[transfer, strict]"])
    comment = {"author": "ada", "text": "Hm", "created_at": DAY}
    report = bring(tm, tmp_path, issue("bd-1", labels=["ui"], comments=[comment]), issue("bd-2"))
    assert report["created"] == 2
    assert lost(report)["'tags': no ui here"] == 1
    assert tm.get("bd-1")["tags"] is None
    events = list(tm.log("bd-1"))
    assert events[-1]["data"]["plugins"]["told"] == [{"at": DAY, "author": "ada", "message": "Hm"}]
    left = [event["data"]["imported"] for event in events if event["type"] == "task.kept"]
    assert left == [{"left_out": {"tags": ["ui"]}}]
