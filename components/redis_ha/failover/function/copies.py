"""Copies of the endpoint document in Consul's key/value store and in Vault's version 2 of it, for readers of these.

A copy has the parameter's own path as its key. It is looked at before it is written, and written only where it differs, under
the condition that nobody wrote in between (check-and-set). So a retry mends what an outage of the target left, and an older
document never replaces a newer one.
"""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPMessage
from typing import IO, Any, Final, Protocol

from .document import read_document
from .settings import CONSUL, VAULT, CopyTo

# Of two targets there are three requests each in a run, which all have to fit into the function's spare time.
TIMEOUT_SECONDS: Final = 2.0
MOST_WRITES: Final = 3  # to a copy that somebody else writes at the same time
OK: Final = 200
REFUSED: Final = 400  # Vault's answer to a check-and-set that does not hold, and to a renewal that the token does not allow
DENIED: Final = 403
MISSING: Final = 404


class CopyError(Exception):
    """A target did not take a document. The text names the address, the key and the remedy, and no token."""


@dataclass(frozen=True)
class Access:
    """What a target's secret holds: its token, and the authority of its certificate where that is no public one."""

    token: str
    ca_pem: str | None


def read_access(text: str) -> Access:
    """Read a secret: {"token": "...", "ca_pem": "..."}, the second only where it is needed. Raises CopyError."""
    try:
        held = json.loads(text)
        access = Access(held["token"], held.get("ca_pem"))
        good = isinstance(access.token, str) and access.token.strip() != "" and isinstance(access.ca_pem, str | None)
    except (AttributeError, KeyError, TypeError, ValueError):
        good = False
    if not good:
        raise CopyError('its secret is not what is wanted; give {"token": "...", "ca_pem": "..."}, ca_pem if needed')
    return access


@dataclass(frozen=True)
class Seen:
    """A copy as it is: the document, None when there is none that can be read, and what a write refers to."""

    document: Mapping[str, Any] | None
    version: int


def targets_of(wanted: Sequence[CopyTo], secret: Callable[[str], str]) -> tuple[Target, ...]:
    """Return the targets that the settings name; `secret` returns a secret's text by its ARN."""
    return tuple(_target(one, partial(secret, one.secret_arn)) for one in wanted)


def _target(wanted: CopyTo, secret: Callable[[], str]) -> Target:
    return Consul(wanted.url, secret) if wanted.kind == CONSUL else Vault(wanted.url, wanted.mount, secret)


class Target(Protocol):
    """A store of copies."""

    @property
    def name(self) -> str:
        """What logs call it."""
        ...

    def read(self, key: str) -> Seen:
        """Return the copy at a key."""
        ...

    def write(self, key: str, document: Mapping[str, Any], seen: Seen) -> bool:
        """Write a copy unless somebody wrote since it was read; tell whether it was written."""
        ...

    def keep(self) -> None:
        """Keep the access alive."""


def copy(target: Target, key: str, document: Mapping[str, Any]) -> bool:
    """Bring a document to a target; tell whether it was written. Raises CopyError.

    A copy that was written later than this document is left: another run looked later.
    """
    for _ in range(MOST_WRITES):
        seen = target.read(key)
        if seen.document is not None and (seen.document == document or seen.document.get("written", "") > document["written"]):
            return False
        if target.write(key, document, seen):
            return True
    raise CopyError(f"somebody else writes {key} all the time; let nothing but the function write there")


@dataclass(frozen=True)
class Answer:
    """An answer of HTTP, whatever its status."""

    status: int
    body: Any


class Requests:
    """Requests to one server, with the token of its secret."""

    def __init__(self, url: str, header: str, secret: Callable[[], str]) -> None:
        self.url, self.header = url.rstrip("/"), header
        self._secret = secret
        self._access: Access | None = None

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request; when it is denied once more with the secret as it is now, which may have been changed."""
        fresh = self._access is None
        answer = self._send(method, path, body)
        if answer.status == DENIED and not fresh:
            self._access = None
            answer = self._send(method, path, body)
        return answer

    def failed(self, answer: Answer, path: str, remedy: str) -> CopyError:
        """Return the error of an answer that nothing can be done with."""
        said = "; it denies the token" if answer.status == DENIED else ""
        return CopyError(f"{self.url}{path} answered {answer.status}{said}: {remedy}")

    def _send(self, method: str, path: str, body: Any) -> Answer:
        if self._access is None:
            self._access = read_access(self._secret())
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - settings take https alone
            self.url + path, data, {self.header: self._access.token, "Content-Type": "application/json"}, method=method
        )
        context = ssl.create_default_context(cadata=self._access.ca_pem)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirect())
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return Answer(response.status, _json(response.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _json(error.read()))
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise CopyError(f"{self.url} cannot be reached: {type(reason).__name__}: {reason}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token would go along, to whoever it names."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Make no new request."""


class Consul:
    """Consul's key/value store (developer.hashicorp.com/consul/api-docs/kv). The token's policy: key, read and write."""

    name = CONSUL

    def __init__(self, url: str, secret: Callable[[], str]) -> None:
        self._requests = Requests(url, "X-Consul-Token", secret)

    def read(self, key: str) -> Seen:
        """Return the copy at a key."""
        path = f"/v1/kv{key}"
        answer = self._requests.send("GET", path)
        if answer.status == MISSING:
            return Seen(None, 0)
        try:
            if answer.status == OK:
                (entry,) = answer.body
                return Seen(read_document(base64.b64decode(entry["Value"] or "").decode()), entry["ModifyIndex"])
        except (KeyError, TypeError, ValueError):
            pass
        raise self._requests.failed(answer, path, "give the token the policy key_prefix of the path, with write")

    def write(self, key: str, document: Mapping[str, Any], seen: Seen) -> bool:
        """Write a copy under check-and-set; index 0 is that of a key that is not there."""
        path = f"/v1/kv{key}?cas={seen.version}"
        answer = self._requests.send("PUT", path, document)
        if answer.status != OK or not isinstance(answer.body, bool):
            raise self._requests.failed(answer, path, "give the token the policy key_prefix of the path, with write")
        return answer.body

    def keep(self) -> None:
        """Do nothing: a token of Consul does not end by itself unless it was made to."""


class Vault:
    """Vault's key/value store, version 2 (developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2)."""

    name = VAULT

    def __init__(self, url: str, mount: str, secret: Callable[[], str]) -> None:
        self._mount = mount
        self._requests = Requests(url, "X-Vault-Token", secret)

    def read(self, key: str) -> Seen:
        """Return the copy at a key. A deleted one is missing but has a version, to which a write refers."""
        path = f"/v1/{self._mount}/data{key}"
        answer = self._requests.send("GET", path)
        try:
            if answer.status in {OK, MISSING}:
                held = answer.body.get("data") or {"data": None, "metadata": {"version": 0}}
                return Seen(read_document(json.dumps(held["data"])), held["metadata"]["version"])
        except (AttributeError, KeyError, TypeError):
            pass
        raise self._requests.failed(answer, path, self._remedy)

    def write(self, key: str, document: Mapping[str, Any], seen: Seen) -> bool:
        """Write a copy under check-and-set."""
        path = f"/v1/{self._mount}/data{key}"
        answer = self._requests.send("POST", path, {"options": {"cas": seen.version}, "data": document})
        if answer.status == REFUSED and "check-and-set" in json.dumps(answer.body):
            return False
        if answer.status != OK:
            raise self._requests.failed(answer, path, self._remedy)
        return True

    def keep(self) -> None:
        """Renew the token, so that a periodic one never ends; one that cannot be renewed stays as it is."""
        path = "/v1/auth/token/renew-self"
        answer = self._requests.send("POST", path, {})
        if answer.status not in {OK, REFUSED}:
            raise self._requests.failed(answer, path, self._remedy)

    @property
    def _remedy(self) -> str:
        rights = f"read, create and update on {self._mount}/data/<path>"
        return f"let {self._mount} be a kv store of version 2, and give the token {rights}"


def _json(text: bytes) -> Any:
    try:
        return json.loads(text or b"null")
    except ValueError:
        return None
