"""Whether plugins keep up with the API: what they use of it that is to go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tm_core.api import API_VERSION, HOOKS, Finding, Installed, Run, UsageError, nearest


def examine(run: Run, names: Sequence[str]) -> Iterator[Finding]:
    """What there is to tell of these plugins, or of all. Raises UsageError for an unknown one."""
    host = run.workspace.host
    known = {one.name: one for one in host.installed}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no plugin '{name}'", nearest(name, list(known)))
    for hook in HOOKS:
        host.implementations(hook)  # loads them, which finds out what they use
    ours = ".".join(map(str, API_VERSION))
    for one in known.values():
        if names and one.name not in names:
            continue
        subject = f"plugin {one.name}"
        if one.error:
            yield Finding("error", subject, f"{one.source}: {one.error}")
            continue
        told = False
        for failure in host.failures:
            if failure.plugin == one.name:
                told = True
                text = f"{failure.source}: {failure.where}: {failure.cause}"
                yield Finding("error", subject, text, "tell its authors")
        for use in host.deprecated:
            if use.plugin == one.name:
                told = True
                yield Finding("warning", subject, f"{use.source}: {use.where} is {use.cause}")
        if not told:
            state = "" if one.name in host.enabled else "; off, so its code was not looked at"
            text = f"written for API {_wanted(one)}, this is {ours}{state}"
            yield Finding("ok", subject, text)


def _wanted(one: Installed) -> str:
    """The API version that a plugin asks for."""
    api = one.manifest.api if one.manifest is not None else 0
    return f"{api}.0" if isinstance(api, int) else ".".join(map(str, api))
