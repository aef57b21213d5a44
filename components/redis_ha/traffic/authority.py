"""What decides live weights and the live colour: the configuration, or records that tools write. No Pulumi.

The records are SSM parameters under one path, each a small JSON document: `weights` is the plan of record of a weighted set,
`live` the colour that a writer's name leads to, `lease` says that a shift is running. Tools write them when they shift for the
first time; `up` reads them and never writes them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

AUTHORITIES = ("stack", "runtime")
COLOURS = ("blue", "green")
DOCUMENT_VERSION = 1
# botocore, route53 2013-04-01, ResourceRecordSetWeight.
MIN_WEIGHT, MAX_WEIGHT = 0, 255
# botocore, ssm 2014-11-06, PutParameterRequest.Name: letters, digits and .-_ between slashes, 15 levels with the parameter's
# own, 1011 characters of which the ARN's beginning takes some, and neither aws nor ssm in front.
RECORD_PATH = re.compile(r"(?=.{2,800}$)(?!/(?i:aws|ssm))(/[A-Za-z0-9_.-]+){1,14}")
WEIGHTS, LIVE, LEASE = "weights", "live", "lease"

T = TypeVar("T")


class InvalidDocumentError(ValueError):
    """A runtime record that cannot be used; the message names the parameter."""


class AuthorityError(ValueError):
    """Configuration and runtime records that contradict each other; `argument` is the one to change."""

    def __init__(self, argument: str, reason: str) -> None:
        self.argument, self.reason = argument, reason
        super().__init__(f"{argument}: {reason}")


@dataclass(frozen=True)
class Weights:
    """The weights of both colours; a colour's share is its weight by the sum."""

    blue: int
    green: int

    def __str__(self) -> str:
        return f"blue {self.blue}, green {self.green}"

    def of(self, colour: str) -> int:
        """Return one colour's weight."""
        return self.blue if colour == "blue" else self.green


@dataclass(frozen=True)
class Lease:
    """Who is shifting, and until when others must not."""

    holder: str
    expires: datetime

    def held(self, now: datetime) -> bool:
        """Tell whether the shift is still running; `now` has to have a time zone."""
        return now < self.expires


@dataclass(frozen=True)
class RuntimeRecords:
    """The runtime records under a path; None: there is none. `unknown`: the look-up failed."""

    weights: Weights | None = None
    live: str | None = None
    lease: Lease | None = None
    unknown: bool = False


@dataclass(frozen=True)
class Decision(Generic[T]):
    """What is in force. `keep_recorded`: whatever the state holds stays as it is; `warning` says why."""

    value: T
    keep_recorded: bool = False
    warning: str | None = None


def default_record_path(name: str) -> str:
    """Return where the runtime records of a component are kept unless told otherwise."""
    return f"/redis-ha/{name}"


def parameter_name(record_path: str, record: str) -> str:
    """Return the full name of a runtime record's parameter: `weights`, `live` or `lease`."""
    return f"{record_path.rstrip('/')}/{record}"


def read_records(record_path: str, found: Mapping[str, str] | None, highest: int = MAX_WEIGHT) -> RuntimeRecords:
    """Read parameters (full name to value) of a path; None when looking was impossible. Raises InvalidDocumentError.

    `highest` is the greatest weight that what is shifted knows: 255 in DNS.
    """
    if found is None:
        return RuntimeRecords(unknown=True)
    texts = {record: found.get(parameter_name(record_path, record)) for record in (WEIGHTS, LIVE, LEASE)}
    weights, live, lease = texts[WEIGHTS], texts[LIVE], texts[LEASE]
    return RuntimeRecords(
        weights=None if weights is None else parse_weights(weights, parameter_name(record_path, WEIGHTS), highest),
        live=None if live is None else parse_live(live, parameter_name(record_path, LIVE)),
        lease=None if lease is None else parse_lease(lease, parameter_name(record_path, LEASE)),
    )


def parse_weights(text: str, parameter: str = WEIGHTS, highest: int = MAX_WEIGHT) -> Weights:
    """Read `{"version": 1, "blue": 90, "green": 10}`. Raises InvalidDocumentError."""
    document = _document(text, parameter)
    found = []
    for colour in COLOURS:
        value = document.get(colour)
        if isinstance(value, bool) or not isinstance(value, int) or not MIN_WEIGHT <= value <= highest:
            raise InvalidDocumentError(f"{parameter}: {colour} is {value!r}, no weight from {MIN_WEIGHT} to {highest}")
        found.append(value)
    return Weights(*found)


def parse_live(text: str, parameter: str = LIVE) -> str:
    """Read `{"version": 1, "colour": "blue"}`. Raises InvalidDocumentError."""
    colour = _document(text, parameter).get("colour")
    if colour not in COLOURS:
        raise InvalidDocumentError(f"{parameter}: colour is {colour!r}, neither blue nor green")
    return str(colour)


def parse_lease(text: str, parameter: str = LEASE) -> Lease:
    """Read `{"version": 1, "holder": "...", "expires": "2026-11-21T19:00:00Z"}`. Raises InvalidDocumentError."""
    document = _document(text, parameter)
    holder, expires = document.get("holder"), document.get("expires")
    if not isinstance(holder, str) or not holder:
        raise InvalidDocumentError(f"{parameter}: holder is {holder!r}, it has to say who is shifting")
    try:
        when = datetime.fromisoformat(expires) if isinstance(expires, str) else None
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise InvalidDocumentError(f"{parameter}: expires is {expires!r}, no time with its zone as RFC 3339 writes it")
    return Lease(holder, when)


def weights_document(weights: Weights) -> str:
    """Return what a tool writes as the plan of record."""
    return json.dumps({"version": DOCUMENT_VERSION, "blue": weights.blue, "green": weights.green})


def live_document(colour: str) -> str:
    """Return what a tool writes as the live colour."""
    return json.dumps({"version": DOCUMENT_VERSION, "colour": colour})


def lease_refusal(lease: Lease | None, now: datetime, record_path: str) -> str | None:
    """Return why nothing may be changed now; None when no shift is running."""
    if lease is None or not lease.held(now):
        return None
    return (
        f"a shift is running: {parameter_name(record_path, LEASE)} is held by {lease.holder!r} until "
        f"{lease.expires.isoformat()}; wait for its end, or delete the parameter when its holder is gone"
    )


def decide_weights(authority: str, configured: Weights, records: RuntimeRecords, record_path: str) -> Decision[Weights]:
    """Decide which weights are in force. Raises AuthorityError when configuration contradicts the plan of record."""
    parameter = parameter_name(record_path, WEIGHTS)
    return _decide(authority, configured, records.weights, parameter, unknown=records.unknown, argument="weights")


def decide_live(authority: str, configured: str, records: RuntimeRecords, record_path: str) -> Decision[str]:
    """Decide which colour is live. Raises AuthorityError when configuration contradicts the runtime record."""
    parameter = parameter_name(record_path, LIVE)
    return _decide(authority, configured, records.live, parameter, unknown=records.unknown, argument="live")


def _decide(authority: str, configured: T, recorded: T | None, parameter: str, *, unknown: bool, argument: str) -> Decision[T]:
    """With the stack's authority a different record is refused, so that handing the authority over moves no traffic."""
    if unknown:
        if authority == "runtime":
            stays = "live stays as the state has it" if argument == LIVE else "weights stay as the state has them"
            return Decision(configured, keep_recorded=True, warning=f"{parameter} could not be looked up: {stays}")
        warning = f"{parameter} could not be looked up: whether a tool has moved traffic since is not known"
        return Decision(configured, warning=warning)
    if authority == "runtime":
        return Decision(configured if recorded is None else recorded)
    if recorded is not None and recorded != configured:
        raise AuthorityError(
            argument,
            f"{configured}, but {parameter} says {recorded}, and that is live: set {argument} to this when the stack takes the "
            f"authority over, and delete the parameter before {argument} is changed here",
        )
    return Decision(configured)


def _document(text: str, parameter: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        raise InvalidDocumentError(f"{parameter}: {text!r} is no JSON") from None
    if not isinstance(document, dict):
        raise InvalidDocumentError(f"{parameter}: {text!r} is no JSON object")
    if document.get("version") != DOCUMENT_VERSION:
        raise InvalidDocumentError(
            f"{parameter}: version is {document.get('version')!r}; this release reads version {DOCUMENT_VERSION}"
        )
    return document
