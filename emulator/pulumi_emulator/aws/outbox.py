"""Requests to addresses outside: kept to be looked at, and sent only to this computer's own loopback address."""

from __future__ import annotations

import http.client
import ipaddress
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

# docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html: a request may take so many seconds.
TIMEOUT: Final = 5.0
SECRET: Final = "(secret)"  # noqa: S105 - stands for one
KEPT: Final = 1000  # the last ones


@dataclass(frozen=True)
class Sent:
    """A request as it is kept: no secret in it. `status` is the answer's, None when it was not really sent."""

    time: str
    method: str
    url: str
    headers: dict[str, str]
    body: str
    status: int | None = None


class Outbox:
    """The requests that an account would have sent to the world, oldest first."""

    def __init__(self) -> None:
        self._sent: list[Sent] = []

    def keep(self, request: Sent) -> None:
        """Keep a request."""
        self._sent.append(request)
        del self._sent[:-KEPT]

    def shown(self) -> list[dict[str, Any]]:
        """Return all as plain data."""
        return [asdict(request) for request in list(self._sent)]


def is_loopback(url: str) -> bool:
    """Tell whether an address is this computer's own."""
    host = urllib.parse.urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without(secrets: Iterable[str], text: str) -> str:
    """Return a text in which no secret is."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, SECRET)
    return text


def send(method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Send a request to the loopback address; return the answer's status, 0 when there was none."""
    request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310 - the loopback address
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, http.client.HTTPException):
        return 0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An answer that leads elsewhere is not followed: it could lead out of this computer."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""
