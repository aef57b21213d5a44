"""The health of a process for load balancers, as a WSGI and as an ASGI application; no library is needed."""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple

from .watching import Monitor

_PLAIN = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
WsgiApp = Callable[[MutableMapping[str, Any], Callable[..., Any]], Iterable[bytes]]
AsgiApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[MutableMapping[str, Any]], Awaitable[Any]]],
    Awaitable[None],
]


class Answer(NamedTuple):
    """An HTTP answer."""

    code: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


def answer_to(method: str, monitor: Monitor) -> Answer:
    """Return 200 while the state is `up`, 503 while it is `down` or `unknown`; the body is the status as JSON."""
    if method not in ("GET", "HEAD"):
        return Answer(405, "Method Not Allowed", [*_PLAIN, ("Allow", "GET, HEAD"), ("Content-Length", "0")], b"")
    status = monitor.status()
    body = json.dumps(status).encode()
    code, reason = (200, "OK") if status["state"] == "up" else (503, "Service Unavailable")
    headers = [*_PLAIN, ("Content-Length", str(len(body)))]
    return Answer(code, reason, headers, b"" if method == "HEAD" else body)


def health_wsgi(monitor: Monitor) -> WsgiApp:
    """Return a WSGI application that answers every path: 200 while the monitor says `up`, else 503, with its status as JSON."""

    def app(environ: MutableMapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = answer_to(environ["REQUEST_METHOD"], monitor)
        start_response(f"{answer.code} {answer.reason}", answer.headers)
        return [answer.body]

    return app


def health_asgi(monitor: Monitor) -> AsgiApp:
    """Return an ASGI application that answers as `health_wsgi` does; for HTTP alone."""

    async def app(
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],  # noqa: ARG001 - ASGI's own signature
        send: Callable[[MutableMapping[str, Any]], Awaitable[Any]],
    ) -> None:
        if scope["type"] != "http":
            raise ValueError(f"scope is {scope['type']!r}: the health application knows http")
        answer = answer_to(scope["method"], monitor)
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.code, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    return app
