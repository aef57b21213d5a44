"""What the real AWS provider refuses, fills in and replaces: the rows that matter most, said again by hand.

Each expectation is one row's (or one function's) doing: take the row away and its line here fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator import rules
from pulumi_emulator.values import UNKNOWN, Secret
from tests.support.aws_provider import TOKENS, EmulatedAccount, RefusedError

GROUP = {
    "replicationGroupId": "prod",
    "description": "orders",
    "engine": "valkey",
    "engineVersion": "8.0",
    "nodeType": "cache.r7g.large",
    "numCacheClusters": 2,
    "automaticFailoverEnabled": True,
}
CLUSTER = {name: value for name, value in GROUP.items() if name != "numCacheClusters"} | {
    "numNodeGroups": 2,
    "replicasPerNodeGroup": 1,
}
LOG = {"destination": "x", "destinationType": "cloudwatch-logs", "logFormat": "json", "logType": "slow-log"}
ALARM = {"comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1, "threshold": 1}
METRIC = {"metricName": "m", "namespace": "n", "period": 60, "statistic": "Average"}
INGRESS = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 1, "toPort": 1}
RECORD = {"zoneId": "Z1", "name": "a.example", "type": "A"}
USER = {"engine": "valkey", "userId": "app", "userName": "app", "accessString": "on ~* +@all"}
BY_US = "Managed by Pulumi"
ALIAS = {"name": "lb.example.com", "zoneId": "Z2", "evaluateTargetHealth": False}
LB, TG, LISTENER, RULE = "lb.LoadBalancer", "lb.TargetGroup", "lb.Listener", "lb.ListenerRule"
TARGETS = {"port": 80, "protocol": "HTTP", "vpcId": "vpc-1"}
ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/"
WEIGHT, GROUPS = "defaultActions[0].forward.targetGroups[0].weight", "defaultActions[0].forward.targetGroups"


def weighted(*weights: int) -> dict[str, Any]:
    """Return an action that parts requests between as many groups."""
    groups = [{"arn": f"{ARN}{number}", "weight": weight} for number, weight in enumerate(weights)]
    return {"type": "forward", "forward": {"targetGroups": groups}}


FORWARD = weighted(1)
LISTENS = {"loadBalancerArn": ARN.replace("targetgroup", "loadbalancer"), "port": 80, "defaultActions": [FORWARD]}
RULED = {
    "listenerArn": ARN.replace("targetgroup", "listener"),
    "actions": [FORWARD],
    "conditions": [{"pathPattern": {"values": ["/"]}}],
}
GLOBAL = {"globalReplicationGroupIdSuffix": "orders", "primaryReplicationGroupId": "prod"}
RG, ALARM_TYPE = "elasticache.ReplicationGroup", "cloudwatch.MetricAlarm"


@pytest.fixture
def account(tmp_path: Path) -> EmulatedAccount:
    # No endpoint: whoever asks for one fails.
    return EmulatedAccount(tmp_path, None)


@pytest.mark.parametrize(
    ("kind", "inputs", "name", "words"),
    [
        # Together
        (RG, GROUP | {"numNodeGroups": 2}, "numCacheClusters", "conflicts with numNodeGroups"),
        (RG, GROUP | {"numNodeGroups": 2}, "numNodeGroups", "conflicts with numCacheClusters"),
        (RG, GROUP | {"replicasPerNodeGroup": 1}, "replicasPerNodeGroup", "conflicts with numCacheClusters"),
        (RG, GROUP | {"authToken": "x" * 16, "userGroupIds": ["u"]}, "authToken", "conflicts with userGroupIds"),
        (RG, GROUP | {"authToken": "x" * 16, "userGroupIds": ["u"]}, "userGroupIds", "conflicts with authToken"),
        (
            RG,
            GROUP | {"globalReplicationGroupId": "g"},
            "globalReplicationGroupId",
            "conflicts with engine, engineVersion, nodeType",
        ),
        (RG, GROUP | {"authToken": "x" * 16, "authTokenWo": "x" * 16, "authTokenWoVersion": 1}, "authTokenWo", "authToken"),
        (RG, GROUP | {"authTokenWo": "x" * 16}, "authTokenWo", "needs authTokenWoVersion"),
        (
            RG,
            CLUSTER | {"nodeGroupConfigurations": [{"slots": "0-1"}], "preferredCacheClusterAzs": ["a"]},
            "nodeGroupConfigurations",
            "conflicts with preferredCacheClusterAzs",
        ),
        (ALARM_TYPE, ALARM | METRIC | {"metricQueries": [{"id": "a"}]}, "metricQueries", "conflicts with metricName"),
        (ALARM_TYPE, ALARM | METRIC | {"extendedStatistic": "p99"}, "statistic", "conflicts with extendedStatistic"),
        (ALARM_TYPE, ALARM | {"metricName": "m"}, "metricName", "needs namespace, period"),
        ("vpc.SecurityGroupIngressRule", INGRESS, "cidrIpv4", "exactly one of"),
        (
            "vpc.SecurityGroupIngressRule",
            INGRESS | {"cidrIpv4": "10.0.0.0/8", "prefixListId": "pl-1"},
            "cidrIpv4",
            "exactly one of cidrIpv4, cidrIpv6, prefixListId, referencedSecurityGroupId",
        ),
        ("route53.Record", RECORD | {"ttl": 5}, "aliases", "exactly one of aliases, records"),
        (
            "route53.Record",
            RECORD | {"records": ["x"], "ttl": 5, "weightedRoutingPolicies": [{"weight": 1}]},
            "weightedRoutingPolicies",
            "needs setIdentifier",
        ),
        ("cloudwatch.LogGroup", {"name": "a", "namePrefix": "b"}, "name", "conflicts with namePrefix"),
        (
            "secretsmanager.SecretVersion",
            {"secretId": "s", "secretString": "a", "secretBinary": "Yg=="},
            "secretString",
            "conflicts",
        ),
        (
            "elasticache.User",
            USER | {"passwords": ["x" * 16], "passwordsWo": "y" * 16, "passwordsWoVersion": 1},
            "passwordsWo",
            "conflicts with passwords",
        ),
        ("ssm.Parameter", {"name": "p", "type": "String"}, "value", "exactly one of insecureValue, value, valueWo"),
        (
            "appautoscaling.Target",
            {"minCapacity": 3, "maxCapacity": 2, "resourceId": "r", "scalableDimension": "d", "serviceNamespace": "s"},
            "maxCapacity",
            "below minCapacity",
        ),
        # The plan checks in the provider's code
        (
            RG,
            GROUP | {"multiAzEnabled": True, "automaticFailoverEnabled": False},
            "multiAzEnabled",
            "automatic_failover_enabled",
        ),
        (RG, GROUP | {"numCacheClusters": 1}, "numCacheClusters", "at least 2 with automatic_failover_enabled"),
        (RG, GROUP | {"authTokenUpdateStrategy": "SET"}, "authTokenUpdateStrategy", "needs auth_token"),
        (
            RG,
            GROUP | {"authTokenUpdateStrategy": "DELETE", "authToken": "x" * 16},
            "authTokenUpdateStrategy",
            "must not be set",
        ),
        (RG, GROUP | {"engineVersion": "7.0.7"}, "engineVersion", "not a version"),
        (RG, GROUP | {"engineVersion": "8"}, "engineVersion", "not a version"),
        # Each alone
        (RG, {"replicationGroupId": "x"}, "description", "missing required property"),
        (RG, GROUP | {"description": ""}, "description", "at least 1"),
        (RG, GROUP | {"replicationGroupId": "1st"}, "replicationGroupId", "does not match"),
        (RG, GROUP | {"replicationGroupId": "a--b"}, "replicationGroupId", "does not match"),
        (RG, GROUP | {"replicationGroupId": "a-"}, "replicationGroupId", "does not match"),
        (RG, GROUP | {"replicationGroupId": "a" * 41}, "replicationGroupId", "at most 40"),
        (RG, GROUP | {"engine": "memcached"}, "engine", "redis, valkey"),
        (RG, GROUP | {"numCacheClusters": 7}, "numCacheClusters", "at most 6"),
        (RG, CLUSTER | {"replicasPerNodeGroup": 6}, "replicasPerNodeGroup", "at most 5"),
        (RG, CLUSTER | {"numNodeGroups": 0}, "numNodeGroups", "at least 1"),
        (RG, GROUP | {"snapshotRetentionLimit": 36}, "snapshotRetentionLimit", "at most 35"),
        (RG, GROUP | {"maintenanceWindow": "sunday"}, "maintenanceWindow", "does not match"),
        (RG, GROUP | {"snapshotWindow": "25:00-26:00"}, "snapshotWindow", "does not match"),
        (RG, GROUP | {"clusterMode": "on"}, "clusterMode", "enabled, disabled, compatible"),
        (RG, GROUP | {"transitEncryptionMode": "none"}, "transitEncryptionMode", "preferred, required"),
        (
            RG,
            GROUP | {"authTokenUpdateStrategy": "CHANGE", "authToken": "x" * 16},
            "authTokenUpdateStrategy",
            "SET, ROTATE, DELETE",
        ),
        (RG, GROUP | {"networkType": "ipx"}, "networkType", "ipv4, ipv6, dual_stack"),
        (RG, GROUP | {"logDeliveryConfigurations": [LOG, LOG, LOG]}, "logDeliveryConfigurations", "at most 2"),
        (
            RG,
            GROUP | {"logDeliveryConfigurations": [LOG | {"logType": "x"}]},
            "logDeliveryConfigurations[0].logType",
            "slow-log, engine-log",
        ),
        (RG, GROUP | {"snapshotRetentionLimit": -1}, "snapshotRetentionLimit", "at least 0"),
        (RG, GROUP | {"ipDiscovery": "dns"}, "ipDiscovery", "ipv4, ipv6"),
        (RG, CLUSTER | {"durability": "much"}, "durability", "default, async, sync, disabled"),
        (RG, GROUP | {"authToken": "has spaces in it, sixteen"}, "authToken", "does not match"),
        (RG, GROUP | {"authTokenWo": "short", "authTokenWoVersion": 1}, "authTokenWo", "does not match"),
        (
            RG,
            GROUP | {"logDeliveryConfigurations": [LOG | {"logFormat": "xml"}]},
            "logDeliveryConfigurations[0].logFormat",
            "text, json",
        ),
        (
            RG,
            GROUP | {"logDeliveryConfigurations": [LOG | {"destinationType": "s3"}]},
            "logDeliveryConfigurations[0].destinationType",
            "cloudwatch-logs, kinesis-firehose",
        ),
        (RG, GROUP | {"notificationTopicArn": "topic"}, "notificationTopicArn", "does not match"),
        (RG, GROUP | {"clusterMod": "enabled"}, "clusterMod", "did you mean 'clusterMode'"),
        (RG, GROUP | {"numCacheClusters": "two"}, "numCacheClusters", "not an integer"),
        ("elasticache.User", USER | {"passwords": ["short"]}, "passwords[0]", "at least 16"),
        ("elasticache.User", USER | {"passwords": ["x" * 16] * 3}, "passwords", "at most 2"),
        (
            "elasticache.User",
            USER | {"authenticationMode": {"type": "none"}},
            "authenticationMode.type",
            "password, no-password-required, iam",
        ),
        ("elasticache.ParameterGroup", {"name": "p", "family": "valkey-8"}, "family", "does not match"),
        ("cloudwatch.LogGroup", {"name": "a", "retentionInDays": 15}, "retentionInDays", "14, 30"),
        ("cloudwatch.Dashboard", {"dashboardName": "b", "dashboardBody": "{"}, "dashboardBody", "not valid JSON"),
        ("sns.TopicPolicy", {"arn": "a", "policy": "{"}, "policy", "not valid JSON"),
        (ALARM_TYPE, ALARM | METRIC | {"alarmActions": ["a"] * 6}, "alarmActions", "at most 5"),
        (
            ALARM_TYPE,
            ALARM | METRIC | {"treatMissingData": "ok"},
            "treatMissingData",
            "breaching, notBreaching, ignore, missing",
        ),
        ("kms.Alias", {"name": "x", "targetKeyId": "k"}, "name", "does not match alias/"),
        # Records, health checks, load balancers
        (
            "route53.Record",
            RECORD | {"records": ["x"], "ttl": 5, "setIdentifier": "a", "weightedRoutingPolicies": [{"weight": 256}]},
            "weightedRoutingPolicies[0].weight",
            "at most 255",
        ),
        ("route53.Record", RECORD | {"aliases": [ALIAS], "ttl": 5}, "aliases", "conflicts with ttl"),
        ("route53.HealthCheck", {"type": "ICMP"}, "type", "HTTP, HTTPS, HTTP_STR_MATCH"),
        ("route53.HealthCheck", {"type": "TCP", "failureThreshold": 0}, "failureThreshold", "at least 1"),
        ("route53.HealthCheck", {"type": "TCP", "requestInterval": 20}, "requestInterval", "10, 30"),
        ("route53.HealthCheck", {"type": "TCP", "regions": ["us-east-1", "eu-west-1"]}, "regions", "at least 3"),
        ("route53.HealthCheck", {"type": "TCP", "regions": ["eu-central-1"] * 3}, "regions[0]", "us-east-1, us-west-1"),
        ("route53.HealthCheck", {"type": "TCP", "ipAddress": "host"}, "ipAddress", "does not match"),
        ("route53.HealthCheck", {"type": "TCP", "referenceName": "x" * 28}, "referenceName", "at most 27"),
        ("route53.HealthCheck", {"type": "CALCULATED", "childHealthThreshold": 257}, "childHealthThreshold", "at most 256"),
        (
            "route53.HealthCheck",
            {"type": "CLOUDWATCH_METRIC", "insufficientDataHealthStatus": "Fine"},
            "insufficientDataHealthStatus",
            "Healthy, Unhealthy, LastKnownStatus",
        ),
        (LB, {}, "subnetMappings", "exactly one of subnetMappings, subnets"),
        (LB, {"subnets": ["a"], "name": "internal-x"}, "name", "does not match"),
        (LB, {"subnets": ["a"], "name": "x" * 33}, "name", "at most 32"),
        (LB, {"subnets": ["a"], "name": "x-"}, "name", "does not match"),
        (LB, {"subnets": ["a"], "namePrefix": "seven-7"}, "namePrefix", "at most 6"),
        (LB, {"subnets": ["a"], "loadBalancerType": "classic"}, "loadBalancerType", "application, network, gateway"),
        (LB, {"subnets": ["a"], "idleTimeout": 4001}, "idleTimeout", "at most 4000"),
        (TG, {"name": "x"}, "port", "must be set when targetType is 'instance'"),
        (TG, {"port": 80, "protocol": "HTTP"}, "vpcId", "must be set when targetType is 'instance'"),
        (TG, TARGETS | {"deregistrationDelay": 3601}, "deregistrationDelay", "at most 3600"),
        (TG, TARGETS | {"healthCheck": {"interval": 4}}, "healthCheck.interval", "at least 5"),
        (TG, TARGETS | {"healthCheck": {"healthyThreshold": 11}}, "healthCheck.healthyThreshold", "at most 10"),
        (TG, TARGETS | {"healthCheck": {"path": "health"}}, "healthCheck.path", "does not match"),
        (TG, TARGETS | {"healthCheck": {"protocol": "TCP", "path": "/"}}, "healthCheck.path", "protocol is TCP"),
        (TG, TARGETS | {"healthCheck": {"protocol": "UDP"}}, "healthCheck.protocol", "HTTP, HTTPS, TCP"),
        (TG, TARGETS | {"slowStart": 29}, "slowStart", "does not match"),
        (TG, TARGETS | {"stickiness": {"type": "ip"}}, "stickiness.type", "lb_cookie, app_cookie"),
        (LISTENER, LISTENS | {"defaultActions": []}, "defaultActions", "at least 1"),
        (LISTENER, LISTENS | {"defaultActions": [{"type": "forward"}]}, "defaultActions[0]", "targetGroupArn or forward"),
        (
            LISTENER,
            LISTENS | {"defaultActions": [{"type": "redirect"}]},
            "defaultActions[0].redirect",
            "must be given when its type is 'redirect'",
        ),
        (
            LISTENER,
            LISTENS | {"defaultActions": [FORWARD | {"targetGroupArn": f"{ARN}other"}]},
            "defaultActions[0].targetGroupArn",
            "exclude each other",
        ),
        (LISTENER, LISTENS | {"defaultActions": [weighted(1000)]}, WEIGHT, "at most 999"),
        (LISTENER, LISTENS | {"defaultActions": [weighted(*range(6))]}, GROUPS, "at most 5"),
        (LISTENER, LISTENS | {"protocol": "FTP"}, "protocol", "HTTP, HTTPS, TCP"),
        (LISTENER, LISTENS | {"loadBalancerArn": "web"}, "loadBalancerArn", "does not match arn"),
        (RULE, RULED | {"priority": 50_001}, "priority", "at most 50000"),
        (RULE, RULED | {"conditions": [{}]}, "conditions[0]", "exactly one of hostHeader, httpHeader"),
        ("autoscaling.Attachment", {"autoscalingGroupName": "a"}, "elb", "exactly one of elb, lbTargetGroupArn"),
        ("elasticache.GlobalReplicationGroup", GLOBAL | {"numNodeGroups": 0}, "numNodeGroups", "at least 1"),
        ("elasticache.GlobalReplicationGroup", GLOBAL | {"engine": "memcached"}, "engine", "redis, valkey"),
        ("elasticache.GlobalReplicationGroup", GLOBAL | {"parameterGroupName": "p"}, "parameterGroupName", "engineVersion"),
        ("ec2.Vpc", {"cidrBlock": "10.0.0.0/8"}, "cidrBlock", "does not match"),
    ],
)
def test_what_is_refused(account: EmulatedAccount, kind: str, inputs: dict[str, Any], name: str, words: str) -> None:
    found = account.resource(kind).check(inputs)
    assert words in found.get(name, ""), found


def test_a_wrong_token_is_never_shown(account: EmulatedAccount) -> None:
    for value in ("short-and-secret", Secret("short")):
        found = account.resource(RG).check(GROUP | {"authToken": value, "transitEncryptionEnabled": True})
        assert "secret" in found.get("authToken", "[secret]")
    assert "'short'" not in account.resource(RG).check(GROUP | {"authToken": "short"})["authToken"]
    assert (
        "[secret]"
        in account.resource("elasticache.User").check(USER | {"authenticationMode": {"type": "a-password"}})[
            "authenticationMode.type"
        ]
    )


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        (RG, GROUP | {"multiAzEnabled": True}),
        (RG, CLUSTER | {"multiAzEnabled": True, "clusterMode": "enabled"}),
        (RG, GROUP | {"engine": "redis", "engineVersion": "5.0.6"}),
        (RG, GROUP | {"engine": "redis", "engineVersion": "6.x"}),
        (RG, GROUP | {"maintenanceWindow": "Sun:23:00-mon:01:30"}),
        (RG, GROUP | {"authToken": UNKNOWN, "authTokenUpdateStrategy": "ROTATE"}),
        (RG, GROUP | {"multiAzEnabled": True, "automaticFailoverEnabled": UNKNOWN}),
        (RG, GROUP | {"authTokenUpdateStrategy": "DELETE", "userGroupIds": ["u"]}),
        (RG, {"description": "secondary", "globalReplicationGroupId": "ldgnf-x", "numCacheClusters": 2}),
        # What is not known yet may turn out to be absent (terraform-plugin-sdk helper/schema: validateConflictingAttributes).
        (RG, GROUP | {"authToken": UNKNOWN, "userGroupIds": ["u"]}),
        ("cloudwatch.LogGroup", {"namePrefix": "b"}),
        (ALARM_TYPE, ALARM | METRIC),
        (ALARM_TYPE, ALARM | {"metricQueries": [{"id": "a", "expression": "SELECT 1", "period": 60, "returnData": True}]}),
        ("iam.Role", {"assumeRolePolicy": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}}),
    ],
)
def test_what_is_accepted(account: EmulatedAccount, kind: str, inputs: dict[str, Any]) -> None:
    assert account.resource(kind).check(inputs) == {}


def test_names_and_defaults_are_filled_in(account: EmulatedAccount) -> None:
    group = account.resource(RG, name="Orders-Cache-With-A-Very-Long-Name-That-Goes-On")
    assert group.check({"description": "x", "nodeType": "cache.r7g.large"}) == {}
    name = group.checked["replicationGroupId"]
    assert (len(name), name) == (40, name.lower())
    alias = account.resource("kms.Alias")
    assert alias.check({"targetKeyId": "k"}) == {}
    assert alias.checked["name"].startswith("alias/it-")
    security = account.resource("ec2.SecurityGroup")
    assert security.check({}) == {}
    assert security.checked["description"] == "Managed by Pulumi"
    prefixed = account.resource("sns.Topic")
    assert prefixed.check({"namePrefix": "events-"}) == {}
    assert "name" not in prefixed.checked, "a name and a prefix exclude each other"
    alarm = account.resource(ALARM_TYPE)
    assert alarm.check(ALARM | METRIC) == {}
    assert (alarm.checked["treatMissingData"], alarm.checked["actionsEnabled"]) == ("missing", True)


def test_what_the_provider_replaces_always() -> None:
    # By hand from the list of arguments in replication_group.go; conditional ones are tested below.
    expected = {
        RG: "atRestEncryptionEnabled dataTieringEnabled globalReplicationGroupId kmsKeyId networkType port replicationGroupId "
        "securityGroupNames snapshotArns snapshotName subnetGroupName",
        "elasticache.SubnetGroup": "name",
        "elasticache.ParameterGroup": "name family description",
        "elasticache.User": "userId userName",
        "elasticache.UserGroup": "userGroupId",
        "elasticache.ServerlessCache": "kmsKeyId name networkType snapshotArnsToRestores subnetIds",
        "ec2.SecurityGroup": "name namePrefix description vpcId",
        "ec2.Subnet": "availabilityZone availabilityZoneId cidrBlock ipv6Native outpostArn vpcId",
        "vpc.SecurityGroupIngressRule": "securityGroupId",
        ALARM_TYPE: "name",
        "cloudwatch.Dashboard": "dashboardName",
        "cloudwatch.LogGroup": "name namePrefix logGroupClass",
        "sns.Topic": "name namePrefix fifoTopic",
        "sns.TopicSubscription": "endpoint protocol topic",
        "route53.Record": "name zoneId",
        "route53.HealthCheck": "measureLatency referenceName requestInterval routingControlArn type",
        "lb.LoadBalancer": "customerOwnedIpv4Pool internal loadBalancerType name namePrefix",
        "lb.TargetGroup": "ipAddressType name namePrefix port protocol protocolVersion targetControlPort targetType vpcId",
        "lb.Listener": "loadBalancerArn",
        "lb.ListenerRule": "listenerArn",
        "lb.TargetGroupAttachment": "availabilityZone port quicServerId targetGroupArn targetId",
        "autoscaling.Attachment": "autoscalingGroupName elb lbTargetGroupArn",
        "elasticache.GlobalReplicationGroup": "globalReplicationGroupIdSuffix primaryReplicationGroupId",
        "appautoscaling.Target": "resourceId scalableDimension serviceNamespace",
        "secretsmanager.SecretVersion": "secretBinary secretId secretString secretStringWoVersion",
        "kms.Key": "customKeyStoreId customerMasterKeySpec keyUsage multiRegion xksKeyId",
    }
    for kind, names in expected.items():
        table = rules.load("aws")[TOKENS[kind]]
        found = {rule.property for rule in table.of_kind("replaces")} - {"region"}
        assert found == set(names.split()), kind
    for token, table in rules.load("aws").items():
        assert ("region" in table.inputs) == any(rule.property == "region" for rule in table.of_kind("replaces")), token


def test_what_the_provider_fills_in_and_keeps() -> None:
    # Optional and computed in replication_group.go: left out of the program they stay as they are.
    kept = (
        "applyImmediately atRestEncryptionEnabled autoMinorVersionUpgrade clusterMode dataTieringEnabled durability engine "
        "engineVersion globalReplicationGroupId ipDiscovery maintenanceWindow networkType nodeGroupConfigurations nodeType "
        "numCacheClusters numNodeGroups parameterGroupName replicasPerNodeGroup securityGroupIds securityGroupNames "
        "snapshotWindow subnetGroupName transitEncryptionEnabled transitEncryptionMode"
    )
    table = rules.load("aws")[TOKENS[RG]]
    assert table.kept == set(kept.split())
    assert {rule.property: rule.value for rule in table.of_kind("default")} == {
        "automaticFailoverEnabled": False,
        "multiAzEnabled": False,
    }
    assert {rule.property for rule in table.of_kind("set")} == {
        "logDeliveryConfigurations",
        "nodeGroupConfigurations",
        "securityGroupIds",
        "securityGroupNames",
        "snapshotArns",
        "userGroupIds",
    }
    descriptions = {
        token for token, kind in rules.load("aws").items() for rule in kind.of_kind("default") if rule.value == BY_US
    }
    described = ("elasticache.ParameterGroup", "elasticache.SubnetGroup", "ec2.SecurityGroup", "route53.Zone")
    assert descriptions == {TOKENS[kind] for kind in described}


@pytest.mark.parametrize(
    ("old", "new", "state", "expected"),
    [
        ({"engineVersion": "8.0"}, {"engineVersion": "8.1"}, {}, {"engineVersion": False}),
        ({"engineVersion": "8.0"}, {"engineVersion": "7.2"}, {}, {"engineVersion": True}),
        (
            {"engine": "redis", "engineVersion": "6.x"},
            {"engine": "redis", "engineVersion": "6.2"},
            {"engineVersionActual": "6.2.6"},
            {"engineVersion": False},
        ),
        (
            {"engine": "redis", "engineVersion": "6.x"},
            {"engine": "redis", "engineVersion": "6.0"},
            {"engineVersionActual": "6.2.6"},
            {"engineVersion": True},
        ),
        (
            {"engine": "redis", "engineVersion": "7.1"},
            {"engine": "valkey", "engineVersion": "8.0"},
            {},
            {"engine": False, "engineVersion": False},
        ),
        ({"engine": "valkey", "engineVersion": "8.0"}, {"engine": "redis", "engineVersion": "8.0"}, {}, {"engine": True}),
        (
            {"transitEncryptionEnabled": False},
            {"transitEncryptionEnabled": True},
            {"engineVersionActual": "7.0.5"},
            {"transitEncryptionEnabled": False},
        ),
        (
            {"transitEncryptionEnabled": False},
            {"transitEncryptionEnabled": True},
            {"engineVersionActual": "6.2.6"},
            {"transitEncryptionEnabled": True},
        ),
        ({"transitEncryptionMode": "preferred"}, {"transitEncryptionMode": "required"}, {}, {"transitEncryptionMode": False}),
        ({"maintenanceWindow": "Sun:01:00-sun:02:00"}, {"maintenanceWindow": "sun:01:00-Sun:02:00"}, {}, {}),
        ({"replicationGroupId": "Prod"}, {"replicationGroupId": "prod"}, {}, {}),
        ({"port": 6379}, {}, {"port": 6379}, {}),
        ({"port": 6380}, {}, {"port": 6380}, {"port": True}),
        ({"snapshotName": "s"}, {}, {}, {"snapshotName": True}),
        ({"maintenanceWindow": "sun:01:00-sun:02:00", "nodeType": "cache.r7g.large"}, {}, {}, {}),
        ({"securityGroupIds": ["a", "b"]}, {"securityGroupIds": ["b", "a"]}, {}, {}),
        ({"engine": "valkey"}, {"engine": "redis"}, {"globalReplicationGroupId": "g"}, {}),
        ({"snapshotRetentionLimit": 0}, {}, {}, {}),
        # Given for the first time as it is already: no change.
        ({}, {"transitEncryptionEnabled": False}, {"transitEncryptionEnabled": False, "engineVersionActual": "6.2.6"}, {}),
        ({}, {"numNodeGroups": 2}, {"numNodeGroups": 2}, {}),
        ({}, {"numNodeGroups": 2}, {"numNodeGroups": 1}, {"numNodeGroups": False}),
        (
            {"nodeGroupConfigurations": [{"nodeGroupId": "0001", "slots": "0-99"}]},
            {"nodeGroupConfigurations": [{"nodeGroupId": "0001", "slots": "0-98"}]},
            {},
            {"nodeGroupConfigurations": True},
        ),
    ],
)
def test_what_a_change_of_a_group_means(
    account: EmulatedAccount, old: dict[str, Any], new: dict[str, Any], state: dict[str, Any], expected: dict[str, bool]
) -> None:
    base = {"replicationGroupId": "prod", "description": "x"}
    group = account.resource(RG)
    assert group.check(base | old) == {}
    group.inputs = group.checked
    group.state = {**group.checked, **state}
    assert group.diff(base | new) == expected


def test_removing_nodes_makes_their_list_uncertain(account: EmulatedAccount) -> None:
    group = account.resource(RG)
    assert group.check(GROUP) == {}
    group.id, group.inputs = "prod", group.checked
    group.state = {**group.checked, "memberClusters": ["prod-001", "prod-002"], "arn": "a"}
    planned = group.update(GROUP | {"numCacheClusters": 3}, preview=True)
    assert (planned["memberClusters"], planned["arn"]) == (UNKNOWN, "a")
    assert group.update(GROUP | {"description": "y"}, preview=True)["memberClusters"] == ["prod-001", "prod-002"]


def test_a_preview_knows_what_the_program_gives_and_nothing_else(account: EmulatedAccount) -> None:
    planned = account.resource(RG).preview(GROUP | {"authToken": "x" * 16, "transitEncryptionEnabled": True})
    assert planned["numCacheClusters"] == 2
    for name in ("primaryEndpointAddress", "memberClusters", "arn", "parameterGroupName", "maintenanceWindow", "clusterMode"):
        assert planned[name] is UNKNOWN, name
    assert isinstance(planned["authToken"], Secret)
    assert account.starts == 0, "a preview starts no endpoint"


def test_write_only_values_stay_out_of_the_state(account: EmulatedAccount) -> None:
    group = account.resource(RG)
    planned = group.preview(GROUP | {"authTokenWo": "x" * 16, "authTokenWoVersion": 1, "transitEncryptionEnabled": True})
    assert "authTokenWo" not in planned
    assert planned["authTokenWoVersion"] == 1
    assert isinstance(group.checked["authTokenWo"], Secret), "the engine keeps inputs: encrypted"


def test_an_unknown_type_is_named(account: EmulatedAccount) -> None:
    resource = account.resource(RG)
    resource.urn = "urn:pulumi:dev::p::aws:rds/instance:Instance::db"
    with pytest.raises(
        RefusedError, match="aws:rds/instance:Instance is not emulated; emulated types of aws: aws:appautoscaling"
    ):
        resource.check({})
