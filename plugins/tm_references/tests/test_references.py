from __future__ import annotations

from pathlib import Path

import pytest

from tm_core.testing import Cli, run_readme
from tm_references.references import fault_of, path_of


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


@pytest.mark.parametrize(
    ("reference", "path"),
    [("a.py", "a.py"), ("a.py:3", "a.py"), ("a.py:3:9", "a.py"), ("C:/x/a.py:3", "C:/x/a.py")],
)
def test_a_reference_names_a_file(reference: str, path: str) -> None:
    assert path_of(reference) == path
    assert fault_of(reference) == ""


@pytest.mark.parametrize("reference", [":3", "a.py:0", "a.py:9:3", "a\x1b.py", " "])
def test_what_is_no_reference_is_refused(reference: str, tm_cli: Cli) -> None:
    assert fault_of(reference)
    tm_cli("add", "x", "--file", reference, code=5)
    assert tm_cli("list", "--json").json == []


def test_fields_are_kept_and_changed(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--file", "a.py", "b.py:1", "--context", "why", "--file", "c.py")
    shown = tm_cli.show(task)
    assert shown["file_refs"] == ["a.py", "b.py:1", "c.py"]
    assert shown["context"] == "why"
    tm_cli("update", task, "--impact", "wide", "--context", "")
    assert tm_cli.show(task)["impact"] == "wide"
    assert tm_cli.show(task)["context"] is None


def test_an_impact_review_leaves_others_alone(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--file", "a.py")
    done = tm_cli.add("done", "--file", "a.py")
    tm_cli("complete", done)
    other = tm_cli.add("other", "--file", "b.py")
    told = tm_cli("complete", task, "--impact-review")
    assert "no open task is about the same files" in told.err
    assert len(tm_cli("log", other, "--json").json) == 1
    bare = tm_cli.add("bare")
    assert "names no files" in tm_cli("complete", bare, "--impact-review").err
