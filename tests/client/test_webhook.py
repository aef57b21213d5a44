"""The webhook of a HealthMonitor against a server that is silent, drips, redirects and fails."""

import contextlib
import http.client
import json
import logging
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from redis_ha_client import DocumentError, Webhook, webhook
from redis_ha_client.clocks import Moment
from redis_ha_client.health import Change, Failure, Health, judge, status_of
from tests.support.certificates import issue
from tests.support.health import QUICK
from tests.support.waiting import wait_until

SECRET = "hunter2-path"


class Receiver:
    """A server that treats each request as the next word of `plan` says, and as `ok` after that."""

    def __init__(self) -> None:
        self.plan: list[str] = []
        self.posts: list[Any] = []  # what was answered with 2xx
        self.seen: list[str] = []
        self.over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.treat(self)

            do_GET = do_POST  # noqa: N815 - http.server's name

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{SECRET}?token={SECRET}"

    def treat(self, request: BaseHTTPRequestHandler) -> None:
        how = self.plan.pop(0) if self.plan else "ok"
        self.seen.append(f"{request.command} {how}")
        body = json.loads(request.rfile.read(int(request.headers.get("Content-Length", "0"))) or "null")
        if how == "silent":
            self.over.wait()
        elif how == "drips":
            try:
                request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not self.over.wait(0.02):
                    request.wfile.write(b".")
            except OSError:
                return  # cut
        elif how == "redirects":
            request.send_response(302)
            request.send_header("Location", "/elsewhere")
            request.end_headers()
        else:
            self.posts.append((body, dict(request.headers)))
            request.send_response(500 if how == "fails" else 204)
            if how == "fails":
                self.posts.pop()
            request.end_headers()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(webhook, "PAUSE_SECONDS", 0.01)
    monkeypatch.setenv("no_proxy", "*")
    made = Receiver()
    yield made
    made.close()


def change(number: int = 1) -> Change:
    failure = Failure("NotExecutedError", "failed")
    health = judge(Health(), failure, Moment(0, 0), 1)
    status = status_of(health, Moment(0, 0), "custom", QUICK)
    return Change(**{**status, "probes": number}, previous="up")  # type: ignore[typeddict-item]


def test_a_change_is_posted_as_json_with_a_line_for_people(receiver: Receiver) -> None:
    Webhook(receiver.url, headers={"Authorization": "Bearer x"})(change())
    wait_until(lambda: receiver.posts, "the post")
    body, headers = receiver.posts[0]
    assert (body["state"], body["previous"], body["last_error"]["class"]) == ("down", "up", "NotExecutedError")
    assert body["text"] == f"redis-ha: DOWN on {body['host']} ({body['pid']}): NotExecutedError"
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer x"


@pytest.mark.parametrize("trouble", ["silent", "drips", "redirects", "fails"])
def test_trouble_is_tried_again_in_bounded_time_and_shows_no_secret(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    receiver.plan = [trouble, trouble]
    hook = Webhook(receiver.url, headers={"Authorization": SECRET}, timeout_seconds=0.2)
    with caplog.at_level(logging.DEBUG):
        hook(change())
        wait_until(lambda: receiver.posts, "the third try")
    assert receiver.seen == [f"POST {trouble}", f"POST {trouble}", "POST ok"]
    assert "DOWN could not be posted" in caplog.text
    assert SECRET not in caplog.text + repr(hook)
    assert repr(hook) == "<Webhook http://127.0.0.1>"


def test_what_cannot_be_posted_is_given_up_for_the_next(receiver: Receiver) -> None:
    receiver.plan = ["fails"] * 3
    hook = Webhook(receiver.url)
    hook(change(1))
    hook(change(2))
    wait_until(lambda: receiver.posts, "the second change")
    assert [body["probes"] for body, _ in receiver.posts] == [2]
    assert receiver.seen == ["POST fails"] * 3 + ["POST ok"]


def test_a_receiver_that_hangs_holds_nobody_and_the_newest_change_is_kept(receiver: Receiver) -> None:
    receiver.plan = ["silent"]
    hook = Webhook(receiver.url, timeout_seconds=600)
    hook(change(0))
    wait_until(lambda: receiver.seen, "the first post is under way")
    for number in range(1, 101):
        hook(change(number))
    assert hook._waiting.qsize() == webhook.QUEUE_SIZE
    receiver.over.set()
    wait_until(lambda: [body["probes"] for body, _ in receiver.posts][-1:] == [100], "the newest change")
    assert [body["probes"] for body, _ in receiver.posts][-webhook.QUEUE_SIZE :] == list(range(85, 101))


@pytest.mark.usefixtures("receiver")  # short pauses
def test_a_receiver_that_takes_no_connection_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """Its queue of connections is full, so that the next one waits for ever."""
    with contextlib.ExitStack() as opened:
        full = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            client = opened.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        Webhook(f"http://127.0.0.1:{full.getsockname()[1]}/", timeout_seconds=0.1)(change())
        wait_until(lambda: caplog.text.count("could not be posted") == webhook.TRIES, "all tries have failed")


def test_a_connection_that_comes_when_the_time_is_over_is_cut_as_well() -> None:
    one, other = socket.socketpair()
    with one, other:
        connection = http.client.HTTPConnection("127.0.0.1")
        connection.sock = one
        cut = webhook._Cut(600)
        cut._cut()
        cut.watch(connection)
        cut.cancel()
        other.settimeout(10)
        assert other.recv(1) == b""


@pytest.mark.parametrize("url", ["", "hunter2", "ftp://host/hunter2", "http:///hunter2", "http://[hunter2", None])
def test_a_url_that_is_none_is_refused_and_not_shown(url: Any) -> None:
    with pytest.raises(DocumentError, match="Webhook's url is no http or https URL with a host") as caught:
        Webhook(url)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(DocumentError, match="timeout_seconds is 0"):
        Webhook("https://host", timeout_seconds=0)


@pytest.mark.parametrize("known", [True, False])
def test_https_is_bounded_as_well_and_its_certificate_is_checked(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, known: bool
) -> None:
    folder = issue(tmp_path / "tls", ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "node.crt", folder / "node.key")
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    receiver.plan = ["drips"]
    if known:
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.crt"))
    Webhook(receiver.url.replace("http:", "https:"), timeout_seconds=2)(change())
    if known:
        wait_until(lambda: receiver.posts, "the second try")
    else:
        wait_until(lambda: caplog.text.count("URLError (SSLCertVerificationError)") == webhook.TRIES, "all tries have failed")
    assert receiver.seen == (["POST drips", "POST ok"] if known else [])


FORKED = """
    import os, sys
    from redis_ha_client import Webhook
    hook = Webhook(sys.argv[1])
    hook({"state": "up", "last_error": None, "probes": 1})
    sys.stdin.readline()
    child = os.fork()
    if not child:
        hook({"state": "up", "last_error": None, "probes": 2})
    sys.stdin.read()
    if child:
        os.waitpid(child, 0)
"""


def test_a_fork_posts_by_a_thread_of_its_own(receiver: Receiver) -> None:
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(FORKED), receiver.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as forked:
        assert forked.stdin is not None
        wait_until(lambda: receiver.posts, "the post before the fork")
        forked.stdin.write("fork\n")
        forked.stdin.flush()
        wait_until(lambda: len(receiver.posts) > 1, "the fork's post")
    assert [body["probes"] for body, _ in receiver.posts] == [1, 2]
    assert len({body["pid"] for body, _ in receiver.posts}) == 2
