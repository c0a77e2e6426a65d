"""Facts about the project's git repository."""

from __future__ import annotations

import subprocess
from typing import Any

_SECONDS = 10


def facts(folder: str) -> dict[str, Any]:
    """`clean`, `branch` (None when detached) and `commit`; empty where there is no repository."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return {}
    changes = _git(folder, "status", "--porcelain", "--untracked-files=normal")
    found: dict[str, Any] = {"commit": commit, "branch": None}
    branch = _git(folder, "symbolic-ref", "--short", "--quiet", "HEAD")
    if branch:
        found["branch"] = branch
    if changes is not None:
        found["clean"] = changes == ""
    return found


def _git(folder: str, *arguments: str) -> str | None:
    # No hook or monitor that the repository configures may run, and no lock is taken.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
