"""Layers, provenance, checks and the choice of features, through the public functions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_core.configuration.cache import (
    cache_path,
    default_cache_folder,
    read_json,
    write_atomically,
    write_json_atomically,
)
from tm_core.configuration.config import (
    LAYERS,
    Config,
    environment_name,
    read_config,
    user_config_path,
)
from tm_core.configuration.settings import KERNEL_SETTINGS, Layer, parse_value
from tm_core.errors import ConfigError, PluginError, UsageError
from tm_core.model import Plugin, Setting

DEADLINES = Plugin(
    "deadlines",
    "Due dates",
    config={
        "warn_before_hours": Setting("int", 24, "Hours", minimum=1, maximum=999),
        "style": Setting("str", "short", "How", choices=("short", "long")),
        "days": Setting("list", ("mon",), "Working days"),
        "rates": Setting("dict", {}, "By name"),
        "factor": Setting("float", 1.5, "Factor"),
        "loud": Setting("bool", False, "Loud"),
    },
)
TIME = Plugin("time-tracking", "Hours", config={"round_to": Setting("int", 1, "Minutes")})
FEEDBACK = Plugin("feedback", "Reviews", requires=("deadlines",))
TELEMETRY = Plugin("telemetry", "Counts", enabled=False)
ALL = (DEADLINES, TIME, FEEDBACK, TELEMETRY)


class Home:
    """A user's folder and a project's, with what is written to their files."""

    def __init__(self, folder: Path) -> None:
        self.environ = {"XDG_CONFIG_HOME": str(folder / "xdg"), "HOME": str(folder)}
        self.store = folder / "work" / ".task-orchestrator"
        self.store.mkdir(parents=True)
        self.project = self.store / "config.yaml"
        self.user = Path(user_config_path(self.environ))
        self.user.parent.mkdir(parents=True)
        self.cache = folder / "cache"

    def load(
        self,
        project: str = "",
        user: str = "",
        environ: Mapping[str, str] | None = None,
        command_line: Sequence[str] = (),
        flags: Sequence[str] = (),
        safe: bool = False,
    ) -> Config:
        self.project.write_text(project, encoding="utf-8")
        self.user.write_text(user, encoding="utf-8")
        return Config.load(
            str(self.store),
            self.environ | dict(environ or {}),
            command_line,
            safe=safe,
            plugin_flags=flags,
        )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_without_any_file_there_are_the_defaults(tmp_path: Path) -> None:
    config = Config.load(None, {"HOME": str(tmp_path)})
    for key, setting in KERNEL_SETTINGS.items():
        assert config.get(key) == setting.default
    assert [layer.name for layer in config.layers] == ["default", "user"]
    assert config.check(ALL) == []


def test_each_layer_wins_over_those_before(home: Home) -> None:
    config = home.load(
        "deadlines: {warn_before_hours: 4}",
        "deadlines: {warn_before_hours: 2}",
        {"TM_DEADLINES_WARN_BEFORE_HOURS": "5"},
        ["deadlines.warn_before_hours=6"],
    )
    values = {"warn_before_hours": 3}
    config = config.with_layer(Layer("set", "team", {"deadlines": {"warn_before_hours": 35}}))
    config = config.with_layer(Layer("providers", "vault", {"deadlines": values}))
    config = config.with_plugins(ALL)
    assert [entry[2] for entry in config.explain("deadlines.warn_before_hours")] == [
        *(24, 2, 3, 35, 4, 5, 6)
    ]
    assert [entry[:2] for entry in config.explain("deadlines.warn_before_hours")] == [
        ("default", "built in"),
        ("user", str(home.user)),
        ("providers", "vault"),
        ("set", "team"),
        ("project", str(home.project)),
        ("environment", "TM_DEADLINES_WARN_BEFORE_HOURS"),
        ("command line", "deadlines.warn_before_hours=6"),
    ]
    assert config.get("deadlines.warn_before_hours") == 6
    assert config.section(DEADLINES)["warn_before_hours"] == 6


@given(st.lists(st.tuples(st.sampled_from(LAYERS[1:5]), st.integers(1, 999)), max_size=8))
def test_the_last_layer_that_sets_a_key_wins(given_layers: list[tuple[str, int]]) -> None:
    config = Config([], KERNEL_SETTINGS, {}).with_plugins([DEADLINES])
    for name, hours in given_layers:
        values = {"deadlines": {"warn_before_hours": hours}}
        config = config.with_layer(Layer(name, f"{name} {hours}", values))
    expected = [24]
    for layer in LAYERS:
        expected += [hours for name, hours in given_layers if name == layer]
    assert [value for _, _, value in config.explain("deadlines.warn_before_hours")] == expected
    assert config.section(DEADLINES)["warn_before_hours"] == expected[-1]


def test_an_unset_value_sets_nothing(home: Home) -> None:
    config = home.load("list: {limit: }\nstore:", "list: {limit: 7}")
    assert config.get("list.limit") == 7
    assert config.get("store.url") == ""
    assert config.check(ALL) == []


def test_text_becomes_what_the_setting_is(home: Home) -> None:
    config = home.load(
        environ={
            "TM_DEADLINES_FACTOR": "2",
            "TM_DEADLINES_LOUD": "Yes",
            "TM_DEADLINES_DAYS": "tue, wed",
            "TM_TIME_TRACKING_ROUND_TO": "15",
            "TM_DEADLINES_STYLE": "",
        },
        command_line=['deadlines.rates={"a": 1}', "actor=12"],
    )
    assert dict(config.section(DEADLINES)) == {
        "warn_before_hours": 24,
        "style": "short",
        "days": ["tue", "wed"],
        "rates": {"a": 1},
        "factor": 2.0,
        "loud": True,
    }
    assert dict(config.section(TIME)) == {"round_to": 15}
    assert config.get("actor") == "12"


def test_the_kernels_own_variables(home: Home) -> None:
    config = home.load(environ={"TM_DB_PATH": "/x.db", "TM_AGENT_ID": "ada", "TM_PLUGINS": "a,b"})
    assert config.explain("store.url")[-1] == ("environment", "TM_DB_PATH", "/x.db")
    assert config.get("actor") == "ada"
    assert config.get("plugins.only") == ["a", "b"]
    config = home.load(environ={"TM_DB_PATH": "/x.db", "TM_STORE_URL": "/y.db"})
    assert config.get("store.url") == "/y.db"
    assert environment_name("time-tracking.round_to") == "TM_TIME_TRACKING_ROUND_TO"


def test_a_reader_cannot_change_a_default_for_the_next(home: Home) -> None:
    config = home.load()
    config.get("plugins.enable").append("x")
    config.section(DEADLINES)["days"].append("x")
    assert config.get("plugins.enable") == []
    assert config.section(DEADLINES)["days"] == ["mon"]


@pytest.mark.parametrize(
    ("project", "complaint"),
    [
        ("a: [1", ": not YAML"),
        ("- a", "holds a list"),
        ("just text", "holds a single value"),
        ("a: 1\na: 2", "config.yaml:2:1: 'a' is there twice"),
        ("a: &x [1]\nb: *x", "config.yaml:2:4: aliases"),
        ("&a x: *a", "aliases"),
        ("a: !!python/object:os.system {}", "tag"),
        ("a: !!binary aGk=", "tag"),
        ("a: .nan", "finite"),
        ("a: 1e999", "finite"),
        ("a: !!int x", "not a valid int"),
        ("a: " + "9" * 5000, "not a valid int"),
        ("? [1]\n: 2", "a key must be text"),
        ("a: " + "[" * 100_000, "nested too deeply"),
        ("a: 1\n---\nb: 2", "not YAML"),
        ("a: \x01", "not YAML"),
        ("limit: 3", "unknown key 'limit'"),
        ("stor: 3", "unknown key 'stor' (did you mean 'store'?)"),
        ("store: 3", "'store' must hold keys with values"),
        ("store: {urll: x}", "unknown key 'urll' in section 'store' (did you mean 'url'?)"),
        ("deadlines: {warn: 1}", "unknown key 'warn' in section 'deadlines'"),
        ("feedback: {x: 1}", "unknown key 'x' in section 'feedback'"),
        ("deadlines: {warn_before_hours: '3'}", "must be a whole number, not '3'"),
        ("deadlines: {warn_before_hours: true}", "must be a whole number, not True"),
        ("deadlines: {warn_before_hours: 0}", "must be at least 1, not 0"),
        ("deadlines: {warn_before_hours: 1000}", "must be at most 999"),
        ("deadlines: {style: medium}", "must be short or long, not 'medium'"),
        ("deadlines: {loud: 1}", "must be true or false"),
        ("deadlines: {days: mon}", "must be a list"),
        ("deadlines: {rates: []}", "must be keys with values"),
        ("deadlines: {factor: x}", "must be a number"),
        ("actor: 007", "must be text"),
        ("minimal_mode: 1", "must be true or false"),
        ("plugins: {enable: [1]}", "must hold names of features"),
        ("features: {feedback: 1}", "features.feedback must be true or false"),
        ("features: [feedback]", "'features' must hold keys with values"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_one_line(
    home: Home, project: str, complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        home.load(project).check(ALL)
    assert str(home.project) in caught.value.message
    assert complaint in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("key", ["list.limt", "deadlines.warn", "minimal_mode.x"])
def test_asking_for_an_unknown_key_of_a_known_section(home: Home, key: str) -> None:
    config = home.load().with_plugins(ALL)
    with pytest.raises(ConfigError, match="no setting"):
        config.get(key)
    with pytest.raises(ConfigError, match="no setting"):
        config.explain(key)


def test_a_wrong_variable_and_a_wrong_argument_name_themselves(home: Home) -> None:
    with pytest.raises(ConfigError, match=r"TM_LIST_LIMIT: list\.limit must be a whole number"):
        home.load(environ={"TM_LIST_LIMIT": "many"}).get("list.limit")
    with pytest.raises(ConfigError, match=r"list\.limit=-1: list\.limit must be at least 0"):
        home.load(command_line=["list.limit=-1"]).get("list.limit")


@pytest.mark.parametrize("item", ["list.limit", "=3", "list.=3", ".limit=3", "a.b.c=1"])
def test_a_malformed_argument_is_a_usage_error(home: Home, item: str) -> None:
    with pytest.raises(UsageError):
        home.load(command_line=[item])


@pytest.mark.parametrize("flag", ["", "no:"])
def test_a_flag_without_a_name_is_a_usage_error(home: Home, flag: str) -> None:
    with pytest.raises(UsageError):
        home.load(flags=[flag])


def test_settings_of_plugins_that_are_not_installed_are_a_warning(home: Home) -> None:
    config = home.load("deadline: {x: 1}\nother:\nplugins: {enable: [fedback]}")
    warnings = config.check(ALL)
    assert len(warnings) == 3
    assert "'deadline', which is not installed (did you mean 'deadlines'?)" in warnings[0]
    assert "'fedback'" in warnings[2]
    assert "did you mean 'feedback'?" in warnings[2]
    assert config.get("other.anything") is None
    assert config.get("deadline.x") == 1


def test_safe_takes_unknown_keys_for_nothing_and_turns_all_off(home: Home) -> None:
    text = "stor: 3\nstore: {urll: x}\nplugins: {enable: [telemetry], required: [gone]}"
    config = home.load(text, safe=True, flags=["deadlines"])
    config.check(ALL)
    assert config.get("store.urll") is not None
    choice = config.features(ALL)
    assert choice.enabled == {"deadlines"}
    assert choice.reasons["telemetry"] == "off in minimal mode, set by --safe"


def test_safe_goes_on_without_a_broken_file(home: Home) -> None:
    config = home.load("a: [", "list: {limit: 3}", safe=True).with_plugins(ALL)
    assert config.get("list.limit") == 3
    (warning,) = config.check(ALL)
    assert warning.startswith(f"{home.project}:")
    assert "not YAML" in warning


def test_keys_of_the_older_tool_are_accepted(home: Home) -> None:
    config = home.load(
        json.dumps(
            {
                "features": {"feedback": False, "telemetry": True, "time-tracking": True},
                "minimal_mode": False,
                "telemetry_enabled": False,
                "enforcement_level": "strict",
                "version": "2.3.0",
            }
        )
    )
    assert config.check(ALL) == []
    choice = config.features(ALL)
    # A refusal of telemetry is respected wherever it stands; true alone would not be consent.
    assert choice.enabled == {"deadlines", "time-tracking"}
    assert home.load("telemetry_enabled: true").features(ALL).reasons["telemetry"] == (
        "off by default"
    )


def test_yaml_surprises_are_text(home: Home) -> None:
    home.project.write_text("on: 12:30\n1: 2024-01-02\nf: 1e3\nb: 2024-01-02T03:04:05Z\n<<: =\n")
    assert read_config(str(home.project)) == {
        "on": "12:30",
        "1": "2024-01-02",
        "f": 1000.0,
        "b": "2024-01-02T03:04:05Z",
        "<<": "=",
    }


def test_a_provider_cannot_decide_what_was_decided_before_it(home: Home) -> None:
    config = home.load()
    for key in ("plugins", "store", "minimal_mode", "features"):
        with pytest.raises(ConfigError, match="vault: a provider cannot set"):
            config.with_layer(Layer("providers", "vault", {key: {}}))
    with pytest.raises(ConfigError, match="vault: gave no mapping"):
        config.with_layer(Layer("providers", "vault", None))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not in tuple"):
        config.with_layer(Layer("nobody", "x", {}))


def test_a_plugin_cannot_redefine_a_setting_of_the_kernel(home: Home) -> None:
    thief = Plugin("store", "", config={"url": Setting("int", 3, "")})
    assert home.load().with_plugins([thief]).get("store.url") == ""


# Features


def test_reasons_say_who_decided(home: Home) -> None:
    config = home.load(
        "plugins: {disable: [deadlines]}",
        "plugins: {enable: [telemetry]}",
        flags=["no:time-tracking"],
    )
    choice = config.features(ALL)
    assert choice.enabled == {"telemetry"}
    assert choice.reasons == {
        "deadlines": f"disabled in {os.path.join('.task-orchestrator', 'config.yaml')}",
        "time-tracking": "disabled by -p no:time-tracking",
        "feedback": "needs 'deadlines', which is off",
        "telemetry": f"enabled in {home.user}",
    }
    choice = home.load(environ={"TM_PLUGINS": "telemetry,nobody"}).features(ALL)
    assert choice.enabled == {"telemetry"}
    assert choice.reasons["feedback"] == "not in plugins.only by TM_PLUGINS"
    assert choice.unknown == ("nobody",)


def test_minimal_mode_wins_in_its_layer_and_may_be_taken_back(home: Home) -> None:
    everything = "minimal_mode: true\nplugins: {enable: [telemetry], only: [deadlines]}"
    assert home.load(everything).features(ALL).enabled == frozenset()
    assert home.load(everything, flags=["deadlines"]).features(ALL).enabled == {"deadlines"}
    assert home.load(everything, environ={"TM_MINIMAL_MODE": "0"}).features(ALL).enabled == {
        "deadlines",
        "telemetry",
    }


def test_a_required_feature_must_be_there_and_on(home: Home) -> None:
    assert home.load("plugins: {required: [telemetry]}").features(ALL).required == {"telemetry"}
    assert "telemetry" in home.load("plugins: {required: [telemetry]}").features(ALL).enabled
    with pytest.raises(PluginError, match=r"not installed.*did you mean 'feedback'"):
        home.load("plugins: {required: [fedback]}").check(ALL)
    with pytest.raises(PluginError, match="off: needs 'deadlines'"):
        home.load("plugins: {required: [feedback]}", flags=["no:deadlines"]).features(ALL)


def test_requirements_that_are_missing_or_in_a_circle(home: Home) -> None:
    circle = [Plugin("a", "", requires=("b",)), Plugin("b", "", requires=("a",))]
    assert home.load().features(circle).enabled == {"a", "b"}
    assert home.load(flags=["no:a"]).features(circle).enabled == frozenset()
    lonely = [Plugin("a", "", requires=("z",))]
    assert home.load().features(lonely).reasons == {"a": "needs 'z', which is not installed"}


NAMES = st.lists(st.sampled_from("abcdx"), max_size=3)
SWITCHES = st.fixed_dictionaries(
    {},
    optional={
        "only": NAMES,
        "enable": NAMES,
        "disable": NAMES,
        "minimal": st.booleans(),
        "legacy": st.dictionaries(st.sampled_from("abcdx"), st.booleans()),
    },
)


@given(
    st.lists(st.tuples(st.sampled_from(LAYERS[1:5:2]), SWITCHES), max_size=5),
    st.sets(st.sampled_from("abcd")),
)
def test_features_follow_the_naive_model(
    given_layers: list[tuple[str, dict[str, Any]]], default: set[str]
) -> None:
    manifests = [Plugin(name, "", enabled=name in default) for name in "abcd"]
    config = Config([], KERNEL_SETTINGS, {})
    for number, (name, switches) in enumerate(given_layers):
        plugins = {key: switches[key] for key in ("only", "enable", "disable") if key in switches}
        values = {"plugins": plugins, "features": switches.get("legacy", {})}
        if "minimal" in switches:
            values["minimal_mode"] = switches["minimal"]
        config = config.with_layer(Layer(name, str(number), values))

    ordered = [layer for name in LAYERS for layer in given_layers if layer[0] == name]
    says = [index for index, (_, switches) in enumerate(ordered) if "minimal" in switches]
    expected = set(default)
    for index, (_, switches) in enumerate(ordered):
        if "only" in switches:
            expected = set(switches["only"])
        for feature, state in switches.get("legacy", {}).items():
            expected = expected | {feature} if state else expected - {feature}
        expected = (expected | set(switches.get("enable", ()))) - set(switches.get("disable", ()))
        if says and says[-1] == index and switches["minimal"]:
            expected = set()

    choice = config.features(manifests)
    assert choice.enabled == expected - {"x"}
    assert choice.reasons.keys() == set("abcd")
    assert choice.unknown in ((), ("x",))


# Files and the cache


def test_files_that_cannot_be_read(home: Home) -> None:
    assert read_config(str(home.store / "none.yaml")) == {}
    home.project.write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 3"):
        read_config(str(home.project))
    home.project.write_text("a: " + "x" * 1_000_001)
    with pytest.raises(ConfigError, match="larger than"):
        read_config(str(home.project))
    with pytest.raises(ConfigError, match="not a file"):
        read_config(str(home.store))
    home.project.write_bytes(b'\xef\xbb\xbf{"actor": "ada", "list": {"limit": 3}}')
    assert read_config(str(home.project)) == {"actor": "ada", "list": {"limit": 3}}


def settle(path: Path) -> None:
    """Make a file look old enough to be cached."""
    os.utime(path, ns=(10**18, 10**18))


def test_an_unchanged_file_comes_from_the_cache(home: Home) -> None:
    home.project.write_text("actor: ada")
    settle(home.project)
    assert read_config(str(home.project), str(home.cache)) == {"actor": "ada"}
    (cached,) = home.cache.iterdir()
    if os.name == "posix":
        assert cached.stat().st_mode & 0o777 == 0o600
        assert home.cache.stat().st_mode & 0o777 == 0o700
    entry = json.loads(cached.read_text())
    entry["values"] = {"actor": "from the cache"}
    cached.write_text(json.dumps(entry))
    assert read_config(str(home.project), str(home.cache)) == {"actor": "from the cache"}
    for corrupt in ("", "{", "[]", '{"stamp": 1}', "[" * 100_000):
        cached.write_text(corrupt)
        assert read_config(str(home.project), str(home.cache)) == {"actor": "ada"}


def test_a_changed_file_does_not_come_from_the_cache(home: Home) -> None:
    for content in ("actor: ada", "actor: bob"):
        replacement = home.project.with_name("new")
        replacement.write_text(content)
        settle(replacement)
        replacement.replace(home.project)  # same time and size, another file
        assert read_config(str(home.project), str(home.cache)) == {"actor": content[-3:]}


def test_a_file_changed_just_now_is_not_cached(home: Home) -> None:
    home.project.write_text("actor: ada")
    os.utime(home.project, (2**32, 2**32))  # in the future: never settled
    read_config(str(home.project), str(home.cache))
    assert not home.cache.exists()


def test_a_cache_that_cannot_be_written_is_done_without(home: Home) -> None:
    home.project.write_text("actor: ada")
    settle(home.project)
    blocked = home.store / "file"
    blocked.write_text("")
    assert read_config(str(home.project), str(blocked / "x")) == {"actor": "ada"}
    assert read_config(str(home.project), str(blocked)) == {"actor": "ada"}
    assert write_json_atomically(str(home.cache / "x"), {1, 2}) is False
    assert read_json(str(home.cache / "x")) is None


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    with pytest.raises(OSError, match="taken"):
        write_atomically(str(target), b"x", mode=0o600)
    assert list(tmp_path.iterdir()) == [target]


def test_folders_follow_the_users_wishes(tmp_path: Path) -> None:
    if os.name == "nt":
        assert default_cache_folder({"LOCALAPPDATA": "C:\\c"}) == "C:\\c\\task-orchestrator"
        return
    assert default_cache_folder({"XDG_CACHE_HOME": "/c"}) == "/c/task-orchestrator"
    assert default_cache_folder({"HOME": "/h"}) == "/h/.cache/task-orchestrator"
    relative = {"XDG_CONFIG_HOME": "rel", "HOME": "/h"}
    assert user_config_path(relative) == "/h/.config/task-orchestrator/config.yaml"
    assert cache_path("/c", "config", "a").startswith("/c/config-")
    assert cache_path("/c", "config", "a") != cache_path("/c", "config", "b")


def test_reading_from_the_cache_imports_no_yaml(home: Home) -> None:
    home.project.write_text("actor: ada\nplugins: {disable: [x]}")
    settle(home.project)
    code = (
        "import sys; from tm_core.configuration.config import Config\n"
        "from tm_core.model import Plugin\n"
        f"c = Config.load({str(home.store)!r}, {{'TM_LIST_LIMIT': '3'}}, ['store.url=x'],"
        f" {str(home.cache)!r})\n"
        "p = [Plugin('x', '')]; c.features(p); c.check(p); c.get('list.limit')\n"
        "print(','.join({'yaml', 'difflib', 'pathlib', 'tempfile'} & set(sys.modules)))"
    )
    run = [sys.executable, "-S", "-c", code]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    first, second = (
        subprocess.run(run, env=environ, check=True, capture_output=True, text=True).stdout.strip()
        for _ in range(2)
    )
    assert (first, second) == ("yaml", "")


# Values typed by a person


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("true", True),
        ("1.5", 1.5),
        ("plain words", "plain words"),
        ("[a, b]", ["a", "b"]),
        ("'12'", "12"),
        ("[a", "[a"),
        ("yes", "yes"),
    ],
)
def test_a_value_without_a_setting(text: str, value: Any) -> None:
    assert parse_value(text) == value


def test_a_value_for_a_setting() -> None:
    assert parse_value("12", Setting("str", "", "")) == "12"
    assert parse_value("a,b", Setting("list", [], "")) == ["a", "b"]
    assert parse_value("[a, b]", Setting("list", [], "")) == ["a", "b"]
    with pytest.raises(ConfigError, match=r"list\.limit must be at least 0, not -4"):
        parse_value("-4", KERNEL_SETTINGS["list.limit"], "list.limit")
    with pytest.raises(ConfigError, match="must be a number, not nan"):
        parse_value("nan", Setting("float", 1.0, ""))


SENDING = Plugin("sending", "Sends", config={"urls": Setting("list", [], "To", personal=True)})


def test_a_project_cannot_make_a_personal_setting(tmp_path: Path) -> None:
    store = tmp_path / ".task-orchestrator"
    store.mkdir()
    project = store / "config.yaml"
    project.write_text('sending: {urls: ["http://theirs"]}\n', encoding="utf-8")
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "home"), "HOME": str(tmp_path / "home")}
    config = Config.load(str(store), environ).with_plugins([SENDING])
    assert config.get("sending.urls") == []
    assert [layer for layer, _, _ in config.explain("sending.urls")] == ["default"]
    (warning,) = config.check([SENDING])
    assert warning.startswith(f"{project}: sending.urls is ignored")

    mine = Path(user_config_path(environ))
    mine.parent.mkdir(parents=True)
    mine.write_text('sending: {urls: ["http://mine"]}\n', encoding="utf-8")
    config = Config.load(str(store), environ).with_plugins([SENDING])
    assert config.get("sending.urls") == ["http://mine"]
    environ["TM_SENDING_URLS"] = "http://a,http://b"
    config = Config.load(str(store), environ).with_plugins([SENDING])
    assert config.get("sending.urls") == ["http://a", "http://b"]
