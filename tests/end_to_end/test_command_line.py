"""The contract of the command line, on real processes: streams, exit codes, terminals, help."""

from __future__ import annotations

import json
import os
import re
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from wcwidth import wcswidth

from tm_core.manager import TaskManager
from tm_core.testing import Cli, Process

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def dump(folder: Path) -> list[str]:
    """Everything that a store holds, and the other files of its folder."""
    store = folder / ".task-orchestrator"
    with sqlite3.connect(store / "tasks.db") as connection:
        lines = list(connection.iterdump())
    connection.close()
    others = sorted(p for p in store.iterdir() if not p.name.startswith("tasks.db"))
    return lines + [f"{path.name}: {path.read_bytes()!r}" for path in others]


@pytest.fixture
def tm(tm_process: Process) -> Process:
    """Processes in a folder that has a store."""
    tm_process("init")
    return tm_process


# Streams


def test_add_prints_the_bare_id_into_a_pipe_and_a_sentence_beside_it(tm: Process) -> None:
    out, err = tm("add", "A title with deadbeef in it")[1:]
    assert re.fullmatch(r"[a-f0-9]{8}\n", out)
    assert err == "Task created\n"


@pytest.mark.parametrize("redirection", ["", "2>&1", "2>/dev/null"])
def test_scripts_catch_the_id_as_they_always_did(tm: Process, redirection: str) -> None:
    command = f'"$PYTHON" -m tm_core add "x" {redirection}'
    script = f"""ID=$({command} | grep -o '[a-f0-9]\\{{8\\}}'); printf '%s' "$ID" """
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tm.folder,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=True,
    )
    assert tm("show", done.stdout).out.startswith(f"id: {done.stdout}\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("update", "{id}", "--title", "y"), "updated"),
        (("complete", "{id}"), "completed"),
        (("delete", "{id}"), "deleted"),
        (("undo",), "Undone"),
        (("config", "--enable", "metrics"), "enabled"),
        (("config", "--disable", "metrics"), "disabled"),
        (("config", "enable", "metrics"), "enabled"),
        (("config", "set", "list.limit", "5"), "is set"),
        (("config", "unset", "list.limit"), "is not set"),
        (("config", "--reset"), "reset"),
        (("config", "minimal-mode", "on"), "Minimal mode"),
        (("init",), "already"),
    ],
)
def test_a_write_says_its_sentence_on_stderr_and_nothing_on_stdout(
    tm_cli: Cli, arguments: tuple[str, ...], sentence: str
) -> None:
    task = tm_cli.add("x")
    code, out, err = tm_cli(*(each.format(id=task) for each in arguments))
    assert (code, out) == (0, "")
    assert sentence in err
    quiet = tm_cli("-q", *(each.format(id=tm_cli.add("y")) for each in arguments), code=None)
    assert quiet.err == ""


def test_a_list_in_a_pipe_is_plain_lines(tm_cli: Cli) -> None:
    task = tm_cli.add("Plain")
    assert tm_cli("list").out == f"[{task}] Plain - pending\n"
    tm_cli("delete", task)
    assert tm_cli("list")[1:] == ("", "No tasks found\n")


# JSON


def test_json_is_the_only_thing_on_stdout(tm_cli: Cli) -> None:
    task = tm_cli("add", "x", "--json").json
    assert task["title"] == "x"
    shown = tm_cli("show", task["id"], "--json").json
    assert shown | task == shown
    assert tm_cli("list", "--json").json == [shown]
    assert tm_cli("--json", "list").json == [shown]
    assert [event["type"] for event in tm_cli("log", "--json").json] == ["task.created"]
    assert tm_cli("update", task["id"], "--title", "y", "--json").json["version"] == 2
    assert tm_cli("complete", task["id"], "--json").json["status"] == "completed"
    assert tm_cli("undo", "--json").json[0]["type"] == "task.completed"
    assert tm_cli("init", "--json").json["created"] is False
    assert tm_cli("config", "get", "list.limit", "--json").json == {"list.limit": 50}
    assert tm_cli("config", "explain", "list.limit", "--json").json[0]["value"] == 50
    features = tm_cli("config", "--show", "--json").json["features"]
    rows = tm_cli("plugins", "list", "--json").json
    assert {row["name"]: row["state"] == "on" for row in rows} == features
    assert {finding["level"] for finding in tm_cli("doctor", "--json").json} == {"ok"}


def test_json_never_holds_a_sentence(tm_cli: Cli) -> None:
    for arguments in (["add", "x"], ["list"], ["log"], ["doctor"], ["init"], ["config"]):
        assert tm_cli(*arguments, "--json").err == ""


def test_a_page_of_json_that_is_not_all_says_so(tm_cli: Cli) -> None:
    for number in range(3):
        tm_cli.add(f"Task {number}")
    page = tm_cli("-c", "list.limit=2", "list", "--json")
    assert len(page.json) == 2
    assert "--offset 2" in json.loads(page.err)["warning"]
    assert tm_cli("list", "--limit", "2", "--json").err == ""
    assert "--offset 2" in tm_cli("list", "--limit", "2").err
    assert len(tm_cli("list", "--limit", "0", "--json").json) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "name"),
    [
        (["list", "--bogus"], 2, "usage"),
        (["lst"], 2, "usage"),
        ([], 2, "usage"),
        (["show", "zzz"], 3, "not_found"),
        (["add", ""], 5, "validation"),
        (["add", "x", "--priority", "huge"], 5, "invalid_value"),
        (["-p", "no:metrics", "metrics"], 8, "feature_disabled"),
    ],
)
def test_an_error_as_json_is_one_object_on_stderr(
    tm_cli: Cli, arguments: list[str], code: int, name: str
) -> None:
    got, out, err = tm_cli("--json", *arguments, code=code)
    assert out == ""
    assert len(err.splitlines()) == 1
    error = json.loads(err)["error"]
    assert (error["code"], error["exit"]) == (name, got)
    assert error["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "add", "x"],
        ["add", "--json", "x"],
        ["add", "x", "--json"],
        ["add", "x", "--json", "--actor", "eve", "-q"],
        ["--agent-id", "eve", "add", "x", "--json"],
        ["-q", "--actor", "eve", "--json", "--debug", "add", "x"],
        ["add", "--agent-id=eve", "x", "--debug", "--json"],
    ],
)
def test_global_options_may_stand_anywhere(tm_cli: Cli, arguments: list[str]) -> None:
    wanted = "eve" if "eve" in " ".join(arguments) else "tester"
    assert tm_cli(*arguments).json["created_by"] == wanted


def test_what_follows_two_dashes_is_text(tm_cli: Cli) -> None:
    task = tm_cli.add("--", "--json")
    assert tm_cli.show(task)["title"] == "--json"


def test_an_option_that_stands_too_late_is_told_its_place(tm_cli: Cli) -> None:
    assert "tm --store ... list" in tm_cli("list", "--store", "x", code=2).err


# Exit codes


def test_every_exit_code_is_produced(tm: Process, tmp_path: Path) -> None:
    task = tm("add", "x").out.strip()
    tm("list", code=0)
    (tm.folder / "broken").mkdir()
    broken = tm.folder / "broken" / ".task-orchestrator"
    broken.mkdir()
    (broken / "config.yaml").write_text("[")
    tm("list", code=1, folder=broken.parent)
    tm("list", "--bogus", code=2)
    tm("show", "zzz", code=3)
    (tmp_path / "text.db").write_text("This is no database, but a text of some length.\n" * 30)
    tm("list", code=4, TM_DB_PATH=str(tmp_path / "text.db"))
    tm("add", " ", code=5)
    tm("complete", task)
    tm("complete", task, code=6)
    tm("list", code=7, TM_DB_PATH=str(tmp_path / "none"))
    tm("-p", "no:metrics", "metrics", code=8)


def test_no_traceback_unless_it_is_asked_for(tm: Process) -> None:
    plain = tm("list", "--where", "nothing == 1", code=5)
    shown = tm("list", "--where", "nothing == 1", "--debug", code=5)
    assert "Traceback" not in plain.err
    assert "Traceback" in shown.err
    assert shown.err.endswith(plain.err)


# Other ends of the pipe


def piped(tm: Process, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        cwd=tm.folder,
        env={**os.environ, "TM": f"{sys.executable} -m tm_core"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_has_seen_enough_disturbs_nobody(tm: Process, unbuffered: str) -> None:
    with TaskManager.open(str(tm.folder)) as manager, manager.transaction():
        for number in range(2000):
            manager.add(f"A task with a long title, to fill the pipe: {number}")
    script = (
        f"export PYTHONUNBUFFERED={unbuffered}; $TM list --limit 0 | head -n 1 && $TM --help | true"
    )
    done = piped(tm, script)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_is_full_is_one_line(tm: Process, unbuffered: str) -> None:
    tm("add", "x")
    done = piped(tm, f"export PYTHONUNBUFFERED={unbuffered}; $TM list > /dev/full")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr
    assert piped(tm, "$TM lst 2> /dev/full").returncode == 2


def test_closed_streams_do_no_harm(tm: Process) -> None:
    tm("add", "x")
    assert piped(tm, "$TM list >&-").returncode == 0
    assert piped(tm, "$TM lst 2>&-").returncode == 2
    assert piped(tm, "$TM add y <&- >&- 2>&-").returncode == 0
    assert len(tm("list").out.splitlines()) == 2


def test_a_narrow_encoding_loses_nothing(tm: Process) -> None:
    tm("add", "Grüße 🎉")
    listed = tm("list", "--json", PYTHONIOENCODING="ascii")
    assert listed.json[0]["title"] == "Grüße 🎉"
    assert r"Gr\xfc\xdfe \U0001f389" in tm("list", PYTHONIOENCODING="ascii").out


# Terminals


pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")


def at_terminal(
    tm: Process, *arguments: str, columns: int = 80, color: bool = True, code: int = 0
) -> str:
    """What a person sees who runs a command at a terminal, and never presses a key."""
    import fcntl
    import struct

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tm_core", *arguments],
        cwd=tm.folder,
        env=environ if color else {**environ, "NO_COLOR": "1"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 60)[0]:
            break
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(ours)
    assert process.wait(60) == code
    return seen.decode().replace("\r\n", "\n")


@pytest.fixture
def crowded(tm: Process) -> Process:
    """A store with titles of all widths."""
    with TaskManager.open(str(tm.folder)) as manager:
        manager.add("日本語の題名" * 20, assignee="an-assignee-with-a-long-name")
        manager.add("🎉" * 60)
        manager.add("שלום עולם " * 10)
        manager.add("e\u0301" * 90)
        manager.add("short")
    return tm


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_table_keeps_to_the_width_of_the_terminal(crowded: Process, columns: int) -> None:
    lines = ESCAPE.sub("", at_terminal(crowded, "list", columns=columns)).splitlines()
    assert lines[0].split()[:2] == ["id", "status"[: max(len(lines[0].split()[1]), 1)]]
    assert len(lines) == 6
    for line in lines:
        assert wcswidth(line) <= columns, line
    ids = {line.split()[0] for line in lines[1:]}
    assert ids == {task["id"] for task in crowded("list", "--json").json}  # never cut
    assert any("…" in line for line in lines)


def test_a_person_gets_colour_and_relative_times(tm: Process) -> None:
    added = at_terminal(tm, "add", "Seen by a person")
    assert added.startswith("Task created: \x1b[1m")
    assert "Seen by a person" in added
    seen = at_terminal(tm, "list")
    assert "\x1b[1mid " in seen
    assert re.search(r"\b(now|\d+ seconds? ago|a minute ago|\d+ minutes? ago)\b", seen)
    assert "\x1b" not in tm("list").out
    assert re.search(r"created_at: \d{4}-\d\d-\d\d ", tm("show", tm("list").out[1:9]).out)


def test_colour_can_be_turned_off_and_on(tm: Process) -> None:
    tm("add", "x")
    assert "\x1b" not in at_terminal(tm, "list", color=False)
    assert "\x1b" not in at_terminal(tm, "--color", "never", "list")
    assert "\x1b" not in at_terminal(tm, "-c", "output.color=never", "list")
    assert "\x1b[" in at_terminal(tm, "--color", "always", "list", color=False)


EVIL = "a\x1b[2J\x1b]0;owned\x07b\x9b31mc\u202ed\r\ne\tf\x7f\u2028g"


def test_no_title_drives_a_terminal(tm: Process) -> None:
    task = tm("add", EVIL, "--description", EVIL, "--assignee", EVIL).out.strip()
    tm("update", task, "--title", EVIL + "!")
    hidden = re.compile("[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u2028-\u202e]")
    for arguments in (["list"], ["show", task], ["add", EVIL]):
        seen = ESCAPE.sub("", at_terminal(tm, *arguments))
        assert "\x1b" not in seen
        assert not hidden.search(seen), arguments
    cli = Cli(tm.folder)
    for arguments in (["list"], ["show", task], ["log"]):
        out = cli(*arguments).out
        assert "\x1b" not in out
        assert not hidden.search(out), arguments
        assert r"\x1b[2J" in out
    assert cli("list").out.count("\n") == 2


def test_json_keeps_every_character_but_shows_none_that_drives_a_terminal(tm: Process) -> None:
    task = tm("add", EVIL).out.strip()
    shown = tm("show", task, "--json")
    assert shown.json["title"] == EVIL
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]", shown.out)


def test_an_error_that_quotes_what_was_typed_drives_no_terminal(tm_cli: Cli) -> None:
    for arguments in (
        ["show", "\x1b[31m"],
        ["\x1b[31m"],
        ["list", "--\x1b[31m"],
        ["add", "x", "--priority", "\x1b[31m\n"],
        ["list", "--where", "\x1b[31m"],
        ["config", "get", "\x1b[31m"],
        ["-C", "\x1b[31m", "list"],
    ):
        done = tm_cli(*arguments, code=None)
        assert done.code in (2, 3, 5)
        assert "\x1b" not in done.err
        assert done.err.count("\n") == 1


def test_nothing_waits_for_an_answer(tm: Process) -> None:
    task = tm("add", "x").out.strip()
    for arguments in (
        ["init"],
        ["delete", task, "--purge"],
        ["config", "--reset"],
        ["add"],
    ):
        at_terminal(tm, *arguments, code=2 if arguments == ["add"] else 0)


# Help, and what is misspelt


def test_tm_alone_and_every_way_to_ask_show_the_same_help(
    tm_process: Process, tm_environ: Path
) -> None:
    help_text = tm_process("--help").out
    assert help_text.startswith("Usage: tm ")
    for arguments in ([], ["-h"], ["help"], ["help", "help"]):
        assert Cli(tm_environ)(*arguments) == (0, help_text, "")
    assert "Add a task" in help_text
    assert "tm COMMAND --help" in help_text


def test_every_command_has_help_without_a_store(tm_environ: Path) -> None:
    cli = Cli(tm_environ)
    listed = re.findall(r"^  ([a-z][a-z-]+)  ", cli("--help").out, re.MULTILINE)
    assert {"add", "list", "config", "doctor"} <= set(listed)
    for name in listed:
        text = cli(name, "--help").out
        assert text.startswith(f"Usage: tm {name} ")
        assert cli("help", name).out == cli(name, "-h").out == text
    assert cli("help", "config", "set").out.startswith("Usage: tm config set ")
    assert list(tm_environ.iterdir()) == []


def test_a_misspelt_command_or_option_gets_a_suggestion(tm_cli: Cli) -> None:
    for arguments, near in (
        (["lst"], "'list'"),
        (["help", "lst"], "'list'"),
        (["ad", "x"], "'add'"),
        (["list", "--stat", "x"], "'--status'"),
        (["add", "x", "--priorty", "high"], "'--priority'"),
        (["config", "enabel", "metrics"], "'enable'"),
        (["config", "enable", "metrix"], "'metrics'"),
        (["config", "set", "list.limt", "3"], "'list.limit'"),
        (["add", "x", "--priority", "hihg"], "'high'"),
    ):
        done = tm_cli(*arguments, code=None)
        assert done.code in (2, 5)
        assert near in done.err.lower(), done
        assert done.err.count("\n") == 1


def test_a_misspelt_line_writes_nothing(tm_cli: Cli) -> None:
    task = tm_cli.add("x")
    before = dump(tm_cli.folder)
    for arguments in (
        ["ad", "y"],
        ["add", "y", "--bogus"],
        ["add", "y", "z"],
        ["update", task],
        ["update", task, "--titel", "y"],
        ["complete", task, "--forse"],
        ["delete", task, task],
        ["config", "enable", "metrix"],
        ["config", "enable", "metrics", "metrix"],
        ["config", "--bogus"],
        ["config", "set", "list.limt", "3"],
    ):
        tm_cli(*arguments, code=2)
    assert dump(tm_cli.folder) == before


# Completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_prints(tm_process: Process, shell: str) -> None:
    script = tm_process("completion", shell).out
    assert "_TM_COMPLETE" in script
    assert list(tm_process.folder.iterdir()) == []


@pytest.fixture
def complete(tm_environ: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Gives what bash would offer at the end of a line."""

    def offered(line: str, **environ: str) -> list[str]:
        with monkeypatch.context() as patch:
            words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
            for name, value in {**words, "_TM_COMPLETE": "bash_complete", **environ}.items():
                patch.setenv(name, value)
            done = Cli(tm_environ)(code=None)
        assert done.err == ""
        return [row.partition(",")[2] for row in done.out.splitlines() if row]

    return offered


def test_commands_options_values_and_ids_complete(
    tm_cli: Cli, complete: Callable[..., list[str]]
) -> None:
    task = tm_cli.add("x")
    assert complete("tm comp") == ["complete", "completion"]
    assert "--description" in complete("tm add --")
    assert complete("tm list --st") == ["--status"]
    assert complete(f"tm show {task[:3]}") == [task]
    assert complete("tm update ") == [task]
    assert complete("tm add x --priority h") == ["high"]
    assert complete("tm list --status in") == ["in_progress"]
    assert complete("tm config en") == ["enable"]
    assert complete("tm config disable met") == ["metrics"]
    assert complete("tm config get list.") == ["list.limit"]
    assert complete("tm completion f") == ["fish"]
    assert complete("tm -p no:met") == ["no:metrics"]


def test_completion_says_nothing_where_it_knows_nothing(
    tm_environ: Path, complete: Callable[..., list[str]]
) -> None:
    assert complete("tm show ") == []
    assert complete("tm nonsense ") == []
    assert complete("tm show ", TM_LIST_LIMIT="many") == []
    assert list(tm_environ.iterdir()) == []


def test_completion_works_in_a_process(tm: Process) -> None:
    done = tm(COMP_WORDS="tm ad", COMP_CWORD="1", _TM_COMPLETE="bash_complete")
    assert (done.out, done.err) == ("plain,add\n", "")


# Dry runs


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "y"],
        ["update", "{id}", "--title", "y"],
        ["update", "{id}", "--status", "completed"],
        ["complete", "{id}"],
        ["delete", "{id}"],
        ["delete", "{id}", "--purge"],
        ["undo"],
        ["init"],
        ["config", "set", "list.limit", "3"],
        ["config", "unset", "output.color"],
        ["config", "enable", "metrics"],
        ["config", "disable", "metrics"],
        ["config", "minimal-mode", "on"],
        ["config", "reset"],
        ["config", "--enable", "metrics"],
        ["config", "--disable", "metrics"],
        ["config", "--minimal-mode"],
        ["config", "--reset"],
    ],
    ids=" ".join,
)
def test_a_dry_run_writes_nothing_and_says_so(tm_cli: Cli, arguments: list[str]) -> None:
    task = tm_cli.add("x")
    tm_cli("config", "set", "output.color", "never")
    before = dump(tm_cli.folder)
    done = tm_cli(*(each.format(id=task) for each in arguments), "--dry-run")
    assert done.out == ""
    assert done.err.startswith("Dry run: nothing was written\n")
    assert dump(tm_cli.folder) == before
    real = tm_cli(*(each.format(id=task) for each in arguments))
    if arguments != ["init"]:
        assert dump(tm_cli.folder) != before, real


def test_every_command_that_writes_offers_a_dry_run(tm_cli: Cli) -> None:
    with TaskManager.open(str(tm_cli.folder)) as manager:
        actions = dict(manager.host.actions())
    from tm_core.command_line.manifest import plugin

    writing = [name for name, action in plugin.actions.items() if action.writes]
    writing += [name for name, (_, action) in actions.items() if action.writes]
    assert {"add", "update", "complete", "delete", "undo"} <= set(writing)
    for name in [*writing, "init", "config", "config set"]:
        assert "--dry-run" in tm_cli(*name.split(), "--help").out, name


def test_a_dry_run_of_init_makes_no_store(tm_process: Process) -> None:
    tm_process("init", "--dry-run")
    assert list(tm_process.folder.iterdir()) == []


def test_a_dry_run_fails_where_the_write_would(tm_cli: Cli) -> None:
    tm_cli("add", "", "--dry-run", code=5)
    tm_cli("complete", "zzz", "--dry-run", code=3)
    tm_cli("config", "set", "list.limit", "x", "--dry-run", code=5)


# Where the store is


def test_the_store_is_found_from_below(tm: Process) -> None:
    task = tm("add", "x").out.strip()
    deep = tm.folder / "a" / "b"
    deep.mkdir(parents=True)
    assert task in tm("list", folder=deep).out
    assert task in tm("-C", str(deep), "list", folder=tm.folder.parent).out
    assert list(deep.iterdir()) == []
    tm("init", folder=deep)  # here, although there is one above
    assert tm("list", folder=deep).out == ""
    assert task in tm("list").out


@pytest.mark.parametrize("place", ["store.db", "folder", "deep/er/store.db", "deep/er"])
@pytest.mark.parametrize("how", ["TM_DB_PATH", "--store"])
def test_a_store_elsewhere(
    tm_cli: Cli, monkeypatch: pytest.MonkeyPatch, place: str, how: str
) -> None:
    before = dump(tm_cli.folder)
    path = tm_cli.folder.parent / place
    options = []
    if how == "--store":
        options = ["--store", str(path)]
    else:
        monkeypatch.setenv("TM_DB_PATH", str(path))
    assert "tm init" in tm_cli(*options, "add", "x", code=7).err
    assert not path.exists()
    assert "initialized" in tm_cli(*options, "init").err
    task = tm_cli(*options, "add", "x").out.strip()
    assert "already" in tm_cli(*options, "init").err
    assert task in tm_cli(*options, "list").out
    file = path if place.endswith(".db") else path / "tasks.db"
    assert file.is_file()
    tm_cli(*options, "config", "set", "list.limit", "3")
    assert (file.parent / "config.yaml").is_file()
    assert tm_cli(*options, "config", "get", "list.limit").out == "3\n"
    assert dump(tm_cli.folder) == before


def test_a_second_init_keeps_what_there_is(tm_cli: Cli) -> None:
    tm_cli.add("x")
    before = dump(tm_cli.folder)
    assert "already" in tm_cli("init").err
    assert dump(tm_cli.folder) == before


def test_an_init_that_was_interrupted_is_completed_by_the_next(tm_environ: Path) -> None:
    cli = Cli(tm_environ)
    store = tm_environ / ".task-orchestrator"
    store.mkdir()
    (store / "tasks.db").touch()
    assert "tm init" in cli("list", code=4).err
    assert "initialized" in cli("init").err
    cli.add("x")


def test_a_store_is_private_and_kept_out_of_version_control(tm: Process) -> None:
    store = tm.folder / ".task-orchestrator"
    assert store.stat().st_mode & 0o077 == 0
    kept = ["!.gitignore", "!config.yaml", "!plugins.lock"]
    assert (store / ".gitignore").read_text().splitlines() == ["*", *kept]


# Configuration commands


def test_features_are_toggled_in_both_spellings(tm_cli: Cli) -> None:
    for off, on in (
        (["config", "--disable", "metrics"], ["config", "--enable", "metrics"]),
        (["config", "disable", "metrics"], ["config", "enable", "metrics"]),
    ):
        tm_cli(*off)
        assert re.search("metrics: disabled", tm_cli("config", "--show").out)
        assert "tm config enable metrics" in tm_cli("metrics", code=8).err
        tm_cli(*on)
        assert re.search("metrics: enabled", tm_cli("config", "show").out)
        tm_cli("metrics")


def test_a_feature_that_stays_off_is_not_called_on(tm_cli: Cli) -> None:
    tm_cli("config", "--minimal-mode")
    tm_cli("metrics", code=8)
    tm_cli("add", "x")
    assert "still off: off in minimal mode" in tm_cli("config", "enable", "metrics").err
    tm_cli("config", "minimal-mode", "off")
    tm_cli("metrics")


def test_a_setting_is_set_explained_and_unset(tm_cli: Cli) -> None:
    assert tm_cli("config", "get", "list.limit").out == "50\n"
    tm_cli("config", "set", "list.limit", "7")
    assert tm_cli("config", "get", "list.limit").out == "7\n"
    tm_cli("config", "set", "--user", "list.limit", "9")
    rows = tm_cli("config", "explain", "list.limit", "--json").json
    assert [(row["layer"], row["value"]) for row in rows] == [
        ("default", 50),
        ("user", 9),
        ("project", 7),
    ]
    assert "list.limit: 7" in tm_cli("config").out
    tm_cli("config", "unset", "list.limit")
    assert tm_cli("config", "get", "list.limit").out == "9\n"
    assert tm_cli("-c", "list.limit=4", "config", "get", "list.limit").out == "4\n"
    assert tm_cli("config", "get", "minimal_mode").out == "false\n"
    assert tm_cli("config", "get", "plugins.enable").out == "[]\n"


def test_reset_puts_the_file_aside(tm_cli: Cli) -> None:
    tm_cli("config", "set", "list.limit", "7")
    file = tm_cli.folder / ".task-orchestrator" / "config.yaml"
    text = file.read_text()
    assert "config.yaml.bak" in tm_cli("config", "--reset").err
    assert (file.parent / "config.yaml.bak").read_text() == text
    assert tm_cli("config", "get", "list.limit").out == "50\n"
    assert tm_cli("config", "reset").err == "Nothing to reset\n"


def test_the_user_s_own_configuration_needs_no_store(tm_environ: Path) -> None:
    cli = Cli(tm_environ)
    assert "--user" in cli("config", "set", "list.limit", "3", code=7).err
    cli("config", "set", "--user", "list.limit", "3")
    assert cli("config", "get", "list.limit").out == "3\n"
    assert list(tm_environ.iterdir()) == []


def test_show_begins_as_scripts_expect(tm_cli: Cli) -> None:
    lines = tm_cli("config", "--show").out.splitlines()
    assert lines[0] == "Current configuration"
    names = [row["name"] for row in tm_cli("plugins", "--json").json]
    for name in names:
        assert any(re.match(rf"\s+{name}: (enabled|disabled)\b", line) for line in lines)


# Doctor


def test_doctor_s_exit_code_follows_its_findings(
    tm_cli: Cli, tm_open: Callable[..., TaskManager]
) -> None:
    assert tm_cli("doctor").out.count("\n") == len(tm_cli("doctor", "--json").json)
    database = tm_cli.folder / ".task-orchestrator" / "tasks.db"
    database.write_bytes(b"no database " * 100)
    findings = tm_cli("doctor", "--json", code=1).json
    assert [each["subject"] for each in findings if each["level"] == "error"] == ["store"]
    assert "tm init" in tm_cli("doctor", code=1).out


def test_doctor_without_a_store_warns(tm_environ: Path) -> None:
    findings = Cli(tm_environ)("doctor", "--json").json
    assert [each["subject"] for each in findings if each["level"] == "warning"] == ["store"]
    assert list(tm_environ.iterdir()) == []


def test_every_write_about_a_task_heeds_the_version(tm_cli: Cli) -> None:
    """Those of plugins too, which know nothing of it."""
    task = tm_cli.add("x")
    tm_cli("update", task, "--title", "y")
    for command in (
        ["update", task, "--title", "z"],
        ["complete", task],
        ["delete", task],
        ["claim", task],
        ["progress", task, "hi"],
        ["feedback", task, "--quality", "3"],
        ["tag", task, "t"],
        ["start", task],
    ):
        refused = tm_cli(*command, "--if-version", "1", code=6)
        assert "has version 2, not 1" in refused.err, command
    tm_cli("progress", task, "hi", "--if-version", "2")
    assert "whole number" in tm_cli("progress", task, "hi", "--if-version", "x", code=5).err
    assert len(tm_cli.show(task)["progress"]) == 1


WRITES = {
    "add": ["add", "new"],
    "update": ["update", "ID", "--title", "z"],
    "complete": ["complete", "ID"],
    "delete": ["delete", "ID"],
    "claim": ["claim", "ID"],
    "progress": ["progress", "ID", "hi"],
    "feedback": ["feedback", "DONE", "--quality", "3"],
    "tag": ["tag", "ID", "t"],
    "reserve": ["reserve", "ID", "src"],
    "dependencies add": ["dependencies", "add", "ID", "OTHER"],
    "start": ["start", "ID"],
}


@pytest.mark.parametrize("command", WRITES.values(), ids=WRITES)
def test_a_retried_write_is_done_once(tm_cli: Cli, command: list[str]) -> None:
    ids = {"ID": tm_cli.add("x"), "OTHER": tm_cli.add("y"), "DONE": tm_cli.add("z")}
    tm_cli("complete", ids["DONE"])
    words = [ids.get(word, word) for word in command]
    tm_cli(*words, "--key", "k")
    seen = len(tm_cli("log", "--limit", "0", "--json").json)
    assert "Done before under this key" in tm_cli(*words, "--key", "k").err
    assert len(tm_cli("log", "--limit", "0", "--json").json) == seen
    assert "was used for" in tm_cli("untag", ids["ID"], "t", "--key", "k", code=6).err
