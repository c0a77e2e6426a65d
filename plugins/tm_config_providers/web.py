"""A source on the web: asked now and then, with the last good answer kept in between."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tm_core.api import (
    Config,
    ConfigError,
    Context,
    Layer,
    TmError,
    cache_path,
    default_cache_folder,
    parse_yaml,
    read_json,
    visible,
    write_json_atomically,
)

from .source import Source, ensure_consent

MAX_SIZE = 1_000_000
"""Bytes of an answer: as many as a configuration file may have."""


class Web(Source):
    """YAML or JSON from an HTTP(S) server."""

    kind = "http"
    read_only = "it is changed on the server"

    def __init__(self, ctx: Context, name: str, url: str, *, personal: bool) -> None:
        """Raises ConfigError for what is no such URL."""
        super().__init__(name or f"http {_place(url)}", personal=personal)
        wrong = _fault(url)
        if wrong:
            raise ConfigError(wrong)
        self._ctx = ctx
        self._url = url
        self._copy = cache_path(default_cache_folder(ctx.environ), "provider", url)

    def read(self) -> Mapping[str, Any]:
        """The last good answer, or a new one if it is due; a server that fails is said once."""
        if not self.personal:
            ensure_consent(self._ctx, f"settings from {visible(self._url)}", self._url)
        kept = self._kept()
        now = time.time()
        good: dict[str, Any] | None = kept.get("values")
        wait = float(self._ctx.settings["refresh_minutes"]) * 60 - abs(now - kept.get("tried", 0))
        if wait > 0 and good is not None:
            return good
        if wait > 0 and kept.get("error"):
            raise ConfigError(f"{kept['error']}; it is asked again in {wait / 60:.0f} min")
        if good is not None:
            # Commands that begin meanwhile go on with the copy, instead of asking as well.
            self._keep(kept | {"tried": now})
        try:
            content = fetch(self._url, float(self._ctx.settings["timeout"]))
            values = parse_yaml(content.decode("utf-8-sig"), _place(self._url))
            self._check(values)
        except (TmError, UnicodeDecodeError) as error:
            text = error.message if isinstance(error, TmError) else f"{self.name}: not UTF-8"
            self._keep(kept | {"tried": now, "error": text})
            if good is None:
                raise ConfigError(text) from None
            self._ctx.warn(f"{text}; the copy of {_shown(kept['at'])} is used")
            return good
        if not self._keep({"values": values, "at": now, "tried": now}):
            self._ctx.warn(f"{self.name}: no copy can be kept, so every command asks the server")
        return values

    def note(self) -> tuple[str, bool]:
        """As `Source.note`."""
        kept = self._kept()
        if "at" not in kept:
            return "", False
        told = f"copy of {_shown(kept['at'])}"
        error = kept.get("error")
        return (f"{told}; {error}", True) if error else (told, False)

    def _check(self, values: dict[str, Any]) -> None:
        """Raise TmError for settings that nobody could use: they replace no good copy."""
        workspace = self._ctx.tasks.workspace
        config: Config = workspace.config
        config.with_layer(Layer("providers", self.name, values)).check(workspace.host.manifests())

    def _kept(self) -> dict[str, Any]:
        """What was kept of this URL, by this user; nothing if it is not as it was written."""
        found = read_json(self._copy)
        if not isinstance(found, dict) or found.get("url") != self._url:
            return {}
        times = [found.get(name, 0.0) for name in ("at", "tried")]
        right = all(isinstance(each, int | float) for each in times) and (
            ("values" in found) == ("at" in found) and isinstance(found.get("values", {}), dict)
        )
        return found if right and isinstance(found.get("error", ""), str) else {}

    def _keep(self, entry: dict[str, Any]) -> bool:
        return write_json_atomically(self._copy, entry | {"url": self._url})


def fetch(url: str, timeout: float) -> bytes:
    """What a server answers. Raises ConfigError unless all of it comes in time and in bounds."""
    import threading

    answers: list[bytes | str] = []
    # A socket's timeout is for each step, and looking up a name has none: the thread bounds it all.
    thread = threading.Thread(target=lambda: answers.append(_get(url, timeout)), daemon=True)
    thread.start()
    thread.join(timeout)
    answer = answers[0] if answers else _late(timeout)
    if isinstance(answer, str):
        raise ConfigError(f"{_place(url)} {answer}")
    return answer


def _get(url: str, timeout: float) -> bytes | str:
    """The answer's content, or in words why there is none."""
    import http.client
    import urllib.error
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    headers = {"User-Agent": "task-orchestrator", "Accept": "application/yaml, application/json"}
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.build_opener(NoRedirect).open(request, timeout=timeout) as response:
            content: bytes = response.read(MAX_SIZE + 1)
            promised = int(response.headers.get("Content-Length") or len(content))
    except urllib.error.HTTPError as error:
        error.close()
        moved = ": redirects are not followed" if 300 <= error.code < 400 else ""
        return f"answered {error.code}{moved}"
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            return _late(timeout)
        return f"cannot be reached: {visible(str(error.reason))[:200]}"
    except TimeoutError:
        return _late(timeout)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"failed: {type(error).__name__}: {visible(str(error))[:200]}"
    if len(content) > MAX_SIZE:
        return f"answered with more than {MAX_SIZE} bytes"
    # `read` with a limit does not complain of an answer that ends too soon.
    return content if len(content) == promised else "broke off its answer"


def _late(timeout: float) -> str:
    return f"did not answer within {timeout:g} s"


def _place(url: str) -> str:
    """The server of a URL, as errors name it: path and query may hold a token."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an unreadable URL"
    return visible(f"{parts.scheme}://{parts.hostname or ''}{port}")


def _fault(url: str) -> str:
    """What is wrong with a URL; empty when nothing is."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no number
    except ValueError as error:
        return f"not a URL: {error}"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{_place(url)} is no http: or https: URL"
    if parts.username is not None:
        return f"{_place(url)} has a name or password in it, which would not be sent"
    if any(letter.isspace() or not letter.isprintable() for letter in url):
        return f"{_place(url)} has a space or control character in it"
    return ""


def _shown(instant: float) -> str:
    try:
        return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "an unknown time"
