import contextlib
import errno
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import (
    ConfigError,
    Failure,
    Field,
    Hook,
    NewerSchema,
    Plugin,
    PluginError,
    TmError,
    UsageError,
    hookimpl,
)
from tm_core.testing import Cli, run_readme
from tm_error_log.handler import LIMIT, OLD_FILES, ErrorHandler
from tm_error_log.strategies import Strategy


def log_of(tm_cli: Cli) -> Path:
    return tm_cli.folder / ".task-orchestrator/logs/errors.log"


def damage(tm_cli: Cli) -> None:
    store = tm_cli.folder / ".task-orchestrator"
    for ending in ("-wal", "-shm"):
        (store / f"tasks.db{ending}").unlink(missing_ok=True)
    (store / "tasks.db").write_bytes(b"nonsense" * 1000)


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_a_damaged_store_is_logged_although_it_cannot_be_opened(tm_cli: Cli) -> None:
    damage(tm_cli)
    assert "not a usable task store" in tm_cli("list", code=4).err
    [entry] = tm_cli("errors", "--json").json
    assert (entry["kind"], entry["severity"]) == ("damaged-store", "critical")
    assert (entry["operation"], entry["exit"]) == ("list", 4)
    assert any("tm backup restore" in step for step in entry["plan"])
    assert entry["where"]
    said = tm_cli("errors").out
    assert "critical\tlist\tthe store's file is damaged\n  1. " in said
    if os.name == "posix":
        assert log_of(tm_cli).stat().st_mode & 0o777 == 0o600
        assert log_of(tm_cli).parent.stat().st_mode & 0o777 == 0o700


def test_a_locked_store(tm_cli: Cli) -> None:
    other = sqlite3.connect(tm_cli.folder / ".task-orchestrator/tasks.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    tm_cli("-c", "store.busy_timeout=0.1", "add", "x", code=4)
    other.close()
    [entry] = tm_cli("errors", "--json").json
    assert (entry["kind"], entry["severity"], entry["operation"]) == (
        "locked-store",
        "degraded",
        "add",
    )


def test_only_what_is_worth_it(tm_cli: Cli) -> None:
    for line in ["show ffffffff", "nonsense", "add", "list --where (((", "-x"]:
        assert tm_cli(*line.split(), code=None).code
    assert tm_cli("errors") == (0, "", "No errors are logged\n")
    damage(tm_cli)
    for command in ["list", "log", "ready"]:
        tm_cli(command, code=4)
    found = tm_cli("errors", "--json").json
    assert [one["operation"] for one in found] == ["ready", "log", "list"]
    assert len(tm_cli("errors", "--limit", "1", "--json").json) == 1
    assert len(tm_cli("errors", "--limit", "0", "--json").json) == 3
    tm_cli("config", "set", "error-log.level", "critical")
    tm_cli("backup", "restore", "nothing", code=3)
    tm_cli("list", code=4)
    assert len(tm_cli("errors", "--json").json) == 4


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--limit", "-1"], 5), (["--limit", "x"], 5), (["more"], 2)]
)
def test_bad_input(tm_cli: Cli, arguments: list[str], code: int) -> None:
    assert tm_cli("errors", *arguments, code=code).err


def test_a_log_that_cannot_be_written_hides_nothing(tm_cli: Cli) -> None:
    damage(tm_cli)
    log_of(tm_cli).parent.write_text("a file is in the way")
    result = tm_cli("list", code=4)
    assert "not a usable task store" in result.err
    assert result.err.count("\n") == 1
    assert tm_cli("errors").out == ""


def test_lines_that_are_no_entries_are_passed_over(tm_cli: Cli) -> None:
    damage(tm_cli)
    tm_cli("list", code=4)
    whole = log_of(tm_cli).read_bytes()
    log_of(tm_cli).write_bytes(b"\xff\xfe\n[]\n{}\n" + whole + whole[:40])
    assert len(tm_cli("errors", "--json").json) == 1


def test_without_a_store(tm_environ: Path) -> None:
    assert "tm init" in Cli(tm_environ)("errors", code=7).err
    assert list(tm_environ.iterdir()) == []


def test_off_and_on(tm_cli: Cli) -> None:
    damage(tm_cli)
    tm_cli("list", code=4)
    tm_cli("config", "disable", "error-log")
    assert "feature 'error-log' is disabled" in tm_cli("errors", code=8).err
    tm_cli("list", code=4)
    tm_cli("config", "enable", "error-log")
    assert len(tm_cli("errors", "--json").json) == 1


def test_doctor_tells(tm_cli: Cli) -> None:
    assert "ok\terrors" in tm_cli("doctor").out
    handler = ErrorHandler(tm_cli.folder / ".task-orchestrator")
    handler.handle_error(ValueError("x"), "import")
    assert "1 critical error(s) in the last day" in tm_cli("doctor").out


WORDS = ["s3cr3t-tok3n", "hunter2!pass", "Über geheim", "alpha-title", "deep-description"]


def test_nothing_that_anybody_typed_is_in_the_log(
    tm_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, password, title, name, text = WORDS
    # Also what is usually not worth it; the observer hears of every command here.
    monkeypatch.setattr("tm_core.command_line.invocation._outcome", lambda error: "failed")
    monkeypatch.setattr(
        "tm_error_log.hooks.ErrorHandler",
        lambda folder, level: ErrorHandler(folder, level="refused"),
    )
    task = tm_cli.add(title, "-d", text)
    url = f"postgresql://{name}:{password}@host-{token}/db"
    for command in [
        [token],
        [f"--{token}"],
        ["add", title, f"--{password}"],
        ["add", ""],
        ["add", title * 100],
        ["update", task, "--priority", token],
        ["update", task, "--actor", name, "--status", text],
        ["show", password],
        ["list", "--where", f"{token} == '{password}'"],
        ["complete", task, "--validate", token],
        ["--store", url, "list"],
        ["-c", f"store.url={url}", "list"],
        ["-c", f"{token}={password}", "list"],
        ["-p", token, "list"],
        ["-C", token, "list"],
        ["config", "set", token, password],
        ["config", "enable", token],
        ["backup", "restore", password],
        ["backup", "create", "--label", title],
        ["migrate", "--to", token],
        ["feedback", task, "--quality", text],
    ]:
        tm_cli(*command, code=None)
    damage(tm_cli)
    tm_cli("--actor", name, "add", title, code=4)
    logged = log_of(tm_cli).read_text(encoding="utf-8")
    assert logged.count("\n") > 12
    for word in [*WORDS, task, str(tm_cli.folder), "host-"]:
        assert word not in logged
        assert json.dumps(word)[1:-1] not in logged


class Clumsy:
    @hookimpl
    def task_draft(self, draft: Any) -> None:
        raise ValueError(f"cannot bear {draft.after.title}")


def test_what_plugins_fail_to_do_is_logged_as_degraded(tmp_path: Path) -> None:
    handler = ErrorHandler(tmp_path)
    failure = Failure("clumsy", "clumsy 1.0", "task_draft", "ValueError: cannot bear s3cr3t")
    handler.log_failures([failure], "add")
    [entry] = handler.entries()
    assert (entry["plugin"], entry["severity"]) == ("clumsy", "degraded")
    assert "s3cr3t" not in (tmp_path / "logs/errors.log").read_text()
    ErrorHandler(tmp_path, level="critical").log_failures([failure], "add")
    assert len(handler.entries()) == 1


def full_disk() -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA max_page_count = 2")
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")


def raised(action: Callable[[], object]) -> Exception:
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def fail(error: Exception) -> Callable[[], object]:
    def action() -> None:
        try:
            raise error
        except Exception as cause:
            raise PluginError("it broke") from cause if isinstance(error, ValueError) else error

    return action


@pytest.mark.parametrize(
    ("error", "kind", "severity"),
    [
        (raised(full_disk), "disk-full", "critical"),
        (OSError(errno.ENOSPC, "no space"), "disk-full", "critical"),
        (PermissionError(errno.EACCES, "no"), "no-permission", "critical"),
        (NewerSchema("newer"), "newer-schema", "critical"),
        (raised(fail(ValueError("x"))), "broken-plugin", "degraded"),
        (ConfigError("bad"), "bad-configuration", "degraded"),
        (UsageError("bad"), "refused", "refused"),
        (TmError("bad"), "error", "degraded"),
        (ZeroDivisionError(), "unexpected", "critical"),
        (sqlite3.OperationalError("?"), "database", "critical"),
        (OSError(), "unexpected", "critical"),
    ],
)
def test_the_chain(tmp_path: Path, error: Exception, kind: str, severity: str) -> None:
    handler = ErrorHandler(tmp_path, level="refused")
    told = handler.handle_error(error, "import")
    assert (told["kind"], told["severity"], told["logged"]) == (kind, severity, True)
    assert told["can_continue"] is (severity != "critical")
    assert told["plan"] == handler.create_recovery_plan(error) != []
    assert handler.handle_error(error, "import", critical=True)["severity"] == "critical"
    handler.log_error(error, "import")
    assert [one["kind"] for one in handler.entries()] == [kind] * 3
    assert ErrorHandler("").handle_error(error, "import")["logged"] is False


def test_a_further_strategy_comes_first(tmp_path: Path) -> None:
    own = Strategy(
        "odd", "degraded", "odd", lambda e: isinstance(e, ZeroDivisionError), ("add one",)
    )
    handler = ErrorHandler(tmp_path, strategies=[own])
    assert handler.handle_error(ZeroDivisionError(), "import")["plan"] == ["add one"]
    assert handler.entries()[0]["summary"] == "odd"
    assert ErrorHandler(tmp_path).entries()[0]["plan"] == []


def test_rotation(tmp_path: Path) -> None:
    handler = ErrorHandler(tmp_path)
    logs = tmp_path / "logs"
    for _ in range(OLD_FILES + 3):
        handler.log_error(ValueError(), "import")
        with open(logs / "errors.log", "ab") as file:
            file.write(b"x" * LIMIT)
    assert sorted(path.name for path in logs.iterdir()) == [
        "errors.log",
        *(f"errors.log.{n}" for n in range(1, OLD_FILES + 1)),
    ]
    assert len(handler.entries()) == OLD_FILES + 1


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_nobodys_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "logs/errors.log").symlink_to(tmp_path / "victim")
    assert ErrorHandler(tmp_path).handle_error(ValueError(), "x")["logged"] is False
    assert (tmp_path / "victim").read_text() == "mine"


@given(message=st.text(min_size=12, alphabet=st.characters(codec="utf-8")), context=st.text())
def test_no_message_and_no_free_context_is_kept(
    tmp_path_factory: pytest.TempPathFactory, message: str, context: str
) -> None:
    folder = tmp_path_factory.mktemp("log")
    handler = ErrorHandler(folder)
    try:
        raise TmError(message, message, detail=message) from OSError(errno.EIO, message, message)
    except TmError as error:
        handler.handle_error(error, f"{context} {message}!")
    [entry] = handler.entries()
    assert entry["operation"] == ""
    assert message not in (folder / "logs/errors.log").read_text("utf-8")


def test_the_first_error_survives_a_failing_observer(
    tm_open: Callable[..., TaskManager], tm_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tm_error_log.hooks.ErrorHandler", None)
    damage(tm_cli)
    result = tm_cli("list", code=4)
    first, second = result.err.splitlines()
    assert "not a usable task store" in first
    assert second.startswith("tm: plugin 'error-log' (task-orchestrator")


def test_success_imports_nothing_of_it(tm_cli: Cli) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith("tm_error_log.")]:
        sys.modules.pop(name)
    tm_cli("add", "x")
    assert not [name for name in sys.modules if name.startswith("tm_error_log.")]


def test_log_levels(tm_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM_LOG", "info")
    assert "INFO add: succeeded after" in tm_cli("add", "s3cr3t").err
    assert "s3cr3t" not in tm_cli("add", "s3cr3t").err
    monkeypatch.setenv("TM_LOG", "error")
    assert "INFO" not in tm_cli("list").err
    damage(tm_cli)
    assert "ERROR list: failed (DamagedStore) after" in tm_cli("list", code=4).err
    monkeypatch.setenv("TM_LOG", "loud")
    assert "TM_LOG is one of debug" in tm_cli("list", code=4).err


PLUGIN = Plugin("clumsy", "x", fields=(Field("f", "str"),), hooks={"task_draft": Hook(Clumsy())})


def test_failures_carry_no_text_into_the_log(tm_open: Callable[..., TaskManager]) -> None:
    said: list[str] = []
    manager = tm_open(plugins=[PLUGIN], report=said.append)
    manager.add("s3cr3t")
    assert "cannot bear s3cr3t" in said[0]  # on stderr, for the one who typed it
    handler = ErrorHandler(manager.workspace.folder)
    handler.log_failures(manager.host.failures, "add")
    assert "s3cr3t" not in Path(handler.path).read_text()
