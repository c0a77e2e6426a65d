"""Bad input: one clear line that says what to do, the right code, and nothing is changed."""

from __future__ import annotations

import ctypes
import json
import os
import re
import sqlite3
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tm_core.command_line.invocation import Invocation
from tm_core.errors import TmError, ValidationError
from tm_core.manager import TaskManager
from tm_core.model import Action
from tm_core.testing import Cli, Process, Result

NOT_UTF8 = os.fsdecode(b"caf\xe9 \xff")
LONG = "x" * 10_000
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def files(folder: Path) -> dict[str, bytes]:
    """What is in a folder, byte by byte, but for the empty lock file and the log of errors."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = path.lstat().st_mode
        if path.name.endswith("-lock") or "logs" in path.parts:
            continue
        found[str(path.relative_to(folder))] = path.read_bytes() if stat.S_ISREG(kind) else b""
    return found


def refused(done: Result, code: int) -> str:
    """Check that a command was refused in one clear line, and give it."""
    assert done.code == code, done
    assert done.out == ""
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    line = lines[0]
    assert line.startswith("tm: ")
    assert "unexpected" not in line
    assert "Traceback" not in line
    assert not CONTROL.search(line), line
    # What to do: a hint in parentheses, or what would be right.
    assert re.search(r"\(.+\)$| must | at most | needs |cannot be empty|not valid UTF-8", line), (
        line
    )
    return line


class Store:
    """A store with a task, and the check that what is refused leaves it alone."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.task = cli.add("here first")

    def refuses(self, *arguments: str, code: int) -> str:
        before = files(self.cli.folder)
        line = refused(self.cli(*arguments, code=None), code)
        assert files(self.cli.folder) == before
        # The same as JSON: one object.
        done = self.cli("--json", *arguments, code=code)
        assert done.out == ""
        error = json.loads(done.err)["error"]
        assert error["exit"] == code
        assert error["message"] in line or CONTROL.search(error["message"])
        assert files(self.cli.folder) == before
        return line


@pytest.fixture
def store(tm_cli: Cli) -> Store:
    return Store(tm_cli)


# Titles and other text

BAD_TITLES = {
    "empty": "",
    "blank": " \t\n ",
    "one too long": "x" * 501,
    "10,000 characters": LONG,
    "10,000 emoji": "🎉" * 10_000,
    "not UTF-8": NOT_UTF8,
}


@pytest.mark.parametrize("title", BAD_TITLES.values(), ids=BAD_TITLES)
def test_a_bad_title_is_refused(store: Store, title: str) -> None:
    assert len(store.refuses("add", "--", title, code=5)) < 300
    assert len(store.refuses("update", store.task, "--title", title, code=5)) < 300


GOOD_TITLES = {
    "500 characters": "x" * 500,
    "500 emoji": "🎉" * 500,
    "right to left": "שלום עולם مرحبا",
    "joined emoji": "👩‍👩‍👧‍👦 and 🏳️‍🌈",
    "combining": "Z̷̢̛a̸l̴g̵o̶",
    "escape sequence": "a\x1b[31mred\x1b]0;title\x07",
    "eight-bit escape": "a\x9b31mred",
    "override": "a\u202egpj.exe",
    "two lines": "one\ntwo\r\nthree",
    "quotes": 'it\'s "quoted" `so` \\ $HOME %s {0} {{',
    "SQL": "'); DROP TABLE task; --",
    "dashes": "--json",
    "number": "-1",
    "JSON": '{"a": [1]}',
    "line separator": "a\u2028b",
}


@pytest.mark.parametrize("title", GOOD_TITLES.values(), ids=GOOD_TITLES)
def test_an_unusual_title_is_kept_as_it_is_and_shown_safely(store: Store, title: str) -> None:
    cli = store.cli
    task = cli.add("--", title)
    assert cli.show(task)["title"] == title
    assert cli("list", "--json").json[0]["title"] == title
    assert cli("log", task, "--json").json[0]["data"]["after"]["title"] == title
    for arguments in (["list"], ["log"]):
        out = cli(*arguments).out
        assert out.count("\n") == 2
        assert not CONTROL.search(out.replace("\n", "").replace("\t", ""))
    condition = f"title == {title!r}"
    if title.isprintable():
        assert [row["id"] for row in cli("list", "--where", condition, "--json").json] == [task]
    cli("update", task, "--title", "x")
    cli("undo")
    assert cli.show(task)["title"] == title


def test_bytes_that_are_no_utf8_are_refused_in_a_process(tm_process: Process) -> None:
    tm_process("init")
    before = files(tm_process.folder)
    for arguments in (
        [b"add", b"caf\xe9"],
        [b"show", b"\xff"],
        [b"add", b"x", b"--assignee", b"\xff"],
        [b"add", b"x", b"--actor", b"\xff"],
    ):
        assert "UTF-8" in refused(tm_process(*arguments, code=None), 5)
    assert files(tm_process.folder) == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["add", "x", "--description", NOT_UTF8], 5),
        (["add", "x", "--assignee", NOT_UTF8], 5),
        (["add", "x", "--assignee", "a" * 201], 5),
        (["add", "x", "--priority", ""], 5),
        (["add", "x", "--priority", "urgent"], 5),
        (["add", "x", "--priority", LONG], 5),
        (["add", "x", "--priority", NOT_UTF8], 5),
        (["add", "x", "--actor", NOT_UTF8], 5),
        (["add", "x", "--actor", "a" * 201], 5),
        (["add", "x", "--key", NOT_UTF8], 5),
        (["add", "x", "--key", LONG], 5),
        (["update", "{id}", "--priority", ""], 5),
        (["update", "{id}", "--status", "done"], 5),
        (["update", "{id}", "--status", ""], 5),
        (["update", "{id}", "--if-version", "one", "--title", "y"], 5),
        (["update", "{id}", "--if-version", "9", "--title", "y"], 6),
        (["update", "{id}", "--title", "y", "--actor", NOT_UTF8], 5),
        (["complete", "{id}", "--if-version", "1.5"], 5),
        (["complete", "{id}", "--if-version", "9" * 40], 5),
        (["list", "--limit", "-1"], 5),
        (["list", "--limit", "many"], 5),
        (["list", "--limit", "nan"], 5),
        (["list", "--offset", "-1"], 5),
        (["list", "--status", "open"], 5),
        (["list", "--status", ""], 5),
        (["list", "--priority", "x"], 5),
        (["list", "--sort", "nothing"], 5),
        (["list", "--sort", NOT_UTF8], 5),
        (["list", "--sort", "title; DROP TABLE task"], 5),
        (["list", "--where", "title ="], 5),
        (["list", "--where", "nothing == 1"], 5),
        (["list", "--where", "__import__('os')"], 5),
        (["list", "--where", "().__class__"], 5),
        (["list", "--where", "title == 'a\0b'"], 5),
        (["list", "--where", NOT_UTF8], 5),
        (["list", "--where", "9**9**9 > 1"], 5),
        (["list", "--where", "(" * 5000], 5),
        (["list", "--where", f"title == '{LONG}'"], 5),
        (["log", "--after", "x"], 5),
        (["log", "--limit", "-1"], 5),
        (["log", "--actor", NOT_UTF8], 5),
        (["log", "--type", NOT_UTF8], 5),
        (["undo", "x"], 5),
        (["undo", "0"], 3),
        (["undo", "99999"], 3),
        (["undo", "9" * 30], 5),
        (["--store", "", "show", "zzz"], 3),
        (["-c", "nonsense", "list"], 2),
        (["-c", "list.limit=x", "list"], 1),
        (["-c", "nonsense=1", "list"], 1),
        (["-c", "list.nonsense=1", "list"], 1),
        (["-p", "", "list"], 2),
        (["-C", "no-such-folder", "list"], 2),
        (["-C", NOT_UTF8, "list"], 2),
        (["--color", "blue", "list"], 2),
        (["config", "get", "nothing"], 2),
        (["config", "explain", NOT_UTF8], 2),
        (["config", "set", "list.limit", "many"], 5),
        (["config", "set", "list.limit", "2.5"], 5),
        (["config", "set", "output.color", "blue"], 5),
        (["config", "set", "minimal_mode", "maybe"], 5),
        (["config", "set", "actor", NOT_UTF8], 5),
        (["config", "set", "nothing.at_all", "1"], 2),
        (["config", "set", "", "1"], 2),
        (["config", "unset", ""], 1),
        (["config", "enable", "nothing"], 2),
        (["config", "--disable", "nothing"], 2),
        (["config", "minimal-mode", "perhaps"], 2),
        (["completion", "tcsh"], 2),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else str(value),
)
def test_a_bad_value_is_refused(store: Store, arguments: list[str], code: int) -> None:
    line = store.refuses(*(each.replace("{id}", store.task) for each in arguments), code=code)
    assert len(line) < 600


def test_nul_is_refused_where_it_can_arrive(tm_store: TaskManager) -> None:
    task = tm_store.add("x")
    attempts: list[Callable[[], Any]] = [
        lambda: tm_store.add("a\0b"),
        lambda: tm_store.add("x", description="a\0b"),
        lambda: tm_store.update(task.id, title="a\0b"),
        lambda: tm_store.restore(json.loads('{"title": "a\\u0000b"}')),
        lambda: tm_store.restore({"title": "x", "id": "a\0b"}),
    ]
    for attempt in attempts:
        with pytest.raises(ValidationError, match="NUL"):
            attempt()
    assert tm_store.count() == 1
    with pytest.raises(TmError):
        tm_store.get("a\0b")


def test_what_a_task_cannot_be_without_is_not_cleared(tm_store: TaskManager) -> None:
    task = tm_store.add("x")
    with pytest.raises(ValidationError, match="title cannot be empty"):
        tm_store.update(task.id, title=None)
    with pytest.raises(ValidationError, match="status cannot be empty"):
        tm_store.update(task.id, status=None)
    with pytest.raises(ValidationError, match="priority cannot be empty"):
        tm_store.update(task.id, priority=None)
    assert tm_store.get(task.id) == task


@pytest.mark.parametrize("value", [3, 2.5, True, b"x", ["x"], {"x": 1}, object()])
def test_a_value_of_the_wrong_type_is_refused(tm_store: TaskManager, value: Any) -> None:
    with pytest.raises(ValidationError, match="must be text"):
        tm_store.add(value)
    assert tm_store.count() == 0


# Ids

UNKNOWN_IDS = {
    "empty": "",
    "blank": " ",
    "unknown": "zzzzzzzz",
    "one longer": "{id}0",
    "upper case of none": "ZZ",
    "wildcard": "%",
    "other wildcard": "*",
    "underscore": "_" * 8,
    "long": "a" * 10_000,
    "SQL": "' OR 1=1 --",
    "escape": "\x1b[31m",
    "path": "../../etc/passwd",
    "emoji": "🎉",
    "highest": "\U0010ffff",
}


@pytest.mark.parametrize("task", UNKNOWN_IDS.values(), ids=UNKNOWN_IDS)
def test_an_unknown_id_is_not_found(store: Store, task: str) -> None:
    task = task.replace("{id}", store.task)
    for arguments in (
        ["show"],
        ["update", "--title", "y"],
        ["complete"],
        ["complete", "--force"],
        ["delete"],
        ["delete", "--purge"],
    ):
        line = store.refuses(*arguments, "--", task, code=3)
        assert len(line) < 200
    if task:
        store.refuses("log", "--", task, code=3)


def test_an_ambiguous_id_names_the_candidates(store: Store) -> None:
    with TaskManager.open(str(store.cli.folder)) as manager:
        for number in range(7):
            manager.restore({"id": f"abc{number}0000", "title": f"Task {number}"})
    for command in ("show", "complete", "delete", "log"):
        line = store.refuses(command, "abc", code=3)
        assert "abc00000, abc10000" in line
        assert line.count("abc") <= 7
    error = json.loads(store.cli("show", "abc", "--json", code=3).err)["error"]
    assert error["candidates"] == [f"abc{n}0000" for n in range(5)]
    assert store.cli.show("abc3")["title"] == "Task 3"


def test_a_whole_id_wins_over_those_that_begin_with_it(tm_store: TaskManager) -> None:
    tm_store.restore({"id": "ab", "title": "short"})
    tm_store.restore({"id": "abc", "title": "long"})
    assert tm_store.get("ab").title == "short"
    assert tm_store.get("abc").title == "long"


def test_a_deleted_task_is_left_alone(store: Store) -> None:
    store.cli("delete", store.task)
    assert "--status pending" in store.refuses("delete", store.task, code=6)
    assert "--status pending" in store.refuses("complete", store.task, code=5)
    store.cli("update", store.task, "--status", "pending")
    assert store.cli.show(store.task)["status"] == "pending"
    store.cli("delete", store.task)
    store.cli("delete", store.task, "--purge")
    store.refuses("show", store.task, code=3)


# Unknown flags and misspelt lines


def every_command() -> list[str]:
    """All commands of the kernel and of the enabled plugins."""
    return list(Invocation(as_json=False).entries())


def test_an_unknown_flag_is_refused_by_every_command(store: Store) -> None:
    for name in every_command():
        for flag in ("--no-such-flag", "--no-such-flag=1", "-Z"):
            line = store.refuses(*name.split(), flag, code=2)
            assert flag.partition("=")[0] in line


def test_no_command_but_init_makes_a_store(tm_environ: Path) -> None:
    cli = Cli(tm_environ)
    home = tm_environ.parent / "home"
    before = files(home)
    invocation = Invocation(as_json=False)
    for name, (_, entry) in invocation.entries().items():
        words = name.split()
        lines = [[*words, "--help"], ["help", *words], [*words, "--no-such-flag"]]
        lines += [[*words[:-1], words[-1] + "z"], [*words[:-1], words[-1] + "z", "x"]]
        if name != "init":
            lines.append([*words, "--dry-run", "x"])
        if isinstance(entry, Action):  # a plain command may do anything, and take its time
            lines += [words, [*words, "x"], [*words, "x", "y"], [*words, "x", "--json"]]
        elif name not in ("init", "demo"):
            lines += [words]
        for line in lines:
            done = cli(*line, code=None)
            assert done.code in (0, 1, 2, 3, 5, 7, 8), (line, done)
            assert list(tm_environ.iterdir()) == [], line
    for line in (["--version"], [], ["nonsense"], ["nonsense", "x"], ["config", "set", "a", "b"]):
        cli(*line, code=None)
        assert list(tm_environ.iterdir()) == [], line
    assert files(home) == before


def test_an_action_without_a_store_says_what_to_run(tm_environ: Path) -> None:
    cli = Cli(tm_environ)
    for arguments in (["add", "x"], ["list"], ["show", "x"], ["log"], ["undo"], ["complete", "x"]):
        assert "(tm init)" in refused(cli(*arguments, code=None), 7)


def test_a_python_caller_makes_no_store_by_looking(tm_environ: Path) -> None:
    with pytest.raises(TmError, match="no task store"):
        TaskManager.open(str(tm_environ))
    assert list(tm_environ.iterdir()) == []


# Stores that cannot be used


def a_text(path: Path, _: bytes) -> None:
    path.write_text("This is a text and no database at all.\n" * 100)


def a_short_text(path: Path, _: bytes) -> None:
    path.write_text("hello")


def random_bytes(path: Path, _: bytes) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def cut_after_a_page(path: Path, whole: bytes) -> None:
    path.write_bytes(whole[:5000])


def cut_in_the_middle(path: Path, whole: bytes) -> None:
    path.write_bytes(whole[: len(whole) // 2])


def cut_in_the_header(path: Path, whole: bytes) -> None:
    path.write_bytes(whole[:60])


def of_another_program(path: Path, _: bytes) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE moz_places (id, url)")
        connection.execute("INSERT INTO moz_places VALUES (1, 'x')")
    connection.close()


def with_a_task_table_of_another(path: Path, _: bytes) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE task (id, title)")
    connection.close()


def of_the_earlier_tool(path: Path, _: bytes) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE tasks (id TEXT, title TEXT)")
    connection.close()


def empty(path: Path, _: bytes) -> None:
    path.touch()


def a_folder(path: Path, _: bytes) -> None:
    path.mkdir()


def of_a_newer_version(path: Path, whole: bytes) -> None:
    path.write_bytes(whole)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO migration VALUES ('kernel', '9999_future.sql', '2099')")
        connection.execute("DELETE FROM schema_fingerprint")
    connection.close()


SPOILED = (
    a_text,
    a_short_text,
    random_bytes,
    cut_after_a_page,
    cut_in_the_middle,
    cut_in_the_header,
    of_another_program,
    with_a_task_table_of_another,
    of_the_earlier_tool,
    empty,
    a_folder,
    of_a_newer_version,
)


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda function: function.__name__)
def test_a_store_that_cannot_be_used_is_left_as_it_is(
    tm_cli: Cli, spoil: Callable[[Path, bytes], None]
) -> None:
    with TaskManager.open(str(tm_cli.folder)) as manager, manager.transaction():
        for number in range(200):
            manager.add(f"Task {number} " + "x" * 400)
    path = tm_cli.folder / ".task-orchestrator" / "tasks.db"
    whole = path.read_bytes()
    path.unlink()
    spoil(path, whole)
    before = files(tm_cli.folder)
    commands = [["list"], ["add", "x"], ["show", "a"], ["complete", "a"], ["log"], ["undo"]]
    for arguments in commands + ([] if spoil is empty else [["init"]]):
        line = refused(tm_cli(*arguments, code=None), 4)
        assert "tasks.db" in line or "newer version" in line
        assert files(tm_cli.folder) == before
    findings = tm_cli("doctor", "--json", code=1).json
    assert [each["subject"] for each in findings if each["level"] == "error"] == ["store"]
    assert tm_cli("config", "show").err == ""
    assert files(tm_cli.folder) == before


def test_a_missing_folder_is_named_and_not_made(
    tm_environ: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = Cli(tm_environ)
    for place in ("none", "none/at/all", "none/x.db"):
        monkeypatch.setenv("TM_DB_PATH", str(tm_environ / place))
        for arguments in (["list"], ["add", "x"], ["config", "set", "list.limit", "3"], ["doctor"]):
            done = cli(*arguments, code=None)
            if arguments[0] != "doctor":
                refused(done, 7)
            assert list(tm_environ.iterdir()) == [], arguments


def test_a_file_in_the_way_of_the_folder(tm_environ: Path) -> None:
    cli = Cli(tm_environ)
    (tm_environ / ".task-orchestrator").write_text("in the way")
    before = files(tm_environ)
    refused(cli("list", code=None), 7)
    assert "cannot be made" in refused(cli("init", code=None), 4)
    refused(cli("--store", ".task-orchestrator", "list", code=None), 7)
    refused(cli("--store", "unknown://host/db", "list", code=None), 7)
    refused(cli("--store", "unknown://host/db", "add", "x", code=None), 7)
    assert files(tm_environ) == before


# Permissions, as they hold for an ordinary user: root is stripped of its privilege


def without_privilege() -> None:
    """Give up root's right to pass over permissions, in a process that is about to be replaced."""
    if os.geteuid() == 0:
        library = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if library.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                raise OSError(ctypes.get_errno(), "prctl")


@pytest.fixture
def ordinary(tm_process: Process) -> Callable[..., Result]:
    """Runs `tm` as a user for whom permissions hold."""
    if sys.platform == "win32" or (os.geteuid() == 0 and sys.platform != "linux"):
        pytest.skip("permissions cannot be tested here")

    def run(*arguments: str, folder: Path | None = None) -> Result:
        return tm_process(*arguments, code=None, folder=folder, prepare=without_privilege)

    return run


@pytest.mark.parametrize(
    ("file_mode", "folder_mode"), [(0o444, 0o755), (0o644, 0o555), (0o444, 0o555)]
)
def test_a_read_only_store_can_be_read_and_refuses_writes(
    tm_cli: Cli, ordinary: Callable[..., Result], file_mode: int, folder_mode: int
) -> None:
    task = tm_cli.add("x")
    folder = tm_cli.folder / ".task-orchestrator"
    (folder / "tasks.db").chmod(file_mode)
    folder.chmod(folder_mode)
    before = files(tm_cli.folder)
    try:
        assert ordinary("list").out == f"[{task}] x - pending\n"
        assert ordinary("show", task).code == 0
        assert ordinary("--safe", "list").out == f"[{task}] x - pending\n"
        for arguments in (["add", "y"], ["complete", task], ["undo"]):
            assert "read-only" in refused(ordinary(*arguments), 4)
        if folder_mode == 0o555:
            refused(ordinary("config", "set", "list.limit", "3"), 1)
        assert files(tm_cli.folder) == before
    finally:
        folder.chmod(0o700)


def test_a_store_that_may_not_be_read(tm_cli: Cli, ordinary: Callable[..., Result]) -> None:
    path = tm_cli.folder / ".task-orchestrator" / "tasks.db"
    path.chmod(0)
    for arguments in (["list"], ["add", "x"]):
        assert "permissions" in refused(ordinary(*arguments), 4)


def test_a_folder_in_which_no_store_can_be_made(
    tm_environ: Path, ordinary: Callable[..., Result]
) -> None:
    tm_environ.chmod(0o555)
    assert "cannot be made" in refused(ordinary("init"), 4)
    assert list(tm_environ.iterdir()) == []


# Configurations that cannot be used

BAD_CONFIGURATIONS: dict[str, bytes] = {
    "not YAML": b"a: [1, 2",
    "a tab": b"list:\n\tlimit: 3\n",
    "a text": b"just a sentence",
    "a list": b"- a\n- b\n",
    "a number": b"42",
    "an unknown key": b"nonsense: 3\n",
    "an unknown key in a section": b"list: {limt: 3}\n",
    "a word for a number": b"list: {limit: many}\n",
    "a negative number": b"list: {limit: -1}\n",
    "a number for a section": b"list: 5\n",
    "a list for a section": b"plugins: [a]\n",
    "a word for a list": b"plugins: {enable: metrics}\n",
    "numbers for names": b"plugins: {enable: [1, 2]}\n",
    "a number for a switch": b"minimal_mode: 1\n",
    "a word for a feature": b"features: {metrics: perhaps}\n",
    "a key twice": b"minimal_mode: true\nminimal_mode: false\n",
    "a huge file": b"# " + b"x" * 2_000_000,
    "an alias bomb": b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
    "a deep nest": b"a: " + b"[" * 10_000,
    "a tag": b"a: !!python/object/apply:os.system [echo]\n",
    "not UTF-8": b"actor: caf\xe9\n",
    "a NUL": b"actor: a\0b\n",
    "bytes": bytes(range(256)),
    "an escape": b"\x1b[31m: 1\n",
    "not a number": b"store: {busy_timeout: .nan}\n",
    "a merge conflict": b"<<<<<<< HEAD\nlist: {limit: 3}\n=======\n",
}


@pytest.mark.parametrize("content", BAD_CONFIGURATIONS.values(), ids=BAD_CONFIGURATIONS)
def test_a_bad_configuration_is_named_and_can_be_set_aside(store: Store, content: bytes) -> None:
    store.cli("--safe", "list")  # the store notes, once, that the kernel alone finds all it needs
    file = store.cli.folder / ".task-orchestrator" / "config.yaml"
    file.write_bytes(content)
    for arguments in (["list"], ["add", "x"], ["config", "show"], ["doctor"]):
        line = store.refuses(*arguments, code=1)
        assert str(file) in line
        assert len(line) < 400
    before = files(store.cli.folder)
    rescued = store.cli("--safe", "list")
    assert store.task in rescued.out
    assert all(line.startswith("tm: ") for line in rescued.err.splitlines())
    assert files(store.cli.folder) == before
    store.cli("--safe", "config", "reset")
    assert (file.parent / "config.yaml.bak").read_bytes() == content
    assert store.cli("list").err == ""


def test_a_configuration_that_is_no_file(store: Store) -> None:
    file = store.cli.folder / ".task-orchestrator" / "config.yaml"
    file.mkdir()
    store.refuses("list", code=1)
    file.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(file)
        store.refuses("list", code=1)  # and waits for nobody


def test_a_bad_variable_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("TM_LIST_LIMIT", "many"),
        ("TM_MINIMAL_MODE", "perhaps"),
        ("TM_STORE_BUSY_TIMEOUT", "-1"),
        ("TM_OUTPUT_COLOR", "blue"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert name in store.refuses("list", code=1)


def test_a_required_feature_that_is_not_there_stops_everything(store: Store) -> None:
    file = store.cli.folder / ".task-orchestrator" / "config.yaml"
    file.write_text("plugins: {required: [no-such-feature]}\n")
    for arguments in (["list"], ["add", "x"]):
        assert "no-such-feature" in store.refuses(*arguments, code=8)
    assert store.cli("--safe", "list").code == 0


def test_features_that_are_not_installed_are_only_mentioned(store: Store) -> None:
    file = store.cli.folder / ".task-orchestrator" / "config.yaml"
    file.write_text("plugins: {enable: [no-such-feature]}\nother-plugin: {key: 1}\n")
    done = store.cli("list")
    assert done.out
    assert len(done.err.splitlines()) == 2
    assert all(line.startswith("tm: ") for line in done.err.splitlines())


def test_an_option_is_told_as_it_is_spelt(tm_cli: Cli) -> None:
    task_id = tm_cli.add("x")
    wrong = tm_cli("update", task_id, "--if-version", "abc", "--title", "y", code=5)
    assert wrong.err == "tm: --if-version must be a whole number, not 'abc'\n"
    shown = json.loads(tm_cli("log", "--by", "x" * 9, "--after", "-1", "--json", code=5).err)
    assert shown["error"]["message"].startswith("--after must be")
    assert shown["error"]["field"] == "after"
