"""Elastic Load Balancing: listeners and their rules.

What the provider sends, and when: hashicorp/terraform-provider-aws internal/service/elbv2/listener.go and listener_rule.go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, present
from pulumi_emulator.handlers.aws.load_balancing import (
    SERVICE,
    TAGS,
    attribute,
    attributes_found,
    described,
    tag_changes,
    tags_found,
    value_of,
)
from pulumi_emulator.handlers.aws.translation import Alike, Call, Each, Request, Target, Through, Within, from_api
from pulumi_emulator.handlers.base import Properties
from pulumi_emulator.rules import Failure

SIGN_IN: Final = {
    "authenticationRequestExtraParams": "AuthenticationRequestExtraParams",
    "onUnauthenticatedRequest": "OnUnauthenticatedRequest",
    "scope": "Scope",
    "sessionCookieName": "SessionCookieName",
    "sessionTimeout": "SessionTimeout",
}
ACTION: Final[dict[str, Target]] = {
    "authenticateCognito": Within(
        "AuthenticateCognitoConfig",
        {**SIGN_IN, "userPoolArn": "UserPoolArn", "userPoolClientId": "UserPoolClientId", "userPoolDomain": "UserPoolDomain"},
    ),
    "authenticateOidc": Within(
        "AuthenticateOidcConfig",
        {
            **SIGN_IN,
            "authorizationEndpoint": "AuthorizationEndpoint",
            "clientId": "ClientId",
            "clientSecret": "ClientSecret",
            "issuer": "Issuer",
            "tokenEndpoint": "TokenEndpoint",
            "userInfoEndpoint": "UserInfoEndpoint",
        },
    ),
    "fixedResponse": Within(
        "FixedResponseConfig", {"contentType": "ContentType", "messageBody": "MessageBody", "statusCode": "StatusCode"}
    ),
    "forward": Within(
        "ForwardConfig",
        {
            "stickiness": Within("TargetGroupStickinessConfig", {"duration": "DurationSeconds", "enabled": "Enabled"}),
            "targetGroups": Each("TargetGroups", {"arn": "TargetGroupArn", "weight": "Weight"}),
        },
    ),
    "jwtValidation": Alike("JwtValidationConfig"),
    "order": "Order",
    "redirect": Within(
        "RedirectConfig",
        {
            "host": "Host",
            "path": "Path",
            "port": "Port",
            "protocol": "Protocol",
            "query": "Query",
            "statusCode": "StatusCode",
        },
    ),
    "targetGroupArn": "TargetGroupArn",
    "type": "Type",
}
# What a redirect has when it says nothing else: the request's own (listener.go).
REDIRECT: Final = {
    "host": "#{host}",
    "path": "/#{path}",
    "port": "#{port}",
    "protocol": "#{protocol}",
    "query": "#{query}",
}
WEIGHT: Final = 1  # listener.go: the weight of a target group that is given none
# The block that an action of each type needs (listener.go, validateListenerActionsCustomDiff).
BLOCKS: Final = {
    "authenticate-cognito": "authenticateCognito",
    "authenticate-oidc": "authenticateOidc",
    "fixed-response": "fixedResponse",
    "jwt-validation": "jwtValidation",
    "redirect": "redirect",
}
# Attributes of a listener: property, key.
HEADERS: Final = {
    "routing.http.request.": (
        "x_amzn_mtls_clientcert",
        "x_amzn_mtls_clientcert_issuer",
        "x_amzn_mtls_clientcert_leaf",
        "x_amzn_mtls_clientcert_serial_number",
        "x_amzn_mtls_clientcert_subject",
        "x_amzn_mtls_clientcert_validity",
        "x_amzn_tls_cipher_suite",
        "x_amzn_tls_version",
    ),
    "routing.http.response.": (
        "access_control_allow_credentials",
        "access_control_allow_headers",
        "access_control_allow_methods",
        "access_control_allow_origin",
        "access_control_expose_headers",
        "access_control_max_age",
        "content_security_policy",
        "strict_transport_security",
        "x_content_type_options",
        "x_frame_options",
    ),
}


def _camel(words: str) -> str:
    first, *rest = words.replace(".", "_").split("_")
    return first + "".join(word.capitalize() for word in rest)


def _listener_attributes() -> dict[str, str]:
    found = {"routingHttpResponseServerEnabled": "routing.http.response.server.enabled"}
    found["tcpIdleTimeoutSeconds"] = "tcp.idle_timeout.seconds"
    for prefix, names in HEADERS.items():
        end = "header_name" if "request" in prefix else "header_value"
        found |= {_camel(f"{prefix}{name}_{end}"): f"{prefix}{name}.{end}" for name in names}
    return found


ATTRIBUTES: Final = _listener_attributes()
MUTUAL: Final = {
    "advertiseTrustStoreCaNames": "AdvertiseTrustStoreCaNames",
    "ignoreClientCertificateExpiry": "IgnoreClientCertificateExpiry",
    "mode": "Mode",
    "trustStoreArn": "TrustStoreArn",
}


def completed(actions: Any) -> list[dict[str, Any]]:
    """Return actions with what the provider's schema fills in inside them, and types as the API spells them."""
    made = []
    for action in actions or []:
        whole = {**action, "type": str(action["type"]).lower()}
        forward, redirect = whole.get("forward"), whole.get("redirect")
        if forward:
            groups = [{"weight": WEIGHT, **group} for group in forward.get("targetGroups") or []]
            whole["forward"] = {**forward, "targetGroups": groups}
        if redirect:
            whole["redirect"] = {**REDIRECT, **redirect}
        made.append(whole)
    return made


def check_actions(actions: Any, name: str) -> list[Failure]:
    """Return what is wrong with actions together: each needs the block of its type, a forward one its groups."""
    failures = []
    for index, action in enumerate(actions if isinstance(actions, list) else []):
        if not isinstance(action, Mapping):
            continue
        kind, place = str(action.get("type")).lower(), f"{name}[{index}]"
        if kind == "forward" and not action.get("forward") and not action.get("targetGroupArn"):
            failures.append(Failure(place, "either targetGroupArn or forward must be given when its type is 'forward'"))
        block = BLOCKS.get(kind)
        if block and not action.get(block):
            failures.append(Failure(f"{place}.{block}", f"must be given when its type is {kind!r}"))
        failures += _both(action, place)
    return failures


def _both(action: Mapping[str, Any], place: str) -> list[Failure]:
    """Return the failure of a group that is given twice, and not the same one."""
    forward, one = action.get("forward"), action.get("targetGroupArn")
    if not isinstance(forward, Mapping) or not isinstance(one, str):
        return []
    groups = forward.get("targetGroups")
    arns = [group.get("arn") for group in groups if isinstance(group, Mapping)] if isinstance(groups, list) else []
    if arns == [one] or not all(isinstance(arn, str) for arn in arns):
        return []
    words = "targetGroupArn and a forward block with other target groups exclude each other: give one or the other"
    return [Failure(f"{place}.targetGroupArn", words)]


def actions_found(found: Any) -> list[dict[str, Any]]:
    """Return actions as the API has them with the properties' names."""
    return [_renamed(action, ACTION) for action in found or []]


def _renamed(found: Mapping[str, Any], table: Mapping[str, Target]) -> dict[str, Any]:
    """Return a structure of the API's by a table: the reverse of the translation."""
    made: dict[str, Any] = {}
    for name, target in table.items():
        value = found.get(target if isinstance(target, str) else target.parameter)
        if value is None:
            continue
        if isinstance(target, Within):
            made[name] = _renamed(value, target.fields)
        elif isinstance(target, Each):
            made[name] = [_renamed(item, target.fields) for item in value]
        else:
            made[name] = from_api(value)
    return made


DEFAULT_ACTIONS: Final = Each("DefaultActions", ACTION)


class Listener(AwsHandler):
    """A port of a load balancer, and what happens to what comes there."""

    token = "aws:lb/listener:Listener"  # noqa: S105 - a type token
    creation = Call(
        SERVICE,
        "CreateListener",
        {
            "alpnPolicy": Through("AlpnPolicy", lambda policy: [policy]),
            "certificateArn": "Certificates[].CertificateArn",
            "defaultActions": DEFAULT_ACTIONS,
            "loadBalancerArn": "LoadBalancerArn",
            "mutualAuthentication": Within("MutualAuthentication", MUTUAL),
            "port": "Port",
            "protocol": "Protocol",
            "sslPolicy": "SslPolicy",
            **TAGS,
        },
    )
    provider_only: ClassVar = dict(EVERYWHERE)

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        return check_actions(inputs.get("defaultActions"), "defaultActions")

    @staticmethod
    def _whole(inputs: Properties) -> dict[str, Any]:
        whole = {**inputs, "defaultActions": completed(inputs.get("defaultActions"))}
        if inputs.get("protocol"):
            whole["protocol"] = str(inputs["protocol"]).upper()
        elif "loadbalancer/app/" in str(inputs.get("loadBalancerArn")):
            # A listener of an application balancer is one of HTTP unless it says otherwise (listener.go).
            whole["protocol"] = "HTTP"
        return whole

    @override
    def first_request(self, inputs: Properties) -> Request:
        return self.creation.request(self._whole(inputs))

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        return self._attributes(resource_id, {name: value for name, value in inputs.items() if value is not None}, ATTRIBUTES)

    @staticmethod
    def _attributes(resource_id: str, inputs: Properties, names: Collection[str]) -> list[Request]:
        chosen = [name for name in ATTRIBUTES if name in names and name in inputs]
        found = [attribute(ATTRIBUTES[name], "" if inputs[name] is None else inputs[name]) for name in chosen]
        parameters = {"ListenerArn": resource_id, "Attributes": found}
        return [Request(SERVICE, "ModifyListenerAttributes", parameters)] if found else []

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["Listeners"][0]["ListenerArn"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return described(aws, "DescribeListeners", "Listeners", ListenerArns=[resource_id])

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        arn, kinds = found["ListenerArn"], self.properties()
        attributes = attributes_found(aws, "DescribeListenerAttributes", ListenerArn=arn)
        mutual = found.get("MutualAuthentication")
        return {
            **present(
                alpnPolicy=next(iter(found.get("AlpnPolicy") or []), None),
                certificateArn=next((item["CertificateArn"] for item in found.get("Certificates") or []), None),
                mutualAuthentication=_renamed(mutual, MUTUAL) if mutual else None,
                port=found.get("Port"),
                protocol=found.get("Protocol"),
                sslPolicy=found.get("SslPolicy"),
            ),
            **{name: value_of(attributes[key], kinds[name]) for name, key in ATTRIBUTES.items() if attributes.get(key)},
            "arn": arn,
            "defaultActions": actions_found(found.get("DefaultActions")),
            "loadBalancerArn": found["LoadBalancerArn"],
            TAGS_ALL: tags_found(aws, arn),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        # One call says all of the listener once more, but its actions only when they change: weights that a tool shifted stay
        # (hashicorp/terraform-provider-aws, internal/service/elbv2/listener.go, d.HasChange of default_action).
        kept = ("loadBalancerArn", *TAGS, *(() if "defaultActions" in changed else ("defaultActions",)))
        told = {name: target for name, target in self.creation.properties.items() if name not in kept}
        if set(changed) & told.keys():
            requests.append(Call(SERVICE, "ModifyListener", told).request(self._whole(inputs), ListenerArn=resource_id))
        requests += self._attributes(resource_id, {**dict.fromkeys(changed), **inputs}, changed)
        if TAGS_ALL in changed:
            requests += tag_changes(resource_id, state, inputs)
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request(SERVICE, "DeleteListener", {"ListenerArn": resource_id})]
