"""Plugins of every kind of badness, installed as packages: the core goes on, and names the culprit.

Each is found through its entry point by a process of its own, which runs one command after another
as a user would. Whatever the plugin does, tasks are added, listed and completed, one line names it,
`tm doctor` lists it, and afterwards the store is whole.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tm_core.hookspecs import HOOKS
from tm_core.testing import Result

WHO = "plugin 'probe' (tm-probe 1.2)"

DRIVER = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from tm_core.command_line.cli import run

said, ids = [], []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([ids[-1] if word == "ID" else word for word in words])
    if words[-2:-1] == ["add"] and not code:
        ids.append(out.getvalue().strip())
    said.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(said))
"""


class Bad(NamedTuple):
    """A plugin, and what is to come of it."""

    manifest: str
    """What follows `Plugin("probe", "x", ` in its `__init__.py`, or the whole of that file."""
    cause: str
    """What the line that names it must hold."""
    hooks: str = ""
    """The text of its module `hooks`."""
    step: str = ""
    """The text of its one migration."""
    doctor: str = "error"
    """The level of what `tm doctor` tells of it."""
    many: bool = False
    """It fails in several places, each of which is said once."""
    found: str = ""
    """What `tm doctor` tells, where it is not the cause."""


IMPORTS = "from tm_core.api import *\nfrom tm_core.api import hookimpl\n"


def hooks(name: str, body: str, arguments: str = "ctx", cause: str = "", **more: Any) -> Bad:
    """A plugin with one hook."""
    text = f"{IMPORTS}@hookimpl\ndef {name}({arguments}):\n    {body}\n"
    manifest = f'hooks={{"{name}": Hook("tp_probe.hooks")}}'
    return Bad(manifest, cause or f"{name}: ", hooks=text, **more)


STOPPING = ("task_validate", "task_reading", "storage_backends", "foreign_store")
"""Those that may stop a command, or have to do with other stores than this."""
NOT_GATES = [hook for hook in HOOKS if hook not in STOPPING]
RAISING = "@hookimpl\ndef {}():\n    raise RuntimeError('as ever')\n"
TABLE = "CREATE TABLE probe_thing (task_id TEXT PRIMARY KEY NOT NULL);\n"

CASES: dict[str, Bad] = {
    "import error": Bad("import tm_no_such_module\n", "No module named 'tm_no_such_module'"),
    "syntax error": Bad("plugin = = 1\n", "SyntaxError"),
    "no manifest": Bad("x = 1\n", "has no attribute 'plugin'"),
    "something else": Bad("plugin = {}\n", "gives dict, not a Plugin"),
    "wrong hook name": Bad('hooks={"task_wrote": Hook("x")}', "there is no hook 'task_wrote'"),
    "unknown hook in the module": Bad(
        'hooks={"task_write": Hook("tp_probe.hooks")}',
        "task_wrote",
        hooks=f"{IMPORTS}@hookimpl\ndef task_wrote(ctx):\n    pass\n",
    ),
    "wrong arguments": hooks("task_write", "pass", "ctx, tesk", "tesk"),
    "API too new": Bad("api=(1, 999)", "it needs plugin API 1.999"),
    "API of the future": Bad("api=99", "it needs plugin API 99.0"),
    "wrong type of a validator": hooks("task_validate", "return 5", cause="TypeError"),
    "wrong type of details": hooks("task_details", "return 5", cause="TypeError"),
    "wrong type of a handler": hooks("event_handlers", "return ['text']", cause="AttributeError"),
    "wrong type of settings": hooks("config_providers", "return [5]", cause="AttributeError"),
    "wrong type of a finding": hooks(
        "health_checks", "return ['fine']", cause="gave str, not a Finding"
    ),
    "generator that raises half way": hooks(
        "task_validate", "yield Problem('x'); raise RuntimeError('half')", cause="half"
    ),
    "name of a built-in": Bad(
        "from tm_core.api import Plugin\nplugin = Plugin('tags', 'x')\n",
        "its manifest is named 'tags', its entry point 'probe'",
    ),
    "command of the kernel": Bad(
        'actions={"add": Action("tp_probe.hooks:x", "x")}', "the command 'add' belongs to"
    ),
    "command of another": Bad(
        'actions={"tags": Action("tp_probe.hooks:x", "x")}',
        "the command 'tags' belongs to task-orchestrator",
    ),
    "option of the kernel": Bad(
        'fields=(Field("weight", "int", options=("--priority",)),)',
        "the option '--priority' belongs to 'tm'",
    ),
    "option of another": Bad(
        'fields=(Field("weight", "int", options=("--deadline",)),)',
        "the option '--deadline' belongs to 'deadlines'",
    ),
    "field of the kernel": Bad(
        'fields=(Field("title", "int"),)', "the field 'title' is declared already"
    ),
    "field of another": Bad(
        'fields=(Field("deadline", "int"),)', "the field 'deadline' is declared already"
    ),
    "table of the kernel": Bad(
        'migrations="migrations"',
        "'task' is not named as the plugin's",
        step="CREATE TABLE task (x TEXT);",
    ),
    "table of another": Bad(
        'migrations="migrations"',
        "'tags_thing' is not named as the plugin's",
        step="CREATE TABLE tags_thing (x TEXT);",
    ),
    "migration that fails half way": Bad(
        'migrations="migrations"', "syntax error", step=f"{TABLE}CREATE NONSENSE;\n"
    ),
    "migration of another's table": Bad(
        'migrations="migrations"', "'task' is not named as the plugin's", step="DROP TABLE task;"
    ),
    "calls sys.exit when imported": Bad("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    "calls sys.exit": hooks("task_write", "import sys; sys.exit(0)", cause="it called sys.exit(0)"),
    "raises what is no Exception": hooks(
        "task_write", "raise GeneratorExit", cause="it raised GeneratorExit"
    ),
    "raises what is no Exception in a handler": Bad(
        'hooks={"event_handlers": Hook("tp_probe.hooks")}',
        "it raised CancelledError",
        hooks=f"""{IMPORTS}
import asyncio
class Bad:
    name, pattern = "bad", "*"
    def handle(self, event):
        raise asyncio.CancelledError
@hookimpl
def event_handlers():
    return [Bad()]
""",
    ),
    "takes the streams away": hooks(
        "task_write",
        "import sys; sys.stdout = sys.stderr = None; raise OSError('no streams')",
        cause="no streams",
    ),
    "hook that depends on a setting it does not have": Bad(
        'hooks={"task_write": Hook("tp_probe.hooks", settings=("url",))}',
        "depends on the setting 'url', which it does not have",
    ),
    "recursion": hooks("task_write", "task_write(ctx)", cause="RecursionError"),
    "recursion through the store": hooks(
        "task_write",
        "ctx.update(change.after.id, description=str(change.after.version))",
        "ctx, change",
        "changes bring each other about",
    ),
    "runs on in a gate": hooks(
        "task_validate",
        "import time; end = time.monotonic() + 0.02\n    while time.monotonic() < end: pass",
        cause="longer than plugins.time_budget",
        doctor="warning",
    ),
    "transaction left open": hooks(
        "task_details",
        "global kept; kept = ctx.event('probe.begun'); kept.__enter__()",
        cause="it left a transaction open",
    ),
    "transaction left open in a change": hooks(
        "task_write",
        "global kept; kept = ctx.event('probe.begun'); kept.__enter__()",
        cause="it left a transaction open",
    ),
    "transaction begun in SQL": hooks("task_details", "ctx.query('BEGIN')", cause="SELECT"),
    "change in a query": hooks("task_details", "ctx.query('DELETE FROM task')", cause="SELECT"),
    "manifest that is not literal": Bad(
        'hooks={"task_write": Hook(len)}', "its manifest holds more than literals"
    ),
    "deletes its own module": hooks(
        "task_draft",
        "import os, sys; os.remove(__file__); del sys.modules[__name__]; raise OSError('gone')",
        cause="gone",
        found="No module named 'tp_probe.hooks'",
    ),
    "raises in its gate": hooks("task_validate", "raise RuntimeError('as ever')", cause="as ever"),
    "raises in every other hook": Bad(
        f"hooks=dict.fromkeys({NOT_GATES}, Hook('tp_probe.hooks'))",
        "task_write: RuntimeError: as ever",
        hooks=IMPORTS + "".join(RAISING.format(hook) for hook in NOT_GATES),
        many=True,
    ),
}
CORE = (
    ("init",),
    ("add", "first"),
    ("list", "--json"),
    ("show", "ID", "--json"),
    ("update", "ID", "--title", "changed"),
    ("complete", "ID"),
    ("doctor",),
)


@pytest.fixture
def sequence(tm: Any) -> Callable[..., list[Result]]:
    """Runs commands one after another in one process that has the packages on its path."""

    def run(*commands: Sequence[str], **environ: str) -> list[Result]:
        done = tm.script(DRIVER, json.dumps(commands), **environ)
        return [Result(*each) for each in json.loads(done.out)]

    return run


def install(site: Any, bad: Bad) -> None:
    whole = "\n" in bad.manifest
    made = f"from tm_core.api import *\nplugin = Plugin('probe', 'x', {bad.manifest})\n"
    site.install("probe", bad.manifest if whole else made, hooks=bad.hooks)
    if bad.step:
        site.write("tp_probe/migrations/0001_create.sql", bad.step)


@pytest.mark.parametrize("name", CASES)
def test_the_core_goes_on(
    name: str, site: Any, sequence: Callable[..., list[Result]], tm_environ: Path
) -> None:
    bad = CASES[name]
    install(site, bad)
    budget = {"TM_PLUGINS_TIME_BUDGET": "0.01"} if "budget" in bad.cause else {}
    refuses = "task_validate" in bad.manifest and bad.doctor == "error"
    # A gate that fails lets nothing pass, so that there is a task only if it was off at first.
    off = ("-p", "no:probe") if refuses else ()
    said = sequence(*((*off, *words) if words[0] == "add" else words for words in CORE), **budget)
    for words, result in zip(CORE, said, strict=True):
        if words[0] == "doctor":
            assert result.code == (1 if bad.doctor == "error" else 0), result
        elif refuses and words[0] in ("update", "complete"):
            assert (result.code, "could not check" in result.err) == (5, True), result
        else:
            assert result.code == 0, f"tm {' '.join(words)}: {result}"
        assert "Traceback" not in result.err
        naming = [line for line in result.err.splitlines() if WHO in line]
        assert len(naming) <= 1 or bad.many, f"tm {' '.join(words)}: {naming}"
    everything = "".join(result.err for result in said)
    told = [line for line in everything.splitlines() if WHO in line and bad.cause in line]
    doctor = [line for line in said[-1].out.splitlines() if "probe" in line.split("\t")[1]]
    if "health_checks" not in bad.manifest:
        assert told, everything
    assert any(
        line.startswith(bad.doctor) and (bad.found or bad.cause) in line for line in doctor
    ), said[-1]
    assert len(json.loads(said[2].out)) == 1
    whole(tm_environ, "changed" if not refuses else "first", "pending" if refuses else "completed")


def whole(folder: Path, title: str, status: str) -> None:
    """The store has the one task as it must be, and is sound."""
    connection = sqlite3.connect(folder / ".task-orchestrator" / "tasks.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("SELECT title, status FROM task").fetchall() == [(title, status)]
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert not {name for name in tables if name.startswith(("probe_", "tags_thing"))}
    connection.close()


def test_what_is_printed_never_mixes_with_data(site: Any, sequence: Callable[..., Any]) -> None:
    text = f"{IMPORTS}print('loud')\n@hookimpl\ndef task_write():\n    print('loud')\n"
    manifest = f"{IMPORTS}print('loud')\nplugin = Plugin('probe', 'x', hooks="
    site.install("probe", manifest + '{"task_write": Hook("tp_probe.hooks")})\n', hooks=text)
    _, added, listed = sequence(("init",), ("add", "x"), ("list", "--json"))
    assert re.fullmatch(r"[0-9a-f]{8}\n", added.out)
    assert "loud" in added.err
    assert [task["id"] for task in json.loads(listed.out)] == [added.out.strip()]


def test_a_name_that_is_taken_names_both(site: Any, sequence: Callable[..., Any]) -> None:
    """A built-in wins, then the first by name of the distribution."""
    mine = "from tm_core.api import Plugin\nplugin = Plugin('{}', '{}')\n"
    site.install("tags", mine.format("tags", "no"), distribution="tm-tags-too", package="tp_tags")
    site.install("probe", mine.format("probe", "b"), distribution="b-probe", package="tp_b")
    site.install("probe", mine.format("probe", "a"), distribution="a-probe", package="tp_a")
    _, added, rows, doctor = sequence(("init",), ("add", "x"), ("plugins", "--json"), ("doctor",))
    assert (
        "plugin 'tags' (tm-tags-too 1.2): the name 'tags' belongs to task-orchestrator" in added.err
    )
    assert "plugin 'probe' (b-probe 1.2): the name 'probe' belongs to a-probe 1.2" in added.err
    states = {(row["name"], row["source"]): row["state"] for row in json.loads(rows.out)}
    assert states["tags", "task-orchestrator"] == states["probe", "a-probe"] == "on"
    assert states["tags", "tm-tags-too"] == states["probe", "b-probe"] == "failed"
    assert doctor.code == 1


def test_an_action_that_exits_or_fails_is_named(site: Any, sequence: Callable[..., Any]) -> None:
    actions = """
    import sys
    def leave(ctx):
        \"\"\"Leave.\"\"\"
        sys.exit(0)
    def fail(ctx):
        \"\"\"Fail.\"\"\"
        raise ValueError("as ever")
    """
    manifest = """
    from tm_core.api import Action, Plugin
    plugin = Plugin("probe", "x", actions={
        "leave": Action("tp_probe.actions:leave", "x"),
        "fail": Action("tp_probe.actions:fail", "x"),
    })
    """
    site.install("probe", manifest, actions=actions)
    _, left, failed = sequence(("init",), ("leave",), ("fail",))
    assert (left.code, failed.code) == (8, 8)
    assert f"{WHO}: 'leave': " in left.err
    assert f"{WHO}: 'fail': ValueError: as ever" in failed.err


def test_one_that_disappears_leaves_its_data_and_its_settings(
    site: Any, sequence: Callable[..., Any], tm_environ: Path
) -> None:
    manifest = """
    from tm_core.api import Field, Hook, Plugin, Setting
    plugin = Plugin(
        "probe", "x", fields=(Field("weight", "int"),), config={"limit": Setting("int", 1, "x")},
        hooks={"task_write": Hook("tp_probe.hooks")}, migrations="migrations",
    )
    """
    writes = """
    from tm_core.api import hookimpl
    @hookimpl
    def task_write(ctx, change):
        ctx.put("probe_thing", {"task_id": change.after.id}, {})
    """
    site.install("probe", manifest, hooks=writes)
    site.write("tp_probe/migrations/0001_create.sql", TABLE)
    sequence(
        ("init",),
        ("config", "set", "probe.limit", "5"),
        ("config", "enable", "probe"),
        ("add", "--weight", "7", "kept"),
    )
    gone = site.folder.rename(site.folder.with_name("elsewhere"))
    site.folder.mkdir()
    said = sequence(
        ("add", "while it is away"), ("list", "--json"), ("update", "ID", "--title", "y"),
        ("undo",), ("doctor",), ("add", "--weight", "7", "x"), ("config",),
    )  # fmt: skip
    assert [result.code for result in said] == [0, 0, 0, 0, 0, 2, 0], said
    assert "probe" in said[0].err  # what is configured of it is said ...
    assert "'probe' is not installed" in said[4].out  # ... and what it left in the store
    gone.rename(gone.with_name("back"))
    site.folder.rmdir()
    gone.with_name("back").rename(site.folder)
    (listed, value) = sequence(("list", "--json"), ("config", "get", "probe.limit"))
    weights = {task["title"]: task["weight"] for task in json.loads(listed.out)}
    assert weights == {"kept": 7, "while it is away": None}
    assert value.out == "5\n"


def test_one_that_deletes_its_package_is_told_at_the_next_start(
    site: Any, sequence: Callable[..., Any]
) -> None:
    bad = hooks("task_write", "import os, shutil; shutil.rmtree(os.path.dirname(__file__))")
    install(site, bad)
    sequence(("init",), ("add", "x"))
    added, listed, doctor = sequence(("add", "y"), ("list", "--json"), ("doctor",))
    assert (added.code, listed.code, doctor.code) == (0, 0, 1)
    assert f"{WHO}: cannot be imported: ModuleNotFoundError" in added.err
    assert len(json.loads(listed.out)) == 2


@pytest.mark.parametrize("name", ["import error", "calls sys.exit", "API too new"])
def test_strict_stops_where_it_fails_and_safe_goes_on_without(
    name: str, site: Any, sequence: Callable[..., Any]
) -> None:
    install(site, CASES[name])
    sequence(("--safe", "init"))
    (strict,) = sequence(("add", "x"), TM_STRICT="1")
    assert strict.code != 0
    safe = sequence(("--safe", "add", "y"), ("--safe", "list", "--json"), TM_STRICT="1")
    assert [(result.code, "probe" in result.err) for result in safe] == [(0, False)] * 2
    assert len(json.loads(safe[-1].out)) == 1
