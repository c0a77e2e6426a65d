from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import TmError, ValidationError
from tm_core.testing import Cli


def bring(
    tm: TaskManager, folder: Path, mapping: str, table: str | bytes, **more: Any
) -> dict[str, Any]:
    (folder / "map.yaml").write_text(mapping, encoding="utf-8")
    path = folder / "table.csv"
    path.write_bytes(table if isinstance(table, bytes) else table.encode())
    report: dict[str, Any] = tm.import_(str(path), map_file=str(folder / "map.yaml"), **more)
    return report


def test_every_kind_of_rule(rich: TaskManager, tmp_path: Path) -> None:
    mapping = """
fields:
  id: {template: "x-{No}"}
  title: {template: "{{{No}}} {What}"}
  status: {column: Done, map: {NO: pending, "YES": completed}}
  priority: {value: low}
  type: {column: Kind, map: {Bug: bug}, default: task}
  estimated_hours: {column: Minutes, scale: 0.5}
  created_at: {column: Day, format: "%d/%m/%Y %z"}
  tags:
    - {column: Labels, separator: ";"}
    - {column: Kind, replace: {" ": "-"}}
history:
  task.started: {column: Day, format: "%d/%m/%Y %z"}
"""
    table = (
        "No,What,Done,Kind,Minutes,Day,Labels\n"
        "007,fix it,NO,Bug,3,02/01/2024 +0100,a; b;\n"
        "8,see it,YES,Odd one,,,\n"
    )
    report = bring(rich, tmp_path, mapping, table)
    first, second = rich.get("x-007"), rich.get("x-8")
    assert (first.title, first.status, first.priority) == ("{007} fix it", "pending", "low")
    assert (first["type"], first["estimated_hours"]) == ("bug", 1.5)
    assert first["created_at"] == "2024-01-01T23:00:00.000000Z"
    assert first["tags"] == ["a", "b", "Bug"]
    assert (second.status, second["type"], second["tags"]) == ("completed", "task", ["Odd-one"])
    assert [(entry["what"], entry["instead"]) for entry in report["lost"]] == [
        ("fields.type: 'Odd one'", "task")
    ]
    started = [event for event in rich.log("x-007") if event["type"] == "task.started"]
    assert [event["at"] for event in started] == ["2024-01-01T23:00:00.000000Z"]


def test_rows_of_one_task_are_combined(rich: TaskManager, tmp_path: Path) -> None:
    mapping = """
group_by: No
fields:
  id: No
  title: What
  actual_hours: {column: Hours, combine: sum}
  assignee: {column: Who, combine: join, separator: "+"}
  created_at: {column: Day, format: "%Y%m%d", combine: min}
  estimated_hours: {column: Hours, combine: max}
"""
    table = (
        "No,What,Hours,Who,Day\n1,a,0.1,ada,20240105\n2,b,5,bob,20240101\n"
        "1,A,0.2,bob,20240103\n1,a,,ada,20240104\n"
    )
    report = bring(rich, tmp_path, mapping, table)
    task = rich.get("1")
    assert (task["actual_hours"], task["assignee"], task.title) == (0.3, "ada+bob", "a")
    assert task["estimated_hours"] == 0.2
    assert task["created_at"] < rich.get("2")["created_at"] or task["created_at"] > "2024-01-02"
    assert report["created"] == 2
    assert "differ" in report["lost"][0]["what"]


def test_a_second_file_is_joined_from_the_same_folder_only(
    rich: TaskManager, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "more.csv").write_text("No,Who\n1,ada\n")
    (tmp_path / "secret.csv").write_text("No,Who\n1,eve\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    mapping = "join: {file: FILE, on: No}\nfields: {id: No, title: No, assignee: Who}\n"
    table = "No\n1\n2\n"
    for name in ("../secret.csv", str(tmp_path / "secret.csv"), "link.csv"):
        with pytest.raises(ValidationError, match="outside"):
            bring(rich, folder, mapping.replace("FILE", name), table)
    bring(rich, folder, mapping.replace("FILE", "more.csv"), table)
    assert (rich.get("1").assignee, rich.get("2").assignee) == ("ada", None)


def test_encodings_are_tried_in_turn(rich: TaskManager, tmp_path: Path) -> None:
    mapping = "encoding: [utf-8-sig, cp1252]\nfields: {id: No, title: Name}\n"
    bring(rich, tmp_path, mapping, "No,Name\n1,Zoë\n".encode("cp1252"))
    bring(rich, tmp_path, mapping, "\ufeffNo,Name\n2,Zoë\n".encode())
    assert rich.get("1").title == rich.get("2").title == "Zoë"
    with pytest.raises(ValidationError, match="line 3: not utf-8-sig"):
        bring(rich, tmp_path, "fields: {title: Name}", b"Name\na\n\xff\n")


WRONG = [
    ("fields: [", "is not YAML"),
    ("- 1", "must be a mapping"),
    ("fields: {}", "'title' is missing"),
    ("fields: {title: Name, titel: Name}", "there is no field 'titel'"),
    ("field: {title: Name}", "there is no key 'field'"),
    ("fields: {title: Nam}", "the file has no column 'Nam'"),
    ("fields: {title: {template: '{Nam}'}}", "the file has no column 'Nam'"),
    ("fields: {title: {template: '{Name'}}", "a lone brace"),
    ("fields: {title: {column: Name, value: x}}", "give one of"),
    ("fields: {title: {column: Name, combine: mix}}", "combine is one of"),
    ("fields: {title: {column: Name, colour: red}}", "there is no key 'colour'"),
    ("fields: {title: [Name, Name]}", "takes one rule"),
    ("fields: {title: {column: Name, map: [a]}}", "must be a mapping"),
    ("fields: {title: Name}\ndelimiter: ',,'", "delimiter: one character"),
    ("fields: {title: Name}\nencoding: klingon", "there is no encoding"),
    ("fields: {title: Name}\ngroup_by: No", "the file has no column 'No'"),
    ("fields: {title: Name}\nhistory: {Started: Name}", "no event's name"),
    ("fields: {title: Name}\njoin: {file: x.csv}", "'file' and 'on' are needed"),
    ("fields: {title: Name, priority: {column: Name, map: {b: low}}}", "line 2: fields.priority"),
    ("fields: {title: Name, estimated_hours: Name}", "line 2: estimated_hours must be"),
    ("fields: {title: Name, actual_hours: {column: Name, combine: sum}}", "is not a number"),
    ("fields: {title: Name, created_at: {column: Name, format: '%d'}}", "not of the format %d"),
    ("fields: {title: Name}\nhistory: {task.started: Name}", "is not a date or time"),
]


@pytest.mark.parametrize(("mapping", "message"), WRONG)
def test_what_is_wrong_is_said_with_its_place(
    rich: TaskManager, tmp_path: Path, mapping: str, message: str
) -> None:
    with pytest.raises(TmError) as caught:
        bring(rich, tmp_path, mapping, "Name\na\n")
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert rich.count() == 0


def test_a_mapping_goes_with_csv_only(tm_cli: Cli) -> None:
    (tm_cli.folder / "t.json").write_text("[]")
    (tm_cli.folder / "m.yaml").write_text("fields: {title: x}")
    tm_cli("import", "--from", "json", "--map", "m.yaml", "t.json", code=2)
    assert "cannot read no.yaml" in tm_cli("import", "--map", "no.yaml", "t.json", code=2).err
