"""EventBridge: HTTP addresses that events are sent to, and what they are sent with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, Aws, AwsHandler, present
from pulumi_emulator.handlers.aws.translation import Call, Each, Request, Target, Within
from pulumi_emulator.handlers.base import Properties

PAIR: dict[str, Target] = {"key": "Key", "value": "Value", "isValueSecret": "IsValueSecret"}
HTTP: dict[str, Target] = {
    "bodies": Each("BodyParameters", PAIR),
    "headers": Each("HeaderParameters", PAIR),
    "queryStrings": Each("QueryStringParameters", PAIR),
}
RESOURCE: dict[str, Target] = {
    "resourceParameters": Within("ResourceParameters", {"resourceConfigurationArn": "ResourceConfigurationArn"})
}
AUTHORIZATION: dict[str, Target] = {
    "apiKey": Within("ApiKeyAuthParameters", {"key": "ApiKeyName", "value": "ApiKeyValue"}),
    "basic": Within("BasicAuthParameters", {"password": "Password", "username": "Username"}),
    "connectivityParameters": Within("ConnectivityParameters", RESOURCE),
    "invocationHttpParameters": Within("InvocationHttpParameters", HTTP),
    "oauth": Within(
        "OAuthParameters",
        {
            "authorizationEndpoint": "AuthorizationEndpoint",
            "clientParameters": Within("ClientParameters", {"clientId": "ClientID", "clientSecret": "ClientSecret"}),
            "httpMethod": "HttpMethod",
            "oauthHttpParameters": Within("OAuthHttpParameters", HTTP),
        },
    ),
}


def shown(table: Mapping[str, Target], found: Mapping[str, Any], known: Any) -> dict[str, Any]:
    """Return what the API has by Pulumi's names: the reverse of a table; what it does not show is as the state knows it."""
    state = known if isinstance(known, Mapping) else {}
    made: dict[str, Any] = {}
    for name, target in table.items():
        if isinstance(target, str):
            value = found.get(target, state.get(name))
        elif isinstance(target, Within):
            inner = found.get(target.parameter)
            value = shown(target.fields, inner, state.get(name)) if inner else None
        elif isinstance(target, Each):
            rows = {row.get("key"): row for row in state.get(name) or []}
            value = [shown(target.fields, row, rows.get(row.get("Key"))) for row in found.get(target.parameter) or []]
        else:
            raise TypeError(f"no way back for {name}")
        if value not in (None, [], {}):
            made[name] = value
    return made


class EventConnection(AwsHandler):
    """What a request to an address is authorized with. The API never shows a secret of it again."""

    token = "aws:cloudwatch/eventConnection:EventConnection"  # noqa: S105 - a type token
    table: ClassVar[dict[str, Target]] = {
        "authParameters": Within("AuthParameters", AUTHORIZATION),
        "authorizationType": "AuthorizationType",
        "description": "Description",
        "invocationConnectivityParameters": Within("InvocationConnectivityParameters", RESOURCE),
        "kmsKeyIdentifier": "KmsKeyIdentifier",
        "name": "Name",
    }
    creation = Call("events", "CreateConnection", table)
    provider_only: ClassVar = {
        "region": EVERYWHERE["region"],
        "authParameters.connectivityParameters.resourceParameters.resourceAssociationArn": "an output among the inputs",
        "invocationConnectivityParameters.resourceParameters.resourceAssociationArn": "an output among the inputs",
    }

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["Name"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return aws.find("events", "DescribeConnection", Name=resource_id)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        return {
            **present(
                description=found.get("Description") or None,
                invocationConnectivityParameters=shown(RESOURCE, found.get("InvocationConnectivityParameters") or {}, {})
                or None,
                kmsKeyIdentifier=found.get("KmsKeyIdentifier") or None,
            ),
            "arn": found["ConnectionArn"],
            "authParameters": shown(AUTHORIZATION, found.get("AuthParameters") or {}, state.get("authParameters")),
            "authorizationType": found["AuthorizationType"],
            "name": found["Name"],
            "secretArn": found.get("SecretArn", ""),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        if not changed:
            return []
        request = Call("events", "UpdateConnection", self.table).request({**inputs, "name": resource_id})
        return [request if inputs.get("description") else _without_description(request)]

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("events", "DeleteConnection", {"Name": resource_id})]


def _without_description(request: Request) -> Request:
    return Request(request.service, request.operation, {**request.parameters, "Description": ""})


class EventApiDestination(AwsHandler):
    """An address that events are sent to."""

    token = "aws:cloudwatch/eventApiDestination:EventApiDestination"  # noqa: S105 - a type token
    table: ClassVar[dict[str, Target]] = {
        "connectionArn": "ConnectionArn",
        "description": "Description",
        "httpMethod": "HttpMethod",
        "invocationEndpoint": "InvocationEndpoint",
        "invocationRateLimitPerSecond": "InvocationRateLimitPerSecond",
        "name": "Name",
    }
    creation = Call("events", "CreateApiDestination", table)
    provider_only: ClassVar = {"region": EVERYWHERE["region"]}

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["Name"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return aws.find("events", "DescribeApiDestination", Name=resource_id)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        return {
            **present(description=found.get("Description") or None),
            "arn": found["ApiDestinationArn"],
            "connectionArn": found["ConnectionArn"],
            "httpMethod": found["HttpMethod"],
            "invocationEndpoint": found["InvocationEndpoint"],
            "invocationRateLimitPerSecond": found.get("InvocationRateLimitPerSecond", 300),
            "name": found["Name"],
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        if not changed:
            return []
        request = Call("events", "UpdateApiDestination", self.table).request({**inputs, "name": resource_id})
        return [request if inputs.get("description") else _without_description(request)]

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("events", "DeleteApiDestination", {"Name": resource_id})]
