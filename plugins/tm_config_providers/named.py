"""The sources that the configuration names, made of its mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tm_core.api import ConfigError, Context, nearest, quote

from .source import Source, Unusable

_KEYS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "file": (("path",), ()),
    "environment": (("prefix",), ()),
    "database": ((), ("team",)),
    "package": (("name",), ()),
    "http": (("url",), ()),
}
"""What an entry of each kind must say, and what it may, beside `kind` and `label`."""


def named(ctx: Context) -> Iterator[Source]:
    """All sources, the user's own before the project's. What is wrong is told by asking it."""
    taken: set[str] = set()
    for setting, personal in (("sources", True), ("project_sources", False)):
        for number, entry in enumerate(ctx.settings[setting], 1):
            where = f"{setting}[{number}]"
            try:
                source = _source(ctx, entry, personal)
                if source.name in taken:
                    raise ConfigError(
                        f"{where}: {quote(source.name)} is there already", "give it a label"
                    )
            except ConfigError as error:
                known = error if where in error.message else _at(where, error)
                source = Unusable(where, known, personal=personal)
            taken.add(source.name)
            yield source


def _at(where: str, error: ConfigError) -> ConfigError:
    return ConfigError(f"{where}: {error.message}", error.hint)


def _source(ctx: Context, entry: Any, personal: bool) -> Source:
    given = _checked(entry)
    kind, label = given.pop("kind"), given.pop("label", "")
    if kind == "http":
        from .web import Web

        return Web(ctx, label, given["url"], personal=personal)
    from . import local

    if kind == "file":
        return local.File(ctx, label, given["path"], personal=personal)
    if kind == "environment":
        return local.Environment(ctx, label, given["prefix"], personal=personal)
    if kind == "package":
        return local.Package(ctx, label, given["name"], personal=personal)
    return local.Database(ctx, label, given.get("team", ""), personal=personal)


def _checked(entry: Any) -> dict[str, str]:
    """The entry's keys and texts. Raises ConfigError for anything that no source has."""
    kinds = ", ".join(_KEYS)
    if not isinstance(entry, dict):
        raise ConfigError("must be a mapping, like {kind: file, path: team.yaml}")
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in _KEYS:
        raise ConfigError(f"kind must be one of {kinds}, not {quote(str(kind))}")
    must, may = _KEYS[kind]
    known = ("kind", "label", *must, *may)
    for key, value in entry.items():
        if key not in known:
            raise ConfigError(f"unknown key {quote(str(key))}{nearest(str(key), known)}")
        if not isinstance(value, str) or not value or not value.isprintable():
            raise ConfigError(f"{key} must be a text of visible characters")
    for key in must:
        if key not in entry:
            raise ConfigError(f"a source of the kind {kind} needs '{key}'")
    return dict(entry)
