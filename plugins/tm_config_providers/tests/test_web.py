"""A source on the web, against a real server."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tm_core.testing import Cli

GOOD = b"# from the server\nlist: {limit: 6}\n"


class Server(ThreadingHTTPServer):
    """Answers as told, and counts who asks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.code = 200
        self.body = GOOD
        self.length: int | None = None
        self.hangs = False
        self.release = threading.Event()
        self.asked: list[str] = []
        self.path = f"/settings/{uuid.uuid4().hex}"

    @property
    def place(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        return f"{self.place}{self.path}?token=in-the-url"


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.hangs:
            self.server.release.wait(30)
        self.send_response(self.server.code)
        if 300 <= self.server.code < 400:
            self.send_header("Location", f"{self.server.place}/private")
        length = self.server.length or len(self.server.body)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("no_proxy", "*")
    yield running
    running.release.set()
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def cli(tm_cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> Cli:
    tm_cli("config", "enable", "config-providers")
    monkeypatch.setenv(
        "TM_CONFIG_PROVIDERS_SOURCES", json.dumps([{"kind": "http", "url": server.url}])
    )
    return tm_cli


def limit(cli: Cli) -> int:
    value: int = cli("config", "explain", "list.limit", "--json").json[-1]["value"]
    return value


def refresh(monkeypatch: pytest.MonkeyPatch, minutes: float) -> None:
    monkeypatch.setenv("TM_CONFIG_PROVIDERS_REFRESH_MINUTES", str(minutes))


def test_it_is_asked_once_and_kept(
    cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("add", "x").err == "Task created\n"
    assert limit(cli) == 6
    assert len(server.asked) == 1
    server.body = b'{"list": {"limit": 7}}'
    assert limit(cli) == 6
    refresh(monkeypatch, 0)
    assert limit(cli) == 7
    assert len(server.asked) == 2


def test_the_copy_is_private_and_errors_hold_no_token(
    cli: Cli, server: Server, tm_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("add", "x")
    (copy,) = [
        each
        for each in (tm_cache / "task-orchestrator").glob("provider-*.json")
        if server.path in each.read_text(encoding="utf-8")
    ]
    if os.name != "nt":
        assert copy.stat().st_mode & 0o077 == 0
    server.code = 500
    refresh(monkeypatch, 0)
    assert "token" not in cli("add", "x").err + cli("providers", "list").out


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an error": ({"code": 500}, "answered 500"),
    "no access": ({"code": 403}, "answered 403"),
    "a redirect": ({"code": 302}, "answered 302: redirects are not followed"),
    "too long": ({"body": b"#" * 1_000_001}, "answered with more than 1000000 bytes"),
    "broken off": ({"length": 500}, "broke off its answer"),
    "a page": ({"body": b"<html><body>Sign in</body></html>"}, "holds a single value"),
    "not YAML": ({"body": b"list: ["}, "not YAML"),
    "not text": ({"body": b"\xff\xfe\x00"}, "not UTF-8"),
    "aliases": ({"body": b"a: &a [1]\nb: *a"}, "aliases (*name) are not allowed"),
    "a wrong value": ({"body": b"list: {limit: many}"}, "must be a whole number"),
    "plugins": ({"body": b"plugins: {disable: [feedback]}"}, "cannot set 'plugins'"),
    "hangs": ({"hangs": True}, "did not answer within 0.3 s"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_once_and_the_last_good_copy_counts(
    name: str, cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, why = BAD[name]
    assert limit(cli) == 6
    for key, value in answer.items():
        setattr(server, key, value)
    refresh(monkeypatch, 0)
    monkeypatch.setenv("TM_CONFIG_PROVIDERS_TIMEOUT", "0.3")
    said = cli("add", "x").err
    assert why in said
    assert "the copy of 20" in said
    assert said.count("\n") == 2  # that, and that the task was created
    refresh(monkeypatch, 15)
    asked = len(server.asked)
    assert cli("add", "y").err == "Task created\n"
    assert limit(cli) == 6
    assert len(server.asked) == asked
    assert "/private" not in server.asked
    assert why in cli("doctor", code=None).out
    refresh(monkeypatch, 0)
    server.code, server.body, server.length, server.hangs = 200, b"list: {limit: 8}", None, False
    server.release.set()
    monkeypatch.setenv("TM_CONFIG_PROVIDERS_TIMEOUT", "20")
    assert limit(cli) == 8


@pytest.mark.parametrize("name", ["an error", "a page", "hangs"])
def test_without_a_copy_the_source_is_skipped_and_not_asked_at_every_command(
    name: str, cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, why = BAD[name]
    for key, value in answer.items():
        setattr(server, key, value)
    monkeypatch.setenv("TM_CONFIG_PROVIDERS_TIMEOUT", "0.3")
    assert why in cli("add", "x").err
    said = cli("add", "y").err
    assert why in said
    assert "it is asked again in 15 min" in said
    assert len(server.asked) == 1
    assert limit(cli) == 50


def test_a_server_that_is_gone(cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("add", "x")
    server.shutdown()
    server.server_close()
    refresh(monkeypatch, 0)
    assert "cannot be reached" in cli("add", "y").err
    assert limit(cli) == 6


@pytest.mark.parametrize("content", ["", "[]", "{", '{"url": 1}', None])
def test_a_spoilt_copy_is_as_none(
    content: str | None, cli: Cli, server: Server, tm_cache: Path
) -> None:
    cli("add", "x")
    (copy,) = [
        each
        for each in (tm_cache / "task-orchestrator").glob("provider-*.json")
        if server.path in each.read_text(encoding="utf-8")
    ]
    if content is None:
        content = json.dumps({"url": server.url, "tried": "now", "at": 1, "values": []})
    copy.write_text(content, encoding="utf-8")
    assert limit(cli) == 6
    assert len(server.asked) == 2


def test_a_projects_server_waits_for_consent(
    cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TM_CONFIG_PROVIDERS_SOURCES")
    sources = json.dumps([{"kind": "http", "url": server.url, "label": "acme"}])
    cli("config", "set", "config-providers.project_sources", sources)
    assert "not approved on this machine" in cli("add", "x").err
    assert server.asked == []
    (asked,) = cli("trust", "--json").json
    assert server.url in asked["what"]
    cli("trust", "approve", asked["digest"], "--yes")
    assert limit(cli) == 6
    assert cli("config", "explain", "list.limit", "--json").json[-1]["origin"] == (
        "config-providers/acme"
    )


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/y",
        "file:///etc/passwd",
        "http://",
        "http://u:secret@x/",
        "http://x:y/",
        "http://[/",
    ],
)
def test_urls_that_are_not_asked(url: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM_CONFIG_PROVIDERS_SOURCES", json.dumps([{"kind": "http", "url": url}]))
    said = cli("add", "x").err
    assert "sources[1]: " in said
    assert "secret" not in said


def test_it_cannot_be_written_to(cli: Cli, server: Server) -> None:
    result = cli("providers", "set", f"http {server.place}", "list.limit", "3", code=2)
    assert "cannot be written to (it is changed on the server)" in result.err
