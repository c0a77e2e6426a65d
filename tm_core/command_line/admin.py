"""Kernel commands about the tool itself: init, config, plugins, doctor, completion."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from typing import Any

import click

from tm_core.configuration.config import user_config_path
from tm_core.configuration.settings import parse_value
from tm_core.errors import BlankStore, ConfigError, InvalidValue, NoStore, TmError, UsageError
from tm_core.language import values
from tm_core.language.text import masked, nearest, quote, visible
from tm_core.model import Field, Setting
from tm_core.workspace import FILE, FOLDER

from .invocation import Invocation, of


def _run() -> Invocation:
    return of(click.get_current_context())


def _take_dry_run(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        run = of(ctx)
        run.options["dry_run"] = run.output.dry_run = True


_dry_run = click.option(
    "--dry-run",
    is_flag=True,
    expose_value=False,
    callback=_take_dry_run,
    help="Check all, write nothing",
)


@click.command(help="Make a task store in this folder, or say that there is one.")
@_dry_run
def init() -> None:
    """Make the store; nothing else ever does."""
    run = _run()
    start = os.path.abspath(run.options.get("directory") or ".")
    wanted = str(run.options.get("store") or run.workspace.environ.get("TM_DB_PATH") or "")
    path = folder = os.path.join(start, FOLDER)
    configured = str(run.workspace.config.get("store.url") or "")
    if not wanted and "://" in configured and run.workspace.folder == folder:
        wanted = configured
    if "://" in wanted:
        path = wanted
    elif wanted:
        path = os.path.abspath(os.path.expanduser(wanted))
        folder = os.path.dirname(path) if path.endswith(".db") else path
    file = path if "://" in path or path.endswith(".db") else os.path.join(path, FILE)
    created = "://" not in wanted and not os.path.exists(file)
    if not created:
        run.options["store"] = path  # here, not in a folder above
        run.forget()
        try:
            run.manager  # noqa: B018  # opening it checks it, and brings one's own up to date
        except (BlankStore, NoStore):  # as an interrupted run leaves it, or not made yet
            created = True
    if created and not run.output.dry_run:
        path = run.create(folder, wanted).database.url
        _ignore(folder)
    elif created:
        path = file
    run.output.say(
        "Task database initialized"
        if created
        else f"There is a task store at {masked(path)} already"
    )
    if run.output.as_json:
        run.output.json({"store": masked(path if created else file), "created": created})


def _ignore(folder: str) -> None:
    """Keep the database and its companions out of version control, the configuration in it."""
    path = os.path.join(folder, ".gitignore")
    if os.path.basename(folder) == FOLDER and not os.path.exists(path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("*\n!.gitignore\n!config.yaml\n")


def _feature_file(run: Invocation, user: bool) -> str:
    if user:
        return user_config_path(run.workspace.environ)
    if not os.path.isdir(run.workspace.folder):
        raise NoStore(
            "there is no project here whose configuration could be changed",
            "tm init, or --user for your own",
        )
    return os.path.join(run.workspace.folder, "config.yaml")


def _known(run: Invocation, name: str) -> str:
    """The feature's name, or a UsageError with the nearest."""
    names = [one.name for one in run.workspace.host.installed]
    if name not in names:
        hint = nearest(name, names) or f"known: {', '.join(names)}"
        raise UsageError(f"there is no feature '{name}'", hint)
    return name


def _toggle(run: Invocation, names: Sequence[str], enabled: bool, user: bool) -> None:
    for name in names:
        _known(run, name)
    from tm_core.configuration import (
        editing as config_edit,
    )  # YAML takes a while: who writes it pays for it

    for name in names:
        config_edit.set_feature(_feature_file(run, user), name, enabled, dry_run=run.output.dry_run)
        run.output.say(f"Feature '{name}' {'enabled' if enabled else 'disabled'}")
    if run.output.dry_run:
        return
    run.forget()
    host = run.workspace.host
    for name in names:
        if (name in host.enabled) != enabled:
            state = "off" if enabled else "on"
            run.output.warn(f"feature '{name}' is still {state}: {host.reasons.get(name)}")


def _show(run: Invocation) -> None:
    host, config = run.workspace.host, run.workspace.config
    features = {
        one.name: one.name in host.enabled for one in host.installed if one.manifest is not None
    }
    if run.output.as_json:
        layers = [layer._asdict() for layer in config.layers]
        run.output.json({"features": features, "layers": layers})
        return
    run.output.data("Current configuration")
    for name, on in features.items():
        state = "enabled" if on else "disabled"
        reason = host.reasons.get(name, "")
        run.output.data(f"  {name}: {state}" + (f"  ({visible(reason)})" if reason else ""))
    for key in config.all_keys():
        for _, origin, value in config.explain(key)[-1:]:
            run.output.data(f"  {key}: {_shown(value)}  ({visible(origin)})")


def _shown(value: Any) -> str:
    """A value as it can be written into a file or given to `tm config set`."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return visible(masked(text))


def _setting(run: Invocation, key: str) -> Setting | None:
    """What is known about a key. Raises UsageError for one that nobody knows or sets."""
    config = run.workspace.config
    with contextlib.suppress(ConfigError):  # raised for an unknown key in a known section
        setting = config.setting(key)
        if setting is not None or config.get(key) is not None:
            return setting
    hint = nearest(key, config.all_keys()) or "tm config lists them"
    raise UsageError(f"there is no setting {quote(key)}", hint)


def _complete_key(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    return [key for key in of(ctx).workspace.config.all_keys() if key.startswith(begun)]


def _complete_feature(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    names = [one.name for one in of(ctx).workspace.host.installed]
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
@_dry_run
@click.pass_context
def config(
    ctx: click.Context,
    enable: str | None,
    disable: str | None,
    minimal_mode: bool,
    show: bool,
    reset: bool,
) -> None:
    """Spellings as options serve scripts written for the earlier tool."""
    run = _run()
    if enable:
        _toggle(run, [enable], True, False)
    if disable:
        _toggle(run, [disable], False, False)
    if minimal_mode:
        ctx.invoke(minimal, state="on", user=False)
    if reset:
        ctx.invoke(reset_config, user=False)
    changed = enable or disable or minimal_mode or reset
    if show or (ctx.invoked_subcommand is None and not changed):
        _show(run)


@config.command("show", help="Show features and settings, and where each comes from.")
def show_config() -> None:
    """The configuration in force."""
    _show(_run())


@config.command("get", help="Print the value of a key.")
@_key
def get_key(key: str) -> None:
    """One value."""
    run = _run()
    _setting(run, key)
    value = run.workspace.config.get(key)
    if run.output.as_json:
        run.output.json({key: value})
    else:
        run.output.data(_shown(value))


@config.command("set", help="Set a key, such as list.limit, to a value.")
@_key
@click.argument("value")
@_user
@_dry_run
def set_key(key: str, value: str, user: bool) -> None:
    """One value, checked before it is written."""
    run = _run()
    setting = _setting(run, key)
    if setting is not None and setting.personal and not user:
        raise UsageError(
            f"'{key}' is a personal setting, a project cannot make it",
            f"tm config set --user {key} VALUE",
        )
    values.check(Field(key, "str"), value)
    try:
        parsed = parse_value(value, setting, key)
    except ConfigError as error:
        raise InvalidValue(error.message, error.hint, field=key) from None
    from tm_core.configuration import editing as config_edit

    config_edit.set_value(_feature_file(run, user), key, parsed, dry_run=run.output.dry_run)
    run.output.say(f"{key} is set")


@config.command("unset", help="Remove a key, so that its default or another layer counts.")
@_key
@_user
@_dry_run
def unset_key(key: str, user: bool) -> None:
    """One value less; also one that nobody knows, since it may have to go."""
    run = _run()
    from tm_core.configuration import editing as config_edit

    there = config_edit.unset_value(_feature_file(run, user), key, dry_run=run.output.dry_run)
    if not there:
        _setting(run, key)
    run.output.say(f"{key} is not set here" + (" any more" if there else ""))


@config.command("explain", help="Show each layer's value of a key, and which one counts.")
@_key
def explain(key: str) -> None:
    """Where a value comes from."""
    run = _run()
    _setting(run, key)
    layers = run.workspace.config.explain(key)
    if run.output.as_json:
        run.output.json([{"layer": n, "origin": o, "value": v} for n, o, v in layers])
        return
    if not layers:
        run.output.say(f"{key} is set nowhere")
    for index, (name, origin, value) in enumerate(layers):
        counts = "  <- counts" if index == len(layers) - 1 else ""
        run.output.data(f"{name}\t{visible(origin)}\t{_shown(value)}{counts}")


@config.command("enable", help="Turn features on.")
@_features
@_user
@_dry_run
def enable_feature(feature: tuple[str, ...], user: bool) -> None:
    """Its data is where it was."""
    _toggle(_run(), feature, True, user)


@config.command("disable", help="Turn features off; their data stays.")
@_features
@_user
@_dry_run
def disable_feature(feature: tuple[str, ...], user: bool) -> None:
    """Commands, options, fields and hooks go; data stays."""
    _toggle(_run(), feature, False, user)


@config.command("minimal-mode", help="Turn all features off, or back to what is configured.")
@click.argument("state", type=click.Choice(["on", "off"]))
@_user
@_dry_run
def minimal(state: str, user: bool) -> None:
    """The kernel alone."""
    run = _run()
    from tm_core.configuration import editing as config_edit

    config_edit.set_minimal_mode(
        _feature_file(run, user), state == "on", dry_run=run.output.dry_run
    )
    run.output.say(f"Minimal mode is {state}")


@config.command("reset", help="Set the configuration file aside and begin with the defaults.")
@_user
@_dry_run
def reset_config(user: bool) -> None:
    """The old file is kept."""
    run = _run()
    from tm_core.configuration import editing as config_edit

    kept = config_edit.reset(_feature_file(run, user), dry_run=run.output.dry_run)
    run.output.say(f"Configuration reset; the old one is {kept}" if kept else "Nothing to reset")


@click.group(
    invoke_without_command=True, help="Show what is installed, what is on, and what failed."
)
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """The list is what one mostly wants."""
    if ctx.invoked_subcommand is None:
        _list_plugins(_run())


@plugins.command("list", help="List plugins with source, version, state, hooks and failures.")
def list_plugins() -> None:
    """One row each."""
    _list_plugins(_run())


def _list_plugins(run: Invocation) -> None:
    host = run.workspace.host
    rows = []
    for one in host.installed:
        state = "failed" if one.error else "on" if one.name in host.enabled else "off"
        rows.append(
            {
                "name": one.name,
                "state": state,
                "source": one.distribution or "made in code",
                "version": one.version,
                "hooks": sorted(one.manifest.hooks) if one.manifest is not None else [],
                "why": one.error or host.reasons.get(one.name, ""),
                "summary": one.manifest.summary if one.manifest is not None else "",
            }
        )
    if run.output.as_json:
        run.output.json(rows)
        return
    columns = ["name", "state", "source", "version", "hooks", "why"]
    run.output.table(columns, [[row[name] for name in columns] for row in rows])


@click.command(help="Check store, plugins and configuration. Exit code 1 when something is wrong.")
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Every finding is a line: level, subject, what it is, what to do."""
    run = _run()
    from . import diagnosis

    findings = list(diagnosis.examine(run.workspace, lambda: run.manager))
    if run.output.as_json:
        run.output.json([finding._asdict() for finding in findings])
    else:
        colors = {"ok": "green", "warning": "yellow", "error": "red"}
        for level, subject, message, hint in findings:
            mark = run.output.style(level, colors.get(level, "bold"))
            advice = f" ({hint})" if hint else ""
            run.output.data(f"{mark}\t{subject}\t{message}{advice}")
    ctx.exit(1 if any(finding.level == "error" for finding in findings) else 0)


@click.command(help="Print the completion script of a shell, to be sourced in its start-up file.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Click's own completion."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise TmError(f"no completion for {shell}")
    source = kind(ctx.find_root().command, {}, "tm", "_TM_COMPLETE").source()
    _run().output.data(source)
