"""Who is told of the events: the settings, checked, as plain data. No value of a secret is ever in a message."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redis_ha.arguments import EMAIL, Checks

from .function.table import CRITICAL, INFO, WARNING
from .plan import Receiver
from .settings import FailoverNotify, FailoverPagerDuty, FailoverSlack, FailoverWebhook

SEVERITIES = (CRITICAL, WARNING, INFO)
DEFAULT_SEVERITIES = (CRITICAL, WARNING)
# Behind the longest function name and `-pagerduty-` this fits into the 64 characters of a rule's name.
RECEIVER_NAME = re.compile(r"[A-Za-z0-9_-]{1,12}")
# botocore, events 2015-10-07, HttpsEndpoint; an API destination's path may have `*` in it, which nothing here fills.
HTTPS_URL = re.compile(r"https://[-()_.!~';/?:@&=+$,%A-Za-z0-9]{1,2040}")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,512}")
DEFAULT_HEADER = "Authorization"
# developer.pagerduty.com, Events API v2: where events are sent, of accounts in the US service region.
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
EMAILS = Receiver("email", "email")


@dataclass(frozen=True)
class Notified:
    """Who is told of what: severities, mail addresses, and receivers (all mail addresses are one)."""

    severities: tuple[str, ...]
    emails: tuple[str, ...]
    receivers: tuple[Receiver, ...]


def checked_notify(checks: Checks) -> Notified:
    """Read `notify`."""
    inner = Checks(checks.args.get("notify"))
    inner.known(tuple(FailoverNotify.__annotations__))
    severities = inner.texts("severities", re.compile("|".join(SEVERITIES)), f"a severity: {', '.join(SEVERITIES)}")
    if inner.args.get("severities") is not None and not severities and not inner.refused("severities"):
        inner.refuse("severities", "is empty, so nobody would be told; leave notify out instead")
    emails = inner.texts("emails", EMAIL, "a mail address")
    receivers = tuple(_receivers(inner))
    checks.problems += inner.under("notify")
    return Notified(severities or DEFAULT_SEVERITIES, emails, (*((EMAILS,) if emails else ()), *receivers))


def _receivers(checks: Checks) -> Iterator[Receiver]:
    for path, name, one in _entries(checks, "slack", FailoverSlack):
        yield Receiver("slack", f"slack-{name}", _url(one))
        checks.problems += one.under(path)
    for path, name, one in _entries(checks, "pagerduty", FailoverPagerDuty):
        yield Receiver("pagerduty", f"pagerduty-{name}", PAGERDUTY_URL, public=True, secret=_secret(one, "routing_key"))
        checks.problems += one.under(path)
    for path, name, one in _entries(checks, "webhooks", FailoverWebhook):
        header = one.text("header", DEFAULT_HEADER, HEADER, "the name of an HTTP header")
        yield Receiver("webhook", f"webhook-{name}", _url(one), secret=_secret(one, "token"), header=header)
        checks.problems += one.under(path)


def _entries(checks: Checks, argument: str, declared: type) -> Iterator[tuple[str, str, Checks]]:
    for name, block in sorted(checks.mapping(argument).items()):
        if not RECEIVER_NAME.fullmatch(name):
            checks.refuse(argument, f"{name!r} is no name: 1 to 12 letters, digits, hyphens and underscores")
            continue
        inner = Checks(block)
        inner.known(tuple(declared.__annotations__))
        yield f"{argument}.{name}", name, inner


def _secret(checks: Checks, argument: str) -> Any:
    """Return a secret as it was given. What is known of it is judged by its kind, and never shown."""
    value = checks.args.get(argument)
    if value is None or value == "":
        checks.refuse(argument, "is missing; give it as a secret")
    elif isinstance(value, Mapping | list | tuple | int | float):
        checks.refuse(argument, "is not text; quote it")
    return value


def _url(checks: Checks) -> Any:
    value = _secret(checks, "webhook_url")
    if isinstance(value, str) and value and not HTTPS_URL.fullmatch(value):
        checks.refuse("webhook_url", "is no URL that begins with https://, as EventBridge asks for")
    return value
