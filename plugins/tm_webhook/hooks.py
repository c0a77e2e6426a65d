"""A handler for each URL, and what `tm doctor` says of them."""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections.abc import Iterator, Sequence

from tm_core.api import Context, Event, Finding, hookimpl

from . import delivery


class Webhook:
    """Posts events to one URL; the outbox keeps the order, and tries again when it fails."""

    pattern = "*"

    def __init__(self, url: str, events: Sequence[str], secret_env: str, timeout: float) -> None:
        # Names its place in the log, which many can read: the URL itself may hold a token.
        self.name = f"{delivery.place(url)}#{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        self._url = url
        self._events = events
        self._secret_env = secret_env
        self._timeout = timeout

    def handle(self, event: Event) -> None:
        """Post it, if its type is one of those asked for."""
        if any(fnmatch.fnmatchcase(event["type"], pattern) for pattern in self._events):
            delivery.send(self._url, event, secret_env=self._secret_env, timeout=self._timeout)


@hookimpl
def event_handlers(ctx: Context) -> Iterator[Webhook]:
    """One for each URL, so that one that is down does not hold up the others."""
    settings = ctx.settings
    for url in dict.fromkeys(map(str, settings["urls"])):
        yield Webhook(url, settings["events"], settings["secret_env"], settings["timeout"])


@hookimpl
def health_checks(ctx: Context) -> Iterator[Finding]:
    """Whether it can be sent at all; what failed lately the outbox tells."""
    urls = [str(url) for url in ctx.settings["urls"]]
    if not urls:
        hint = "tm config set --user webhook.urls https://example.org/hook"
        yield Finding("warning", "webhook", "there is no URL to post to", hint)
    for url in urls:
        wrong = delivery.fault(url)
        yield Finding("error" if wrong else "ok", "webhook", wrong or delivery.place(url))
    variable = ctx.settings["secret_env"]
    if urls and variable and not os.environ.get(variable):
        yield Finding(
            "error",
            "webhook",
            f"{variable} is not set, so nothing can be signed and nothing is sent",
            "set it, or webhook.secret_env to an empty text to send unsigned",
        )
