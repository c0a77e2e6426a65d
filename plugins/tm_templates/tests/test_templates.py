"""Templates: what they are read as, what they make, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import ValidationError
from tm_core.testing import Cli, run_readme
from tm_templates.template import PLACEHOLDER, filled, read_template
from tm_templates.variables import Variable, checked, read_variable

README = Path(__file__).parents[1] / "README.md"


def put(cli: Cli, name: str, text: str) -> None:
    folder = cli.folder / ".task-orchestrator" / "templates"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    (yaml,) = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    put(tm_cli, "release.yaml", yaml)
    run_readme(README, tm_cli)


SPRINT = {
    "name": "sprint",
    "tasks": [
        {"title": "Review {{what}}", "depends_on": [2]},
        {"title": "Plan", "priority": "high", "assignee": "{{who}}"},
        {"title": "Build {{what}}", "criteria": ["coverage >= 80"], "estimated-hours": 3},
    ],
    "dependencies": {"2": [1]},
}


def test_everything_of_a_task_is_kept(tm_cli: Cli) -> None:
    put(tm_cli, "sprint.json", json.dumps(SPRINT))
    done = tm_cli("template", "apply", "sprint", "what=it", "--var", "who=ada", "--json").json
    review, plan, build = done["tasks"]
    assert (review["depends_on"], build["depends_on"]) == ([build["id"]], [plan["id"]])
    shown = tm_cli.show(build["id"])
    assert (shown["title"], shown["estimated_hours"]) == ("Build it", 3)
    assert shown["success_criteria"] == ["coverage >= 80"]
    assert shown["depends_on"] == [plan["id"]]
    assert tm_cli.show(plan["id"])["assignee"] == "ada"


def test_one_transaction_is_undone_as_one(tm_cli: Cli) -> None:
    put(tm_cli, "sprint.json", json.dumps(SPRINT))
    tm_cli("template", "apply", "sprint", "what=it", "who=ada")
    events = tm_cli("log", "--json").json
    assert len({event["transaction_id"] for event in events}) == 1
    assert events[0]["type"] == "template.applied"
    tm_cli("undo")
    assert tm_cli("list", "--json").json == []


def test_a_task_that_is_refused_refuses_all(tm_cli: Cli) -> None:
    put(tm_cli, "bad.yaml", "tasks: [{title: fine}, {title: x, priority: urgent}]")
    assert "task 1: priority must be one of" in tm_cli("template", "apply", "bad", code=5).err
    put(tm_cli, "odd.yaml", "tasks: [{title: fine}, {title: x, colour: red}]")
    assert "colour" in tm_cli("template", "apply", "odd", code=2).err
    assert tm_cli("list", "--json").json == []
    assert tm_cli("log", "--json").json == []


def test_a_retry_with_the_same_key_adds_nothing(tm_cli: Cli) -> None:
    put(tm_cli, "one.yaml", "tasks: [{title: fine}]")
    for _ in range(2):
        tm_cli("template", "apply", "one", "--key", "k")
    assert len(tm_cli("list", "--json").json) == 1


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "A", "", "x.yaml", "-", "a" * 65])
def test_a_path_is_no_name(tm_cli: Cli, name: str) -> None:
    for command in (("show",), ("apply",), ("create",)):
        assert "no template's name" in tm_cli("template", *command, "--", name, code=2).err


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [x]\ntasks: [*a]", "aliases"),
        ("tasks: !!python/object:os.system []", "tag"),
        ("[1, 2]", "name, variables and tasks"),
        ("tasks: []", "at least one task"),
        ("tasks: [{title: x}]\nevil: 1", "no 'evil'"),
        ("tasks: [{priority: low}]", "no title"),
        ("tasks: [{title: x, depends_on: [1]}]", "no place"),
        ("tasks: [{title: x, depends_on: [0]}]", "depends on itself"),
        ("tasks: [{title: x, depends_on: [1]}, {title: y, depends_on: [0]}]", "circle"),
        ("tasks: [{title: '{{().__class__}}'}]", "only a variable's name"),
        ("tasks: [{title: '{{a + 1}}'}]", "only a variable's name"),
        ("tasks: [{title: x, tags: [['{{ a.b }}']]}]", "only a variable's name"),
        ("tasks: [{title: x}]\nvariables: {a: {type: int}}", "is of type 'int'"),
        ("tasks: [{title: x}]\nvariables: {a b: {}}", "no name for a variable"),
        ("tasks: [{title: x}]\nvariables: {a: {type: number, default: x}}", "a is a number"),
        ("tasks: [{title: x}]\nvariables: {a: {validation: {pattern: '('}}}", "pattern is wrong"),
        ("tasks: [{title: x}]\nvariables: {a: {validation: {least: 1}}}", "unknown 'least'"),
        ("tasks: [{title: x}]\nvariables: {a: {validation: {min: low}}}", "no number"),
        ("\x00", "not YAML"),
    ],
)
def test_what_is_no_template_is_told(tm_cli: Cli, text: str, reason: str) -> None:
    put(tm_cli, "bad.yaml", text)
    checked = tm_cli("template", "validate", code=5)
    assert reason in checked.out
    assert "bad.yaml" in tm_cli("template", "apply", "bad", code=5).err
    assert tm_cli("list", "--json").json == []


def test_a_huge_file_is_refused(tm_cli: Cli) -> None:
    put(tm_cli, "huge.yaml", "#" * 1_000_001)
    assert "more than 1000000 bytes" in tm_cli("template", "validate", code=5).out
    tasks = [{"title": "x"}] * 1001
    with pytest.raises(ValidationError, match="at most 1000 tasks"):
        read_template({"tasks": tasks}, "many", "many.json")


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_value_is_put_in_once_and_as_it_is(value: str, around: str) -> None:
    if PLACEHOLDER.search(around) or "{" in around or "}" in around:
        return
    text = f"{around}x{{{{ name }}}}x{around}"
    assert filled(text, {"name": value}) == f"{around}x{value}x{around}"
    assert filled([{"a": "{{name}}"}], {"name": value}) == [{"a": value}]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", "3", 3),
        ("number", "2.5", 2.5),
        ("number", "nan", None),
        ("number", "1e999", None),
        ("number", "x", None),
        ("boolean", "YES", True),
        ("boolean", "false", False),
        ("boolean", "1", None),
        ("array", "a, b,", ["a", "b"]),
        ("array", '["a", 1]', ["a", 1]),
        ("array", "[", None),
        ("string", "3", "3"),
        ("string", "x" * 10_001, None),
    ],
)
def test_texts_are_read_as_their_type(kind: str, text: str, value: Any) -> None:
    variable = Variable("v", kind)
    if value is None:
        with pytest.raises(ValueError, match=r"v is an? "):
            checked(variable, text)
    else:
        assert checked(variable, text) == value


@pytest.mark.parametrize(
    ("rules", "good", "bad"),
    [
        ({"min": 2, "max": 3}, "ab", "abcd"),
        ({"min": 2}, "ab", "a"),
        ({"enum": ["a", "b"]}, "a", "c"),
        ({"pattern": "[a-z]+"}, "abc", "abc1"),
    ],
)
def test_rules_hold(rules: dict[str, Any], good: str, bad: str) -> None:
    variable = read_variable("v", {"validation": rules})
    assert checked(variable, good) == good
    with pytest.raises(ValueError, match="v "):
        checked(variable, bad)


def test_all_that_is_wrong_with_the_values_is_told_at_once(tm_cli: Cli) -> None:
    put(tm_cli, "sprint.json", json.dumps(SPRINT | {"variables": {"n": {"type": "number"}}}))
    error = tm_cli("template", "apply", "sprint", "n=x", code=5).err
    for reason in ("n is a number", "what is missing", "who is missing"):
        assert reason in error
    assert "did you mean 'what'" in tm_cli("template", "apply", "sprint", "waht=1", code=2).err
    assert "twice" in tm_cli("template", "apply", "sprint", "n=1", "n=2", code=2).err
    assert "NAME=VALUE" in tm_cli("template", "apply", "sprint", "n", code=2).err


def test_what_has_no_value_is_left_out(tm_cli: Cli) -> None:
    put(
        tm_cli,
        "one.yaml",
        "variables: {who: {required: false}}\n"
        "tasks: [{title: 'for {{who}}!', assignee: '{{who}}', tags: ['a']}]",
    )
    tm_cli("template", "apply", "one")
    (task,) = tm_cli("list", "--json").json
    assert (task["title"], task["assignee"], task["tags"]) == ("for !", None, ["a"])


def test_a_template_made_of_tasks_makes_them_again(tm_cli: Cli) -> None:
    first = tm_cli.add("first", "-p", "high", "--tag", "x", "--estimated-hours", "2")
    other = tm_cli.add("elsewhere")
    criteria = ["--criteria", '["tests.failed == 0"]', "--deadline", "2030-01-01"]
    second = tm_cli.add("second", "--depends-on", first, "--depends-on", other, *criteria)
    tm_cli("template", "create", "pair", first, second, "-d", "Two tasks", "--dry-run")
    assert "no template" in tm_cli("template", "list").err
    tm_cli("template", "create", "pair", first, second, "-d", "Two tasks")
    a, b = tm_cli("template", "apply", "pair", "--json").json["tasks"]
    made = tm_cli.show(a["id"])
    assert (made["priority"], made["tags"], made["estimated_hours"]) == ("high", ["x"], 2)
    again = tm_cli.show(b["id"])
    assert again["depends_on"] == [a["id"]]
    assert again["success_criteria"] == ["tests.failed == 0"]
    assert again["deadline"] is None
    assert "--replace" in tm_cli("template", "create", "pair", first, code=6).err
    tm_cli("template", "create", "pair", first, "--replace")
    assert len(tm_cli("template", "show", "pair", "--json").json["tasks"]) == 1
    assert "of which tasks" in tm_cli("template", "create", "none", code=2).err


def test_the_projects_template_wins_over_ones_own(tm_cli: Cli) -> None:
    task = tm_cli.add("mine")
    tm_cli("template", "create", "same", task, "--user")
    assert tm_cli("template", "list", "--json").json[0]["where"] == "user"
    put(tm_cli, "same.yaml", "tasks: [{title: ours}]")
    (row,) = tm_cli("template", "list", "--json").json
    assert row["where"] == "project"
    assert tm_cli("template", "apply", "same").out.endswith("ours - pending\n")


def test_hooks_are_left_out_and_said(tm_cli: Cli) -> None:
    put(tm_cli, "h.yaml", "tasks: [{title: x}]\nhooks: {after: touch evil}")
    assert "runs nothing" in tm_cli("template", "apply", "h").err
    assert not (tm_cli.folder / "evil").exists()


def test_a_file_is_validated_by_its_path(tm_cli: Cli) -> None:
    (tm_cli.folder / "new.yaml").write_text("tasks: [{title: x}]")
    assert tm_cli("template", "validate", "new.yaml").out == "ok\tnew\n"
    assert tm_cli("template", "validate", "gone", code=3).out == ""


def test_a_disabled_feature_is_named(tm_cli: Cli) -> None:
    put(tm_cli, "sprint.json", json.dumps(SPRINT))
    values = ("what=it", "who=ada")
    off = tm_cli("-p", "no:success-criteria", "template", "apply", "sprint", *values, code=None)
    assert off.code != 0
    assert "tm config enable success-criteria" in off.err
    assert tm_cli("list", "--json").json == []


def test_from_python(tm_store: TaskManager, tm_environ: Path) -> None:
    folder = tm_environ / ".task-orchestrator" / "templates"
    folder.mkdir()
    (folder / "one.yaml").write_text("tasks: [{title: 'Do {{it}}'}]")
    made = tm_store.template_apply("one", "it=this")
    assert tm_store.get(made["tasks"][0]["id"]).title == "Do this"
