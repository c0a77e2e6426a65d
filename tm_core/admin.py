"""Kernel commands about the tool itself: init, config, plugins, doctor, completion."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from . import config_edit, diagnosis
from .config import user_config_path
from .errors import NoStore, TmError, UsageError
from .invocation import Invocation, of
from .settings import parse_value
from .workspace import FOLDER

if TYPE_CHECKING:
    from .schema import MigrationManager, Undoing


def _run() -> Invocation:
    return of(click.get_current_context())


@click.command(help="Make a task store in this folder, or say that there is one.")
def init() -> None:
    """Make the store; nothing else ever does."""
    run = _run()
    wanted = run.options.get("store") or run.workspace.environ.get("TM_DB_PATH") or ""
    if "://" not in wanted:
        path = os.path.abspath(wanted or os.path.join(run.options.get("directory") or ".", FOLDER))
        file = path if path.endswith(".db") else os.path.join(path, "tasks.db")
        if os.path.exists(file) and _opens(run):
            run.output.say(f"There is a task store at {path} already")
            return
        folder = os.path.dirname(path) if path.endswith(".db") else path
    else:
        folder = os.path.join(run.options.get("directory") or ".", FOLDER)
    manager = run.create(folder, wanted)
    _ignore(folder)
    run.output.say("Task database initialized")
    if run.output.as_json:
        run.output.json({"store": manager.database.url})


def _opens(run: Invocation) -> bool:
    """Whether there is a store, now checked and up to date; not so if its making was killed."""
    try:
        return bool(run.manager)
    except NoStore:
        return False


def _ignore(folder: str) -> None:
    """Keep the database and its companions out of version control, the configuration in it."""
    path = os.path.join(folder, ".gitignore")
    if os.path.basename(folder) == FOLDER and not os.path.exists(path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("*\n!.gitignore\n!config.yaml\n")


def _feature_file(run: Invocation, user: bool) -> str:
    if user:
        return user_config_path(run.workspace.environ)
    if not run.workspace.folder:
        raise NoStore(
            "there is no project here whose configuration could be changed",
            "tm init, or --user for your own",
        )
    return os.path.join(run.workspace.folder, "config.yaml")


def _known(run: Invocation, name: str) -> str:
    """The feature's name, or a UsageError with the nearest."""
    from .cli import suggestion

    names = [one.name for one in run.workspace.host.installed]
    if name not in names:
        hint = suggestion(name, names) or f"known: {', '.join(names)}"
        raise UsageError(f"there is no feature '{name}'", hint)
    return name


def _toggle(run: Invocation, name: str, enabled: bool, user: bool) -> None:
    config_edit.set_feature(_feature_file(run, user), _known(run, name), enabled)
    run.output.say(f"Feature '{name}' {'enabled' if enabled else 'disabled'}")


def _show(run: Invocation) -> None:
    host = run.workspace.host
    features = {
        one.name: one.name in host.enabled for one in host.installed if one.manifest is not None
    }
    if run.output.as_json:
        layers = [layer._asdict() for layer in run.workspace.config.layers]
        run.output.json({"features": features, "layers": layers})
        return
    run.output.data("Current configuration")
    for name, on in features.items():
        state = "enabled" if on else "disabled"
        reason = host.reasons.get(name, "")
        run.output.data(f"  {name}: {state}" + (f"  ({reason})" if reason else ""))
    for layer in run.workspace.config.layers:
        for key, value in _flat(layer.values):
            run.output.data(f"  {key}: {value}  ({layer.origin or layer.name})")


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value))
    return found


_user = click.option("--user", is_flag=True, help="In your own configuration, not the project's")


@click.group(
    invoke_without_command=True,
    help="Show and change the configuration. Without a command: show it.",
)
@click.option("--enable", metavar="FEATURE", help="Turn a feature on")
@click.option("--disable", metavar="FEATURE", help="Turn a feature off")
@click.option("--minimal-mode", is_flag=True, help="Turn all features off")
@click.option("--show", is_flag=True, help="Show the configuration")
@click.option("--reset", is_flag=True, help="Set the project's configuration aside")
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
        _toggle(run, enable, True, False)
    if disable:
        _toggle(run, disable, False, False)
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
@click.argument("key")
def get_key(key: str) -> None:
    """One value."""
    run = _run()
    value = run.workspace.config.get(key)
    run.output.result({key: value} if run.output.as_json else value)


@config.command("set", help="Set a key, such as deadlines.warn_before_hours, to a value.")
@click.argument("key")
@click.argument("value")
@_user
def set_key(key: str, value: str, user: bool) -> None:
    """One value, checked before it is written."""
    run = _run()
    setting = run.workspace.config.setting(key)
    if setting is None:
        raise UsageError(f"there is no setting '{key}'", "tm config show lists what is set")
    config_edit.set_value(_feature_file(run, user), key, parse_value(value, setting, key))
    run.output.say(f"{key} is set")


@config.command("unset", help="Remove a key, so that its default or another layer counts.")
@click.argument("key")
@_user
def unset_key(key: str, user: bool) -> None:
    """One value less."""
    run = _run()
    config_edit.unset_value(_feature_file(run, user), key)
    run.output.say(f"{key} is not set here any more")


@config.command("explain", help="Show each layer's value of a key, and which one counts.")
@click.argument("key")
def explain(key: str) -> None:
    """Where a value comes from."""
    run = _run()
    layers = run.workspace.config.explain(key)
    if run.output.as_json:
        run.output.json([{"layer": n, "origin": o, "value": v} for n, o, v in layers])
        return
    if not layers:
        run.output.say(f"{key} is set nowhere")
    for index, (name, origin, value) in enumerate(layers):
        counts = "  <- counts" if index == len(layers) - 1 else ""
        run.output.data(f"{name}\t{origin}\t{value}{counts}")


@config.command("enable", help="Turn features on.")
@click.argument("feature", nargs=-1, required=True)
@_user
def enable_feature(feature: tuple[str, ...], user: bool) -> None:
    """Its data is where it was."""
    run = _run()
    for name in feature:
        _toggle(run, name, True, user)


@config.command("disable", help="Turn features off; their data stays.")
@click.argument("feature", nargs=-1, required=True)
@_user
def disable_feature(feature: tuple[str, ...], user: bool) -> None:
    """Commands, options, fields and hooks go; data stays."""
    run = _run()
    for name in feature:
        _toggle(run, name, False, user)


@config.command("minimal-mode", help="Turn all features off, or back to what is configured.")
@click.argument("state", type=click.Choice(["on", "off"]))
@_user
def minimal(state: str, user: bool) -> None:
    """The kernel alone."""
    run = _run()
    config_edit.set_minimal_mode(_feature_file(run, user), state == "on")
    run.output.say(f"Minimal mode is {state}")


@config.command("reset", help="Set the configuration file aside and begin with the defaults.")
@_user
def reset_config(user: bool) -> None:
    """The old file is kept."""
    run = _run()
    kept = config_edit.reset(_feature_file(run, user))
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
@click.option("--fix", is_flag=True, help="Mend what can be mended without losing data")
@click.pass_context
def doctor(ctx: click.Context, fix: bool) -> None:
    """Every finding is a line: level, subject, what it is, what to do."""
    run = _run()
    findings = list(diagnosis.examine(run.workspace, lambda: run.manager))
    if fix:
        findings = [diagnosis.mend(finding) for finding in findings]
    if run.output.as_json:
        run.output.json(findings)
    else:
        colors = {"ok": "green", "warning": "yellow", "error": "red"}
        for level, subject, message, hint, mends in findings:
            mark = run.output.style(level, colors.get(level, "bold"))
            advice = f" ({'tm doctor --fix' if mends else hint})" if hint or mends else ""
            run.output.data(f"{mark}\t{subject}\t{message}{advice}")
    ctx.exit(1 if any(finding.level == "error" for finding in findings) else 0)


@click.command(help="Show what is to be done to the store's schema; do it, or take it back.")
@click.option("--status", is_flag=True, help="Name what is applied and what is pending")
@click.option("--apply", "apply_", is_flag=True, help="Apply what is pending")
@click.option("--rollback", is_flag=True, help="Undo the schema of the last batch")
@click.option("--to", metavar="OWNER:NAME", help="Undo all that came after this one instead")
@click.option("--dry-run", is_flag=True, help="Tell what would be done, with its SQL")
@click.option("--yes", is_flag=True, help="Roll back although data is lost by it")
def migrate(
    status: bool, apply_: bool, rollback: bool, to: str | None, dry_run: bool, yes: bool
) -> None:
    """What is done is said on stderr; stdout has the status, or the SQL of a dry run."""
    from . import schema

    run = _run()
    if status + apply_ + (rollback or bool(to)) > 1:
        raise UsageError("--status, --apply and --rollback exclude each other", "give one of them")
    manager = schema.MigrationManager(run.workspace)
    if rollback or to:
        _roll_back(run, manager, manager.plan(to or ""), dry_run=dry_run, yes=yes)
    elif apply_ or dry_run:
        pending = manager.pending()
        if dry_run:
            for name, sql in pending:
                run.output.data(f"-- {name}\n" + "\n".join(sql))
            run.output.say(f"Dry run: {len(pending)} migration(s) would be applied")
            return
        before = len(manager.applied)
        done = manager.apply_migrations()
        count = len(manager.applied) - before
        run.output.say(f"{count} migration(s) applied" if count else "Already up to date")
        if not done:
            raise TmError("not every migration could be applied", "tm doctor")
    else:
        found = manager.get_status()
        if run.output.as_json:
            run.output.json(found)
            return
        rows = [["applied", one["migration"], one["at"]] for one in found["applied"]]
        rows += [["pending", name, ""] for name in found["pending"]]
        run.output.table(["state", "migration", "at"], rows)
        if not found["pending"]:
            run.output.say("Already up to date")


def _roll_back(
    run: Invocation, manager: MigrationManager, plan: list[Undoing], *, dry_run: bool, yes: bool
) -> None:
    losses = [loss for step in plan for loss in step.losses]
    for step in plan:
        lost = f", which loses {', '.join(step.losses)}" if step.losses else ""
        run.output.say(f"{'Would undo' if dry_run else 'Undoing'} {step.migration}{lost}")
    if dry_run:
        run.output.data("\n".join(f"{each.rstrip(';')};" for step in plan for each in step.sql))
        return
    if losses and not yes:
        if not run.output.terminal:
            raise UsageError(
                "the rollback would lose data; nothing was done", "--yes does it, after a backup"
            )
        click.confirm("This data would be lost; a backup is made first. Go on?", abort=True)
    manager.undo(plan)
    owners = ", ".join(sorted({step.owner for step in plan}))
    run.output.say(f"{len(plan)} migration(s) rolled back; off until tm migrate --apply: {owners}")


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
