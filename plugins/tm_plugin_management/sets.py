"""`tm plugins set`: the plugin sets that can be named, what they say, and which one is in force."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from tm_core.api import (
    NoStore,
    PluginSet,
    Run,
    current_run,
    dry_run_option,
    set_config_value,
    unset_config_value,
    user_config_path,
    visible,
)


def _complete_set(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
    known = current_run(ctx).workspace.sets.known()
    return [one.name for one in known if one.name.startswith(begun)]


def in_force(run: Run) -> str:
    """The name of the set in force; empty if there is none."""
    return str(run.workspace.config.get("plugins.set") or "")


def told(chain: list[PluginSet]) -> dict[str, Any]:
    """All that a set says, those that it builds on included, by dotted key; the last one wins.

    Lists of features are kept apart by set, since a set adds to what the one before it turned on.
    """
    found: dict[str, Any] = {}
    for one in chain:
        for key, value in one.layer.values.items():
            inner = value if isinstance(value, dict) else None
            for name, item in {key: value}.items() if inner is None else inner.items():
                dotted = name if inner is None else f"{key}.{name}"
                if key == "plugins" and isinstance(item, list) and name != "only":
                    item = [
                        *found.get(dotted, ()),
                        *(i for i in item if i not in found.get(dotted, ())),
                    ]
                found[dotted] = item
    return found


@click.group("set", help="The plugin sets of a team: which there are, what they say, which counts.")
def plugin_sets() -> None:
    """A set is a named list of features with their settings."""


@plugin_sets.command("list", help="List the sets that can be named here.")
def list_sets() -> None:
    """Those of the configuration, then those of packages."""
    run = current_run()
    named = in_force(run)
    rows = [
        {
            "name": one.name,
            "in_force": one.name == named,
            "source": one.origin,
            "extends": [] if one.error else one.extends,
            "summary": one.error or one.summary,
        }
        for one in run.workspace.sets.known()
    ]
    if run.output.as_json:
        run.output.json(rows)
    elif rows:
        run.output.table(
            ["name", "in force", "source", "extends", "summary"],
            [[r["name"], r["in_force"], r["source"], r["extends"], r["summary"]] for r in rows],
        )
    else:
        run.output.say("No plugin sets; tm config shows where to define them: the key 'sets'")


@plugin_sets.command("show", help="Show what a set says, with all that it builds on.")
@click.argument("name", required=False, shell_complete=_complete_set)
def show_set(name: str | None) -> None:
    """By default the one in force."""
    run = current_run()
    name = name or in_force(run)
    if not name:
        run.output.say("No plugin set is in force; tm plugins set use NAME")
        return
    chain = run.workspace.sets.chain(name)
    if run.output.as_json:
        run.output.json(
            {
                "name": name,
                "sets": [{"name": one.name, "source": one.origin} for one in chain],
                "says": told(chain),
            }
        )
        return
    for one in chain:
        summary = f": {one.summary}" if one.summary else ""
        run.output.data(visible(f"{one.name} ({one.origin}){summary}"))
    for key, value in told(chain).items():
        run.output.data(visible(f"  {key}: {json.dumps(value, ensure_ascii=False)}"))


@plugin_sets.command("diff", help="Show in what two sets differ, or one and the configuration.")
@click.argument("name", shell_complete=_complete_set)
@click.argument("other", required=False, shell_complete=_complete_set)
def diff_sets(name: str, other: str | None) -> None:
    """Against what is in force, without a second name."""
    run = current_run()
    sets, config = run.workspace.sets, run.workspace.config
    first = told(sets.chain(name))
    second = told(sets.chain(other)) if other else {key: config.get(key) for key in first}
    rows = [
        {"key": key, "first": first.get(key), "second": second.get(key)}
        for key in sorted(first.keys() | second.keys())
        if first.get(key) != second.get(key)
    ]
    if run.output.as_json:
        run.output.json(rows)
        return
    for row in rows:
        values = [json.dumps(row[side], ensure_ascii=False) for side in ("first", "second")]
        run.output.data("\t".join(visible(str(cell)) for cell in (row["key"], *values)))
    if not rows:
        run.output.say("No difference")


@plugin_sets.command("use", help="Use a set in this project; 'none' for no set.")
@click.argument("name", shell_complete=_complete_set)
@click.option("--user", is_flag=True, help="In your own configuration, not the project's")
@dry_run_option
def use_set(name: str, user: bool) -> None:
    """The set must be there, and all that it builds on."""
    run = current_run()
    if user:
        path = user_config_path(run.workspace.environ)
    elif os.path.isdir(run.workspace.folder):
        path = os.path.join(run.workspace.folder, "config.yaml")
    else:
        raise NoStore("there is no project here", "tm init, or --user for your own")
    if name == "none":
        unset_config_value(path, "plugins.set", dry_run=run.output.dry_run)
        run.output.say("No plugin set is used any more")
        return
    config = run.workspace.config
    for one in run.workspace.sets.chain(name):
        config = config.with_layer(one.layer)
    # With one that cannot be used no command could run, not even the one that takes it back.
    manifests = [one.manifest for one in run.workspace.host.installed if one.manifest is not None]
    config.check(manifests)
    set_config_value(path, "plugins.set", name, dry_run=run.output.dry_run)
    run.output.say(f"Plugin set '{name}' is used")
