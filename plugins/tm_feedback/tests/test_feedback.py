import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import STATUSES, Conflict, Field, Plugin, ValidationError
from tm_core.testing import Cli, run_readme

pytestmark = pytest.mark.every_backend


def completed(tm_cli: Cli, *arguments: str) -> str:
    task = tm_cli.add("x", *arguments)
    tm_cli("complete", task)
    return task


def reviews(tm_cli: Cli, task: str) -> Any:
    return tm_cli.show(task).get("feedback", [])


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_a_review_is_kept_with_its_reviewer(tm_cli: Cli) -> None:
    task = completed(tm_cli)
    result = tm_cli("feedback", task[:6], "--quality", "4", "--timeliness", "2", "--note", "late")
    assert (result.out, result.err) == ("", "Feedback recorded\n")
    tm_cli("--actor", "bea", "feedback", task, "--timeliness", "1")

    first, second = reviews(tm_cli, task)
    assert first.pop("at") < second.pop("at")
    own = {"reviewer": "tester", "quality": 4, "timeliness": 2, "note": "late", "amended_at": None}
    assert first == own
    assert (second["reviewer"], second["quality"], second["timeliness"]) == ("bea", None, 1)
    event = tm_cli("log", task, "--type", "feedback.*", "--json").json[-1]
    assert (event["type"], event["data"]["quality"]) == ("feedback.given", 4)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ffffffff", "--quality", "3"], 3, "no task has the id"),
        (["ID"], 2, "needs a score from 1 to 5 (tm feedback"),
        (["ID", "--note", "nice"], 2, "needs a score"),
        (["ID", "--amend"], 2, "needs a score"),
        (["ID", "--quality", "0"], 5, "from 1 to 5"),
        (["ID", "--quality", "6"], 5, "from 1 to 5"),
        (["ID", "--timeliness", "-1"], 5, "from 1 to 5"),
        (["ID", "--quality", "4.5"], 5, "whole number"),
        (["ID", "--quality", "nan"], 5, "whole number"),
        (["ID", "--quality", ""], 5, "whole number"),
        (["ID", "--quality", "4", "--note", "x" * 501], 5, "at most 500"),
        (["ID", "--quality", "4", "--amend"], 3, "has no feedback by tester"),
    ],
)
def test_bad_input_writes_nothing(tm_cli: Cli, arguments: list[str], code: int, said: str) -> None:
    task = completed(tm_cli)
    words = [task if word == "ID" else word for word in arguments]
    result = tm_cli("feedback", *words, code=code)
    assert said in result.err
    assert result.out == ""
    assert reviews(tm_cli, task) == []


@pytest.mark.parametrize("status", ["pending", "in_progress", "blocked", "cancelled", "deleted"])
def test_only_completed_tasks_are_reviewed(tm_cli: Cli, status: str) -> None:
    task = tm_cli.add("x")
    tm_cli("update", task, "--status", status)
    assert f"is {status}" in tm_cli("feedback", task, "--quality", "3", code=5).err


def test_a_second_review_is_refused_and_amending_changes_what_is_given(tm_cli: Cli) -> None:
    task = completed(tm_cli)
    tm_cli("feedback", task, "--quality", "4", "--note", "good")
    before = reviews(tm_cli, task)
    refused = tm_cli("feedback", task, "--quality", "1", code=6)
    assert "already has feedback" in refused.err
    assert "--amend" in refused.err
    assert reviews(tm_cli, task) == before

    tm_cli("feedback", task, "--timeliness", "5", "--amend")
    amended = reviews(tm_cli, task)[0]
    assert (amended["quality"], amended["timeliness"], amended["note"]) == (4, 5, "good")
    assert amended["at"] == before[0]["at"] < amended["amended_at"]
    tm_cli("feedback", task, "--note", "", "--amend")
    assert reviews(tm_cli, task)[0]["note"] is None
    assert tm_cli("log", task, "--type", "feedback.amended", "--json").json

    tm_cli("undo")
    assert reviews(tm_cli, task) == [amended]
    tm_cli("undo")
    assert reviews(tm_cli, task) == before
    tm_cli("undo")
    assert reviews(tm_cli, task) == []


def test_own_work_is_for_a_team_to_decide(tm_cli: Cli) -> None:
    task = completed(tm_cli, "--assignee", "ada")
    tm_cli("feedback", task, "--quality", "5")
    tm_cli("config", "set", "feedback.allow_own_work", "false")
    task = completed(tm_cli, "--assignee", "ada")
    for author in ("tester", "ada"):
        refused = tm_cli("--actor", author, "feedback", task, "--quality", "5", code=5)
        assert "own work" in refused.err
    tm_cli("--actor", "bea", "feedback", task, "--quality", "3")

    tm_cli("update", task, "--status", "pending", "--assignee", "")
    tm_cli("--actor", "cyd", "complete", task)
    tm_cli("feedback", task, "--quality", "4")
    tm_cli("--actor", "cyd", "feedback", task, "--quality", "5", code=5)


def test_dry_run_and_key(tm_cli: Cli) -> None:
    task = completed(tm_cli)
    tm_cli("feedback", task, "--quality", "3", "--dry-run")
    assert reviews(tm_cli, task) == []
    for _ in range(2):  # a retried write is no second review
        tm_cli("feedback", task, "--quality", "3", "--key", "k1")
    assert len(reviews(tm_cli, task)) == 1


def test_off_and_on_again(tm_cli: Cli) -> None:
    task = completed(tm_cli)
    tm_cli("feedback", task, "--quality", "4")
    tm_cli("config", "disable", "feedback")
    refused = tm_cli("feedback", task, "--quality", "4", code=8)
    assert "feature 'feedback' is disabled" in refused.err
    assert reviews(tm_cli, task) == []
    assert "nothing measures" in tm_cli("metrics", "feedback", code=3).err
    tm_cli("config", "enable", "feedback")
    assert reviews(tm_cli, task)[0]["quality"] == 4


def test_an_export_comes_back_with_its_times_and_reviewers(
    tm_open: Callable[..., TaskManager],
) -> None:
    tm = tm_open(actor="ada")
    task = tm.add("x").id
    tm.complete(task)
    tm.feedback(task, quality=4, note="good")
    tm.feedback(task, timeliness=2, amend=True)
    tm_open(actor="bea").feedback(task, quality=1)
    record = json.loads(json.dumps(tm.get(task).as_dict()))
    tm.delete(task, purge=True)
    assert tm.database.query("SELECT * FROM feedback_review") == []

    restored = tm_open(actor="cyd").restore(record)
    assert tm.get(restored.id).details["feedback"] == record["feedback"]
    with pytest.raises(Conflict, match="already has feedback"):
        tm.feedback(restored.id, quality=5)


def test_an_earlier_tools_note_without_scores_is_kept(tm_store: TaskManager) -> None:
    review = {"reviewer": "unknown", "note": "fine", "at": "2024-05-01T10:00:00Z"}
    task = tm_store.restore({"title": "x", "status": "completed", "feedback": [review]})
    assert tm_store.get(task.id).details["feedback"][0]["note"] == "fine"


@pytest.mark.parametrize(
    "part",
    [
        {"quality": 3},
        ["good"],
        [{"reviewer": "a", "quality": 3}],
        [{"reviewer": "a", "quality": 9, "at": "2025-03-01"}],
        [{"reviewer": "a", "quality": True, "at": "2025-03-01"}],
        [{"reviewer": "a", "at": "2025-03-01"}, {"reviewer": "a", "at": "2025-03-02"}],
    ],
)
def test_a_broken_export_is_refused_whole(tm_store: TaskManager, part: object) -> None:
    with pytest.raises(ValidationError, match="feedback"):
        tm_store.restore({"title": "x", "status": "completed", "feedback": part})
    assert tm_store.count() == 0


def test_figures_of_no_reviews(tm_cli: Cli) -> None:
    figures = tm_cli("metrics", "feedback", "--json").json["feedback"]
    assert (figures["reviews"], figures["mean_quality"]) == (0, None)
    grouped = tm_cli("metrics", "--feedback", "--by", "assignee", "--json").json
    assert list(grouped) == ["feedback"]
    assert grouped["feedback"]["by_assignee"] == {}


_SCORE = st.none() | st.integers(1, 5)


_LABELS = Plugin(name="labels", summary="Words", fields=(Field("labels", "list"),))


class Review(NamedTuple):
    """One review, of a task of its own."""

    assignee: str | None
    labels: list[str]
    quality: int | None
    timeliness: int | None
    days_ago: int
    status: str


_HISTORY = st.lists(
    st.builds(
        Review,
        assignee=st.sampled_from(["ada", "bea", None]),
        labels=st.lists(st.sampled_from("xyz"), unique=True),
        quality=_SCORE,
        timeliness=_SCORE,
        days_ago=st.sampled_from([1, 20, 40, 400]),
        status=st.sampled_from(["completed", "completed", "deleted"]),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(history=_HISTORY, period=st.sampled_from([0, 30]))
def test_figures_are_those_of_a_plain_computation(
    tm_open: Callable[..., TaskManager], history: list[Review], period: int
) -> None:
    with tm_open(plugins=[_LABELS]) as tm:
        with tm.transaction():
            for old in tm.find(status=STATUSES):
                tm.delete(old.id, purge=True)
            for one in history:
                then = (datetime.now(UTC) - timedelta(days=one.days_ago)).isoformat()
                scores = {"quality": one.quality, "timeliness": one.timeliness}
                record = {"title": "x", "status": one.status, "assignee": one.assignee}
                review = {"reviewer": "cyd", "at": then, "note": "n", **scores}
                tm.restore(record | {"labels": one.labels, "feedback": [review]})
        named = {"period": f"{period}d"} if period else {}
        by_person = tm.metrics("feedback", by="assignee", **named)["feedback"]
        by_label = tm.metrics("feedback", by="labels", **named)["feedback"]
    given_reviews = [
        one for one in history if one.status != "deleted" and (not period or one.days_ago < period)
    ]
    _check_figures(by_person, given_reviews)
    people = {one.assignee for one in given_reviews} - {None}
    assert by_person["by_assignee"].keys() == people
    for who in people:
        theirs = [one for one in given_reviews if one.assignee == who]
        _check_figures(by_person["by_assignee"][who], theirs)
    labels = {label for one in given_reviews for label in one.labels}
    assert by_label["by_labels"].keys() == labels
    for label in labels:
        theirs = [one for one in given_reviews if label in one.labels]
        _check_figures(by_label["by_labels"][label], theirs)


def _check_figures(figures: dict[str, Any], given_reviews: list[Review]) -> None:
    assert figures["reviews"] == figures["tasks"] == len(given_reviews)
    for name in ("quality", "timeliness"):
        scores = [getattr(one, name) for one in given_reviews if getattr(one, name) is not None]
        mean = pytest.approx(sum(scores) / len(scores), abs=0.005) if scores else None
        assert figures[f"mean_{name}"] == mean
        counts = {str(score): scores.count(score) for score in range(1, 6)}
        assert figures["distribution"][name] == counts


def test_low_scores_are_a_finding(tm_cli: Cli) -> None:
    for number in range(5):
        assert tm_cli("insights", "--json").json["findings"] == [], number
        tm_cli("feedback", completed(tm_cli), "--quality", "2")
    found = tm_cli("insights").out.splitlines()
    assert "quality is rated 2.0 of 5: 5 tasks, mean quality 2, reviews 5" in found
