"""Who may ask a stack's emulated AWS: whoever holds its own key, which lies where its owner alone reads it, or a role's.

A request is signed as AWS has it (docs.aws.amazon.com, IAM User Guide, "AWS Signature Version 4 for API requests"); botocore
computes what the signature should be. Any process of this computer may connect to the address, and any page of a browser can
send requests there: neither has the key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

FORM: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,]*)/(?P<service>[^/,]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
TIME: Final = "%Y%m%dT%H%M%SZ"
# As AWS: the same guide, "Troubleshoot Signature Version 4 signing".
LATEST: Final = timedelta(minutes=15)
BODY_HASH: Final = "x-amz-content-sha256"
# Words of S3 in place of a body's hash (Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header").
UNSIGNED: Final = ("UNSIGNED-PAYLOAD", "STREAMING-")
# Where temporary credentials send their token (the same guide, "Use temporary credentials with AWS resources").
TOKEN: Final = "HTTP_X_AMZ_SECURITY_TOKEN"  # noqa: S105 - a header's name, as WSGI has it
# What must be signed wherever it is sent: the host, the body's type and what says which operation is asked for (IAM User Guide,
# "Create a signed AWS API request", CanonicalHeaders). Names as WSGI has them (PEP 3333).
ALWAYS_SIGNED: Final = re.compile("HTTP_HOST|CONTENT_TYPE|HTTP_X_AMZ_.+")
# What the emulator's own paths are asked with.
HEADER: Final = "X-Emulator-Key"


@dataclass(frozen=True)
class Key:
    """An access key of the emulated account. The token and the account's time of its end are those of a role's key."""

    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires: datetime | None = None


@dataclass(frozen=True)
class Endpoint:
    """Where a stack's emulated AWS answers ("http://127.0.0.1:PORT"), and with which key."""

    url: str
    key: Key


@dataclass(frozen=True)
class Refused:
    """Why a request is not answered, in AWS's words; `code` and the HTTP status as AWS has them."""

    code: str
    text: str
    status: int = 403


def environment_of(endpoint: Endpoint) -> dict[str, str]:
    """Return the environment variables by which tools of AWS find an endpoint, and its key."""
    found = {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_ACCESS_KEY_ID": endpoint.key.key_id,
        "AWS_SECRET_ACCESS_KEY": endpoint.key.secret,
    }
    return found if endpoint.key.token is None else {**found, "AWS_SESSION_TOKEN": endpoint.key.token}


def new_key() -> Key:
    """Return a key that nobody had before. Its id begins as no id of AWS does."""
    return Key(f"EMULATED{secrets.token_hex(6).upper()}", secrets.token_urlsafe(30))


def of_another_host(environ: Mapping[str, Any], port: int) -> bool:
    """Tell whether a request was meant for another name: a page can let a name of its own lead to this address."""
    return environ.get("HTTP_HOST") not in {f"127.0.0.1:{port}", f"localhost:{port}"}


def may_control(environ: Mapping[str, Any], key: Key) -> bool:
    """Tell whether a request for one of the emulator's own paths has the key."""
    given = str(environ.get(f"HTTP_{HEADER.upper().replace('-', '_')}", ""))
    return _same(given, key.secret)


def key_id(environ: Mapping[str, Any]) -> str | None:
    """Return the id of the key that a request says it is signed with; None when it says none."""
    given = _given(environ)
    return given["key"] if given else None


def signed_for(environ: Mapping[str, Any]) -> tuple[str, str]:
    """Return the service and the Region that a request is signed for; nothing in their place when it is not signed."""
    given = _given(environ)
    return (given["service"], given["region"]) if given else ("", "")


def refusal(
    environ: Mapping[str, Any], body: bytes, find: Callable[[str], Key | None], now: datetime, account_now: datetime
) -> Refused | None:
    """Return why a request of AWS's API is refused; None when its signature is right.

    `find` returns the key of an id. A request may be signed by the computer's time, `now`, or by the account's, which may be
    ahead: a program that runs there can have either. A key expires by the account's.
    """
    given = _given(environ)
    if given is None:
        return Refused("MissingAuthenticationToken", "Missing Authentication Token")
    key = find(given["key"])
    if key is None or (key.token is not None and not _same(environ.get(TOKEN, ""), key.token)):
        return Refused("InvalidClientTokenId", "The security token included in the request is invalid.")
    sent = environ.get("HTTP_X_AMZ_DATE", "")
    try:
        signed = datetime.strptime(sent, TIME).replace(tzinfo=UTC)
    except ValueError:
        return Refused("IncompleteSignature", "X-Amz-Date is not in ISO8601 'basic format'")
    if min(abs(now - signed), abs(account_now - signed)) > LATEST:
        return Refused("SignatureDoesNotMatch", f"Signature expired: {sent} is not within 15 min. of {now.strftime(TIME)}")
    refused = _refused_signature(environ, body, key, given)
    if refused is None and key.expires is not None and account_now >= key.expires:
        return Refused("ExpiredToken", "The security token included in the request is expired")
    return refused


def _given(environ: Mapping[str, Any]) -> re.Match[str] | None:
    return FORM.fullmatch(environ.get("HTTP_AUTHORIZATION", "").strip())


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("latin-1", "replace"), known.encode())


def _refused_signature(environ: Mapping[str, Any], body: bytes, key: Key, given: re.Match[str]) -> Refused | None:
    """Return why a signature does not hold for a request; None when it does."""
    present = {name.removeprefix("HTTP_").replace("_", "-").lower() for name in environ if ALWAYS_SIGNED.fullmatch(name)}
    unsigned = sorted(present - set(given["headers"].split(";")))
    if unsigned:
        # S3's words; it lists the headers in an element of their own.
        text = f"There were headers present in the request which were not signed: {', '.join(unsigned)}"
        return Refused("AccessDenied", text)
    if not hmac.compare_digest(_signature(environ, body, key, given), given["signature"]):
        text = "The request signature we calculated does not match the signature you provided."
        return Refused("SignatureDoesNotMatch", text)
    return None


def _signature(environ: Mapping[str, Any], body: bytes, key: Key, given: re.Match[str]) -> str:
    """Compute the signature of a request by its signed headers and its body."""
    from botocore.auth import S3SigV4Auth, SigV4Auth  # noqa: PLC0415 - commands that ask nothing never load it
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    headers = {name: _header(environ, name) for name in given["headers"].split(";")}
    leaves_body_out = given["service"] == "s3" and headers.get(BODY_HASH, "").startswith(UNSIGNED)
    if BODY_HASH in headers and not leaves_body_out:
        headers[BODY_HASH] = hashlib.sha256(body).hexdigest()  # not what the request says: it would hold for every body
    request = AWSRequest(
        environ["REQUEST_METHOD"], f"http://{environ['HTTP_HOST']}{environ['REQUEST_URI']}", headers=headers, data=body
    )
    request.context["timestamp"] = environ["HTTP_X_AMZ_DATE"]
    # S3 signs a path as it is sent, and may leave the body to the connection.
    kind = S3SigV4Auth if given["service"] == "s3" else SigV4Auth
    signer = kind(Credentials(key.key_id, key.secret), given["service"], given["region"])
    canonical = signer.canonical_request(request)
    return str(signer.signature(signer.string_to_sign(request, canonical), request))


def _header(environ: Mapping[str, Any], name: str) -> str:
    plain = name.upper().replace("-", "_")
    return str(environ.get(plain if plain in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{plain}", ""))
