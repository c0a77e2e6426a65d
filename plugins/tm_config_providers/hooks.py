"""The sources as layers of the configuration, and what `tm doctor` says of them."""

from __future__ import annotations

from collections.abc import Iterator

from tm_core.api import ConfigProvider, Context, Finding, hookimpl

from .named import named


@hookimpl
def config_providers(ctx: Context) -> Iterator[ConfigProvider]:
    """Every source that the user's or the project's configuration names."""
    yield from named(ctx)


@hookimpl
def health_checks(ctx: Context) -> Iterator[Finding]:
    """Whether each can be read."""
    from .actions import told

    for source in named(ctx):
        state = told(source)
        text = f"{state['source']}: {state['error'] or state['note'] or 'can be read'}"
        level = "error" if state["error"] else "warning" if state["doubtful"] else "ok"
        hint = "correct it; tm providers list tells more" if state["error"] else ""
        yield Finding(level, "config-providers", text, hint)
