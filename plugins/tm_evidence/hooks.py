"""The `evidence` hook: reads the reports that are given or configured, and asks git."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tm_core.api import Context, hookimpl

from . import git
from .collection import Collection


@hookimpl
def evidence(ctx: Context, sources: Sequence[str]) -> Mapping[str, Any]:
    """Names that criteria may use, and under `evidence` where each came from.

    What cannot be read is said and left out, so that criteria which need it are *unknown*.

    Raises:
        NotFound: A report that was asked for is not there.
        ValidationError: It lies outside the project, or is too large.
    """
    settings = ctx.settings
    facts = git.facts(ctx.project) if settings["git"] else {}
    collection = Collection(
        ctx.project,
        max_bytes=settings["max_bytes"],
        allow_outside=settings["allow_outside"],
        commit=str(facts.get("commit", "")),
        warn=ctx.warn,
    )
    for source in sources:
        collection.read(source, asked_for=True)
    for pattern in settings["files"]:
        collection.read(pattern, asked_for=False)
    if facts:
        collection.add_git(facts)
    return collection.names()
