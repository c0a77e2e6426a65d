"""The design's invariants I1 to I8 and I10: each test is named after the one that it guards."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import random
import re
import signal
import sqlite3
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import tm_core
from tm_core import TaskManager
from tm_core.api import (
    Change,
    Conflict,
    Context,
    Event,
    Field,
    Hook,
    NotFound,
    Plugin,
    PluginError,
    ValidationError,
    hookimpl,
)
from tm_core.hookspecs import HOOKS
from tm_core.plugin_host.registry import installed_plugins

Make = Callable[..., Plugin]
Open = Callable[..., TaskManager]

ROOT = Path(__file__).parents[2]
KERNEL = Path(tm_core.__file__).parent
OWN = "task-orchestrator"


def parsed(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"), str(path))


def module_name(path: Path, folder: Path) -> str:
    """`tm_core/storage/store.py` -> `tm_core.storage.store`; an `__init__.py` is its package."""
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[int, str, str]]:
    """(line, module, name) of every import, wherever it stands; the name is empty for a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".") if is_package else module.split(".")[:-1]
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, source, alias.name


# I1

LAYERS = """
    record
    storage.backend
    errors  logs  model  hook_data
    configuration.cache  language.text  engine.figures  engine.privacy
    storage.location  storage.chain  storage.known  storage.statements
    language.when  language.syntax  configuration.yaml_file
    language.values  configuration.consent
    language.terms
    language.expressions  language.checkers
    context
    engine.summary
    hookspecs  plugin_host.actions  command_line.output  command_line.manifest
    command_line.verbs
    command_line.views
    configuration.settings
    configuration.features
    plugin_host.troubles  configuration.config
    configuration.sets  configuration.editing
    plugin_host.registry
    plugin_host.lock
    plugin_host.calls
    storage.ahead  storage.sqlite_file  storage.sqlite_dialect  storage.sqlite_errors
    storage.sqlite_copies  storage.sqlite_shape
    storage.sqlite  storage.migrate
    storage.store  storage.archive  plugin_host.roster
    plugin_host.host  plugin_host.schema
    workspace
    engine.happening  engine.rules
    engine.asking
    engine.changes  engine.places  engine.listeners
    engine.outbox  engine.undo  engine.plugin_context  engine.opening
    engine.reading
    engine.writing
    engine.performing
    manager
    command_line.completion  command_line.run
    command_line.parameters
    command_line.action_command
    api  command_line.invocation
    command_line.init  command_line.cli
    testing.backends  testing.clock  testing.command_line
    testing.pages
    testing.fixtures  testing.conformance
    testing  __main__
"""
"""The kernel's modules, bottom first: each imports only what stands in a line above its own."""


def test_i1_imports_point_one_way() -> None:
    height = {name: number for number, row in enumerate(LAYERS.split("\n")) for name in row.split()}
    wrong: list[str] = []
    modules: dict[str, str] = {}
    for path, _ in parsed(KERNEL):
        name = module_name(path, KERNEL)
        holds_code = path.name != "__init__.py" or name == "tm_core.testing"
        modules[name] = name.removeprefix("tm_core.") if holds_code else ""
    known = set(filter(None, modules.values()))
    assert known == set(height), "LAYERS must list each module of tm_core once"
    for path, tree in parsed(KERNEL):
        module = module_name(path, KERNEL)
        own = modules[module]
        for line, source, name in imports(tree, module, path.name == "__init__.py"):
            if source.partition(".")[0] != "tm_core":
                continue
            target = modules.get(f"{source}.{name}") or modules.get(source, "")
            if not own or not target:
                continue
            if height[target] >= height[own]:
                where = f"{path.relative_to(KERNEL.parent)}:{line}"
                wrong.append(f"{where}: {own} imports {target}, which is not below it")
    assert wrong == []


def test_i1_the_package_itself_stands_above_nothing() -> None:
    """`tm_core` and its sub-packages hold no code that imports at once, so they make no cycle."""
    for path, tree in parsed(KERNEL):
        if path.name == "__init__.py" and path.parent.name != "testing":  # nothing imports that
            for node in tree.body:
                assert not isinstance(node, ast.Import | ast.ImportFrom) or (
                    isinstance(node, ast.ImportFrom) and node.module in ("__future__", "typing")
                ), f"{path}:{node.lineno} imports at once"


def test_a_module_of_the_kernel_is_read_in_one_sitting() -> None:
    lengths = {
        module_name(path, KERNEL).removeprefix("tm_core."): len(path.read_text("utf-8").split("\n"))
        for path in KERNEL.rglob("*.py")
    }
    assert [name for name, lines in lengths.items() if lines > 420] == []


# I2


def built_in_entries() -> list[importlib.metadata.EntryPoint]:
    return [
        entry
        for entry in importlib.metadata.entry_points(group="tm.plugins")
        if entry.dist is not None and entry.dist.name == OWN
    ]


ORDINARY = {
    "context": "what a plugin is handed",
    "type": "a key of every event",
    "progress": "a bar on the terminal",
    "parent": "a column in which SQLite tells the other table of a foreign key",
}
"""Words that a feature or its field happens to be named by, and what they mean to the kernel."""


def feature_words() -> dict[str, str]:
    """Every name by which the kernel could know a feature -> what it names."""
    words: dict[str, str] = {}
    for entry in built_in_entries():
        manifest: Plugin = entry.load()
        for word in (entry.module, manifest.name, manifest.name.replace("-", "_")):
            words[word] = f"feature {manifest.name}"
        for field in manifest.fields:
            words[field.name] = f"a field of {manifest.name}"
            words |= dict.fromkeys(field.options, f"an option of {manifest.name}")
        for key in manifest.config:
            if "_" in key:
                words[key] = f"a setting of {manifest.name}"
        for command in (*manifest.actions, *manifest.commands):
            if not command.isalpha():
                words[command] = f"a command of {manifest.name}"
    return {word: what for word, what in words.items() if word not in {*ORDINARY, *HOOKS}}


def code_words(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whole) of identifiers and strings; docstrings may give examples.

    `whole` tells a word that can only be meant as a name from prose.
    """
    examples = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in examples:
                yield node.lineno, node.value, not re.search(r"\s", node.value)
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id, False
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr, False
        elif isinstance(node, ast.keyword | ast.arg) and node.arg:
            yield node.lineno, node.arg, False
        elif isinstance(node, ast.alias):
            yield node.lineno if hasattr(node, "lineno") else 0, node.name, True
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name, False


def test_i2_the_kernel_names_no_feature() -> None:
    """A plain word such as `tags` counts where it is a whole string or a part of a dotted key.

    One with a dash or an underscore, such as `time-tracking`, is nobody's ordinary English and
    counts in identifiers, in messages and in help texts as well.
    """
    found: list[str] = []
    words = feature_words()
    assert words, "no built-in plugin is installed"
    rooms = {module_name(path, KERNEL).removeprefix("tm_core.") for path, _ in parsed(KERNEL)}
    for path, tree in parsed(KERNEL):
        for line, text, whole in code_words(tree):
            if text in rooms:  # a module of the kernel, not a feature
                continue
            parts = set(re.findall(r"[\w-]+", text))
            for word in parts & words.keys():
                if whole or re.search(r"\w[-_]\w", word):
                    where = f"{path.relative_to(KERNEL.parent)}:{line}"
                    found.append(f"{where}: {text!r} has {word!r}, {words[word]}")
    assert found == []


def dependencies(*extras: str) -> set[str]:
    """What is installed with the project, and with these extras (by default all but the tests')."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    chosen = extras or [name for name in optional if name not in ("dev", "test")]
    wanted = [*project["dependencies"], *(text for name in chosen for text in optional[name])]
    names = {re.split(r"[^\w-]", text)[0].lower() for text in wanted}
    return {"yaml" if name == "pyyaml" else name.replace("-", "_") for name in names}


def plugin_folders() -> list[Path]:
    return sorted(path for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists())


@pytest.mark.parametrize("folder", plugin_folders(), ids=lambda folder: folder.name)
def test_i2_a_plugin_imports_only_the_api_and_itself(folder: Path) -> None:
    wrong: list[str] = []
    allowed = {*sys.stdlib_module_names, *dependencies(), folder.name}
    allowed.add("compression")  # in the standard library from Python 3.14 on
    for path, tree in parsed(folder):
        is_test = "tests" in path.relative_to(folder).parts or path.name == "testing.py"
        ours = {"tm_core.api"} | ({"tm_core", "tm_core.testing"} if is_test else set())
        more = {*dependencies("test")} if is_test else set()
        module = module_name(path, folder)
        for line, source, name in imports(tree, module, path.name == "__init__.py"):
            top = source.partition(".")[0]
            if source in ours and f"{source}.{name}" not in hidden_modules():
                continue
            if top not in allowed | more:
                where = f"{path.relative_to(ROOT)}:{line}"
                wrong.append(f"{where}: imports {source}{'.' if name else ''}{name}")
    assert wrong == []


def hidden_modules() -> set[str]:
    """Kernel modules that are no plugin's business."""
    names = {module_name(path, KERNEL) for path in KERNEL.rglob("*.py")}
    return names - {"tm_core.api", "tm_core.testing"}


@pytest.mark.parametrize("entry", built_in_entries(), ids=lambda entry: entry.name)
def test_i2_a_manifest_names_only_its_own_modules(entry: importlib.metadata.EntryPoint) -> None:
    manifest: Plugin = entry.load()
    targets = [hook.target for hook in manifest.hooks.values()]
    targets += [action.target for action in manifest.actions.values()]
    targets += [action.view for action in manifest.actions.values() if action.view]
    targets += [command.target for command in manifest.commands.values()]
    for target in targets:
        assert re.split(r"[.:]", target)[0] == entry.module, f"{entry.name} points to {target}"


# I3


def core_verbs(tm: Any, *options: str) -> None:
    """init, add, list, show, update, complete, delete: each does its work."""
    tm(*options, "init")
    first = tm(*options, "add", "first").out.strip()
    second = tm(*options, "add", "second").out.strip()
    assert tm(*options, "list").out.splitlines() == [
        f"[{second}] second - pending",
        f"[{first}] first - pending",
    ]
    tm(*options, "update", first, "--title", "changed", "--assignee", "ann")
    shown = json.loads(tm(*options, "show", first, "--json").out)
    assert (shown["title"], shown["assignee"], shown["version"]) == ("changed", "ann", 2)
    tm(*options, "complete", first)
    tm(*options, "delete", second)
    assert tm(*options, "list").out == f"[{first}] changed - completed\n"


def test_i3_the_kernel_alone_works_with_safe(tm: Any) -> None:
    core_verbs(tm, "--safe")
    assert tm("--safe", "metrics", code=8).err == (
        "tm: feature 'metrics' is disabled (tm config enable metrics)\n"
    )


def test_i3_the_kernel_alone_works_in_minimal_mode(tm: Any) -> None:
    tm("init")
    tm("config", "minimal-mode", "on")
    states = {row["name"]: row["state"] for row in json.loads(tm("plugins", "--json").out)}
    on = {name for name, state in states.items() if state == "on"}
    assert on == {
        one.name for one in installed_plugins(None) if one.manifest and one.manifest.essential
    }
    assert len(on) < len(states)
    core_verbs(tm)


def test_i3_the_kernel_alone_works_without_the_essential_plugins(tm: Any) -> None:
    tm("init")
    everything = ",".join(one.name for one in installed_plugins(None))
    (tm.folder / ".task-orchestrator" / "config.yaml").write_text(
        f"plugins: {{disable: [{everything}]}}\n"
    )
    assert "feature 'configuration' is disabled" in tm("config", code=8).err
    core_verbs(tm)


def test_i3_the_kernel_alone_imports_no_plugin(tm: Any) -> None:
    tm("--safe", "init")
    loaded = tm.script(
        """
        import sys
        from tm_core.command_line.cli import run
        run(["-q", "--safe", "add", "x"])
        print(*[name for name in sys.modules if name.startswith("tm_")], sep="\\n")
        """
    ).out.split()
    assert [name for name in loaded if name.startswith("tm_") and "tm_core" not in name] == []


# I4


def test_i4_built_ins_are_found_by_their_entry_points_alone(tm: Any, tmp_path: Path) -> None:
    """The same code with no entry points has no plugin, and with one it has that one."""
    lean = tmp_path / "lean"
    lean.mkdir()
    entry = next(entry for entry in built_in_entries() if entry.name == "metrics")
    needed = ["click", "pluggy", "tm_core", entry.module]
    for name in needed:
        module = __import__(name)
        assert module.__file__ is not None
        (lean / name).symlink_to(Path(module.__file__).parent)

    def listed() -> list[tuple[str, str, str]]:
        code = (
            "import json\n"
            "from tm_core.plugin_host.registry import installed_plugins\n"
            "found = installed_plugins(None)\n"
            "print(json.dumps([(one.name, one.distribution, one.version) for one in found]))"
        )
        rows = tm.finish(tm.start("-S", "-c", code, PYTHONPATH=str(lean))).json
        return [tuple(row) for row in rows]

    assert listed() == []
    info = lean / "somebody-9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebody\nVersion: 9\n")
    (info / "entry_points.txt").write_text(f"[tm.plugins]\nmetrics = {entry.value}\n")
    assert listed() == [("metrics", "somebody", "9")]


def test_i4_folders_entry_points_and_what_is_installed_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared: Mapping[str, str] = project["entry-points"]["tm.plugins"]
    assert sorted(target.partition(":")[0] for target in declared.values()) == [
        folder.name for folder in plugin_folders()
    ]
    installed = [one for one in installed_plugins(None) if one.built_in]
    assert {one.name: f"{one.module}:plugin" for one in installed} == dict(declared), (
        "install the project again: pip install -e ."
    )
    assert [one.error for one in installed if one.error] == []


# I5

GOOD = "from tm_core.api import Plugin\nplugin = Plugin('{name}', 'Fine')\n"
BROKEN = {
    "import error": ("import no_such_thing", "cannot be imported: ModuleNotFoundError: No module"),
    "syntax error": ("plugin = (", "cannot be imported: SyntaxError: '(' was never closed"),
    "exit": ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
    "interrupted": ("raise BaseException('why')", "cannot be imported: BaseException: why"),
    "many lines": ("raise ValueError('a\\nb\\x1b[31m')", "ValueError: a b\\x1b[31m"),
    "no plugin": ("", "cannot be imported: AttributeError: module"),
    "not a plugin": ("plugin = 5", "its entry point gives int, not a Plugin"),
    "future api": (
        "from tm_core.api import Plugin\nplugin = Plugin('broken', '', api=99)",
        "it needs plugin API 99.0, this is 1.0",
    ),
    "future minor api": (
        "from tm_core.api import Plugin\nplugin = Plugin('broken', '', api=(1, 99))",
        "it needs plugin API 1.99, this is 1.0",
    ),
    "another name": (
        "from tm_core.api import Plugin\nplugin = Plugin('other', '')",
        "its manifest is named 'other', its entry point 'broken'",
    ),
    "wrong hook": (
        "from tm_core.api import Hook, Plugin\n"
        "plugin = Plugin('broken', '', hooks={'task_wrote': Hook('x')})",
        "there is no hook 'task_wrote'",
    ),
    "hook of the wrong type": (
        "from tm_core.api import Plugin\nplugin = Plugin('broken', '', hooks={'task_write': 'x'})",
        "hook 'task_write' is not given as Hook(...)",
    ),
    "no literal": (
        "from tm_core.api import Hook, Plugin\n"
        "plugin = Plugin('broken', '', hooks={'task_write': Hook(print)})",
        "its manifest holds more than literals",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_i5_a_broken_plugin_never_breaks_the_core(kind: str, tm: Any, site: Any) -> None:
    text, cause = BROKEN[kind]
    site.install("broken", text)
    site.install("sound", GOOD.format(name="sound"))
    line = "tm: plugin 'broken' (tm-broken 1.2): "
    for arguments in (["init"], ["add", "x"], ["list"], ["list"]):
        said = tm("-q", *arguments).err.splitlines()
        assert len(said) == 1, said
        assert said[0].startswith(line)
        assert cause in said[0]
    listed = {row["name"]: row for row in json.loads(tm("plugins", "--json").out)}
    assert listed["broken"]["state"] == "failed"
    assert listed["sound"]["state"] == "on"
    found = [row for row in tm("doctor", code=1).out.splitlines() if "\tplugin broken\t" in row]
    assert len(found) == 1, found
    assert found[0].startswith("error\tplugin broken\ttm-broken 1.2: start: ")
    assert tm("-q", "--safe", "list").err == ""


@pytest.mark.parametrize("kind", ["import error", "future api"])
def test_i5_a_required_broken_plugin_stops_the_command(kind: str, tm: Any, site: Any) -> None:
    text, cause = BROKEN[kind]
    tm("init")
    site.install("broken", text)
    tm("config", "set", "plugins.required", "broken")
    for command in (["add", "x"], ["list"]):
        result = tm(*command, code=8)
        assert result.out == ""
        assert result.err.startswith("tm: required plugin 'broken' (tm-broken 1.2): ")
        assert cause in result.err
        assert len(result.err.splitlines()) == 1
    assert tm("--safe", "list").out == ""  # the way out


def test_i5_a_broken_plugin_that_is_configured_is_said_once(tm: Any, site: Any) -> None:
    tm("init")
    site.install("broken", "import no_such_thing")
    (tm.folder / ".task-orchestrator" / "config.yaml").write_text(
        "plugins: {enable: [broken]}\nbroken: {depth: 3}\n"
    )
    assert len(tm("-q", "add", "x").err.splitlines()) == 1


def test_i5_tm_strict_stops_at_a_broken_plugin(tm: Any, site: Any) -> None:
    tm("init")
    site.install("broken", "import no_such_thing")
    result = tm("list", code=8, TM_STRICT="1")
    assert "plugin 'broken' (tm-broken 1.2): cannot be imported" in result.err


def test_i5_a_name_clash_is_won_by_the_built_in(tm: Any, site: Any) -> None:
    site.install("metrics", GOOD.format(name="metrics"), distribution="aaa-rival", package="rival")
    tm("init")
    version = tm_core.__version__
    assert tm("-q", "list").err == (
        f"tm: plugin 'metrics' (aaa-rival 1.2): the name 'metrics' belongs to {OWN} {version}\n"
    )
    rows = [r for r in json.loads(tm("plugins", "--json").out) if r["name"] == "metrics"]
    assert [(row["source"], row["state"]) for row in rows] == [(OWN, "on"), ("aaa-rival", "failed")]
    assert "tasks" in tm("-q", "metrics").out


def test_i5_a_name_clash_of_strangers_is_won_by_name_order(tm: Any, site: Any) -> None:
    for distribution in ("zzz", "bbb", "mmm"):
        site.install(
            "shared",
            GOOD.format(name="shared"),
            distribution=distribution,
            package=f"p{distribution}",
        )
    said = tm("-q", "init").err.splitlines()
    assert said == [
        f"tm: plugin 'shared' ({name} 1.2): the name 'shared' belongs to bbb 1.2"
        for name in ("mmm", "zzz")
    ]


def test_i5_a_command_that_belongs_to_another_is_said(tm: Any, site: Any) -> None:
    manifest = """
    from tm_core.api import Action, Plugin
    plugin = Plugin("{name}", "", actions={{
        "list": Action("tp_{name}.actions:go", "Go"), "go": Action("tp_{name}.actions:go", "Go"),
    }})
    """
    actions = "def go(ctx) -> str:\n    return __name__\n"
    for name in ("ant", "bee"):
        site.install(name, manifest.format(name=name), actions=actions)
    tm("init")
    result = tm("-q", "go")
    assert result.out == "tp_ant.actions\n"
    assert sorted(result.err.splitlines()) == [
        f"tm: plugin 'ant' (tm-ant 1.2): commands: the command 'list' belongs to {OWN}",
        "tm: plugin 'bee' (tm-bee 1.2): actions: the command 'go' belongs to tm-ant 1.2",
        "tm: plugin 'bee' (tm-bee 1.2): actions: the command 'list' belongs to tm-ant 1.2",
    ]
    assert "tp_" not in tm("list").out


def test_i5_a_field_that_is_taken_is_said(make: Make, store: Open, said: list[str]) -> None:
    tm = store(
        make("ant", fields=(Field("title", "int"), Field("size", "int"))),
        make("bee", fields=(Field("size", "str"),)),
    )
    assert tm.add("x", size="5")["size"] == 5
    assert said == [
        "plugin 'ant' (made in code): fields: the field 'title' is declared already",
        "plugin 'bee' (made in code): fields: the field 'size' is declared already",
    ]


def test_i5_an_action_that_fails_is_blamed(tm: Any, site: Any) -> None:
    site.install(
        "broken",
        """
        from tm_core.api import Action, Plugin
        plugin = Plugin("broken", "", actions={
            "raise": Action("tp_broken.actions:fail", "Fail"),
            "absent": Action("tp_broken.nowhere:fail", "Fail"),
        })
        """,
        actions="def fail(ctx) -> None:\n    raise ValueError('bad day')\n",
    )
    tm("init")
    raised = tm("raise", code=8).err
    assert "plugin 'broken' (tm-broken 1.2): 'raise': ValueError: bad day" in raised
    assert "plugin 'broken' (tm-broken 1.2) cannot load" in tm("absent", code=8).err
    assert "Traceback" not in raised
    assert "there is no command" in tm("absend", code=2).err


def test_i5_a_plugin_made_in_code_cannot_take_a_name(store: Open) -> None:
    with pytest.raises(PluginError, match=f"the name 'metrics' belongs to {OWN}"):
        store(Plugin("metrics", ""))


# I6


def second_connection(tm: Any) -> sqlite3.Connection:
    return sqlite3.connect(tm.database.url, timeout=0, isolation_level=None)


def assert_nobody_writes(ctx: Context) -> None:
    assert not ctx.tasks.changes.active
    other = second_connection(ctx.tasks)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE task SET description = 'written meanwhile'")
    other.execute("COMMIT")
    other.close()


def test_i6_evidence_and_handlers_run_outside_of_any_transaction(
    make: Make, store: Open, said: list[str]
) -> None:
    ran: list[str] = []

    def evidence(ctx: Context) -> dict[str, Any]:
        assert_nobody_writes(ctx)
        ran.append("evidence")
        return {}

    class Handler:
        name = "handler"
        pattern = "task.completed"

        def __init__(self, ctx: Context) -> None:
            self._ctx = ctx

        def handle(self, event: Event) -> None:
            assert_nobody_writes(self._ctx)
            other = second_connection(self._ctx.tasks)
            seen = other.execute("SELECT status FROM task WHERE id = ?", [event["task_id"]])
            ran.append(f"handler saw {seen.fetchone()[0]}")
            other.close()

    def event_handlers(ctx: Context) -> list[Handler]:
        assert not ctx.tasks.changes.active
        return [Handler(ctx)]

    tm = store(make(evidence=evidence, event_handlers=event_handlers))
    tm.complete(tm.add("x").id)
    assert said == []
    assert ran == ["evidence", "handler saw completed"]


def test_i6_the_other_hooks_run_inside(make: Make, store: Open, said: list[str]) -> None:
    """The counter-proof: the check above sees a transaction where there is one."""

    def task_write(ctx: Context) -> None:
        assert ctx.tasks.changes.active
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            second_connection(ctx.tasks).execute("BEGIN IMMEDIATE")

    store(make(task_write=task_write, task_draft=task_write, task_validate=task_write)).add("x")
    assert said == []


def test_i6_nothing_is_measured_inside_a_transaction(make: Make, store: Open) -> None:
    """Completing as a part of something larger leaves the facts unknown; asking is refused."""
    measured: list[int] = []
    tm = store(make(evidence=lambda: measured.append(1)))
    task = tm.add("x")
    with tm.transaction():
        assert tm.complete(task.id).status == "completed"
        with pytest.raises(RuntimeError, match="inside a transaction"):
            tm.gather_evidence(task, options={})
    assert measured == []


# I7

CRASHER = """
from tm_core.api import Hook, Plugin
stages = ("task_draft", "task_validate", "task_write", "event_handlers")
plugin = Plugin(
    "crasher", "Ends the process where CRASH says", migrations="migrations",
    hooks={
        "task_draft": Hook("tp_crasher.hooks"),
        "task_validate": Hook("tp_crasher.hooks"),
        "task_write": Hook("tp_crasher.hooks"),
        "event_handlers": Hook("tp_crasher.hooks"),
    },
)
"""
CRASHER_HOOKS = """
import os
from tm_core.api import Conflict, hookimpl

def reach(stage):
    if os.environ.get("CRASH") == stage:
        os._exit(77)
    if os.environ.get("REFUSE") == stage:
        raise Conflict(f"refused at {stage}")

@hookimpl
def task_draft(ctx, draft):
    reach("draft")

@hookimpl
def task_validate(ctx, change):
    reach("validate")

@hookimpl
def task_write(ctx, change):
    reach("write")
    ctx.put("crasher_row", {"task_id": change.after.id}, {"title": change.after.title})
    reach("written")
    with ctx.event("crasher.noted", change.after.id):
        ctx.put("crasher_row", {"task_id": change.after.id}, {"noted": 1})
        reach("noting")
    reach("noted")

class Handler:
    name = "handler"
    pattern = "*"
    def handle(self, event):
        reach("handle")

@hookimpl
def event_handlers(ctx):
    return [Handler()]
"""
INSIDE = ("draft", "validate", "write", "written", "noting", "noted")


@pytest.fixture
def crasher(tm: Any, site: Any) -> Any:
    """`tm`, with a plugin that has a table and stops where the environment says."""
    site.install("crasher", CRASHER, hooks=CRASHER_HOOKS)
    site.write(
        "tp_crasher/migrations/0001_row.sql",
        "CREATE TABLE crasher_row (task_id TEXT PRIMARY KEY NOT NULL"
        " REFERENCES task(id) ON DELETE CASCADE, title TEXT, noted BIGINT);\n",
    )
    tm("init")
    return tm


def contents(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(folder / ".task-orchestrator" / "tasks.db")
    tables = ("task", "event", "crasher_row", "request")
    found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    return found


@pytest.mark.parametrize("stage", INSIDE)
@pytest.mark.parametrize("how", ["CRASH", "REFUSE"])
def test_i7_a_change_that_ends_half_way_leaves_nothing(stage: str, how: str, crasher: Any) -> None:
    task_id = crasher("add", "x").out.strip()
    before = contents(crasher.folder)
    assert (len(before["task"]), len(before["crasher_row"])) == (1, 1)
    code = 77 if how == "CRASH" else 6
    for arguments in (
        ["add", "y", "--key", "k"],
        ["update", task_id, "--title", "z"],
        ["complete", task_id],
        ["delete", task_id],
        ["delete", task_id, "--purge"],
    ):
        assert crasher(*arguments, code=code, **{how: stage}).out == ""
        assert contents(crasher.folder) == before, arguments
    again = crasher("add", "y", "--key", "k").out.strip()  # the key did not count either
    after = contents(crasher.folder)
    assert [len(after[table]) for table in ("task", "crasher_row", "request")] == [2, 2, 1]
    types = [row[6] for row in after["event"] if row[7] == again]
    assert sorted(types) == ["crasher.noted", "task.created"]


def test_i7_a_change_that_is_committed_is_whole(crasher: Any) -> None:
    crasher("add", "x", code=77, CRASH="handle")
    found = contents(crasher.folder)
    assert [len(found[table]) for table in ("task", "crasher_row")] == [1, 1]
    assert sorted(row[6] for row in found["event"]) == ["crasher.noted", "task.created"]


def test_i7_a_dry_run_leaves_nothing(crasher: Any) -> None:
    before = contents(crasher.folder)
    crasher("add", "x", "--dry-run", "--key", "k", CRASH="handle")
    assert contents(crasher.folder) == before


def test_i7_an_event_tells_who_when_and_what(store: Open) -> None:
    tm = store(actor="ann")
    task = tm.add("x")
    tm.update(task.id, title="y", assignee="bob")
    created, updated = tm.log(task.id)
    assert {created["actor"], updated["actor"]} == {"ann"}
    assert created["data"]["before"] is None
    assert created["data"]["after"]["title"] == "x"
    assert updated["data"]["before"]["title"] == "x"
    assert updated["data"]["before"]["assignee"] is None
    assert updated["data"]["after"]["title"] == "y"
    assert updated["data"]["after"]["assignee"] == "bob"
    assert updated["at"] == updated["data"]["after"]["updated_at"]
    assert created["transaction_id"] != updated["transaction_id"]
    tm.update(task.id, title="y")  # changes nothing, and so is no event
    assert len(list(tm.log())) == 2


def test_i7_a_transaction_is_all_or_nothing(store: Open) -> None:
    tm = store()

    def interrupted() -> None:
        with tm.transaction():
            tm.add("x")
            tm.add("y")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert (tm.find(), list(tm.log())) == ([], [])
    with tm.transaction():
        tm.add("x")
        tm.add("y")
    assert len({event["transaction_id"] for event in tm.log()}) == 1


def test_i7_a_change_that_was_refused_inside_a_transaction_leaves_nothing(
    make: Make, store: Open
) -> None:
    def task_write(change: Change) -> None:
        if change.after.title == "no":
            raise Conflict("not this one")

    tm = store(make(task_write=task_write))
    with tm.transaction():
        tm.add("x")
        with pytest.raises(Conflict):
            tm.add("no")
        tm.add("y")
    assert sorted(task.title for task in tm.find()) == ["x", "y"]
    assert sorted(event["data"]["after"]["title"] for event in tm.log()) == ["x", "y"]


def test_i7_the_log_is_append_only(store: Open) -> None:
    tm = store()
    tm.add("x")
    before = list(tm.log())
    connection = second_connection(tm)
    for statement in (
        "UPDATE event SET actor = 'somebody else'",
        "DELETE FROM event",
        "INSERT OR REPLACE INTO event SELECT * FROM event",
    ):
        with pytest.raises(sqlite3.DatabaseError, match=r"append-only|UNIQUE"):
            connection.execute(statement)
    connection.close()
    assert list(tm.log()) == before


class Replay(RuleBasedStateMachine):
    """Whatever is done, the log alone gives the rows of the kernel and of a plugin."""

    tasks = Bundle("tasks")
    titles = st.sampled_from(["a", "b", "c"])
    sizes = st.sampled_from([None, 1, 2])

    @initialize()
    def open(self) -> None:
        def task_write(ctx: Context, change: Change) -> None:
            if change.after.get("size") is not None:
                row = {"title": change.after.title, "size": change.after["size"]}
                ctx.put("probe_row", {"task_id": change.after.id}, row)
            elif change.before is not None:
                ctx.put("probe_row", {"task_id": change.after.id}, None)

        class Target:
            pass

        target = Target()
        target.task_write = hookimpl(task_write)  # type: ignore[attr-defined]
        plugin = Plugin(
            "probe", "", fields=(Field("size", "int"),), hooks={"task_write": Hook(target)}
        )
        self.folder = tempfile.TemporaryDirectory()
        self.tm = TaskManager.open(
            os.path.join(self.folder.name, "t.db"),
            create=True,
            plugins=[plugin],
            environ={"HOME": self.folder.name, "USER": "tester"},
        )
        self.tm.database.execute(
            "CREATE TABLE probe_row (task_id TEXT PRIMARY KEY NOT NULL"
            " REFERENCES task(id) ON DELETE CASCADE, title TEXT, size BIGINT)"
        )

    def teardown(self) -> None:
        if hasattr(self, "tm"):
            self.tm.close()
            self.folder.cleanup()

    def attempt(self, action: Callable[..., object], *arguments: Any, **named: Any) -> None:
        """What is refused changes nothing."""
        before = self.state()
        try:
            action(*arguments, **named)
        except (Conflict, NotFound, ValidationError):
            assert self.state() == before

    def state(self) -> list[Any]:
        query = self.tm.database.query
        return [query(f"SELECT * FROM {table}") for table in ("task", "event", "probe_row")]

    @rule(target=tasks, title=titles, size=sizes)
    def add(self, title: str, size: int | None) -> str:
        return self.tm.add(title, size=size).id

    @rule(task=tasks, title=titles, size=sizes)
    def update(self, task: str, title: str, size: int | None) -> None:
        self.attempt(self.tm.update, task, title=title, size=size)

    @rule(
        task=tasks,
        status=st.sampled_from(["pending", "in_progress", "blocked", "completed", "cancelled"]),
    )
    def move(self, task: str, status: str) -> None:
        self.attempt(self.tm.update, task, status=status)

    @rule(task=tasks)
    def complete(self, task: str) -> None:
        self.attempt(self.tm.complete, task)

    @rule(task=tasks, purge=st.booleans())
    def delete(self, task: str, purge: bool) -> None:
        self.attempt(self.tm.delete, task, purge=purge)

    @rule()
    def undo(self) -> None:
        self.attempt(self.tm.undo)

    @rule(data=st.data())
    def undo_any(self, data: st.DataObject) -> None:
        last = self.tm.store.last_seq()
        if last:
            self.attempt(self.tm.undo, data.draw(st.integers(1, last)))

    @rule(first=tasks, second=tasks, title=titles)
    def together(self, first: str, second: str, title: str) -> None:
        def both() -> None:
            with self.tm.transaction():
                self.tm.update(first, title=title)
                self.tm.update(second, title=title + "!")

        self.attempt(both)

    @invariant()
    def log_gives_the_rows(self) -> None:
        if not hasattr(self, "tm"):
            return
        tasks, rows = replayed(self.tm.log())
        found = self.tm.database.query("SELECT * FROM task")
        assert tasks == {
            row["id"]: {name: value for name, value in row.items() if value is not None}
            for row in found
        }
        kept = self.tm.database.query("SELECT * FROM probe_row")
        assert rows == {row.pop("task_id"): row for row in kept}


def replayed(events: Iterable[Event]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tasks and the plugin's rows, from the log alone; what was there before is checked, too."""
    tasks: dict[str, dict[str, Any]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for event in events:
        data, task_id = event["data"], event["task_id"]
        assert task_id is not None
        for _, key, before, after in data.get("rows", ()):
            assert rows.get(key["task_id"]) == before
            if after is None:
                del rows[key["task_id"]]
            else:
                rows[key["task_id"]] = after
        if event["type"] == "task.purged" or ("after" in data and data["after"] is None):
            del tasks[task_id]
            rows.pop(task_id, None)
        elif "after" in data:
            now = tasks.setdefault(task_id, {})
            assert {name: now.get(name) for name in data["before"] or ()} == (data["before"] or {})
            now.update(data["after"])
    return {
        task_id: {name: value for name, value in task.items() if value is not None}
        for task_id, task in tasks.items()
    }, rows


def test_i7_replaying_the_log_gives_the_rows() -> None:
    run_state_machine_as_test(
        Replay, settings=settings(max_examples=60, stateful_step_count=25, deadline=None)
    )


# I8

ADD_FOREVER = """
import sys
from tm_core import TaskManager
with TaskManager.open(sys.argv[1]) as tm:
    while True:
        print(tm.add("x", description="y" * 2000).id, flush=True)
"""


def test_i8_acknowledged_writes_survive_kill_9(tm: Any) -> None:
    tm("init")
    chance = random.Random(8)  # the moments differ from run to run in any case
    acknowledged: list[str] = []
    for _ in range(30):
        process = tm.start("-c", ADD_FOREVER, str(tm.folder))
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 12)):
            acknowledged.append(process.stdout.readline().strip())
        for _ in range(chance.randrange(20_000)):
            pass  # somewhere within the next write
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (-signal.SIGKILL, "")
        acknowledged += [line for line in out.split("\n")[:-1] if line]
    with TaskManager.open(str(tm.folder)) as manager:
        assert manager.database.query("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        present = {task.id for task in manager.find()}
        created = [event["task_id"] for event in manager.log(event_type="task.created")]
    assert len(acknowledged) == len(set(acknowledged)) >= 30
    assert set(acknowledged) <= present
    assert sorted(present) == sorted(filter(None, created))  # each has its event, once
    assert json.loads(tm("doctor", "--json").out)[-1]["level"] == "ok"


@pytest.mark.parametrize(("setting", "synchronous"), [("full", 2), ("normal", 1)])
def test_i8_the_connection_is_durable(setting: str, synchronous: int, store: Open) -> None:
    store().close()
    tm = store(settings=[f"store.synchronous={setting}"])
    query = tm.database.query
    assert query("PRAGMA synchronous") == [{"synchronous": synchronous}]
    assert query("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
    assert query("PRAGMA foreign_keys") == [{"foreign_keys": 1}]
    assert tm.workspace.config.get("store.synchronous") == setting


def test_i8_durable_is_the_default(store: Open) -> None:
    assert store().database.query("PRAGMA synchronous") == [{"synchronous": 2}]


ADD_TEN = """
import sys
from tm_core import TaskManager
with TaskManager.open(sys.argv[1]) as tm:
    print(*(tm.add(f"{sys.argv[2]}-{n}").id for n in range(10)))
"""


def test_i8_writers_queue(tm: Any) -> None:
    tm("init")
    processes = [tm.start("-c", ADD_TEN, str(tm.folder), str(n)) for n in range(8)]
    printed = [tm.finish(process) for process in processes]
    assert [result.err for result in printed] == [""] * 8
    ids = [task_id for result in printed for task_id in result.out.split()]
    with TaskManager.open(str(tm.folder)) as manager:
        assert sorted(ids) == sorted(task.id for task in manager.find())
        titles = {task.title for task in manager.find()}
    assert titles == {f"{process}-{n}" for process in range(8) for n in range(10)}


def test_i8_a_killed_writer_does_not_keep_the_others_out(crasher: Any) -> None:
    crasher("add", "x", code=77, CRASH="noting")
    assert crasher("-c", "store.busy_timeout=0.1", "add", "y").out


# I10


def test_i10_a_stale_version_is_refused(tm: Any) -> None:
    tm("init")
    task_id = tm("add", "x").out.strip()
    tm("update", task_id, "--title", "y", "--if-version", "1")
    before = tm("log", "--json").out
    for command in (["update", "--title", "z"], ["complete"]):
        result = tm(command[0], task_id, *command[1:], "--if-version", "1", code=6)
        assert result.err.startswith(f"tm: task {task_id} has version 2, not 1")
        assert result.out == ""
    assert tm("log", "--json").out == before
    tm("complete", task_id, "--if-version", "2")


def test_i10_of_two_concurrent_edits_one_wins(tm: Any) -> None:
    tm("init")
    for attempt in range(3):
        task_id = tm("add", str(attempt)).out.strip()
        edits = [
            tm.start("-m", "tm_core", "update", task_id, "--if-version", "1", "--title", title)
            for title in ("left", "right")
        ]
        codes = [tm.finish(process, code=None).code for process in edits]
        assert sorted(codes) == [0, 6]
        shown = json.loads(tm("show", task_id, "--json").out)
        assert shown["title"] == ("left", "right")[codes.index(0)]
        assert shown["version"] == 2


def test_i10_an_edit_based_on_what_was_read_is_refused(store: Open) -> None:
    """Also without `if_version`: the row is written only if it is as it was read."""
    tm = store()
    task = tm.add("x")
    stale = tm.store.get(task.id)
    assert stale is not None
    tm.update(task.id, title="y")
    after = stale.copy()
    after["title"] = "z"
    with pytest.raises(Conflict, match="changed meanwhile"):
        tm.changes.apply(Change("update", "me", stale, after))
    assert tm.get(task.id).title == "y"


@pytest.mark.parametrize("verb", ["add", "update", "complete", "delete", "purge"])
def test_i10_a_retried_write_does_nothing_twice(verb: str, tm: Any) -> None:
    tm("init")
    task_id = tm("add", "first").out.strip()
    arguments = {
        "add": ["add", "x"],
        "update": ["update", task_id, "--title", "y"],
        "complete": ["complete", task_id],
        "delete": ["delete", task_id],
        "purge": ["delete", task_id, "--purge"],
    }[verb]
    first = tm(*arguments, "--key", "k")
    log = tm("log", "--json").out
    again = tm(*arguments, "--key", "k")
    assert again.out == first.out
    assert "Done before under this key; nothing was written" in again.err
    assert tm("log", "--json").out == log


def test_i10_a_retry_from_python_gives_the_task_again(store: Open) -> None:
    tm = store()
    first = tm.once("k", "add", "x")
    assert tm.once("k", "add", "x").id == first.id
    assert tm.once("other", "update", first.id, title="y").title == "y"
    tm.update(first.id, title="z")
    assert tm.once("other", "update", first.id, title="y").title == "z"
    assert len(tm.find()) == 1


def test_i10_a_key_serves_one_write_and_not_the_next(store: Open) -> None:
    """A key is for what it is given to: nothing that comes later takes it for its own."""
    tm = store()
    task = tm.once("k", "add", "x")
    tm.update(task.id, title="y")
    assert tm.add("x").id != task.id
    assert len(tm.database.query("SELECT * FROM request")) == 1


def test_i10_a_write_that_failed_may_be_tried_again(tm: Any) -> None:
    tm("init")
    tm("add", "", "--key", "k", code=5)
    assert tm("add", "x", "--key", "k").out


def test_i10_a_key_of_another_action_is_a_conflict(tm: Any) -> None:
    tm("init")
    task_id = tm("add", "x", "--key", "k").out.strip()
    result = tm("complete", task_id, "--key", "k", code=6)
    assert result.err.startswith("tm: the key 'k' was used for 'add'")
    assert json.loads(tm("show", task_id, "--json").out)["status"] == "pending"


def test_i10_a_key_does_not_stand_for_another_task_or_value(tm: Any) -> None:
    tm("init")
    first, second = tm("add", "x").out.strip(), tm("add", "y").out.strip()
    tm("update", first, "--title", "z", "--key", "k")
    for arguments in ([second, "--title", "z"], [first, "--title", "other"]):
        result = tm("update", *arguments, "--key", "k", code=6)
        assert result.err.startswith("tm: the key 'k' was used for 'update' with other values")
    assert json.loads(tm("show", second, "--json").out)["title"] == "y"


def test_i10_two_processes_with_the_same_key_make_one_task(tm: Any) -> None:
    tm("init")
    for key in ("a", "b", "c"):
        both = [tm.start("-m", "tm_core", "add", key, "--key", key) for _ in range(2)]
        first, second = (tm.finish(process).out for process in both)
        assert first == second
    assert len(tm("list").out.splitlines()) == 3


def test_i10_tm_request_id_is_a_key(tm: Any) -> None:
    tm("init")
    first = tm("add", "x", TM_REQUEST_ID="r")
    assert tm("add", "x", TM_REQUEST_ID="r").out == first.out
    assert tm("add", "x", "--key", "mine", TM_REQUEST_ID="r").out != first.out
    assert len(tm("list", TM_REQUEST_ID="r").out.splitlines()) == 2  # reading needs no key
    assert tm("update", first.out.strip(), "--title", "y", code=6, TM_REQUEST_ID="r")
