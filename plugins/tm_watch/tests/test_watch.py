import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.testing import Cli, run_readme

Open = Callable[..., TaskManager]


def news(tm: TaskManager, **options: Any) -> list[tuple[str, str]]:
    return [(e["type"], e["message"]) for e in tm.notifications(**options)["notifications"]]


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_nobodys_reading_takes_anything_from_another(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("--actor", "ada", "discover", task, "all should know")
    for reader in ("bea", "carl", "tester"):
        first = tm_cli("--actor", reader, "watch")
        assert first.out.startswith("=== 1 New Notification(s) ===\n[COLLABORATION DISCOVERED] ")
        assert "all should know (ada, " in first.out
        again = tm_cli("--actor", reader, "watch")
        assert (again.out, again.err) == ("", "No new notifications\n")
    assert tm_cli("--actor", "ada", "watch").out == ""
    assert tm_cli("--actor", "bea", "watch", "--json").json == []


def test_whom_it_concerns(tm_open: Open) -> None:
    ada, bea, carl = (tm_open(actor=name) for name in ("ada", "bea", "carl"))
    dora, erna = (tm_open(actor=name) for name in ("dora", "erna"))
    task = ada.add("x", assignee="bea").id
    carl.join(task)
    for each in (ada, bea, carl, dora, erna):
        each.notifications()
    erna.share(task, "hello @dora")
    erna.sync(task, "agreed")
    said = [("collaboration.shared", "hello @dora"), ("collaboration.synced", "agreed")]
    assert news(ada) == news(bea) == news(carl) == said
    assert news(dora) == said[:1]
    assert news(erna) == []
    assert news(erna, own=True, after=0)[-2:] == said

    # Who had the task hears that it was taken away, and who has it now that it was given.
    ada.update(task, assignee="erna")
    assert news(bea) == news(erna) == [("task.updated", "assignee: bea -> erna")]
    ada.share(task, "more")
    assert news(bea) == []
    assert news(erna) == [("collaboration.shared", "more")]


def test_a_name_that_is_part_of_another_is_not_meant(tm_open: Open) -> None:
    ada, bea = tm_open(actor="ada"), tm_open(actor="bea")
    ada.add("x", assignee="bea-2", description='"bea"')
    ada.share(ada.add("y").id, 'hello @bea-2, "bea", \\"assignee\\":\\"bea\\"')
    assert news(bea) == []
    quoted = tm_open(actor='b"ea\\')
    ada.add("z", assignee='b"ea\\')
    assert news(quoted) == [("task.created", "z")]


def test_a_join_that_was_undone_is_none(tm_open: Open) -> None:
    ada, bea = tm_open(actor="ada"), tm_open(actor="bea")
    task = ada.add("x").id
    bea.join(task)
    bea.undo()
    ada.share(task, "one")
    assert news(bea) == []
    bea.undo(max(event["seq"] for event in bea.log(event_type="task.undone")))
    ada.share(task, "two")
    assert news(bea) == [("collaboration.shared", "two")]


def test_a_release_is_news_also_for_whom_brought_it_about(tm_open: Open) -> None:
    ada = tm_open(actor="ada")
    first, second = ada.add("first").id, ada.add("second").id
    ada.update(second, status="blocked")
    assert news(ada) == []
    with ada.transaction():  # as a feature that knows what waits for what does it
        ada.complete(first)
        ada.update(second, status="pending")
    assert news(ada) == [("task.unblocked", "status: blocked -> pending")]
    ada.update(second, status="blocked")
    ada.update(second, status="pending")
    assert news(ada) == []


def test_private_notes_of_others_are_no_news(tm_open: Open) -> None:
    ada, bea = tm_open(actor="ada"), tm_open(actor="bea")
    task = ada.add("x").id
    bea.note(task, "not for ada")
    bea.undo()
    assert news(ada, everything=True, peek=True) == []
    assert ("collaboration.noted", "not for ada") in news(bea, own=True)


def test_history_that_came_with_an_import_is_no_news(tm_open: Open) -> None:
    ada, bea = tm_open(actor="ada"), tm_open(actor="bea")
    task = ada.add("x", assignee="bea")
    bea.join(task.id)
    record, history = json.loads(json.dumps(ada.get(task.id).as_dict())), list(ada.log(task.id))
    ada.delete(task.id, purge=True)
    bea.notifications()
    ada.restore(record, history)
    assert [kind for kind, _ in news(bea)] == ["task.imported", "collaboration.joined"]
    ada.update(task.id, assignee=None)
    ada.share(task.id, "still joined")
    assert news(bea)[-1] == ("collaboration.shared", "still joined")


def test_what_a_limit_leaves_out_stays_new(tm_cli: Cli) -> None:
    for number in range(5):
        tm_cli("--actor", "ada", "add", f"task {number}", "--assignee", "bea")
    told: list[str] = []
    for expected in (2, 2, 1):
        result = tm_cli("--actor", "bea", "watch", "--limit", "2", "--json")
        assert len(result.json) == expected
        told += [item["title"] for item in result.json]
    assert told == [f"task {number}" for number in range(5)]
    assert "There is more" in tm_cli("--actor", "eve", "watch", "--all", "--limit", "4").err
    assert "There is more" not in tm_cli("--actor", "eve", "watch", "--all", "--limit", "1").err


def test_a_long_log_is_read_in_parts(tm_open: Open) -> None:
    ada, bea = tm_open(actor="ada"), tm_open(actor="bea")
    with ada.transaction():
        for number in range(1203):
            ada.add(f"task {number}", assignee="bea" if number % 2 else "carl")
    assert [message for _, message in news(bea)] == [f"task {n}" for n in range(1, 1203, 2)]


def test_who_never_asked_is_not_told_a_whole_past(tm_open: Open) -> None:
    tm_open().add("old", assignee="bea")
    tm_open().add("new", assignee="bea")
    bea = tm_open(actor="bea", settings=["watch.newcomer_events=1"])

    def titles(**options: Any) -> list[str]:
        return [each["title"] for each in bea.notifications(**options)["notifications"]]

    assert titles(after=0, peek=True) == ["old", "new"]
    assert titles() == ["new"]
    tm_open().add("later", assignee="bea")
    tm_open().add("last", assignee="bea")
    assert titles() == ["later", "last"]  # as one who asked before


def test_mentions_come_first_and_peeking_moves_nothing(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--assignee", "bea")
    tm_cli("share", task, "for @bea")
    for _ in range(2):
        shown = tm_cli("--actor", "bea", "watch", "--peek").out.splitlines()
        assert shown[1].startswith(f"[MENTIONED] {task} x: for @bea (tester, ")
        assert shown[2].startswith(f"[CREATED] {task} x (tester, ")
    items = tm_cli("--actor", "bea", "watch", "--json").json
    assert [item["mentioned"] for item in items] == [True, False]


def test_a_call_in_any_text_reaches_whom_it_calls(tm_open: Open) -> None:
    bea, ada = tm_open(actor="bea"), tm_open(actor="ada")

    def told() -> list[tuple[str, bool]]:
        found = bea.notifications()["notifications"]
        return [(each["type"], each["mentioned"]) for each in found]

    task = ada.add("Ask @bea", description="of a@bea.example, @beatrix").id
    assert told() == [("task.created", True)]
    ada.update(task, title="Ask @bea soon")  # was called already
    ada.update(task, description='"@bea"\n')
    assert told() == [("task.updated", True)]
    ada.undo()
    ada.progress(task, "stuck, @bea")
    ada.complete(task, completion_summary="thanks to @bea!")
    assert told() == [("progress.added", True), ("task.completed", True)]
    ada.add("@carl @bea.smith @Bea")
    assert told() == []


def test_broadcasts_are_a_setting(tm_cli: Cli) -> None:
    tm_cli("config", "set", "watch.broadcasts", "task.completed")
    task = tm_cli.add("x")
    tm_cli("discover", task, "one")
    tm_cli("complete", task)
    (item,) = tm_cli("--actor", "bea", "watch", "--json").json
    assert item["type"] == "task.completed"
    tm_cli("config", "set", "watch.broadcasts", "[]")
    tm_cli("discover", task, "one")
    assert tm_cli("--actor", "bea", "watch", "--json").json == []


def test_reading_is_no_change(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    tm_cli("--actor", "bea", "watch", "--all")
    before = tm_cli("log", "--json").json
    tm_cli("--actor", "bea", "watch")
    assert tm_cli("log", "--json").json == before
    assert "nothing that bea could undo" in tm_cli("--actor", "bea", "undo", code=3).err
    tm_cli("undo")
    assert "no task" in tm_cli("show", task, code=3).err


def test_text_cannot_drive_the_terminal(tm_cli: Cli) -> None:
    task = tm_cli.add("x\x1b[2J", "--assignee", "bea")
    tm_cli("--actor", "a\x1b[2J", "share", task, "\x1b[2Jgone\nnext")
    out = tm_cli("--actor", "bea", "watch").out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 3


def test_off_and_on_again(tm_cli: Cli) -> None:
    tm_cli("--actor", "ada", "add", "x", "--assignee", "tester")
    tm_cli("watch")
    tm_cli("config", "disable", "watch")
    assert "feature 'watch' is disabled" in tm_cli("watch", code=8).err
    tm_cli("config", "enable", "watch")
    assert tm_cli("watch").out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--limit", "-1"], 2, "--limit"),
        (["--limit", "x"], 2, "--limit"),
        (["--follow", "--limit", "1"], 2, "no --limit"),
        (["--exec", "'"], 2, "no closing quotation"),
        (["--exec", ""], 2, "needs a command"),
        (["--exec", "no-such-program-here"], 2, "there is no program"),
        (["more"], 2, "unexpected extra argument"),
    ],
)
def test_bad_input_takes_nothing_away(
    tm_cli: Cli, arguments: list[str], code: int, said: str
) -> None:
    tm_cli("--actor", "ada", "add", "x", "--assignee", "tester")
    result = tm_cli("watch", *arguments, code=code)
    assert (result.out, said in result.err) == ("", True)
    assert len(tm_cli("watch", "--json").json) == 1


# A command for each


def script(tm_cli: Cli, text: str) -> str:
    path = tm_cli.folder / "each.py"
    path.write_text(f"import sys\n{text}\n", encoding="utf-8")
    return f"{sys.executable} {path}"


def test_a_command_gets_each_event_in_order(tm_cli: Cli) -> None:
    task = tm_cli.add("x; touch evil", "--assignee", "bea")
    tm_cli("share", task, "@bea $(touch evil)")
    command = script(tm_cli, "open('got', 'a').write(sys.stdin.read())")
    tm_cli("--actor", "bea", "watch", "--yes", "--exec", command)
    got = [json.loads(line) for line in (tm_cli.folder / "got").read_text().splitlines()]
    assert [item["message"] for item in got] == ["x; touch evil", "@bea $(touch evil)"]
    assert not (tm_cli.folder / "evil").exists()


def test_what_a_command_fails_at_stays_new(tm_cli: Cli) -> None:
    for title in ("good", "bad", "later"):
        tm_cli.add(title, "--assignee", "bea")
    command = script(tm_cli, "sys.exit(3 if '\"bad\"' in sys.stdin.read() else 0)")
    result = tm_cli("--actor", "bea", "watch", "--yes", "--exec", command, code=1)
    assert "gave exit code 3 at event 2" in result.err
    left = tm_cli("--actor", "bea", "watch", "--json").json
    assert [item["title"] for item in left] == ["bad", "later"]


def test_no_configuration_can_name_a_command(tm_cli: Cli) -> None:
    config = tm_cli.folder / ".task-orchestrator" / "config.yaml"
    config.write_text("watch: {exec: 'touch evil'}\n", encoding="utf-8")
    assert "unknown key" in tm_cli("watch", code=1).err
    assert not (tm_cli.folder / "evil").exists()


def test_a_command_runs_once_it_was_approved_as_it_is(tm_cli: Cli) -> None:
    tm_cli.add("first", "--assignee", "bea")
    command = script(tm_cli, "open('got', 'a').write('x')")
    watch = ["--actor", "bea", "watch", "--exec", command]
    refused = tm_cli(*watch, code=5)
    assert (refused.out, "was not approved on this machine" in refused.err) == ("", True)
    (asked,) = tm_cli("trust", "--json").json
    assert asked["what"] == f"{command} (in {tm_cli.folder})"
    tm_cli("trust", "approve", asked["digest"], "--yes")
    assert "first" in tm_cli(*watch).out
    assert (tm_cli.folder / "got").read_text() == "x"

    # The script came with the project, and changed with it: that is another content.
    script(tm_cli, "open('evil', 'a')")
    tm_cli.add("second", "--assignee", "bea")
    assert "was not approved" in tm_cli(*watch, code=5).err
    assert not (tm_cli.folder / "evil").exists()
    script(tm_cli, "open('got', 'a').write('x')")
    assert "second" in tm_cli(*watch).out

    # Nor is the same command approved for another folder.
    other = Cli(tm_cli.folder / "other")
    other.folder.mkdir()
    assert "was not approved" in other(*watch, code=5).err


def test_a_huge_script_is_not_read_whole(tm_cli: Cli) -> None:
    with (tm_cli.folder / "huge").open("wb") as file:
        file.truncate(2_000_000_000)
    assert "too large to be approved" in tm_cli("watch", "--exec", "cat huge", code=5).err


# As long as it runs


@pytest.fixture
def follow(tm_cli: Cli) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    tm_cli("config", "set", "watch.interval", "0.05")
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tm_core", *arguments],
            cwd=tm_cli.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Tests that run in the background have it ignored, and so would their children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        with process:
            pass


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_following_until_interrupted(
    tm_cli: Cli, follow: Callable[..., subprocess.Popen[str]]
) -> None:
    tm_cli.add("before", "--assignee", "bea")
    process = follow("--actor", "bea", "watch", "--follow", "--json")
    assert json.loads(line_of(process))["title"] == "before"
    for number in range(3):
        tm_cli.add(f"task {number}", "--assignee", "bea")
        assert json.loads(line_of(process))["title"] == f"task {number}"
    tm_cli.add("not for bea")
    for title in ("last but one", "last"):
        tm_cli.add(title, "--assignee", "bea")
        assert json.loads(line_of(process))["title"] == title
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.strip()) == (130, "", "")
    # What was shown just before the end may be shown again, but nothing is lost or older.
    left = tm_cli("--actor", "bea", "watch", "--json").json
    assert [item["title"] for item in left] in ([], ["last"])


def test_a_reader_that_goes_away_ends_it(
    tm_cli: Cli, follow: Callable[..., subprocess.Popen[str]]
) -> None:
    tm_cli.add("before", "--assignee", "bea")
    process = follow("--actor", "bea", "watch", "--follow")
    assert "before" in line_of(process)
    assert process.stdout is not None
    process.stdout.close()
    tm_cli.add("after", "--assignee", "bea")
    assert process.wait(timeout=30) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()


def test_a_store_that_goes_away_ends_it(
    tm_cli: Cli, follow: Callable[..., subprocess.Popen[str]]
) -> None:
    tm_cli.add("before", "--assignee", "bea")
    process = follow("--actor", "bea", "watch", "--follow")
    assert "before" in line_of(process)
    for path in (tm_cli.folder / ".task-orchestrator").glob("tasks.db*"):
        path.unlink()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 4
    assert "is gone" in err
    assert "Traceback" not in err
