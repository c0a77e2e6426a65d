"""`tm config`: shows and changes features and settings, also where there is no store."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from typing import Any

import click

from tm_core.api import (
    Config,
    ConfigError,
    Field,
    InvalidValue,
    NoStore,
    Run,
    Setting,
    TmError,
    UsageError,
    check,
    current_run,
    dry_run_option,
    masked,
    nearest,
    parse_value,
    quote,
    set_config_feature,
    set_config_value,
    unset_config_value,
    user_config_path,
    visible,
)

from .resetting import set_aside


def _feature_file(run: Run, user: bool) -> str:
    if user:
        return user_config_path(run.workspace.environ)
    if not os.path.isdir(run.workspace.folder):
        raise NoStore(
            "there is no project here whose configuration could be changed",
            "tm init, or --user for your own",
        )
    return os.path.join(run.workspace.folder, "config.yaml")


def _known(run: Run, name: str) -> str:
    """The feature's name, or a UsageError with the nearest."""
    names = [one.name for one in run.workspace.host.installed]
    if name not in names:
        hint = nearest(name, names) or f"known: {', '.join(names)}"
        raise UsageError(f"there is no feature '{name}'", hint)
    return name


def _toggle(run: Run, names: Sequence[str], enabled: bool, user: bool) -> None:
    for name in names:
        _known(run, name)
    for name in names:
        set_config_feature(_feature_file(run, user), name, enabled, dry_run=run.output.dry_run)
        run.output.say(f"Feature '{name}' {'enabled' if enabled else 'disabled'}")
    if run.output.dry_run:
        return
    run.forget()
    host = run.workspace.host
    for name in names:
        if (name in host.enabled) != enabled:
            state = "off" if enabled else "on"
            run.output.warn(f"feature '{name}' is still {state}: {host.reasons.get(name)}")


def _config(run: Run) -> Config:
    """All layers; what plugins provide is there once the store is open, if there is one."""
    if run.workspace.host.implementations("config_providers"):
        with contextlib.suppress(TmError):  # no store, or a damaged one: the rest can be told
            _ = run.manager
    return run.workspace.config


def _show(run: Run) -> None:
    host, config = run.workspace.host, _config(run)
    features = {
        one.name: one.name in host.enabled for one in host.installed if one.manifest is not None
    }
    if run.output.as_json:
        layers = [layer._asdict() for layer in config.layers]
        run.output.json(_without_passwords({"features": features, "layers": layers}))
        return
    run.output.data("Current configuration")
    for name, on in features.items():
        state = "enabled" if on else "disabled"
        reason = host.reasons.get(name, "")
        run.output.data(f"  {name}: {state}" + (f"  ({visible(reason)})" if reason else ""))
    for key in config.all_keys():
        for _, origin, value in config.explain(key)[-1:]:
            run.output.data(f"  {key}: {_shown(value)}  ({visible(origin)})")


def _without_passwords(value: Any) -> Any:
    """JSON in which no URL tells a password."""
    if isinstance(value, dict):
        return {key: _without_passwords(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_passwords(each) for each in value]
    return masked(value) if isinstance(value, str) else value


def _shown(value: Any) -> str:
    """A value as it can be written into a file or given to `tm config set`."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return visible(masked(text))


def _setting(run: Run, key: str) -> Setting | None:
    """What is known about a key. Raises UsageError for one that nobody knows or sets."""
    config = run.workspace.config
    with contextlib.suppress(ConfigError):  # raised for an unknown key in a known section
        setting = config.setting(key)
        if setting is not None or config.get(key) is not None:
            return setting
    hint = nearest(key, config.all_keys()) or "tm config lists them"
    raise UsageError(f"there is no setting {quote(key)}", hint)


def _complete_key(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    return [key for key in current_run(ctx).workspace.config.all_keys() if key.startswith(begun)]


def _complete_feature(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    names = [one.name for one in current_run(ctx).workspace.host.installed]
    return [name for name in names if name.startswith(begun)]


_key = click.argument("key", shell_complete=_complete_key)
_features = click.argument("feature", nargs=-1, required=True, shell_complete=_complete_feature)


_user = click.option("--user", is_flag=True, help="In your own configuration, not the project's")


@click.group(
    invoke_without_command=True,
    help="Show and change the configuration. Without a command: show it.",
)
@click.option(
    "--enable", metavar="FEATURE", help="Turn a feature on", shell_complete=_complete_feature
)
@click.option(
    "--disable", metavar="FEATURE", help="Turn a feature off", shell_complete=_complete_feature
)
@click.option("--minimal-mode", is_flag=True, help="Turn all features off")
@click.option("--show", is_flag=True, help="Show the configuration")
@click.option("--reset", is_flag=True, help="Set the project's configuration aside")
@click.option("--enforce-orchestration", metavar="YES|NO", hidden=True)
@click.option("--enforce-usage", metavar="YES|NO", hidden=True)
@click.option("--enforcement-level", metavar="LEVEL", hidden=True)
@click.option("--show-enforcement", is_flag=True, hidden=True)
@dry_run_option
@click.pass_context
def config(
    ctx: click.Context,
    enable: str | None,
    disable: str | None,
    minimal_mode: bool,
    show: bool,
    reset: bool,
    enforce_orchestration: str | None,
    enforce_usage: str | None,
    enforcement_level: str | None,
    show_enforcement: bool,
) -> None:
    """Spellings as options serve scripts written for the earlier tool."""
    run = current_run()
    enforcement = enforce_orchestration or enforce_usage or enforcement_level or show_enforcement
    if enforcement:
        run.output.say("There is no enforcement here: every command is always allowed")
    if enable:
        _toggle(run, [enable], True, False)
    if disable:
        _toggle(run, [disable], False, False)
    if minimal_mode:
        ctx.invoke(minimal, state="on", user=False)
    if reset:
        ctx.invoke(reset_config, user=False)
    changed = enable or disable or minimal_mode or reset or enforcement
    if show or (ctx.invoked_subcommand is None and not changed):
        _show(run)


@config.command("show", help="Show features and settings, and where each comes from.")
def show_config() -> None:
    """The configuration in force."""
    _show(current_run())


@config.command("get", help="Print the value of a key.")
@_key
def get_key(key: str) -> None:
    """One value."""
    run = current_run()
    _setting(run, key)
    value = _config(run).get(key)
    if run.output.as_json:
        run.output.json(_without_passwords({key: value}))
    else:
        run.output.data(_shown(value))


@config.command("set", help="Set a key, such as list.limit, to a value.")
@_key
@click.argument("value")
@_user
@dry_run_option
def set_key(key: str, value: str, user: bool) -> None:
    """One value, checked before it is written."""
    run = current_run()
    setting = _setting(run, key)
    if setting is not None and setting.personal and not user:
        raise UsageError(
            f"'{key}' is a personal setting, a project cannot make it",
            f"tm config set --user {key} VALUE",
        )
    check(Field(key, "str"), value)
    try:
        parsed = parse_value(value, setting, key)
    except ConfigError as error:
        raise InvalidValue(error.message, error.hint, field=key) from None
    set_config_value(_feature_file(run, user), key, parsed, dry_run=run.output.dry_run)
    run.output.say(f"{key} is set")


@config.command("unset", help="Remove a key, so that its default or another layer counts.")
@_key
@_user
@dry_run_option
def unset_key(key: str, user: bool) -> None:
    """One value less; also one that nobody knows, since it may have to go."""
    run = current_run()
    there = unset_config_value(_feature_file(run, user), key, dry_run=run.output.dry_run)
    if not there:
        _setting(run, key)
    run.output.say(f"{key} is not set here" + (" any more" if there else ""))


@config.command("explain", help="Show each layer's value of a key, and which one counts.")
@_key
def explain(key: str) -> None:
    """Where a value comes from."""
    run = current_run()
    _setting(run, key)
    layers = _config(run).explain(key)
    if run.output.as_json:
        rows = [{"layer": n, "origin": o, "value": v} for n, o, v in layers]
        run.output.json(_without_passwords(rows))
        return
    if not layers:
        run.output.say(f"{key} is set nowhere")
    for index, (name, origin, value) in enumerate(layers):
        counts = "  <- counts" if index == len(layers) - 1 else ""
        run.output.data(f"{name}\t{visible(origin)}\t{_shown(value)}{counts}")


@config.command("enable", help="Turn features on.")
@_features
@_user
@dry_run_option
def enable_feature(feature: tuple[str, ...], user: bool) -> None:
    """Its data is where it was."""
    _toggle(current_run(), feature, True, user)


@config.command("disable", help="Turn features off; their data stays.")
@_features
@_user
@dry_run_option
def disable_feature(feature: tuple[str, ...], user: bool) -> None:
    """Commands, options, fields and hooks go; data stays."""
    _toggle(current_run(), feature, False, user)


@config.command("minimal-mode", help="Turn all features off, or back to what is configured.")
@click.argument("state", type=click.Choice(["on", "off"]))
@_user
@dry_run_option
def minimal(state: str, user: bool) -> None:
    """The kernel alone."""
    run = current_run()
    # Off is written, too, since it overrules the layers below.
    path, dry_run = _feature_file(run, user), run.output.dry_run
    set_config_value(path, "minimal_mode", state == "on", dry_run=dry_run)
    run.output.say(f"Minimal mode is {state}")


@config.command("reset", help="Set the configuration file aside and begin with the defaults.")
@_user
@dry_run_option
def reset_config(user: bool) -> None:
    """The old file is kept."""
    run = current_run()
    kept = set_aside(_feature_file(run, user), dry_run=run.output.dry_run)
    run.output.say(f"Configuration reset; the old one is {kept}" if kept else "Nothing to reset")
