"""Posting a HealthMonitor's changes of state to a URL, without keeping the monitor from its work."""

import contextlib
import http.client
import json
import logging
import math
import os
import queue
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from functools import partial
from typing import Any

from .errors import DocumentError
from .health import Change

LOGGER = logging.getLogger("redis_ha_client.health")
QUEUE_SIZE = 16  # changes that wait; when there are more the oldest is dropped, the newest says how things are
TRIES = 3
PAUSE_SECONDS = 1.0  # before the second try; doubled before the third


class Webhook:
    """A callback for HealthMonitor that posts each change of state as JSON. It returns at once; a thread of its own posts.

    The body is the change (`state`, `previous`, and the status) with `host`, `pid`, and `text`, a line for people.

    url: http or https; proxies as the environment says (urllib.request). It may hold a secret: no log and no repr shows more
        than scheme and host. Redirects are not followed: a redirected POST would become a GET.
    headers: beside Content-Type, for instance an Authorization; shown nowhere.
    timeout_seconds: the whole of one try, from connect to the answer's head. Default 5. A post is tried 3 times, with pauses of
        1 s and 2 s, until the answer is 2xx; after that it is logged and given up. At most 16 changes wait.
    Raises DocumentError for an unusable argument.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, timeout_seconds: float = 5.0) -> None:
        self.shown = _shown(url)
        if (
            isinstance(timeout_seconds, bool)
            or not isinstance(timeout_seconds, int | float)
            or not 0 < timeout_seconds < math.inf
        ):
            raise DocumentError(f"timeout_seconds is {timeout_seconds!r}: must be a number of seconds above 0")
        self._url = url
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._timeout = timeout_seconds
        self._process: int | None = None
        self._guard = threading.Lock()
        self._waiting: queue.Queue[Change] = queue.Queue(QUEUE_SIZE)

    def __repr__(self) -> str:
        return f"<Webhook {self.shown}>"

    def __call__(self, change: Change) -> None:
        """Queue a change to be posted; never waits."""
        self._start()
        while True:
            try:
                self._waiting.put_nowait(change)
            except queue.Full:
                try:
                    self._waiting.get_nowait()
                except queue.Empty:
                    continue
                LOGGER.warning("%r: too many changes wait, the oldest is not posted", self)
            else:
                return

    def _start(self) -> None:
        """Start the thread, once a process: a fork has none."""
        if self._process == os.getpid():
            return
        if self._process is not None:  # a fork: somebody may have held these in the parent
            self._guard = threading.Lock()
            self._waiting = queue.Queue(QUEUE_SIZE)
        with self._guard:
            if self._process != os.getpid():
                threading.Thread(target=self._work, args=(self._waiting,), name="redis-ha-webhook", daemon=True).start()
                self._process = os.getpid()

    def _work(self, waiting: "queue.Queue[Change]") -> None:
        while True:
            self._deliver(waiting.get())

    def _deliver(self, change: Change) -> None:
        body = json.dumps(post_of(change)).encode()
        for number in range(TRIES):
            if number:
                time.sleep(PAUSE_SECONDS * 2 ** (number - 1))
            try:
                post(self._url, body, self._headers, self._timeout)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next change is posted all the same
                LOGGER.warning("%r: %s could not be posted: %s", self, change["state"].upper(), _cause(error))
            else:
                return


def post_of(change: Change) -> dict[str, Any]:
    """Return what is posted of a change."""
    host, pid = socket.gethostname(), os.getpid()
    error = change["last_error"]
    why = f": {error['class']}" if change["state"] == "down" and error else ""
    return {**change, "host": host, "pid": pid, "text": f"redis-ha: {change['state'].upper()} on {host} ({pid}){why}"}


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> None:
    """Post, and raise unless the answer is 2xx. `seconds` bounds all of it; urllib's own time-out is of each wait."""
    cut = _Cut(seconds)
    opener = urllib.request.build_opener(_NoRedirects, _Handler(cut))
    request = urllib.request.Request(url, body, dict(headers), method="POST")  # noqa: S310 - http or https, as _shown has checked
    try:
        opener.open(request, timeout=seconds).close()
    finally:
        cut.cancel()
    if cut.over:  # http.client takes the end of what it reads for the end of the head
        raise TimeoutError("the answer took too long")


class _Cut:
    """Cuts the connection of a try that takes too long, for instance one whose answer drips."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connection: http.client.HTTPConnection) -> None:
        """Cut this connection too, at once if the time is over: until here urllib's own time-out has bounded each step."""
        self._sockets.append(connection.sock)
        if self.over:
            self._cut()

    def _cut(self) -> None:
        self.over = True
        for one in tuple(self._sockets):
            with contextlib.suppress(OSError):  # it has ended
                one.shutdown(socket.SHUT_RDWR)

    def cancel(self) -> None:
        self._timer.cancel()


class _Connection(http.client.HTTPConnection):
    def __init__(self, *places: Any, cut: _Cut, **arguments: Any) -> None:
        self._cut = cut
        super().__init__(*places, **arguments)

    def connect(self) -> None:
        super().connect()
        self._cut.watch(self)


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    """The TLS twin."""


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def __init__(self, cut: _Cut) -> None:
        super().__init__()
        self._cut = cut

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self._open(_Connection, req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self._open(_SecureConnection, req)

    def _open(self, kind: type[_Connection], req: urllib.request.Request) -> http.client.HTTPResponse:
        make: Any = partial(kind, cut=self._cut)
        return self.do_open(make, req)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _shown(url: str) -> str:
    """Return what may be shown of a URL; refuse one that is none, without showing it."""
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except (ValueError, AttributeError, TypeError):
        usable = False
    if not usable:
        raise DocumentError("Webhook's url is no http or https URL with a host (it is not shown, it may hold a secret)")
    return f"{parts.scheme}://{parts.hostname}"


def _cause(error: Exception) -> str:
    """Return what may be shown of an error: urllib's texts hold no URL, others' might."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    if isinstance(error, urllib.error.URLError):
        return f"{type(error).__name__} ({type(error.reason).__name__})"
    return type(error).__name__
