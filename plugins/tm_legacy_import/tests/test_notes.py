from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tm_legacy_import.notes import read_notes

Make = Callable[..., Path]
TASKS = {"aaaa0001", "aaaa0002"}


def test_notes_come_from_files_and_archives(earlier_tool: Make) -> None:
    folder = earlier_tool().parent
    found = {each.path: each for each in read_notes(str(folder), TASKS)}
    first = found["notes/aaaa0001_ada.md"].notes
    assert [(note.task_id, note.agent, note.text) for note in first] == [
        ("aaaa0001", "ada", "Mind the index"),
        ("aaaa0001", "ada", "And it"),
    ]
    (early,) = found["notes/notes_aaaa0002_the_bot.md"].notes
    assert (early.task_id, early.agent, early.text) == ("aaaa0002", "the_bot", "An early note")
    archive = "archives/task_aaaa0001_20250603_180000.tar.gz"
    (archived,) = found[f"{archive}:notes/aaaa0001_bea.md"].notes
    assert (archived.agent, archived.text) == ("bea", "Archived thought")


def test_nothing_outside_of_notes_is_read(earlier_tool: Make) -> None:
    folder = earlier_tool().parent
    found = {each.path: each for each in read_notes(str(folder), TASKS)}
    archive = "archives/task_aaaa0001_20250603_180000.tar.gz"
    assert found[f"{archive}:notes/../../evil_ada.md"].problem
    assert found["archives/task_broken.tar.gz"].problem.startswith("the archive cannot be read")
    assert found["notes/deadbeef_ada.md"].problem == "belongs to no task that is known"
    assert not list(folder.parent.rglob("evil*"))
