import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.testing import Cli, run_readme
from tm_webhook.delivery import fault, place, signature

SECRET = "s3cret"


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server(ThreadingHTTPServer):
    """A receiver that notes what it gets, and answers as told: codes first to last, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.got: list[Request] = []
        self.answers: list[int] = []
        self.hang = threading.Event()
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?token=in-the-url"

    @property
    def seen(self) -> list[tuple[str, str]]:
        return [(each.json["type"], each.json["data"]["after"].get("title")) for each in self.got]


class Receiver(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(Request(self.path, dict(self.headers.items()), body))
        if self.server.hang.is_set():
            self.server.release.wait(30)
        code = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/private")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.got.append(Request(self.path, {}, b'{"type":"GET","data":{"after":{}}}'))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    receiver = Server()
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    receiver.release.set()
    receiver.shutdown()
    thread.join()
    receiver.server_close()


@pytest.fixture
def hooked(tm_cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> Cli:
    tm_cli("config", "enable", "webhook")
    monkeypatch.setenv("TM_WEBHOOK_URLS", server.url)
    monkeypatch.setenv("TM_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("no_proxy", "*")
    return tm_cli


def no_pause(tm_cli: Cli) -> None:
    """Let the pause after a failure be over."""
    with TaskManager.open(str(tm_cli.folder)) as tm, tm.transaction():
        tm.database.execute("UPDATE delivery SET retry_at = '2000-01-01T00:00:00.000000Z'")


def test_the_readme_is_a_run(tm_cli: Cli) -> None:
    run_readme(Path(__file__).parents[1] / "README.md", tm_cli)


def test_an_event_is_posted_with_a_signature(hooked: Cli, server: Server) -> None:
    task = hooked.add("Ümlaut")
    (request,) = server.got
    assert request.path == "/hook?token=in-the-url"
    sent = request.json
    assert (sent["type"], sent["task_id"], sent["actor"]) == ("task.created", task, "tester")
    assert sent["data"]["after"]["title"] == "Ümlaut"
    headers = request.headers
    assert headers["X-Tm-Signature"] == signature(SECRET, headers["X-Tm-Timestamp"], request.body)
    assert (headers["X-Tm-Event"], headers["X-Tm-Delivery"]) == ("task.created", sent["id"])
    assert headers["Content-Type"] == "application/json"


def test_failed_ones_are_sent_again_in_order(hooked: Cli, server: Server) -> None:
    server.answers = [500]
    result = hooked("add", "one")
    assert "answered 500" in result.err
    assert "token" not in result.err
    assert len(result.out.strip()) == 8
    hooked.add("two")  # within the pause: nobody is contacted
    assert server.seen == [("task.created", "one")]
    no_pause(hooked)
    hooked.add("three")
    titles = [title for _, title in server.seen]
    assert titles == ["one", "one", "two", "three"]
    assert server.got[0].json == server.got[1].json
    assert not [row for row in hooked("doctor", "--json").json if row["level"] == "error"]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_failures(hooked: Cli, server: Server, code: int) -> None:
    server.answers = [code]
    assert f"answered {code}: redirects are not followed" in hooked("add", "x").err
    assert [each.path for each in server.got] == ["/hook?token=in-the-url"]


def test_one_that_hangs_is_left(hooked: Cli, server: Server) -> None:
    server.hang.set()
    result = hooked("-c", "webhook.timeout=0.2", "add", "x")
    assert "did not answer within 0.2 s" in result.err
    assert result.code == 0
    server.release.set()
    server.hang.clear()
    found = hooked("doctor", "--json", code=1).json
    assert [row["message"] for row in found if row["subject"].startswith("handler webhook/")]


def test_one_that_answers_drop_by_drop_is_left(
    hooked: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                while not stop.wait(0.02):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        monkeypatch.setenv("TM_WEBHOOK_URLS", f"http://127.0.0.1:{listener.getsockname()[1]}/")
        result = hooked("-c", "webhook.timeout=0.3", "add", "x")
        stop.set()
        thread.join()
    assert "did not answer within 0.3 s" in result.err


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n"])
def test_an_answer_that_is_none(
    hooked: Cli, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setenv("TM_WEBHOOK_URLS", f"http://127.0.0.1:{listener.getsockname()[1]}/")
        result = hooked("add", "x")
        thread.join()
    assert "handler 'http://127.0.0.1:" in result.err
    assert "Traceback" not in result.err


def test_nobody_there(hooked: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("TM_WEBHOOK_URLS", f"http://127.0.0.1:{port}/,{server.url}")
    assert "cannot be reached" in hooked("add", "x").err
    assert server.seen == [("task.created", "x")]  # the other one is served


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "example.org",
        "",
        "http://",
        "http://name:word@example.org/",
        "http://[::1/",
        "http://example.org:port/",
        "http://example.org/a b",
        "http://example.org/\r\nX: y",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_url_for_it(url: str) -> None:
    assert fault(url)


@given(st.text())
def test_any_text_may_be_configured(text: str) -> None:
    assert place(text)
    assert isinstance(fault(text), str)


def test_a_wrong_url_is_said(hooked: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM_WEBHOOK_URLS", "file:///etc/passwd")
    assert "is no http: or https: URL" in hooked("add", "x").err
    assert "is no http: or https: URL" in hooked("doctor", code=1).out


def test_without_the_secret_nothing_is_sent(
    hooked: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TM_WEBHOOK_SECRET")
    assert "TM_WEBHOOK_SECRET is not set" in hooked("add", "x").err
    assert "TM_WEBHOOK_SECRET is not set" in hooked("doctor", code=1).out
    assert server.got == []
    no_pause(hooked)
    hooked("-c", "webhook.secret_env=", "add", "y")
    assert [title for _, title in server.seen] == ["x", "y"]
    assert "X-Tm-Signature" not in server.got[0].headers


def test_which_events(hooked: Cli, server: Server) -> None:
    task = hooked.add("x")
    hooked("share", task, "not a task.* event")
    assert len(server.got) == 1
    hooked("-c", "webhook.events=collaboration.shared", "share", task, "now it is")
    assert server.got[1].json["data"] == {"message": "now it is"}


def test_a_private_notes_text_is_never_sent(hooked: Cli, server: Server) -> None:
    task = hooked.add("x")
    everything = ("-c", "webhook.events=*")
    hooked(*everything, "note", task, "nobody-else-may-read-this")
    hooked(*everything, "undo")
    assert [each.json["type"] for each in server.got] == [
        "task.created",
        "collaboration.noted",
        "task.undone",
    ]
    assert not any(b"nobody-else" in each.body for each in server.got)


def test_a_project_cannot_make_it_send(
    tm_cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TM_WEBHOOK_SECRET", SECRET)
    config = tm_cli.folder / ".task-orchestrator" / "config.yaml"
    config.write_text(
        f"plugins: {{enable: [webhook]}}\nwebhook: {{urls: ['{server.url}'], secret_env: HOME}}\n"
    )
    assert "webhook.urls is ignored" in tm_cli("add", "x").err
    assert server.got == []


def test_off_until_asked_for_and_it_goes_on_where_it_was(hooked: Cli, server: Server) -> None:
    hooked.add("one")
    hooked("config", "disable", "webhook")
    hooked.add("two")
    assert len(server.got) == 1
    hooked("config", "enable", "webhook")
    hooked.add("three")
    assert [title for _, title in server.seen] == ["one", "two", "three"]


def test_it_is_off_by_default(tm_cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM_WEBHOOK_URLS", server.url)
    tm_cli.add("x")
    assert server.got == []


def test_many_at_once(hooked: Cli, server: Server, tm_open: Callable[..., TaskManager]) -> None:
    tm = tm_open()
    with tm.transaction():
        for number in range(30):
            tm.add(f"task {number}")
    assert [title for _, title in server.seen] == [f"task {number}" for number in range(30)]
