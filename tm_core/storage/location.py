"""Where the store of a folder is: found like `.git`, and shared by the worktrees of a repository.

Git itself is not asked, since starting it takes longer than all that `tm add` does. What its files
say is documented in gitrepository-layout(5): a linked worktree has a file `.git` that names its
administrative folder, and a file `commondir` in there leads to the repository.
"""

from __future__ import annotations

import os

from tm_core.record import Record

FOLDER = ".task-orchestrator"
FILE = "tasks.db"


class Location(Record):
    """A store's folder, as seen from where somebody works."""

    folder: str
    project: str
    """The folder that paths in the configuration start from: that of the store's folder, or, in a
    linked worktree that uses the store of another one, the same folder of this worktree."""
    same_repository: bool
    """Whether no border of a repository lies between here and there."""


def find(directory: str) -> Location | None:
    """The store of a folder; None where there is none.

    The nearest folder upwards that has a store wins. At the top of a linked worktree, the main
    worktree is looked through in the same way, from the same place within it, before what lies
    above; also where version control has brought the store's folder along for the sake of its
    configuration, without a database.
    """
    found = _find(os.path.abspath(directory))
    if found is None:
        real = os.path.realpath(directory)
        found = _find(real) if real != os.path.abspath(directory) else None
    return found


def named(folder: str) -> str:
    """The store's folder that somebody means by a folder: a project's, or the store's own."""
    inner = os.path.join(folder, FOLDER)
    is_project = os.path.isdir(inner) and not os.path.exists(os.path.join(folder, FILE))
    return inner if is_project else folder


def _find(start: str) -> Location | None:
    configured: Location | None = None
    inside = True
    current = start
    while True:
        candidate = os.path.join(current, FOLDER)
        if os.path.isdir(candidate):
            location = Location(candidate, current, inside)
            if configured is None and os.path.exists(os.path.join(candidate, FILE)):
                return location
            configured = configured or location
        if inside and os.path.exists(os.path.join(current, ".git")):
            shared = _in_main_worktree(current, start)
            if shared is not None:
                return shared
            inside = False
        parent = os.path.dirname(current)
        if parent == current or (configured is not None and not inside):
            return configured
        current = parent


def _in_main_worktree(top: str, start: str) -> Location | None:
    """The store with a database that the main worktree would use in the same place."""
    main = main_worktree(top)
    if main is None or main == top:
        return None
    place = os.path.relpath(start, top)
    while True:
        folder = os.path.join(main, FOLDER) if place == "." else os.path.join(main, place, FOLDER)
        if os.path.exists(os.path.join(folder, FILE)):
            return Location(folder, os.path.normpath(os.path.join(top, place)), True)
        if place == ".":
            return None
        place = os.path.dirname(place) or "."


def repository(directory: str) -> str | None:
    """The top of the worktree or submodule that a folder lies in."""
    current = os.path.abspath(directory)
    while not os.path.exists(os.path.join(current, ".git")):
        parent = os.path.dirname(current)
        if parent == current:
            return None
        current = parent
    return current


def main_worktree(top: str) -> str | None:
    """The main worktree of a linked one's repository, or a bare repository's own folder.

    None for anything but the top of a linked worktree: a submodule is a repository of its own.
    """
    git_folder = _named(os.path.join(top, ".git"), "gitdir:")
    common = _named(os.path.join(git_folder, "commondir"), "") if git_folder else None
    if common is None:
        return None
    if os.path.basename(common) == ".git":
        return os.path.dirname(common)
    return _configured_worktree(common) or common


def _named(path: str, prefix: str) -> str | None:
    """The folder that the one line of a small file names, relative to the file's own."""
    try:
        with open(path, encoding="utf-8") as file:
            line = file.readline(10_000).rstrip("\r\n")
    except (OSError, ValueError):
        return None
    if not line.startswith(prefix) or line == prefix:
        return None
    name = line.removeprefix(prefix).strip()
    return os.path.normpath(os.path.join(os.path.dirname(path), name))


def _configured_worktree(repository: str) -> str | None:
    """The worktree that a submodule's repository names in its configuration."""
    try:
        with open(os.path.join(repository, "config"), encoding="utf-8") as file:
            for line in file:
                name, mark, value = line.partition("=")
                if mark and name.strip() == "worktree":
                    return os.path.normpath(os.path.join(repository, value.strip().strip('"')))
    except (OSError, ValueError):
        return None
    return None
