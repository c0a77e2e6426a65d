"""What people do with the sources: look at them, and write to those that can be written to."""

from __future__ import annotations

from typing import Annotated, Any

from tm_core.api import (
    Config,
    ConfigError,
    Context,
    Field,
    InvalidValue,
    NotFound,
    Param,
    TmError,
    UsageError,
    check,
    nearest,
    parse_value,
    quote,
)

from .named import named
from .source import Source, nested, settings_in

_DECIDED_BEFORE = ("plugins", "store", "minimal_mode", "features", "config-providers")
"""What is settled before any source is asked."""

Place = Annotated[str, Param("The source, as `tm providers list` names it")]
Key = Annotated[str, Param("The key, such as list.limit")]


def list_providers(ctx: Context) -> list[dict[str, Any]]:
    """List the sources, the weakest first, with the keys that each sets."""
    return [told(source) for source in named(ctx)]


def set_value(
    ctx: Context, source: Place, setting: Key, value: Annotated[str, Param("Its value")]
) -> dict[str, Any]:
    """Set a key where a source keeps it; in a file, all comments stay."""
    chosen = _chosen(ctx, source)
    check(Field(setting, "str"), value)
    config: Config = ctx.tasks.workspace.config
    try:
        known = config.setting(setting)
    except ConfigError as error:
        raise UsageError(error.message, error.hint) from None
    if setting.partition(".")[0] in _DECIDED_BEFORE:
        raise UsageError(f"no source can set {quote(setting)}", "tm config set KEY VALUE")
    if known is None:
        hint = nearest(setting, config.all_keys()) or "tm config lists them"
        raise UsageError(f"there is no setting {quote(setting)}", hint)
    if known.personal:
        raise UsageError(
            f"'{setting}' is a personal setting, no source can make it",
            f"tm config set --user {setting} VALUE",
        )
    try:
        parsed = parse_value(value, known, setting)
    except ConfigError as error:
        raise InvalidValue(error.message, error.hint, field=setting) from None
    chosen.set_config(nested(iter([(setting, parsed)])), dry_run=ctx.dry_run)
    return {"source": chosen.name, "key": setting, "value": parsed}


def unset_value(ctx: Context, source: Place, setting: Key) -> dict[str, Any]:
    """Remove a key where a source keeps it, so that a weaker one or the default counts."""
    chosen = _chosen(ctx, source)
    there = setting in dict(settings_in(chosen.read()))
    if there:
        chosen.set_config(nested(iter([(setting, None)])), dry_run=ctx.dry_run)
    return {"source": chosen.name, "key": setting, "removed": there}


def told(source: Source) -> dict[str, Any]:
    """What there is to tell of a source.

    `error` is why it sets nothing, `note` what else there is to know of it; `doubtful` tells that
    the note is something to look after.
    """
    keys: list[str] = []
    error = ""
    try:
        keys = sorted(key for key, _ in settings_in(source.get_config()))
    except TmError as found:
        error = found.message
    note, doubtful = source.note()
    return {
        "source": source.name,
        "kind": source.kind,
        "named_by": "user" if source.personal else "project",
        "keys": keys,
        "error": error,
        "note": note,
        "doubtful": doubtful,
    }


def _chosen(ctx: Context, name: str) -> Source:
    sources = {source.name: source for source in named(ctx)}
    if name not in sources:
        hint = f"known: {', '.join(sources)}" if sources else "none is configured"
        raise NotFound(f"there is no source {quote(name)}", nearest(name, sources) or hint)
    return sources[name]
