"""The plugin as people meet it: through the command line and the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import tm_criteria
from tm_core import TaskManager
from tm_core.api import (
    Hook,
    Plugin,
    PluginError,
    Task,
    ValidationError,
    hookimpl,
)
from tm_core.testing import Cli, run_readme

COVERAGE = {"criterion": "well tested", "measurable": "coverage >= 80"}
MANUAL = {"criterion": "the manual is right"}


def criteria(*items: object) -> tuple[str, str]:
    return "--criteria", json.dumps(items)


def last_event(tm: TaskManager, task_id: str) -> dict[str, Any]:
    return dict(next(iter(tm.log(task_id, newest_first=True)))["data"])


# Writing criteria down


def test_criteria_are_a_field(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(COVERAGE, MANUAL, "a > 1"))
    assert tm_cli.show(task)["success_criteria"] == [COVERAGE, MANUAL, "a > 1"]
    assert "coverage >= 80" in tm_cli("show", task).out
    tm_cli("update", task, *criteria(MANUAL))
    assert tm_cli.show(task)["success_criteria"] == [MANUAL]


def test_criteria_can_be_taken_away(tm_store: TaskManager) -> None:
    task = tm_store.add("x", success_criteria=json.dumps([COVERAGE]))
    assert task["success_criteria"] == [COVERAGE]
    assert tm_store.update(task.id, success_criteria=None)["success_criteria"] is None
    tm_store.complete(task.id, validate=True)


def test_criteria_come_from_a_file(tm_cli: Cli) -> None:
    (tm_cli.folder / "done.json").write_text(json.dumps([COVERAGE]))
    task = tm_cli.add("x", "--criteria", "@done.json")
    assert tm_cli.show(task)["success_criteria"] == [COVERAGE]
    (tm_cli.folder / "binary").write_bytes(b"\xff\xfe")
    for name in ("missing.json", ".", "binary", ""):
        assert "--criteria cannot read" in tm_cli("add", "x", "--criteria", f"@{name}", code=2).err


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x", "must be JSON"),
        ("{", "must be JSON"),
        ('[{"criterion": "x", "measurable": NaN}]', "must be JSON"),
        ("{}", "must be a list"),
        ("5", "must be a list"),
        (
            '[{"criterion": "x"}, {"measurable": "a > 1"}]',
            'criterion 2: it has no text as its "cri',
        ),
        ('[{"criterion": "  "}]', "criterion 1: it has no text"),
        ('[{"criterion": 5}]', "criterion 1: it has no text"),
        ("[5]", "criterion 1: it is neither an object nor a text"),
        ('["ok", null]', "criterion 2: it is neither"),
        ('[""]', "criterion 1: it has no text"),
        ('[{"criterion": "x", "foo": 1}]', "criterion 1: it has the unknown key 'foo'"),
        (
            '[{"criterion": "x", "measurable": ""}]',
            'criterion 1: its "measurable" has no expression',
        ),
        ('[{"criterion": "x", "measurable": null}]', "has no expression"),
        ('[{"criterion": "x", "measurable": true}]', "has no expression"),
        ('[{"criterion": "x", "measurable": "a >"}]', "criterion 1: 'a >' is not an expression"),
        ('[{"criterion": "x", "measurable": "9**9**9 > 1"}]', "operator that is not possible"),
        ("""[{"criterion": "x", "measurable": "'a'*10**9 == 'b'"}]""", "criterion 1: "),
        ("""[{"criterion": "x", "measurable": "'a'*1000000000 == 'b'"}]""", "not multiplied"),
        ("""[{"criterion": "x", "measurable": "__import__('os')"}]""", "there is no function"),
        ("""[{"criterion": "x", "measurable": "a.b() == 1"}]""", "there is no function"),
        ('[{"criterion": "x", "measurable": "x.__class__ == 1"}]', "begins with '_'"),
        ('[{"criterion": "x", "measurable": "import os"}]', "is not an expression"),
        ('[{"criterion": "x", "measurable": "x > %s"}]' % ("1" * 10_000), "too long"),
        ('[{"criterion": "x", "validator": ""}]', 'its "validator" is not a name'),
        ('[{"criterion": "x", "validator": "v", "measurable": "a > 1"}]', "it has both"),
        ('[{"criterion": "x\\u0000y"}]', "NUL"),
        ('[{"criterion": "\\ud800"}]', "must be JSON"),
        ("[" * 100_000, "must be JSON"),
    ],
)
def test_criteria_that_nobody_can_judge_are_refused(tm_cli: Cli, value: str, message: str) -> None:
    refused = tm_cli("add", "x", "--criteria", value, code=5)
    assert message in refused.err
    assert refused.err.count("\n") == 1
    assert refused.out == ""
    assert tm_cli("list", "--json").json == []
    task = tm_cli.add("y", *criteria(MANUAL))
    assert message in tm_cli("update", task, "--criteria", value, code=5).err
    assert tm_cli.show(task)["success_criteria"] == [MANUAL]


def test_each_fault_is_told_to_programs(tm_cli: Cli) -> None:
    refused = tm_cli("add", "x", *criteria({}, MANUAL, 5), "--json", code=5)
    problems = json.loads(refused.err)["error"]["problems"]
    assert [problem["message"][:12] for problem in problems] == ["criterion 1:", "criterion 3:"]
    assert {problem["field"] for problem in problems} == {"success_criteria"}


def test_many_criteria_are_accepted_with_a_warning(tm_cli: Cli) -> None:
    done = tm_cli("add", "x", *criteria(*[COVERAGE] * 100))
    assert "Maximum recommended: 10" in done.err
    assert len(tm_cli.show(done.out.strip())["success_criteria"]) == 100
    assert "Maximum" not in tm_cli("add", "x", *criteria(*[COVERAGE] * 10)).err
    assert (
        "Maximum recommended: 2"
        in tm_cli(
            "-c", "success-criteria.recommended_maximum=2", "add", "x", *criteria(*[COVERAGE] * 3)
        ).err
    )
    refused = tm_cli("complete", done.out.strip(), "--validate", code=5)
    assert "(and 99 more) (tm criteria check" in refused.err


def test_a_text_that_looks_like_an_expression_but_is_none_is_said(tm_cli: Cli) -> None:
    assert "criterion 1 is no expression" in tm_cli("add", "x", *criteria("coverage >= 80%")).err
    assert "no expression" not in tm_cli("add", "x", *criteria("coverage >= 80", "fine")).err


# The gate


def test_an_unmet_criterion_refuses_the_completion(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(COVERAGE))
    before = tm_cli.show(task)
    refused = tm_cli("complete", task, "--validate", "--set", "coverage=71", code=5)
    assert "criteria unmet: 1. well tested: coverage >= 80: coverage is 71" in refused.err
    assert "--force" in refused.err
    assert refused.out == ""
    assert tm_cli.show(task) == before
    assert "coverage is not known" in tm_cli("complete", task, "--validate", code=5).err
    tm_cli("complete", task, "--validate", "--set", "coverage=80")
    assert tm_cli.show(task)["status"] == "completed"


def test_a_refusal_leaves_an_event_and_nothing_else(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(COVERAGE, "1 < 2"))
    before = tm_cli.show(task)
    tm_cli("complete", task, "--set", "coverage=71", "--dry-run", code=5)
    tm_cli("criteria", "check", task, "--set", "coverage=71", code=5)
    assert len(tm_cli("log", task, "--json").json) == 1, "a trial is no attempt"
    tm_cli("--actor", "bea", "complete", task, "--set", "coverage=71", code=5)
    event = tm_cli("log", task, "--json").json[0]
    assert (event["type"], event["actor"]) == ("task.completion_refused", "bea")
    told = event["data"]["plugins"]["success-criteria"]
    assert [result["state"] for result in told["results"]] == ["failed", "passed"]
    assert told["claimed"] == {"coverage": {"value": 71}}
    assert event["data"].keys() == {"refused", "plugins"}
    shown = tm_cli("log", task).out.splitlines()[0]
    assert shown.endswith("\tcriteria unmet: 1. well tested: coverage >= 80: coverage is 71")
    assert tm_cli.show(task) == before
    tm_cli("verify")
    tm_cli("complete", task, "--set", "coverage=81", "--if-version", "1")
    tm_cli("undo")
    assert tm_cli.show(task)["status"] == "pending"
    tm_cli("undo", str(event["seq"]), code=3)
    tm_cli("verify")


def test_a_refusal_for_another_reason_is_no_refusal_by_criteria(tm_cli: Cli) -> None:
    first = tm_cli.add("first")
    task = tm_cli.add("x", "--depends-on", first, *criteria("1 < 2"))
    tm_cli("complete", task, "--validate", code=None)
    assert [e["type"] for e in tm_cli("log", task, "--json").json] == ["task.created"]


def test_first_pass_validation_is_counted(tm_cli: Cli) -> None:
    first, second, forced, open_, evaded = (
        tm_cli.add(name, *criteria(COVERAGE)) for name in ("a", "b", "c", "d", "e")
    )
    tm_cli("complete", first, "--set", "coverage=90")
    for task in (second, second, open_, evaded):
        tm_cli("complete", task, "--set", "coverage=9", code=5)
    tm_cli("complete", second, "--set", "coverage=90")
    tm_cli("complete", forced, "--validate", "--force")
    tm_cli("complete", evaded)
    tm_cli("complete", tm_cli.add("never validated"))
    figures = tm_cli("metrics", "success", "--json").json["success"]
    assert (figures["refused"], figures["validated"], figures["first_pass"]) == (4, 4, 1)
    assert figures["first_pass_rate"] == 0.25
    tm_cli("update", second, "--status", "pending")
    tm_cli("complete", second, "--set", "coverage=90")
    again = tm_cli("metrics", "success", "--json").json["success"]
    assert (again["validated"], again["first_pass"]) == (4, 1)


def test_each_unmet_criterion_is_a_problem(tm_store: TaskManager) -> None:
    task = tm_store.add("x", success_criteria=[COVERAGE, "a == 1", MANUAL, "b == 2"])
    with pytest.raises(ValidationError) as refused:
        tm_store.complete(task.id, measurements=["a=1", "b=1"])
    messages = [problem["message"] for problem in refused.value.problems]
    assert messages == [
        "criteria unmet: 1. well tested: coverage >= 80: coverage is not known",
        "criteria unmet: 3. the manual is right: nobody has confirmed it",
        "criteria unmet: 4. b == 2: b is 1",
    ]
    assert all(problem["overridable"] for problem in refused.value.problems)
    assert f"tm criteria confirm {task.id} 3" in refused.value.problems[1]["hint"]


def test_without_being_asked_nothing_is_checked(tm_cli: Cli) -> None:
    tm_cli("complete", tm_cli.add("x", *criteria(COVERAGE)))
    tm_cli("complete", tm_cli.add("no criteria"), "--validate")


def test_every_completion_is_checked_where_it_is_configured(tm_cli: Cli) -> None:
    always = ("-c", "success-criteria.always_validate=true")
    task = tm_cli.add("x", *criteria(COVERAGE))
    assert "criteria unmet" in tm_cli(*always, "complete", task, code=5).err
    assert "criteria unmet" in tm_cli(*always, "update", task, "--status", "completed", code=5).err
    tm_cli(*always, "update", task, "--status", "in_progress")
    tm_cli(*always, "complete", task, "--set", "coverage=99")
    tm_cli(*always, "complete", tm_cli.add("no criteria"))


def test_force_is_recorded_with_the_results(tm_store: TaskManager) -> None:
    task = tm_store.add("x", success_criteria=[COVERAGE, "1 < 2"])
    tm_store.complete(task.id, validate=True, measurements=["coverage=71"], force=True)
    data = last_event(tm_store, task.id)
    assert data["forced"] == [
        "criteria unmet: 1. well tested: coverage >= 80: coverage is 71",
    ]
    told = data["plugins"]["success-criteria"]
    assert [result["state"] for result in told["results"]] == ["failed", "passed"]
    assert told["results"][0]["values"] == {"coverage": 71}
    assert told["results"][0]["sources"] == {"coverage": "claimed"}
    assert told["claimed"] == {"coverage": {"value": 71}}


def test_fields_are_names_as_they_are_after_completion(tm_store: TaskManager) -> None:
    task = tm_store.add(
        "x",
        priority="critical",
        success_criteria=[
            "priority >= 'high'",
            "status == 'completed'",
            "completed_at >= created_at",
            "assignee is None",
        ],
    )
    assert tm_store.criteria_check(task.id).overall_pass
    assert tm_store.get(task.id).status == "pending"
    assert tm_store.complete(task.id, validate=True).status == "completed"
    low = tm_store.add("x", success_criteria=["priority < 'critical'", "priority < 'huge'"])
    states = [result["state"] for result in tm_store.criteria_check(low.id).results]
    assert states == ["passed", "unknown"]


def test_bad_measurements_are_refused(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(COVERAGE))
    for text in ("coverage", "coverage=nan", "=1"):
        assert "--set" in tm_cli("complete", task, "--set", text, code=5).err
        assert "--set" in tm_cli("criteria", "check", task, "--set", text, code=5).err
    assert tm_cli.show(task)["status"] == "pending"


# Evidence and strategies of other plugins


class Evidence:
    """Measures the tests; given as a hook's target."""

    @hookimpl
    def evidence(self) -> dict[str, Any]:
        return {"tests": {"failed": 2}, "coverage": 71, "odd": {1, 2}}


class Strategy:
    def __init__(self, name: str, answer: object) -> None:
        self._name, self._answer = name, answer
        self.seen: list[tuple[object, object]] = []

    def get_name(self) -> str:
        if self._name == "nameless":
            raise RuntimeError("no name")
        return self._name

    def validate(self, criterion: Any, context: Any) -> Any:
        self.seen.append((criterion, context))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class Strategies:
    def __init__(self, *strategies: Strategy) -> None:
        self._strategies = strategies

    @hookimpl
    def criterion_validators(self) -> Iterable[Strategy]:
        return self._strategies


def measuring() -> Plugin:
    return Plugin(name="measuring", summary="Measures", hooks={"evidence": Hook(Evidence())})


def judging(*strategies: Strategy) -> Plugin:
    hooks = {"criterion_validators": Hook(Strategies(*strategies))}
    return Plugin(name="judging", summary="Judges", hooks=hooks)


def test_evidence_gives_names_and_claims_come_first(
    tm_open: Callable[..., TaskManager],
) -> None:
    said: list[str] = []
    tm = tm_open(plugins=[measuring()], report=said.append)
    task = tm.add("x", success_criteria=["tests.failed == 0", "coverage > 70", "odd == 1"])
    report = tm.criteria_check(task.id)
    assert [result["state"] for result in report.results] == ["failed", "passed", "unknown"]
    assert report.results[1]["sources"] == {"coverage": "measured"}
    assert not said
    with pytest.raises(ValidationError, match=r"tests\.failed is 2"):
        tm.complete(task.id, validate=True)
    tm.complete(task.id, measurements=["tests.failed=0", "odd=1"])
    assert said[0] == "tests.failed is claimed to be 0, and was measured as 2"
    told = last_event(tm, task.id)["plugins"]["success-criteria"]
    assert told["claimed"]["tests.failed"] == {"value": 0, "measured": 2}
    assert told["results"][0]["sources"] == {"tests.failed": "claimed"}


def test_a_named_strategy_judges(tm_open: Callable[..., TaskManager]) -> None:
    signed = Strategy("signed", True)
    broken = Strategy("broken", RuntimeError("boom\nbang"))
    strategies = [
        Strategy("nameless", True),
        signed,
        broken,
        Strategy("odd", 1),
        Strategy("no", False),
    ]
    tm = tm_open(plugins=[judging(*strategies)])
    item = {"criterion": "x", "validator": "signed", "by": ["ann"]}
    others = [
        {"criterion": n, "validator": n} for n in ("no", "broken", "odd", "nameless", "absent")
    ]
    task = tm.add("x", success_criteria=[item, *others])
    results = tm.criteria_check(task.id, measurements=["a.b=1"]).results
    assert [r["state"] for r in results] == ["passed", "failed", *["unknown"] * 4]
    assert results[2]["reason"] == "validator 'broken' raised RuntimeError: boom bang"
    assert results[3]["reason"] == "validator 'odd' gave int, not true or false"
    assert results[5]["reason"] == "there is no validator 'absent'"
    criterion, context = signed.seen[0]
    assert criterion == item
    assert context["a.b"] == 1  # type: ignore[index]
    assert context["title"] == "x"  # type: ignore[index]


def test_a_strategy_that_is_not_there_is_said_at_once(tm_cli: Cli) -> None:
    done = tm_cli("add", "x", *criteria({"criterion": "x", "validator": "absent"}))
    assert "there is no validator 'absent' yet" in done.err


# Looking and confirming


def test_check_shows_everything_and_writes_nothing(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(COVERAGE, MANUAL, "tests.failed == 0"))
    before = tm_cli("log", "--json").json
    done = tm_cli(
        "criteria", "check", task, "--set", "coverage=71", "--set", "tests.failed=0", code=5
    )
    assert done.out.splitlines() == [
        "failed  1. well tested: coverage >= 80: coverage is 71",
        "unknown 2. the manual is right: nobody has confirmed it",
        "passed  3. tests.failed == 0: tests.failed is 0",
    ]
    assert "criteria unmet: 2 of 3" in done.err
    told = tm_cli("criteria", "check", task, "--json", code=5)
    assert told.json["overall_pass"] is False
    assert len(json.loads(told.err)["error"]["problems"]) == 3
    assert tm_cli("log", "--json").json == before


def test_check_without_criteria_passes(tm_cli: Cli) -> None:
    done = tm_cli("criteria", "check", tm_cli.add("x"))
    assert done.out == ""
    assert "no success criteria" in done.err
    assert "no success criteria" in tm_cli("criteria", "list", tm_cli.add("x")).err
    tm_cli("criteria", "check", "ffffffff", code=3)


def test_a_person_confirms_what_nothing_measures(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(COVERAGE, MANUAL))
    done = tm_cli("criteria", "confirm", task, "2", "--by", "ann")
    assert done.out == ""
    assert "is confirmed by ann" in done.err
    assert "already confirmed by ann" in tm_cli("criteria", "confirm", task, "2", "--by", "ann").err
    assert "by ann" in tm_cli("criteria", "confirm", task, "2", code=6).err
    (part,) = tm_cli.show(task)["criteria_confirmations"]
    assert (part["number"], part["criterion"]) == (2, MANUAL["criterion"])
    tm_cli("complete", task, "--set", "coverage=80")
    tm_cli("criteria", "unconfirm", task, "2")
    assert "criteria_confirmations" not in tm_cli.show(task)
    tm_cli("criteria", "unconfirm", task, "2", code=3)


def test_who_acts_confirms(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(MANUAL))
    tm_cli("--actor", "bea", "criteria", "confirm", task, "1")
    assert tm_cli("criteria", "list", task, "--json").json[0]["confirmed_by"] == "bea"


def test_a_confirmation_counts_for_its_text_only(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(MANUAL))
    tm_cli("criteria", "confirm", task, "1", "--by", "ann")
    tm_cli("update", task, *criteria("something else"))
    assert "its text changed" in tm_cli("complete", task, "--validate", code=5).err
    assert "no longer" in tm_cli("criteria", "list", task).out
    assert tm_cli("criteria", "list", task, "--json").json[0]["outdated"] is True
    tm_cli("criteria", "confirm", task, "1", "--by", "bea")
    tm_cli("complete", task, "--validate")


def test_only_manual_criteria_are_confirmed(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(COVERAGE, {"criterion": "v", "validator": "v"}))
    assert "coverage >= 80 decides" in tm_cli("criteria", "confirm", task, "1", code=5).err
    tm_cli("criteria", "confirm", task, "2", code=5)
    assert "has 2 criteria, no 3" in tm_cli("criteria", "confirm", task, "3", code=3).err
    for number in ("0", "-1", "x"):
        assert tm_cli("criteria", "confirm", task, number, code=None).code in (2, 5)


def test_list_shows_how_each_is_judged(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(COVERAGE, MANUAL))
    assert tm_cli("criteria", "list", task).out.splitlines() == [
        "1\texpression\tcoverage >= 80\t\twell tested",
        "2\tmanual\t\tno\tthe manual is right",
    ]


def test_text_of_tasks_drives_no_terminal(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria({"criterion": "red \x1b[31m"}, "x == '\x1b[0m'"))
    tm_cli("criteria", "confirm", task, "1", "--by", "\x1b[1m")
    for arguments in (("list", task), ("check", task), ("check", task, "--set", "x=\x1b[2J")):
        done = tm_cli("criteria", *arguments, code=None)
        assert "\x1b" not in done.out + done.err


# Undo, import, toggling


def test_undo_takes_confirmation_and_completion_back(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(MANUAL))
    tm_cli("criteria", "confirm", task, "1")
    tm_cli("complete", task, "--validate")
    tm_cli("undo")
    assert tm_cli.show(task)["status"] == "pending"
    tm_cli("undo")
    tm_cli("complete", task, "--validate", code=5)
    tm_cli("update", task, *criteria(COVERAGE))
    tm_cli("undo")
    assert tm_cli.show(task)["success_criteria"] == [MANUAL]


def test_a_dry_run_checks_and_writes_nothing(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(COVERAGE, MANUAL))
    tm_cli("complete", task, "--validate", "--dry-run", code=5)
    tm_cli("criteria", "confirm", task, "2", "--dry-run")
    assert tm_cli("criteria", "list", task, "--json").json[1]["confirmed_by"] is None


def test_an_import_brings_everything_back(tm_store: TaskManager) -> None:
    task = tm_store.add("x", success_criteria=[COVERAGE, MANUAL])
    tm_store.criteria_confirm(task.id, 2, by="ann")
    tm_store.complete(task.id, measurements=["coverage=80"])
    record = json.loads(json.dumps(tm_store.get(task.id).as_dict()))
    tm_store.delete(task.id, purge=True)
    assert not tm_store.database.query("SELECT * FROM success_criteria_confirmation")
    tm_store.restore(record)
    assert tm_store.get(task.id).as_dict() == record


def test_an_import_is_not_checked_but_never_passes_either(
    tm_open: Callable[..., TaskManager],
) -> None:
    tm = tm_open(settings=["success-criteria.always_validate=true"])
    for old in ([{"criterion": "fast", "measurable": "p95 < 100ms"}], {"a": 1}, 7, [5]):
        value = json.dumps(old)
        task = tm.restore({"title": "old", "status": "completed", "success_criteria": value})
        report = tm.criteria_check(task.id)
        assert [result["state"] for result in report.results] == ["unknown"]
        with pytest.raises(ValidationError, match="cannot be confirmed"):
            tm.criteria_confirm(task.id, 1)
        tm.update(task.id, priority="high")


@pytest.mark.parametrize(
    "part",
    [
        5,
        ["x"],
        [{}],
        [{"number": 0, "criterion": "a", "confirmed_by": "b", "confirmed_at": "2025-01-01"}],
        [{"number": 1, "criterion": "", "confirmed_by": "b", "confirmed_at": "2025-01-01"}],
        [{"number": 1, "criterion": "a", "confirmed_by": 5, "confirmed_at": "2025-01-01"}],
        [{"number": 1, "criterion": "a", "confirmed_by": "b", "confirmed_at": "never"}],
        [{"number": 10**30, "criterion": "a", "confirmed_by": "b", "confirmed_at": "2025-01-01"}],
    ],
)
def test_malformed_confirmations_are_refused(tm_store: TaskManager, part: object) -> None:
    with pytest.raises(ValidationError):
        tm_store.restore({"title": "x", "criteria_confirmations": part})
    assert tm_store.find() == []


def test_off_it_says_so_and_on_again_everything_is_there(tm_cli: Cli) -> None:
    task = tm_cli.add("x", *criteria(COVERAGE, MANUAL))
    tm_cli("criteria", "confirm", task, "2")
    before = tm_cli.show(task)
    tm_cli("config", "disable", "success-criteria")
    for arguments in (
        ("add", "y", *criteria(MANUAL)),
        ("update", task, *criteria(MANUAL)),
        ("complete", task, "--validate"),
        ("complete", task, "--set", "a=1"),
        ("criteria", "check", task),
        ("criteria", "confirm", task, "2"),
    ):
        refused = tm_cli(*arguments, code=8)
        assert "feature 'success-criteria' is disabled" in refused.err
    assert "success_criteria" not in tm_cli.show(task)
    tm_cli("complete", tm_cli.add("plain"))
    tm_cli("config", "enable", "success-criteria")
    assert tm_cli.show(task) == before


def test_off_the_methods_say_so(tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open(settings=["plugins.disable=[success-criteria]"])
    with pytest.raises(PluginError, match="disabled"):
        tm.add("x", success_criteria=[])
    with pytest.raises(PluginError, match="disabled"):
        tm.criteria_check("x")


def test_the_readme_runs(tm_cli: Cli) -> None:
    run_readme(Path(tm_criteria.__file__).parent / "README.md", tm_cli)


class Counting:
    """Measures only where somebody is going to judge."""

    @hookimpl
    def evidence(self) -> dict[str, Any]:
        return {"coverage": 90}


def test_what_is_always_validated_is_also_measured(tm_open: Callable[..., TaskManager]) -> None:
    hook = Hook(Counting(), when=("validate",))
    counting = Plugin(name="counting", summary="Measures", hooks={"evidence": hook})
    tm = tm_open(plugins=[counting], settings=["success-criteria.always_validate=true"])
    task = tm.add("x", success_criteria=[COVERAGE])
    assert tm.complete(task.id).status == "completed"
    assert "success-criteria" in last_event(tm, task.id)["plugins"]
    other = tm.add("x", success_criteria=[MANUAL])
    with pytest.raises(ValidationError, match="criteria unmet"):
        tm.complete(other.id)


def test_a_recheck_asks_once_for_what_does_not_depend_on_the_task(
    tm_open: Callable[..., TaskManager],
) -> None:
    asked: list[str] = []

    class Common:
        @staticmethod
        @hookimpl
        def evidence() -> dict[str, Any]:
            asked.append("common")
            return {"common": 1}

    class Own:
        @staticmethod
        @hookimpl
        def evidence(task: Task) -> dict[str, Any]:
            asked.append(task.title)
            return {"own": int(task.title)}

    plugins = [
        Plugin(name, "Measures", hooks={"evidence": Hook(target)})
        for name, target in (("common", Common), ("own", Own))
    ]
    tm = tm_open(plugins=plugins)
    for number in range(3):
        task = tm.add(str(number), success_criteria=["common == 1", f"own == {number}"])
        tm.complete(task.id, validate=True)
    asked.clear()
    found = tm.criteria_recheck()
    assert [row["state"] for row in found.tasks] == ["holds"] * 3
    assert sorted(asked) == ["0", "1", "2", "common"]
