"""The way from properties to AWS's API: nothing is dropped on it, and what is sent is what the API's own model takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.validate
import pytest

from pulumi_emulator import rules
from pulumi_emulator.handlers.aws import AWS_HANDLERS, AwsHandler
from pulumi_emulator.handlers.aws.translation import Request, operation
from pulumi_emulator.values import ARCHIVE_SIGNATURE, ASSET_SIGNATURE, SIGNATURE_KEY

BY_TOKEN = {handler.token: handler for handler in AWS_HANDLERS}
NAMES = {token.split(":", 1)[1].split("/")[0] + "." + token.rsplit(":", 1)[1]: token for token in BY_TOKEN}
POLICY = '{"Version": "2012-10-17", "Statement": []}'


def archive(text: str) -> dict[str, Any]:
    """Give an archive of one file, as the engine sends it."""
    asset = {SIGNATURE_KEY: ASSET_SIGNATURE, "hash": text, "text": text}
    return {SIGNATURE_KEY: ARCHIVE_SIGNATURE, "hash": text, "assets": {"main.py": asset}}


# What a value has to be for the translation to take it, by type and path; else any text or number does.
FITTING: dict[str, dict[str, tuple[Any, Any]]] = {
    "elasticache.ReplicationGroup": {
        "logDeliveryConfigurations[].destinationType": ("cloudwatch-logs", "kinesis-firehose"),
        "engine": ("valkey", "redis"),
        "authTokenUpdateStrategy": ("SET", "ROTATE"),
    },
    "elasticache.GlobalReplicationGroup": {"engine": ("redis", "valkey"), "engineVersion": ("7.1", "8.0")},
    "secretsmanager.SecretVersion": {"secretBinary": ("YQ==", "Yg==")},
    "lambda.Function": {"code": (archive("one"), archive("two"))},
    "lb.LoadBalancer": {"loadBalancerType": ("application", "network")},
    "lb.TargetGroup": {"protocol": ("HTTP", "HTTPS"), "stickiness.type": ("app_cookie", "lb_cookie")},
    "route53.HealthCheck": {"type": ("HTTP", "TCP")},
}
# Properties that exclude each other or hang on each other: what the test takes out, or puts in, when it looks at one of them.
ALONE: dict[str, dict[str, dict[str, Any]]] = {
    "elasticache.ReplicationGroup": {
        "automaticFailoverEnabled": {"globalReplicationGroupId": None},
        "authTokenWo": {"authToken": None},
        "numCacheClusters": {"numNodeGroups": None, "replicasPerNodeGroup": None},
    },
    "elasticache.User": {"passwordsWo": {"passwords": None}},
    "kms.Key": {"rotationPeriodInDays": {"enableKeyRotation": True}},
    "ssm.Parameter": {"insecureValue": {"value": None, "valueWo": None}, "value": {"valueWo": None, "insecureValue": None}},
    "secretsmanager.SecretVersion": {"secretString": {"secretStringWo": None}},
    "autoscaling.Attachment": {"lbTargetGroupArn": {"elb": None}},
    "lambda.Permission": {"statementIdPrefix": {"statementId": None}, "region": {"statementIdPrefix": None}},
    "lb.LoadBalancer": {
        key: {"loadBalancerType": "network"}
        for key in (
            "dnsRecordClientRoutingPolicy",
            "enableCrossZoneLoadBalancing",
            "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic",
            "secondaryIpsAutoAssignedPerSubnet",
        )
    },
    "route53.HealthCheck": {
        "childHealthThreshold": {"type": "CALCULATED"},
        "childHealthchecks": {"type": "CALCULATED"},
        "cloudwatchAlarmName": {"type": "CLOUDWATCH_METRIC"},
        "cloudwatchAlarmRegion": {"type": "CLOUDWATCH_METRIC"},
        "insufficientDataHealthStatus": {"type": "CLOUDWATCH_METRIC"},
        "routingControlArn": {"type": "RECOVERY_CONTROL"},
    },
    "vpc.SecurityGroupIngressRule": {"ipProtocol": {}, "securityGroupId": {}},
    "vpc.SecurityGroupEgressRule": {},
}
for _kind in ("vpc.SecurityGroupIngressRule", "vpc.SecurityGroupEgressRule"):
    _sources = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
    ALONE[_kind] = {source: dict.fromkeys(set(_sources) - {source}) for source in _sources}


def kind_of(name: str) -> rules.ResourceType:
    return rules.load("aws")[NAMES[name]]


def value_of(  # noqa: PLR0911 - one return a kind of type
    name: str, kind: rules.ResourceType, expected: Any, path: str, second: bool, aim: str
) -> Any:
    """Return a value of a type; the one at `aim` is another when `second` is set."""
    other = second and path == aim
    fitting = FITTING.get(name, {}).get(path)
    if fitting:
        return fitting[other]
    if isinstance(expected, str):
        simple: dict[str, tuple[Any, Any]] = {
            "string": ("text", "texts"),
            "integer": (3, 4),
            "number": (1.5, 2.5),
            "boolean": (True, False),
        }
        if expected == "string" and path.rsplit(".", maxsplit=1)[-1].split("[", maxsplit=1)[0] in NUMBERS_AS_TEXT:
            return "5" if other else "4"
        return simple.get(expected, ("any", "thing"))[other]
    if "enum" in expected:
        return kind.enums[expected["enum"]][other]
    if "any_of" in expected:
        return POLICY.replace("[]", '[{"Effect": "Deny"}]') if other else POLICY
    if "array" in expected:
        # A list's own change is its members' change.
        inner = value_of(name, kind, expected["array"], f"{path}[]", second, aim)
        return [inner]
    if "map" in expected:
        return {"key": value_of(name, kind, expected["map"], f"{path}{{}}", second, aim)}
    members = kind.objects[expected["object"]]["properties"]
    return {member: value_of(name, kind, inner, f"{path}.{member}", second, aim) for member, inner in members.items()}


# The SDK has text where the API has numbers.
NUMBERS_AS_TEXT = {"metricIntervalLowerBound", "metricIntervalUpperBound", "targetValue"}


def paths_of(kind: rules.ResourceType) -> Iterator[str]:
    """Yield the path of every input that has a value of its own, at every depth."""

    def walk(expected: Any, path: str) -> Iterator[str]:
        if isinstance(expected, str) or "enum" in expected or "any_of" in expected:
            yield path
        elif "array" in expected:
            yield from walk(expected["array"], f"{path}[]")
        elif "map" in expected:
            yield from walk(expected["map"], f"{path}{{}}")
        else:
            for member, inner in kind.objects[expected["object"]]["properties"].items():
                yield from walk(inner, f"{path}.{member}")

    for name, expected in kind.inputs.items():
        yield from walk(expected, name)


def inputs_of(name: str, aim: str, *, second: bool = False) -> dict[str, Any]:
    """Return inputs with every property, but for those that the one at `aim` excludes."""
    kind = kind_of(name)
    made = {key: value_of(name, kind, expected, key, second, aim) for key, expected in kind.inputs.items()}
    made.pop("namePrefix", None)
    if kind.merged_tags:
        made["tagsAll"] = made["tags"]
    head = head_of(aim)
    dropped = {
        head_of(other)
        for rule in kind.of_kind("conflicts_with")
        for other in (rule.value if rule.property == head else [rule.property] if head in rule.value else [])
    }
    for key in dropped - {head}:
        made.pop(key, None)
    for key, value in ALONE.get(name, {}).get(head, {}).items():
        made.pop(key, None)
        if value is not None:
            made[key] = value
    if name.startswith("vpc.") and head not in ALONE[name]:
        made = {
            key: value for key, value in made.items() if key not in ("cidrIpv6", "prefixListId", "referencedSecurityGroupId")
        }
    return made


def head_of(path: str) -> str:
    return re.split(r"[.\[{]", path, maxsplit=1)[0]


def plain(path: str) -> str:
    return path.replace("[]", "").replace("{}", "")


def same(requests: list[Request]) -> list[Any]:
    """Return requests without what differs each time: tokens, times in generated names."""
    dropped = {"CallerReference", "clientToken"}
    shown = []
    for request in requests:
        parameters = {name: value for name, value in request.parameters.items() if name not in dropped}
        shown.append((request.operation, parameters))
    return shown


CASES = [(name, path) for name in NAMES for path in paths_of(kind_of(name))]


@pytest.mark.parametrize(("name", "path"), CASES)
def test_every_input_reaches_the_api_or_is_said_not_to(name: str, path: str) -> None:
    handler: AwsHandler = BY_TOKEN[NAMES[name]]
    if path.endswith("amePrefix"):
        first = handler.creation_requests({"namePrefix": "first-"} | required(name), "the-id")
        assert any("first-" in str(request.parameters) for request in first)
        return
    before = same(handler.creation_requests(inputs_of(name, path), "the-id"))
    after = same(handler.creation_requests(inputs_of(name, path, second=True), "the-id"))
    known = plain(path) in handler.provider_only or head_of(path) in handler.provider_only
    if path.startswith("tags{"):
        assert before != after, "the default tags' way: tagsAll"
    elif known:
        assert before == after, "a property that is sent needs no excuse"
    else:
        assert before != after, f"{path} is dropped on the way to the API"


def required(name: str) -> dict[str, Any]:
    kind = kind_of(name)
    return {key: value_of(name, kind, kind.inputs[key], key, False, "") for key in kind.required}


def test_an_excuse_is_for_a_property_that_there_is() -> None:
    for name, token in NAMES.items():
        paths = {plain(path) for path in paths_of(kind_of(name))} | set(kind_of(name).inputs)
        for excused, reason in BY_TOKEN[token].provider_only.items():
            assert excused in paths, (name, excused)
            assert len(reason) > 15


@pytest.mark.parametrize("name", NAMES)
def test_what_is_sent_is_what_the_api_takes(name: str) -> None:
    handler = BY_TOKEN[NAMES[name]]
    # Every path once, so that what excludes each other is sent too.
    for path in paths_of(kind_of(name)):
        if path == "namePrefix":
            continue
        inputs = inputs_of(name, path)
        check_types(handler.creation_requests(inputs, "the-id"))
        state = {**inputs, "arn": "arn:aws:service:eu-central-1:123456789012:thing", "region": "eu-central-1"}
        changed = inputs_of(name, path, second=True)
        check_types(handler.changes("a-b-C", state, changed, handler.changed(state, changed)))
        removed = "Z1_name_A" if name == "route53.Record" else "arn:aws:sns:eu-central-1:123456789012:topic"
        check_types(handler.removal(removed, state))


def check_types(requests: list[Request]) -> None:
    for request in requests:
        shape = operation(request.service, request.operation).input_shape
        assert shape is not None
        report = botocore.validate.ParamValidator().validate(request.parameters, shape)
        problems = [
            text for text in report.generate_report().split("\n") if text and not re.search("Invalid length|valid min", text)
        ]
        assert problems == [], (request.operation, problems)


def in_place(name: str) -> list[str]:
    """Return the inputs whose change does not replace."""
    kind = kind_of(name)
    replaced = {rule.property for rule in kind.of_kind("replaces")}
    return [key for key in kind.inputs if key not in replaced]


# What no call carries when it changes alone, with the reason.
UNSENT_CHANGES: Mapping[str, dict[str, str]] = {
    "elasticache.ReplicationGroup": {
        "applyImmediately": "goes with other changes",
        "finalSnapshotIdentifier": "goes with the deletion",
        "preferredCacheClusterAzs": "the provider ignores it after the creation",
        "nodeGroupConfigurations": "what is meaningful of it replaces the group",
    },
    "elasticache.GlobalReplicationGroup": {"parameterGroupName": "goes with a new major version of the engine"},
    "elasticache.ServerlessCache": {
        "timeouts": "how long the provider waits",
    },
    "ec2.SecurityGroup": {"revokeRulesOnDelete": "goes with the deletion"},
    "ec2.Vpc": {"ipv6CidrBlockNetworkBorderGroup": "goes with a new range"},
    "ec2.Subnet": dict.fromkeys(
        ("ipv4IpamPoolId", "ipv4NetmaskLength", "ipv6IpamPoolId", "ipv6NetmaskLength"),
        "only at the creation (no call changes it)",
    ),
    "cloudwatch.EventRule": {"forceDestroy": "goes with the deletion"},
    "cloudwatch.EventTarget": {"forceDestroy": "goes with the deletion"},
    "cloudwatch.LogGroup": {"skipDestroy": "goes with the deletion"},
    "lambda.Function": {
        "replaceSecurityGroupsOnDestroy": "goes with the deletion",
        "replacementSecurityGroupIds": "goes with the deletion",
        "skipDestroy": "goes with the deletion",
        "useResourceTimeoutForPropagation": "how long the provider waits",
    },
    "sns.TopicSubscription": {
        "confirmationTimeoutInMinutes": "how long the provider waits",
        "endpointAutoConfirms": "whether the provider waits",
    },
    "route53.Zone": {"forceDestroy": "goes with the deletion"},
    "route53.Record": {"allowOverwrite": "decides the action of the creation"},
    "secretsmanager.Secret": {
        "forceOverwriteReplicaSecret": "goes with new replicas",
        "recoveryWindowInDays": "goes with the deletion",
    },
    "ssm.Parameter": {"overwrite": "goes with every change", "arn": "an output that the SDK lists among the inputs"},
    "iam.Role": {"forceDetachPolicies": "goes with the deletion"},
    "kms.Key": {"bypassPolicyLockoutSafetyCheck": "goes with a policy", "deletionWindowInDays": "goes with the deletion"},
}


@pytest.mark.parametrize("name", NAMES)
def test_every_change_in_place_reaches_the_api(name: str) -> None:
    handler = BY_TOKEN[NAMES[name]]
    about = {"arn": "arn:aws:service:eu-central-1:123456789012:thing", "region": "eu-central-1"}
    for key in in_place(name):
        path = next(path for path in paths_of(kind_of(name)) if head_of(path) == key)
        state, inputs = inputs_of(name, path), inputs_of(name, path, second=True)
        if key == "tags":
            inputs = {**inputs, "tagsAll": {"key": "other"}}
        found = handler.changed({**state, **about}, inputs)
        if any(rule.property == key for rule in kind_of(name).of_kind("write_only")):
            assert key not in found, "its version says when it is sent"
        elif key in UNSENT_CHANGES.get(name, {}):
            assert handler.changes("a-b|c", {**state, **about}, inputs, {key}) == [], (name, key)
        else:
            assert handler.changes("a-b|c", {**state, **about}, inputs, found), f"{name}.{key} is dropped in an update"
