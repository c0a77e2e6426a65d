import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import Hook, Plugin, ValidationError, hookimpl, mentions
from tm_core.testing import Cli, run_readme

SECRET = "nobody-else-may-read-this"


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


@pytest.mark.parametrize(
    ("command", "sentence", "kind", "event"),
    [
        ("share", "Shared update for task {}\n", "update", "collaboration.shared"),
        ("discover", "Discovery shared for task {}\n", "discovery", "collaboration.discovered"),
        ("sync", "Created sync point for task {}\n", "sync", "collaboration.synced"),
        ("note", "Added private note for task {}\n", "note", "collaboration.noted"),
    ],
)
def test_a_contribution_is_kept_and_logged(
    tm_cli: Cli, command: str, sentence: str, kind: str, event: str
) -> None:
    task = tm_cli.add("x")
    result = tm_cli(command, task[:5], "the words")
    assert (result.out, result.err) == ("", sentence.format(task))
    (told,) = tm_cli.show(task)["contributions"]
    assert (told["kind"], told["actor"], told["message"]) == (kind, "tester", "the words")
    newest = tm_cli("log", task, "--json").json[0]
    assert (newest["type"], newest["data"]["message"]) == (event, "the words")
    assert "the words" in tm_cli("context", task).out


def test_joining_is_known_and_twice_is_once(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    for _ in range(2):
        result = tm_cli("--actor", "bea", "join", task)
        assert (result.out, result.err) == ("", f"Joined task: {task}\n")
    tm_cli("join", task)
    assert [each["actor"] for each in tm_cli.show(task)["participants"]] == ["bea", "tester"]
    assert len(tm_cli("log", task, "--type", "collaboration.joined", "--json").json) == 2


def test_assign(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    result = tm_cli("assign", task, "bea")
    assert (result.out, result.err) == ("", f"Task {task} assigned to bea\n")
    assert tm_cli.show(task)["assignee"] == "bea"
    assert "has version 2" in tm_cli("assign", task, "carl", "--if-version", "1", code=6).err
    assert "nobody is named" in tm_cli("assign", task, "", code=5).err
    assert "too long" in tm_cli("assign", task, "x" * 201, code=5).err
    tm_cli("undo")
    assert tm_cli.show(task)["assignee"] is None


def test_context_has_the_last_ones_in_order(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    assert "Nothing has been told yet" in tm_cli("context", task).err
    for number in range(25):
        tm_cli("share", task, f"news {number}")
    tm_cli("note", task, "mine")
    told = tm_cli("context", task, "--json").json
    assert [each["message"] for each in told["contributions"]] == [
        f"news {number}" for number in range(5, 25)
    ]
    assert [each["message"] for each in told["notes"]] == ["mine"]
    assert tm_cli("context", task, "--shared", "--json").json["notes"] == []
    assert len(tm_cli("context", task, "--limit", "0", "--json").json["contributions"]) == 25
    assert len(tm_cli("context", task, "--limit", "3", "--json").json["contributions"]) == 3
    tm_cli("complete", task)
    assert "mine" in tm_cli("context", task).out


@pytest.mark.parametrize("command", ["share", "note", "discover", "sync"])
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ffffffff", "x"], 3, "no task has the id"),
        (["../../evil", "x"], 3, "no task has the id"),
        ([], 2, "needs TASK"),
        (["ID"], 2, "needs MESSAGE"),
        (["ID", ""], 5, "the message is empty"),
        (["ID", " \n"], 5, "the message is empty"),
        (["ID", "x" * 10_001], 5, "too long"),
        (["ID", "a\0b"], 5, "NUL"),
    ],
)
def test_bad_input_writes_nothing(
    tm_cli: Cli, command: str, arguments: list[str], code: int, said: str
) -> None:
    task = tm_cli.add("x")
    before = sorted(tm_cli.folder.rglob("*"))
    result = tm_cli(command, *[task if word == "ID" else word for word in arguments], code=code)
    assert said in result.err
    assert result.out == ""
    assert "contributions" not in tm_cli.show(task)
    assert sorted(tm_cli.folder.rglob("*")) == before


@pytest.mark.parametrize("command", ["join", "context", "assign"])
def test_an_unknown_task(tm_cli: Cli, command: str) -> None:
    more = ["bea"] if command == "assign" else []
    assert "no task has the id" in tm_cli(command, "ffffffff", *more, code=3).err
    assert tm_cli("context", "ffffffff", "--limit", "-1", code=None).code in (3, 5)


def test_paths_in_messages_are_words(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    before = sorted(tm_cli.folder.parent.rglob("*"))
    tm_cli("--actor", "../../evil", "note", task, "../../../etc/passwd")
    assert sorted(tm_cli.folder.parent.rglob("*")) == before


def test_a_deleted_task_takes_nothing(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("delete", task)
    for command in ("share", "note", "discover", "sync"):
        assert "is deleted" in tm_cli(command, task, "x", code=5).err
    assert "is deleted" in tm_cli("join", task, code=5).err


def test_text_cannot_drive_the_terminal(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("--actor", "a\x1b[2J", "share", task, "\x1b[2Jgone\nnext")
    tm_cli("--actor", "a\x1b[2J", "join", task)
    assert "\x1b" not in tm_cli("context", task).out + tm_cli("show", task).out
    assert "\x1b" not in tm_cli("assign", task, "\x1b[2J").err


def test_a_request_is_done_once(tm_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    task = tm_cli.add("x")
    monkeypatch.setenv("TM_REQUEST_ID", "r1")
    tm_cli("share", task, "one")
    again = tm_cli("share", task, "one")
    assert (again.out, "Done before" in again.err) == ("", True)
    other = tm_cli.add("y", "--key", "r2")
    for arguments in (["share", other, "one"], ["share", task, "two"], ["sync", task, "one"]):
        assert "the key 'r1' was used for 'share'" in tm_cli(*arguments, code=6).err
    monkeypatch.delenv("TM_REQUEST_ID")
    assert "nothing was written" in tm_cli("discover", task, "two", "--dry-run").err
    assert [each["message"] for each in tm_cli.show(task)["contributions"]] == ["one"]


def test_undo(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("join", task)
    tm_cli("share", task, "hello @bea and @carl")
    tm_cli("note", task, "mine")
    for _ in range(3):
        tm_cli("undo")
    shown = tm_cli.show(task)
    assert "contributions" not in shown
    assert "participants" not in shown


def test_off_and_on_again(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("share", task, "one")
    tm_cli("config", "disable", "collaboration")
    for command in ("share", "join", "context", "assign"):
        assert "feature 'collaboration' is disabled" in tm_cli(command, task, code=8).err
    assert "contributions" not in tm_cli.show(task)
    tm_cli("config", "enable", "collaboration")
    assert [each["message"] for each in tm_cli.show(task)["contributions"]] == ["one"]


# Mentions


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("@bea please look", ["bea"]),
        ("(@bea) and @carl-2, @carl-2.", ["bea", "carl-2"]),
        ("ask @bea.smith.", ["bea.smith"]),
        ("@José!", ["José"]),
        ("write to bea@example.org or a/@scope/package", []),
        ("@@bea @ @- @.", []),
        ("", []),
    ],
)
def test_who_is_mentioned(message: str, names: list[str]) -> None:
    assert mentions(message) == names


@given(st.text())
def test_any_text_can_be_searched_for_mentions(message: str) -> None:
    found = mentions(message)
    assert len(found) == len(set(found))
    assert all(f"@{name}" in message for name in found)


def test_mentions_are_recorded_but_not_those_of_a_note(tm_store: TaskManager) -> None:
    task = tm_store.add("x").id
    tm_store.share(task, "see @bea, @carl")
    tm_store.note(task, "tell @dora later")
    assert next(tm_store.log(event_type="collaboration.shared"))["data"]["mentions"] == [
        "bea",
        "carl",
    ]
    assert "mentions" not in next(tm_store.log(event_type="collaboration.noted"))["data"]


# Private notes


class Listener:
    name = "all"
    pattern = "*"

    def __init__(self) -> None:
        self.got: list[Any] = []

    def handle(self, event: Any) -> None:
        self.got.append(event)


def listening(listener: Listener) -> Plugin:
    @hookimpl
    def event_handlers(ctx: Any) -> Any:
        return [listener]

    module = SimpleNamespace(event_handlers=event_handlers)
    return Plugin("listening", "Hears all", hooks={"event_handlers": Hook(module)})


def test_a_note_is_shown_to_its_author_alone(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("--actor", "bea", "note", task, SECRET)
    for command in (
        ["context", task],
        ["context", task, "--json"],
        ["show", task],
        ["show", task, "--json"],
        ["list", "--json"],
        ["log", "--json", "--limit", "0"],
        ["log", task],
    ):
        assert SECRET in tm_cli("--actor", "bea", *command).out
        assert SECRET not in tm_cli("--actor", "carl", *command).out
    refused = tm_cli("--actor", "carl", "undo", "2", "--json", code=6)
    assert "private to bea" in refused.err
    assert SECRET not in refused.err
    assert SECRET in tm_cli("--actor", "bea", "undo", "--json").out
    assert SECRET not in tm_cli("--actor", "carl", "log", "--json").out
    assert SECRET in tm_cli("--actor", "bea", "log", "--json").out


def test_no_handler_hears_of_it_nor_of_its_import(tm_open: Callable[..., TaskManager]) -> None:
    listener = Listener()
    bea = tm_open(actor="bea", plugins=[listening(listener)])
    task = bea.add("x").id
    bea.note(task, SECRET)
    bea.share(task, "for all")
    record = json.loads(json.dumps(bea.get(task).as_dict()))
    history = list(bea.log(task))
    assert SECRET in repr(record)
    bea.delete(task, purge=True)
    bea.restore(record, history)
    bea.undo()
    assert "for all" in repr(listener.got)
    assert SECRET not in repr(listener.got)
    assert SECRET not in repr(list(tm_open(actor="carl").log()))


def test_an_export_holds_the_notes_of_who_makes_it(tm_open: Callable[..., TaskManager]) -> None:
    bea, carl = tm_open(actor="bea"), tm_open(actor="carl")
    task = bea.add("x").id
    bea.note(task, "of bea")
    carl.note(task, "of carl")
    assert [each["message"] for each in bea.get(task).details["contributions"]] == ["of bea"]
    assert [each["message"] for each in carl.get(task).details["contributions"]] == ["of carl"]


def test_no_format_of_an_export_holds_anybody_elses_note(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("--actor", "bea", "note", task, SECRET)
    tm_cli("--actor", "bea", "undo")
    tm_cli("--actor", "bea", "note", task, SECRET)
    for form in ("json", "jsonl", "csv", "tsv", "markdown"):
        arguments = ["export", "--format", form]
        assert SECRET not in tm_cli("--actor", "carl", *arguments).out
        if form in ("json", "jsonl"):
            assert SECRET in tm_cli("--actor", "bea", *arguments).out


# Export and import


def test_an_export_comes_back(tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open(actor="bea")
    task = tm.add("x")
    tm.join(task.id)
    tm.share(task.id, "one @carl")
    tm.note(task.id, "mine")
    tm.sync(task.id, "two")
    record = json.loads(json.dumps(tm.get(task.id).as_dict()))
    tm.delete(task.id, purge=True)
    for table in ("participant", "contribution"):
        assert tm.database.query(f"SELECT * FROM collaboration_{table}") == []

    other = tm_open(actor="other")
    other.restore(record)
    details = tm.get(task.id).details
    assert details["participants"] == record["participants"]
    by_message = {each["message"]: each for each in record["contributions"]}
    assert {each["message"]: each for each in details["contributions"]} == by_message
    assert [each["message"] for each in details["contributions"]] == ["one @carl", "mine", "two"]
    assert "mine" not in repr(list(other.log()))
    other.undo()
    assert tm.count(status="pending") == 0


@pytest.mark.parametrize(
    "part",
    [
        {"contributions": "text"},
        {"contributions": [1]},
        {"contributions": [{"message": "x"}]},
        {"contributions": [{"at": "2025-03-01", "actor": "a", "kind": "shout", "message": "x"}]},
        {"contributions": [{"at": "never", "actor": "a", "kind": "sync", "message": "x"}]},
        {"participants": [{"actor": "a"}]},
        {"participants": {"a": "b"}},
    ],
)
def test_a_broken_export_is_refused_whole(tm_store: TaskManager, part: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(part))):
        tm_store.restore({"title": "x", **part})
    assert tm_store.count() == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["share", "discover", "sync", "note"]),
            st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
            ).filter(str.strip),
        ),
        max_size=5,
    )
)
def test_contributions_come_back_in_order_as_given(
    tm_store: TaskManager, told: list[tuple[str, str]]
) -> None:
    task = tm_store.add("x").id
    with tm_store.transaction():  # one instant for all
        for command, message in told:
            getattr(tm_store, command)(task, message)
    found = tm_store.context(task, limit=0)
    public = [message for command, message in told if command != "note"]
    assert [each["message"] for each in found["contributions"]] == public
    assert [each["message"] for each in found["notes"]] == [m for c, m in told if c == "note"]
