"""The program that `tm watch --exec` runs for each notification, and the consent to it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from tm_core.api import Approvals, TmError, UsageError, ValidationError, visible

_LARGEST = 10_000_000
"""Bytes of a script that is approved together with its command."""


def split(command: str) -> list[str]:
    """The words of a command that was typed, without a shell. Raises UsageError."""
    try:
        words = shlex.split(command, posix=os.name != "nt")
    except ValueError as error:
        raise UsageError(f"--exec: {str(error).lower()}: {visible(command)}") from None
    if not words:
        raise UsageError("--exec needs a command")
    found = shutil.which(words[0])
    if found is None:
        raise UsageError(f"--exec: there is no program '{visible(words[0])}'")
    return [found, *words[1:]]


def ensure_consent(command: str, words: Sequence[str], project: str) -> None:
    """Ask the user, once for each content, whether this may run. Raises ValidationError for a no.

    The command may have come from a project's page or script, and the files that it names from
    the project: so they are a part of what is approved, as is the folder in which it runs.

    Args:
        command: As it was typed.
        words: As it will be run.
        project: The project's folder.
    """
    here = os.getcwd()
    scripts = [content for word in words for content in _text_of(word, project)]
    what = f"{command} (in {here})"
    approvals = Approvals()
    asked = approvals.ask("watch --exec", what, here, json.dumps(list(words)), *scripts)
    if asked.approved_at is not None:
        return
    if sys.stdin.isatty() and sys.stderr.isatty():
        question = f"For each notification this will be run: {visible(what)}\nAllow exactly this?"
        if click.confirm(question, err=True):
            approvals.approve(asked.digest)
            return
        raise ValidationError("--exec: it was not approved, so nothing was run")
    raise ValidationError(
        f"--exec: '{visible(command)}' was not approved on this machine",
        f"tm trust shows it, tm trust approve {asked.digest[:8]} allows it,"
        " --yes allows it this once",
    )


def _text_of(word: str, project: str) -> list[bytes]:
    """The content of the project's file that a word names; nothing for any other word."""
    path = os.path.realpath(word)
    if not os.path.isfile(path) or not path.startswith(os.path.join(os.path.realpath(project), "")):
        return []
    with open(path, "rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValidationError(f"--exec: {visible(word)} is too large to be approved")
    return [content]


def run(words: Sequence[str], item: Mapping[str, Any]) -> None:
    """Run it for one notification, which it reads as JSON. Raises TmError when it fails."""
    text = json.dumps(item, ensure_ascii=False) + "\n"
    try:
        done = subprocess.run(
            words, input=text, encoding="utf-8", errors="backslashreplace", check=False
        )
    except OSError as error:
        raise TmError(f"--exec: {visible(words[0])}: {error.strerror}") from error
    if done.returncode:
        raise TmError(
            f"--exec: {visible(words[0])} gave exit code {done.returncode} at event {item['seq']}",
            "that event and what follows stay new",
        )
