"""An export goes through the store page by page, whatever the order of rows and the filter."""

import json
from typing import Any

import pytest

from tm_core import TaskManager


@pytest.mark.every_backend
def test_pages_follow_each_other_without_gap_or_repetition(
    tm_store: TaskManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tm_transfer.writers._BATCH", 3)
    with tm_store.transaction():
        for number in range(20):  # many of one instant, so that ids break ties across pages
            at = f"2026-01-0{number % 4 + 1}"
            tm_store.restore({"id": f"{number:08x}", "title": f"T{number}", "created_at": at})
    expected = sorted(tm_store.find(), key=lambda task: (task["created_at"], task.id))

    def ids(**options: Any) -> list[str]:
        return [json.loads(line)["id"] for line in tm_store.export(format="jsonl", **options)]

    assert ids() == [task.id for task in expected]
    chosen = [task.id for task in expected if task.title in ("T3", "T7", "T19")]
    assert ids(where="title == 'T3' or title == 'T7' or title == 'T19'") == chosen
    assert ids(where="title == 'none'") == []
    tm_store.complete(chosen[0])
    assert ids(status=["completed"]) == chosen[:1]


def test_no_export_sorts_all_tasks_first(
    tm_store: TaskManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    plain = tm_store.database.query

    def query(sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("SELECT task.id, task.created_at"):
            asked.extend(row["detail"] for row in plain(f"EXPLAIN QUERY PLAN {sql}", parameters))
        return plain(sql, parameters)

    tm_store.add("x")
    monkeypatch.setattr(tm_store.database, "query", query)
    assert list(tm_store.export(format="csv"))
    assert asked
    assert not [step for step in asked if "TEMP B-TREE" in step]
