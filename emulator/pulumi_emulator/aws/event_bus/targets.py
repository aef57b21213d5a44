"""The targets that events reach here: functions, queues, topics, state machines, other buses and addresses."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from moto.events.models import events_backends
from moto.sns.models import sns_backends

from pulumi_emulator.aws import outbox, queueing, resource_policy
from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.event_bus import connections, machines
from pulumi_emulator.aws.event_bus.transform import MISSING, at
from pulumi_emulator.aws.undelivered import UndeliveredError

SERVICE: Final = "events.amazonaws.com"
# docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html: what is tried again, and which headers are set.
AGAIN: Final = frozenset({0, 401, 407, 409, 429})
HEADERS: Final = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Amazon/EventBridge/ApiDestinations",
    "Range": "bytes=0-1048575",
}


@dataclass(frozen=True)
class Job:
    """An event on its way to a target: whose it is, the event as JSON, and the text that the target gets."""

    region: str
    rule: str
    bus: str
    rule_arn: str
    target: Mapping[str, Any]
    event: str
    text: str


def deliver(account: Account, job: Job) -> None:
    """Hand an event over; UndeliveredError when it cannot be."""
    arn = str(job.target["Arn"])
    service, rest = arn.split(":")[2], arn.split(":", 5)[5]
    if service == "lambda":
        if account.functions is None:
            raise UndeliveredError("NO_RESOURCE", f"Function not found: {arn}")
        account.functions.hand_over(arn, job.text, SERVICE, job.rule_arn)
    elif service == "sqs":
        group = (job.target.get("SqsParameters") or {}).get("MessageGroupId")
        queueing.send(arn, job.text, SERVICE, job.rule_arn, group_id=group)
    elif service == "sns":
        _to_topic(arn, job)
    elif service == "states":
        machines.start(account, arn, job.target.get("RoleArn"), job.rule_arn, job.text)
    elif service == "events" and rest.startswith("event-bus/") and account.buses is not None:
        account.buses.relay(arn, json.loads(job.event))
    elif service == "events" and rest.startswith("api-destination/"):
        _to_address(account, arn, job)
    else:
        raise UndeliveredError("NO_RESOURCE", f"the emulator has no target like {arn}")


def _to_topic(arn: str, job: Job) -> None:
    topic = sns_backends[ACCOUNT_ID][arn.split(":")[3]].topics.get(arn)
    if topic is None:
        raise UndeliveredError("NO_RESOURCE", f"Topic does not exist: {arn}")
    known = {"aws:sourcearn": job.rule_arn, "aws:sourceaccount": ACCOUNT_ID}
    if not resource_policy.allows(json.loads(topic.policy).get("Statement", []), SERVICE, "sns:Publish", known):
        raise UndeliveredError("NO_PERMISSIONS", f"{SERVICE} is not authorized to perform: SNS:Publish on {arn}")
    topic.publish(job.text)


def _to_address(account: Account, arn: str, job: Job) -> None:
    """Send to an API destination: for real to the loopback address only, else it is kept."""
    backend = events_backends[ACCOUNT_ID][job.region]
    destination = next((one for one in backend.destinations.values() if one.arn == arn), None)
    found = (one for one in backend.connections.values() if destination and one.arn == destination.connection_arn)
    connection = next(found, None)
    if destination is None or connection is None:
        raise UndeliveredError("NO_RESOURCE", f"no such API destination, or no connection of it: {arn}")
    parameters = connection.auth_parameters
    extra = parameters.get("InvocationHttpParameters") or {}
    authorization = connections.headers_of(parameters)
    secrets = [*_secret_values(extra), *(value.removeprefix("Basic ") for value in authorization.values())]
    own = job.target.get("HttpParameters") or {}
    event = json.loads(job.event)
    headers = {
        **HEADERS,
        **_pairs(extra, "HeaderParameters"),
        **_filled(own.get("HeaderParameters") or {}, event),
        **authorization,
    }
    queries = {**_pairs(extra, "QueryStringParameters"), **_filled(own.get("QueryStringParameters") or {}, event)}
    url = _address(str(destination.invocation_endpoint), own.get("PathParameterValues") or [], event, queries)
    body = _body(job.text, _pairs(extra, "BodyParameters"))
    method = str(destination.http_method)
    status = outbox.send(method, url, headers, body.encode()) if outbox.is_loopback(url) else None
    account.outbox.keep(
        outbox.Sent(
            time=account.clock.now().isoformat(),
            method=method,
            url=outbox.without(secrets, url),
            headers={name: outbox.without(secrets, value) for name, value in headers.items()},
            body=outbox.without(secrets, body),
            status=status,
        )
    )
    if status is not None and not 200 <= status < 300:
        code = "CONNECTION_FAILURE" if status == 0 else "THROTTLING" if status == 429 else "SDK_CLIENT_ERROR"
        raise UndeliveredError(code, f"the address answered {status}" if status else "no answer", retried=_retried(status))


def _retried(status: int) -> bool:
    return status in AGAIN or status >= 500


def _pairs(parameters: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {str(row["Key"]): str(row.get("Value", "")) for row in parameters.get(kind) or []}


def _secret_values(parameters: Mapping[str, Any]) -> list[str]:
    kinds = ("HeaderParameters", "QueryStringParameters", "BodyParameters")
    return [str(row.get("Value", "")) for kind in kinds for row in parameters.get(kind) or [] if row.get("IsValueSecret")]


def _filled(given: Mapping[str, str], event: Any) -> dict[str, str]:
    """Return parameters whose values may be paths into the event."""
    return {name: _value(text, event) for name, text in given.items()}


def _value(text: str, event: Any) -> str:
    if not text.startswith("$."):
        return text
    found = at(text, event)
    return "" if found is MISSING else found if isinstance(found, str) else json.dumps(found)


def _address(endpoint: str, values: list[str], event: Any, queries: Mapping[str, str]) -> str:
    for text in values:
        endpoint = endpoint.replace("*", urllib.parse.quote(_value(text, event), safe=""), 1)
    if not queries:
        return endpoint
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urllib.parse.urlencode(queries)}"


def _body(text: str, more: Mapping[str, str]) -> str:
    """Return the body with the connection's parameters in it; EventBridge adds them to a JSON object alone."""
    if not more:
        return text
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return json.dumps({**found, **more}) if isinstance(found, dict) else text
