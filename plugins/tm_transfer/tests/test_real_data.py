"""Imports of real files, checked against what the files themselves say."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from tm_core import TaskManager

MAPPING = Path(__file__).resolve().parents[3] / "docs" / "examples" / "mappings" / "sip.yaml"
STATUSES = {"closed": "completed", "tombstone": "deleted", "in_progress": "in_progress"}


def tasks_of(tm: TaskManager) -> dict[str, dict[str, Any]]:
    return {task["id"]: task for task in json.loads("".join(tm.export()))["tasks"]}


def test_beads(rich: TaskManager, other: TaskManager, real_data: Path, tmp_path: Path) -> None:
    source = real_data / "beads-issues.jsonl"
    issues = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    report = rich.import_(str(source))
    tasks = tasks_of(rich)
    assert report["created"] == len(issues) == len(tasks)
    assert (report["skipped"], report["dangling"]) == ([], [])
    for issue in issues:
        task = tasks[issue["id"]]
        assert task["title"] == issue["title"]
        assert issue.get("description", "") in (task["description"] or "")
        assert task["status"] == STATUSES.get(issue["status"], task["status"])
        assert {*issue.get("labels", [])} <= {*(task["tags"] or [])}
        kind = issue.get("original_type") or issue["issue_type"]
        assert task["type"] == kind or f"type:{kind}" in task["tags"]
        whole = json.dumps(task, ensure_ascii=False)
        for link in issue.get("dependencies", []):
            if link["type"] == "blocks":
                assert link["depends_on_id"] in task["depends_on"]
            else:
                assert link["depends_on_id"] in whole
        for comment in issue.get("comments", []):
            assert comment["text"] in task["description"]
    assert rich.import_(str(source))["created"] == 0
    rich.export(output=str(tmp_path / "all.json"))
    assert other.import_(str(tmp_path / "all.json"))["lost"] == []
    again = tasks_of(other)
    for task in again.values():
        task["events"].pop()
    assert again == tasks


def test_sip(rich: TaskManager, real_data: Path) -> None:
    with (real_data / "sip-tasks.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = defaultdict(list)
        for row in csv.DictReader(file):
            rows[row["TaskNumber"]].append(row)
    report = rich.import_(str(real_data / "sip-tasks.csv"), map_file=str(MAPPING))
    tasks = tasks_of(rich)
    assert report["created"] == len(rows) == len(tasks)
    for number, group in rows.items():
        task, first = tasks[f"sip-{number}"], group[0]
        assert abs((task["actual_hours"] or 0) - float(first["HoursActual"] or 0)) < 1e-6
        assert task["estimated_hours"] == float(first["HoursEstimate"])
        assert {*task["assignee"].split(", ")} == {row["DeveloperID"] for row in group}
        assert first["SubCategory"].replace(" ", "-") in task["tags"]
        assert bool(task["completed_at"]) == (task["status"] == "completed")
    expected = Counter(
        "cancelled" if group[0]["StatusCode"] == "CANCELLED" else "completed"
        for group in rows.values()
    )
    assert Counter(task["status"] for task in tasks.values()) == expected
