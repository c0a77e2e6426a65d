"""One POST: signed, in limited time, without following anybody elsewhere."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
import time
from urllib.parse import urlsplit

from tm_core.api import Event, TmError, visible


def place(url: str) -> str:
    """The server of a URL, as errors name it: path and query may hold a token."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an unreadable URL"
    return visible(f"{parts.scheme}://{parts.hostname or ''}{port}")


def fault(url: str) -> str:
    """What is wrong with a URL; empty when nothing is."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no number
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return f"{place(url)} is no http: or https: URL"
        if parts.username is not None:
            return f"{place(url)} has a name or password in it, which would not be sent"
        if any(letter.isspace() or not letter.isprintable() for letter in url):
            return f"{place(url)} has a space or control character in it"
    except ValueError as error:
        return f"{place(url)}: {error}"
    return ""


def body_of(event: Event) -> bytes:
    """The event as it is sent: what happened, without the rows by which the store undoes it."""
    data = {name: value for name, value in event["data"].items() if name != "rows"}
    names = ("id", "seq", "at", "actor", "type", "task_id")
    shape = {name: event[name] for name in names} | {"data": data}  # type: ignore[literal-required]
    return json.dumps(shape, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What `X-Tm-Signature` holds: of the time and the body, so that neither can be replaced."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def send(url: str, event: Event, *, secret_env: str, timeout: float) -> None:
    """Post one event. Raises TmError unless the server takes it in time."""
    wrong = fault(url)
    if wrong:
        raise TmError(f"webhook.urls: {wrong}")
    body = body_of(event)
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "task-orchestrator",
        "X-Tm-Event": event["type"],
        "X-Tm-Delivery": event["id"],
        "X-Tm-Timestamp": timestamp,
    }
    if secret_env:
        secret = os.environ.get(secret_env, "")
        if not secret:
            raise TmError(f"{secret_env} is not set, so nothing can be signed and nothing is sent")
        headers["X-Tm-Signature"] = signature(secret, timestamp, body)
    answers: list[str] = []
    # A socket's timeout is for each step, and looking up a name has none: the thread bounds it all.
    thread = threading.Thread(
        target=lambda: answers.append(_post(url, body, headers, timeout)), daemon=True
    )
    thread.start()
    thread.join(timeout)
    refused = answers[0] if answers else _late(timeout)
    if refused:
        raise TmError(f"{place(url)} {refused}")


def _post(url: str, body: bytes, headers: dict[str, str], timeout: float) -> str:
    """Why the server did not take it; empty when it did. Of the answer only the head is read."""
    import http.client
    import urllib.error
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    opener = urllib.request.build_opener(NoRedirect)
    try:
        request = urllib.request.Request(url, body, headers, method="POST")
        with opener.open(request, timeout=timeout):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        if 300 <= error.code < 400:
            return f"answered {error.code}: redirects are not followed"
        return f"answered {error.code}"
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            return _late(timeout)
        return f"cannot be reached: {visible(str(error.reason))}"
    except TimeoutError:
        return _late(timeout)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"failed: {type(error).__name__}: {visible(str(error))[:200]}"


def _late(timeout: float) -> str:
    return f"did not answer within {timeout:g} s"
