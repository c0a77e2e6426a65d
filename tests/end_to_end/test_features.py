"""The feature matrix: every feature alone on, alone off, all off and all on, as installed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tm_core.command_line.manifest import plugin as kernel
from tm_core.engine.performing import method_name
from tm_core.errors import FeatureDisabled, TmError
from tm_core.manager import TaskManager
from tm_core.model import Field, Plugin
from tm_core.plugin_host.registry import installed_plugins
from tm_core.testing import Cli
from tm_core.workspace import Workspace

INSTALLED: dict[str, Plugin] = {
    one.name: one.manifest for one in installed_plugins(None) if one.manifest is not None
}
FEATURES = sorted(INSTALLED)
ESSENTIAL = {name for name, manifest in INSTALLED.items() if manifest.essential}
"""What minimal mode and `plugins.only` leave on."""

each_feature = pytest.mark.parametrize("feature", FEATURES)


def with_needs(feature: str) -> list[str]:
    """A feature and all that it requires, directly or not."""
    found = [feature]
    for name in found:
        found += [need for need in INSTALLED[name].requires if need not in found]
    return found


def dependents(feature: str) -> set[str]:
    """A feature and all that cannot be on without it."""
    return {name for name in FEATURES if feature in with_needs(name)}


@pytest.fixture
def select(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Turns exactly these features on, for all that follows."""

    def choose(*features: str) -> None:
        if features:
            monkeypatch.delenv("TM_MINIMAL_MODE", raising=False)
            monkeypatch.setenv("TM_PLUGINS", ",".join(features))
        else:
            monkeypatch.delenv("TM_PLUGINS", raising=False)
            monkeypatch.setenv("TM_MINIMAL_MODE", "true")

    return choose


def use_the_kernel(cli: Cli, *options: str) -> None:
    """Everything that works without any feature, and without a word of complaint."""

    def tm(*arguments: str) -> Any:
        done = cli(*options, *arguments)
        assert not re.search(r"^tm: ", done.err, re.MULTILINE), (arguments, done.err)
        return done

    tm("init")
    first, second = (tm("add", title).out.strip() for title in ("First", "Second"))
    assert first in tm("list").out
    assert tm("list", "--where", "title == 'First'", "--json").json[0]["id"] == first
    tm("update", first, "--title", "Renamed", "--priority", "high", "--status", "in_progress")
    assert "title: Renamed" in tm("show", first).out
    tm("complete", first)
    assert tm("show", first, "--json").json["status"] == "completed"
    tm("delete", second)
    assert second not in tm("list").out
    if "history" in enabled(cli, *options):
        tm("undo")
        assert second in tm("list").out
        types = [event["type"] for event in tm("log", "--json").json]
        assert types[:2] == ["task.undone", "task.deleted"]
        assert types[-1] == "task.created"
    if "doctor" in enabled(cli, *options):
        findings = tm("doctor", "--json").json
        assert [each for each in findings if each["level"] == "error"] == []
    tm("--help")


def enabled(cli: Cli, *options: str) -> set[str]:
    """The features that are on; options are `--safe` or `-p NAME`."""
    flags = [option for option in options if option not in ("-p", "--safe")]
    safe = "--safe" in options
    workspace = Workspace(str(cli.folder), plugin_flags=flags, safe=safe, report=print)
    return set(workspace.host.enabled)


def test_every_plugin_that_is_installed_can_be_used() -> None:
    assert [one.error for one in installed_plugins(None)] == [""] * len(INSTALLED)
    assert FEATURES


@each_feature
def test_a_feature_alone_on(feature: str, tm_cli: Cli, select: Callable[..., None]) -> None:
    select(*with_needs(feature))
    assert enabled(tm_cli) == set(with_needs(feature)) | ESSENTIAL
    use_the_kernel(tm_cli)


@each_feature
def test_a_feature_alone_off(feature: str, tm_cli: Cli, select: Callable[..., None]) -> None:
    select(*FEATURES)
    off = ("-p", f"no:{feature}")
    assert enabled(tm_cli, *off) == set(FEATURES) - dependents(feature)
    use_the_kernel(tm_cli, *off)


def test_all_features_off(tm_cli: Cli, select: Callable[..., None]) -> None:
    select()
    assert enabled(tm_cli) == ESSENTIAL
    use_the_kernel(tm_cli)
    assert enabled(tm_cli, "--safe") == ESSENTIAL
    use_the_kernel(tm_cli, "--safe")


def test_all_features_on(tm_cli: Cli, select: Callable[..., None]) -> None:
    select(*FEATURES)
    assert enabled(tm_cli) == set(FEATURES)
    use_the_kernel(tm_cli)


def test_the_features_that_are_on_by_default(tm_cli: Cli) -> None:
    assert enabled(tm_cli) == {name for name in FEATURES if INSTALLED[name].enabled}
    use_the_kernel(tm_cli)


def commands_of(feature: str) -> list[str]:
    return [*INSTALLED[feature].actions, *INSTALLED[feature].commands]


def flags_of(field: Field) -> tuple[str, ...]:
    return field.options or ("--" + field.name.replace("_", "-"),)


@each_feature
def test_its_commands_say_that_it_is_off(
    feature: str, tm_cli: Cli, select: Callable[..., None]
) -> None:
    select(*FEATURES)
    help_with = tm_cli("--help").out
    off = ("-p", f"no:{feature}")
    help_without = tm_cli(*off, "--help").out
    for command in commands_of(feature):
        for rest in ([], ["x"], ["--help"], ["x", "--json"]):
            done = tm_cli(*off, *command.split(), *rest, code=8)
            assert done.out == ""
            assert f"feature '{feature}' is disabled" in done.err
            assert f"tm config enable {feature}" in done.err
            assert done.err.count("\n") == 1
        if getattr(INSTALLED[feature].actions.get(command), "hidden", False):
            continue
        word = command.split()[0]
        assert re.search(rf"^  {word}(?![\w-])", help_with, re.MULTILINE)
        others = [c for name in set(FEATURES) - dependents(feature) for c in commands_of(name)]
        if not any(other.split()[0] == word for other in others):
            assert not re.search(rf"^  {word}(?![\w-])", help_without, re.MULTILINE)


@each_feature
def test_its_options_say_that_it_is_off(
    feature: str, tm_cli: Cli, select: Callable[..., None]
) -> None:
    task = tm_cli.add("x")
    select()
    for field in INSTALLED[feature].fields:
        for verb in set(field.on) & set(kernel.actions):
            own = tm_cli(verb, "--help").out
            arguments = {"add": ["y"], "list": []}.get(verb, [task])
            for flag in flags_of(field):
                if re.search(rf"(?<![\w-]){flag}\b", own):
                    continue  # the kernel's own spelling
                done = tm_cli(verb, *arguments, flag, "1", code=8)
                named = re.search(r"feature '([\w-]+)' is disabled", done.err)
                assert named, done.err
                assert flag in [f for each in INSTALLED[named[1]].fields for f in flags_of(each)]
                assert f"tm config enable {named[1]}" in done.err
    assert [row["id"] for row in tm_cli("list", "--json").json] == [task]


@pytest.fixture
def opened(tm_open: Callable[..., TaskManager]) -> Callable[..., TaskManager]:
    """Opens the store with these settings, and closes what was open before."""
    last: list[TaskManager] = []

    def open_store(**options: Any) -> TaskManager:
        for manager in last:
            manager.close()
        last[:] = [tm_open(**options)]
        return last[0]

    return open_store


@each_feature
def test_its_methods_say_that_it_is_off(
    feature: str, opened: Callable[..., TaskManager], select: Callable[..., None]
) -> None:
    select(*FEATURES)
    manager = opened()
    names = [method_name(command) for command in INSTALLED[feature].actions]
    for name in names:
        assert callable(getattr(manager, name))
        assert getattr(manager, name).__doc__
        assert name in dir(manager)
    manager = opened(settings=[f"plugins.disable={feature}"])
    for name in names:
        if hasattr(TaskManager, name):
            continue  # a command over what the kernel does in any case
        with pytest.raises(FeatureDisabled, match=f"feature '{feature}' is disabled") as caught:
            getattr(manager, name)
        assert caught.value.exit_code == 8
        assert caught.value.hint == f"tm config enable {feature}"
        assert name not in dir(manager)
    for field in INSTALLED[feature].fields:
        if "add" in field.on and field.name not in manager.host.fields_on("add"):
            with pytest.raises(FeatureDisabled):
                manager.add("x", **{field.name: "1"})
    assert manager.count() == 0


def samples(field: Field, manager: TaskManager, task_id: str) -> list[Any]:
    """Values of which a field should accept at least one."""
    if field.name == "phase":  # one that somebody made
        return [manager.phases_create("One")["id"]]
    choices = manager.field(field.name).choices
    number = max(field.minimum or 0, 1)
    by_type: dict[str, list[Any]] = {
        "str": [task_id, "x", "a.py:1"],
        "int": [int(number)],
        "float": [float(number)],
        "bool": [True],
        "datetime": ["2031-02-03T04:05:06Z"],
        "duration": [float(number)],
        "enum": list(choices),
        "json": [{"a": 1}, [], [{"name": "x"}]],
        "task": [task_id],
        "list": [["x"], [task_id], ["a.py:1"]],
    }
    return by_type[field.type]


@each_feature
def test_its_data_stay_while_it_is_off_and_return(
    feature: str, opened: Callable[..., TaskManager], select: Callable[..., None]
) -> None:
    select(*FEATURES)
    manager = opened()
    other = manager.add("Other")
    task = manager.add("Before")
    kept: dict[str, Any] = {}
    for field in INSTALLED[feature].fields:
        if not field.stored or not {"add", "update"} & set(field.on):
            continue
        for value in samples(field, manager, other.id):
            try:
                if "update" in field.on:
                    manager.update(task.id, **{field.name: value})
                else:
                    task = manager.add("Before", **{field.name: value})
            except TmError:
                continue
            kept[field.name] = manager.get(task.id)[field.name]
            break
        else:
            pytest.fail(f"{field} accepted nothing")
    before = manager.get(task.id).as_dict()

    manager = opened(settings=[f"plugins.disable={feature}"])
    assert not kept.keys() & manager.get(task.id).keys()
    manager.update(task.id, title="Meanwhile")
    for name in kept:
        with pytest.raises(TmError, match="no field"):
            manager.find(f"{name} is None")

    manager = opened()
    after = manager.get(task.id).as_dict()
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed <= {"title", "version", "updated_at"}
    for name, value in kept.items():
        assert after[name] == value
