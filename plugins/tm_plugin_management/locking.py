"""`tm plugins lock`, `check` and `sync`: the same plugins for everybody in a project."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click

from tm_core.api import (
    LOCK_FILE,
    Deviation,
    Installed,
    Locked,
    NoStore,
    PluginError,
    Run,
    TmError,
    current_run,
    deviations,
    dry_run_option,
    lock_content,
    read_lock,
    visible,
    write_atomically,
)


def digest(plugin: Installed) -> str:
    """The SHA-256 of a plugin's installed files: names and contents, without tests and caches."""
    import hashlib

    found = hashlib.sha256()
    for folder, folders, files in os.walk(plugin.folder):
        folders[:] = sorted(set(folders) - {"__pycache__", "tests"})
        for name in sorted(files):
            if name.endswith((".pyc", ".pyo")):
                continue
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
            found.update(f"{os.path.relpath(path, plugin.folder)}\0{content}\n".encode())
    return found.hexdigest()


def locked_now(run: Run) -> list[Locked]:
    """The plugins that are on, as a lock file has them."""
    found = []
    for one in sorted(run.workspace.host.enabled.values(), key=lambda each: each.name):
        api = run.workspace.host.manifest(one.name).api
        version = str(api) if isinstance(api, int) else ".".join(map(str, api))
        found.append(Locked(one.name, one.distribution, one.version, digest(one), version))
    return found


def differences(run: Run) -> Iterator[Deviation]:
    """How what is on differs from the lock file, contents included. Raises TmError without one."""
    locked = read_lock(run.workspace.folder)
    if locked is None:
        raise TmError(f"there is no {LOCK_FILE} here", "tm plugins lock makes it")
    enabled = run.workspace.host.enabled
    different = list(deviations(locked, enabled.values()))
    yield from different
    known = {each.plugin for each in different}
    for name, expected in locked.items():
        if name not in known and digest(enabled[name]) != expected.digest:
            yield Deviation(name, "has other files than those that were locked", expected)


@click.command("lock", help=f"Write {LOCK_FILE}: what is on, with versions and hashes.")
@dry_run_option
def lock() -> None:
    """Beside the project's configuration, to be kept in version control."""
    run = current_run()
    folder = run.workspace.folder
    if not os.path.isdir(folder):
        raise NoStore("there is no project here whose plugins could be locked", "tm init")
    now = locked_now(run)
    if not run.output.dry_run:
        text = json.dumps(lock_content(now), indent=2) + "\n"
        write_atomically(os.path.join(folder, LOCK_FILE), text.encode(), mode=0o644)
    if run.output.as_json:
        run.output.json(lock_content(now))
    run.output.say(f"{len(now)} plugins locked")


@click.command("check", help=f"Compare what is on with {LOCK_FILE}; exit code 8 if it differs.")
def check() -> None:
    """Names, versions and contents."""
    run = current_run()
    found = list(differences(run))
    if run.output.as_json:
        run.output.json(
            [
                {
                    "plugin": each.plugin,
                    "message": each.message,
                    "locked": each.locked._asdict() if each.locked is not None else None,
                }
                for each in found
            ]
        )
    else:
        for each in found:
            run.output.data(f"{each.plugin}\t{visible(each.message)}")
    if found:
        raise PluginError(
            f"{len(found)} plugin(s) are not as in {LOCK_FILE}", "tm plugins sync, or lock anew"
        )
    run.output.say(f"All plugins are as in {LOCK_FILE}")


@click.command("sync", help=f"Print the command that installs what {LOCK_FILE} names.")
@click.option("--yes", is_flag=True, help="Run it")
@click.option("--uv", is_flag=True, help="With uv instead of pip")
def sync(yes: bool, uv: bool) -> None:
    """Only what is not there in the locked version."""
    run = current_run()
    wanted = sorted(
        {
            f"{each.locked.distribution}=={each.locked.version}"
            for each in differences(run)
            if each.locked is not None and each.locked.distribution
        }
    )
    if not wanted:
        run.output.say("Nothing to install")
        return
    tool = ["uv", "pip", "install", "--python", sys.executable]
    command = [*(tool if uv else [sys.executable, "-m", "pip", "install"]), *wanted]
    if run.output.as_json:
        run.output.json({"command": command})
    elif not yes:
        run.output.data(shlex.join(command))
    if yes:
        try:
            code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
        except OSError as error:
            raise TmError(
                f"{command[0]} cannot be started: {error.strerror}", "see --uv"
            ) from error
        if code:
            raise TmError(f"the installation ended with exit code {code}", shlex.join(command))
