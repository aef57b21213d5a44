"""Every emulated AWS type against its API: made, read without drift, changed in place, removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_emulator.handlers.aws import AWS_HANDLERS
from pulumi_emulator.values import ARCHIVE_SIGNATURE, ASSET_SIGNATURE, SIGNATURE_KEY, UNKNOWN
from tests.support.aws_provider import TOKENS, EmulatedAccount

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "fis.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}]})
QUEUE_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "events",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": "*",
            }
        ],
    }
)
LAMBDA_TRUST = TRUST.replace("fis.", "lambda.")
PASSWORD = "a-password-of-24-letters"


def archive(text: str) -> dict[str, Any]:
    """Return an archive of one file, as the engine sends it."""
    asset = {SIGNATURE_KEY: ASSET_SIGNATURE, "hash": text, "text": text}
    return {SIGNATURE_KEY: ARCHIVE_SIGNATURE, "hash": text, "assets": {"main.py": asset}}


class Names:
    """Names that no other test of this module uses, and what other things need to stand on."""

    count = 0

    def __init__(self, account: EmulatedAccount) -> None:
        self.account = account
        Names.count += 1
        self.tail = str(Names.count)

    def vpc(self) -> str:
        return self.account.made("ec2.Vpc", cidrBlock="10.0.0.0/16").id

    def subnets(self) -> list[str]:
        vpc = self.vpc()
        return [
            self.account.made(
                "ec2.Subnet", vpcId=vpc, cidrBlock=f"10.0.{number}.0/24", availabilityZone=f"eu-central-1{zone}"
            ).id
            for number, zone in enumerate("ab")
        ]

    def balancer(self) -> str:
        made = self.account.made("lb.LoadBalancer", name=f"lb-{self.tail}", internal=True, subnets=self.subnets())
        return made.id

    def target_group(self, name: str = "") -> str:
        wanted = {"name": f"tg{name}-{self.tail}", "port": 80, "protocol": "HTTP", "targetType": "ip"}
        return self.account.made("lb.TargetGroup", **wanted, vpcId=self.vpc()).id

    def forward(self, blue: int, green: int, groups: list[str]) -> dict[str, Any]:
        """Return an action that parts requests between two groups."""
        weighted = [{"arn": arn, "weight": weight} for arn, weight in zip(groups, (blue, green), strict=True)]
        return {"type": "forward", "forward": {"targetGroups": weighted, "stickiness": {"duration": 60, "enabled": False}}}

    def listener(self) -> str:
        answer = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
        return self.account.made("lb.Listener", loadBalancerArn=self.balancer(), port=80, defaultActions=[answer]).id

    def scaling_group(self) -> str:
        """Make a group of EC2's Auto Scaling, which programs here only find."""
        client = self.account.cloud.aws_client("autoscaling", "eu-central-1")
        name, zones = f"asg-{self.tail}", ["eu-central-1a"]
        client.create_launch_configuration(LaunchConfigurationName=name, ImageId="ami-12345678", InstanceType="t3.micro")
        limits = {"MinSize": 0, "MaxSize": 0, "DesiredCapacity": 0}
        client.create_auto_scaling_group(
            AutoScalingGroupName=name, LaunchConfigurationName=name, AvailabilityZones=zones, **limits
        )
        return name

    def function(self) -> str:
        name = f"called-{self.tail}"
        role = self.account.made("iam.Role", name=f"runs-{self.tail}", assumeRolePolicy=LAMBDA_TRUST).state["arn"]
        given = {"name": name, "role": role, "runtime": "python3.14", "handler": "main.handle", "code": archive("x = 1")}
        return self.account.made("lambda.Function", **given).id

    def rule(self, bus: str = "default") -> str:
        pattern = json.dumps({"source": ["own"]})
        self.account.made("cloudwatch.EventRule", name=f"rule-{self.tail}", eventBusName=bus, eventPattern=pattern)
        return f"rule-{self.tail}"

    def queue(self, name: str = "") -> str:
        return str(self.account.made("sqs.Queue", name=f"queue{name}-{self.tail}").state["arn"])

    def connection(self) -> str:
        key = {"apiKey": {"key": "X-Key", "value": "quiet"}}
        given = {"name": f"connection-{self.tail}", "authorizationType": "API_KEY", "authParameters": key}
        return str(self.account.made("cloudwatch.EventConnection", **given).state["arn"])

    def topic(self) -> str:
        return self.account.made("sns.Topic", name=f"topic-{self.tail}").id

    def user(self, number: int = 1, name: str = "default") -> str:
        inputs: dict[str, Any] = {
            "engine": "valkey",
            "userId": f"u{number}-{self.tail}",
            "userName": name,
            "accessString": "off -@all",
        }
        return self.account.made("elasticache.User", **inputs, passwords=[PASSWORD]).id

    def scalable(self) -> str:
        clustered = {
            "replicationGroupId": f"scaled-{self.tail}",
            "description": "x",
            "engine": "valkey",
            "engineVersion": "8.0",
        }
        counts: dict[str, Any] = {
            "numNodeGroups": 2,
            "replicasPerNodeGroup": 1,
            "automaticFailoverEnabled": True,
            "clusterMode": "enabled",
        }
        group = self.account.resource("elasticache.ReplicationGroup")
        if group.import_(str(clustered["replicationGroupId"])) is None:
            group.create({**clustered, **counts, "nodeType": "cache.r7g.large"})
        return group.id

    def group(self, **more: Any) -> dict[str, Any]:
        return {
            "replicationGroupId": f"group-{self.tail}",
            "description": "for a test",
            "engine": "valkey",
            "engineVersion": "8.0",
            "nodeType": "cache.r7g.large",
            "numCacheClusters": 2,
            "automaticFailoverEnabled": True,
            "multiAzEnabled": True,
            "applyImmediately": True,
            **more,
        }


Case = tuple[dict[str, Any], dict[str, Any]]


def listener(n: Names) -> Case:
    groups = [n.target_group("a"), n.target_group("b")]
    inputs = {"loadBalancerArn": n.balancer(), "port": 80, "defaultActions": [n.forward(100, 0, groups)]}
    return inputs, {"defaultActions": [n.forward(90, 10, groups)], "routingHttpResponseServerEnabled": False}


def listener_rule(n: Names) -> Case:
    groups = [n.target_group("a"), n.target_group("b")]
    conditions = [{"pathPattern": {"values": ["/api/*"]}}, {"queryStrings": [{"key": "a", "value": "b"}]}]
    inputs = {"listenerArn": n.listener(), "priority": 7, "actions": [n.forward(1, 1, groups)], "conditions": conditions}
    return inputs, {"priority": 8, "actions": [n.forward(1, 0, groups)], "conditions": conditions[:1]}


def balancer(n: Names) -> Case:
    subnets = n.subnets()
    group = n.account.made("ec2.SecurityGroup", name=f"lb{n.tail}").id
    inputs = {"name": f"balancer-{n.tail}", "internal": True, "subnets": subnets, "securityGroups": [group]}
    other = n.account.made("ec2.SecurityGroup", "other", name=f"other{n.tail}").id
    return inputs, {"idleTimeout": 30, "securityGroups": [group, other], "dropInvalidHeaderFields": True}


def target_group(n: Names) -> Case:
    check = {"path": "/health", "matcher": "200-299", "interval": 10, "timeout": 5, "healthyThreshold": 2}
    inputs = {"name": f"group-{n.tail}", "port": 8080, "protocol": "HTTP", "targetType": "ip", "vpcId": n.vpc()}
    health = {"dnsFailover": {"minimumHealthyTargetsCount": "1"}, "unhealthyStateRouting": {"minimumHealthyTargetsCount": 2}}
    sticky = {"type": "lb_cookie", "cookieDuration": 60, "enabled": True}
    changed = {"healthCheck": {**check, "path": "/ready"}, "stickiness": sticky, "deregistrationDelay": 5}
    return {**inputs, "healthCheck": check, "deregistrationDelay": 30, "targetGroupHealth": health}, changed


# By type: what it is made with, and what of that is changed in place.
CASES: dict[str, Callable[[Names], Case]] = {
    "ec2.Vpc": lambda _: ({"cidrBlock": "10.1.0.0/16", "enableDnsHostnames": True}, {"enableDnsHostnames": False}),
    "ec2.Subnet": lambda n: (
        {"vpcId": n.vpc(), "cidrBlock": "10.0.7.0/24", "availabilityZone": "eu-central-1b"},
        {"mapPublicIpOnLaunch": True},
    ),
    "ec2.SecurityGroup": lambda n: (
        {
            "name": f"sg{n.tail}",
            "vpcId": n.vpc(),
            "ingress": [{"protocol": "tcp", "fromPort": 6379, "toPort": 6379, "cidrBlocks": ["10.0.0.0/8"]}],
        },
        {"ingress": [{"protocol": "tcp", "fromPort": 6380, "toPort": 6380, "self": True}]},
    ),
    "vpc.SecurityGroupIngressRule": lambda n: (
        {
            "securityGroupId": n.account.made("ec2.SecurityGroup", name=f"in{n.tail}", vpcId=n.vpc()).id,
            "ipProtocol": "tcp",
            "fromPort": 6379,
            "toPort": 6379,
            "cidrIpv4": "10.0.0.0/8",
            "description": "clients",
        },
        {"toPort": 6380},
    ),
    "vpc.SecurityGroupEgressRule": lambda n: (
        {
            "securityGroupId": n.account.made("ec2.SecurityGroup", name=f"out{n.tail}", vpcId=n.vpc()).id,
            "ipProtocol": "-1",
            "cidrIpv4": "0.0.0.0/0",
        },
        {"cidrIpv4": "10.0.0.0/8"},
    ),
    "elasticache.SubnetGroup": lambda n: ({"name": f"Sub{n.tail}", "subnetIds": n.subnets()}, {"description": "other"}),
    "elasticache.ParameterGroup": lambda n: (
        {
            "name": f"par{n.tail}",
            "family": "valkey8",
            "parameters": [{"name": "maxmemory-policy", "value": "allkeys-lru"}, {"name": "timeout", "value": "20"}],
        },
        {"parameters": [{"name": "timeout", "value": "30"}]},
    ),
    "elasticache.User": lambda n: (
        {
            "engine": "valkey",
            "userId": f"app-{n.tail}",
            "userName": "app",
            "accessString": "on ~* +@all",
            "authenticationMode": {"type": "password", "passwords": [PASSWORD]},
        },
        {"accessString": "on ~app:* -@all +@read"},
    ),
    "elasticache.UserGroup": lambda n: (
        {"engine": "valkey", "userGroupId": f"users-{n.tail}", "userIds": [n.user(1)]},
        {"userIds": [n.user(2), n.user(3, "app")]},
    ),
    "elasticache.ReplicationGroup": lambda n: (
        n.group(
            maintenanceWindow="Sun:05:00-sun:06:00",
            snapshotRetentionLimit=1,
            snapshotWindow="02:00-03:00",
            notificationTopicArn=n.topic(),
            transitEncryptionEnabled=True,
            atRestEncryptionEnabled=True,
            authToken="an-auth-token-of-twenty",
            subnetGroupName=n.account.made("elasticache.SubnetGroup", name=f"subs{n.tail}", subnetIds=n.subnets()).id,
        ),
        {"numCacheClusters": 3, "description": "other", "snapshotWindow": "03:00-04:00", "nodeType": "cache.r7g.xlarge"},
    ),
    "elasticache.GlobalReplicationGroup": lambda n: (
        {
            "globalReplicationGroupIdSuffix": f"store-{n.tail}",
            "primaryReplicationGroupId": n.account.made("elasticache.ReplicationGroup", **n.group()).id,
            "engine": "valkey",
            "engineVersion": "8.0",
            "cacheNodeType": "cache.r7g.large",
        },
        {"engineVersion": "8.1", "cacheNodeType": "cache.r7g.xlarge", "globalReplicationGroupDescription": "ours"},
    ),
    "elasticache.ServerlessCache": lambda n: (
        {
            "name": f"serverless-{n.tail}",
            "engine": "valkey",
            "majorEngineVersion": "8",
            "description": "one",
            "cacheUsageLimits": {
                "dataStorage": {"maximum": 10, "unit": "GB"},
                "ecpuPerSeconds": [{"maximum": 5000}],
            },
            "subnetIds": n.subnets(),
        },
        {"description": "two", "dailySnapshotTime": "05:00", "snapshotRetentionLimit": 2, "majorEngineVersion": "9"},
    ),
    "cloudwatch.MetricAlarm": lambda n: (
        {
            "name": f"alarm-{n.tail}",
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 3,
            "metricName": "EngineCPUUtilization",
            "namespace": "AWS/ElastiCache",
            "period": 60,
            "statistic": "Maximum",
            "threshold": 90,
            "dimensions": {"CacheClusterId": "x-001"},
            "okActions": [n.topic()],
        },
        {"threshold": 80, "okActions": []},
    ),
    "cloudwatch.Dashboard": lambda n: (
        {"dashboardName": f"board-{n.tail}", "dashboardBody": json.dumps({"widgets": []})},
        {"dashboardBody": json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "x"}}]})},
    ),
    "cloudwatch.LogGroup": lambda n: ({"name": f"logs/{n.tail}", "retentionInDays": 14}, {"retentionInDays": 0}),
    "sns.Topic": lambda n: ({"name": f"events-{n.tail}", "displayName": "one"}, {"displayName": "two"}),
    "sns.TopicPolicy": lambda n: (
        {"arn": n.topic(), "policy": POLICY},
        {"policy": POLICY.replace("sns:Publish", "sns:Subscribe")},
    ),
    "sns.TopicSubscription": lambda n: (
        {
            "topic": n.topic(),
            "protocol": "sqs",
            "endpoint": "arn:aws:sqs:eu-central-1:123456789012:queue",
            "filterPolicy": json.dumps({"a": ["b"]}),
        },
        {"rawMessageDelivery": True},
    ),
    "lb.LoadBalancer": balancer,
    "lb.TargetGroup": target_group,
    "lb.Listener": listener,
    "lb.ListenerRule": listener_rule,
    "lb.TargetGroupAttachment": lambda n: ({"targetGroupArn": n.target_group(), "targetId": "10.0.0.9", "port": 8080}, {}),
    "autoscaling.Attachment": lambda n: (
        {"autoscalingGroupName": n.scaling_group(), "lbTargetGroupArn": n.target_group()},
        {},
    ),
    "route53.HealthCheck": lambda n: (
        {
            "type": "HTTPS_STR_MATCH",
            "fqdn": "a.example",
            "port": 8443,
            "resourcePath": "/health",
            "searchString": "fine",
            "requestInterval": 10,
            "regions": ["us-east-1", "eu-west-1", "us-west-2"],
            "referenceName": f"check-{n.tail}",
        },
        {"failureThreshold": 2, "resourcePath": "/ready", "invertHealthcheck": True},
    ),
    "route53.Zone": lambda n: ({"name": f"zone{n.tail}.example"}, {"comment": "other"}),
    "route53.Record": lambda n: (
        {
            "zoneId": n.account.made("route53.Zone", name=f"records{n.tail}.example").id,
            "name": "cache",
            "type": "CNAME",
            "ttl": 5,
            "records": ["master.example.com"],
        },
        {"records": ["replica.example.com"]},
    ),
    "secretsmanager.Secret": lambda n: ({"name": f"secret-{n.tail}", "recoveryWindowInDays": 0}, {"description": "other"}),
    "secretsmanager.SecretVersion": lambda n: (
        {"secretId": n.account.made("secretsmanager.Secret", name=f"held-{n.tail}").id, "secretString": "quiet"},
        {},
    ),
    "appautoscaling.Target": lambda n: (
        {
            "serviceNamespace": "elasticache",
            "resourceId": f"replication-group/{n.scalable()}",
            "scalableDimension": "elasticache:replication-group:Replicas",
            "minCapacity": 1,
            "maxCapacity": 3,
        },
        {"maxCapacity": 5},
    ),
    "appautoscaling.Policy": lambda n: (
        {
            "name": f"policy-{n.tail}",
            "policyType": "TargetTrackingScaling",
            **{
                name: n.account.made("appautoscaling.Target", **CASES["appautoscaling.Target"](n)[0]).inputs[name]
                for name in ("serviceNamespace", "resourceId", "scalableDimension")
            },
            "targetTrackingScalingPolicyConfiguration": {
                "targetValue": 60,
                "disableScaleIn": True,
                "predefinedMetricSpecification": {"predefinedMetricType": "ElastiCacheReplicaEngineCPUUtilization"},
            },
        },
        {
            "targetTrackingScalingPolicyConfiguration": {
                "targetValue": 50,
                "predefinedMetricSpecification": {"predefinedMetricType": "ElastiCacheReplicaEngineCPUUtilization"},
            }
        },
    ),
    "fis.ExperimentTemplate": lambda n: (
        {
            "description": "lose a zone",
            "roleArn": n.account.made("iam.Role", name=f"fis-{n.tail}", assumeRolePolicy=TRUST).state["arn"],
            "stopConditions": [{"source": "none"}],
            "actions": [
                {
                    "name": "interrupt",
                    "actionId": "aws:elasticache:replicationgroup-interrupt-az-power",
                    "parameters": [{"key": "duration", "value": "PT5M"}],
                    "target": {"key": "ReplicationGroups", "value": "groups"},
                }
            ],
            "targets": [
                {
                    "name": "groups",
                    "resourceType": "aws:elasticache:replicationgroup",
                    "selectionMode": "ALL",
                    "resourceTags": [{"key": "group", "value": "x"}],
                    "parameters": {"availabilityZoneIdentifier": "eu-central-1a"},
                }
            ],
        },
        {"description": "lose another zone"},
    ),
    "iam.Role": lambda n: (
        {"name": f"role-{n.tail}", "assumeRolePolicy": TRUST, "description": "one"},
        {"description": "two", "maxSessionDuration": 7200},
    ),
    "iam.RolePolicy": lambda n: (
        {
            "name": "inside",
            "role": n.account.made("iam.Role", name=f"with-{n.tail}", assumeRolePolicy=TRUST).id,
            "policy": POLICY,
        },
        {"policy": POLICY.replace("sns:Publish", "sns:Subscribe")},
    ),
    "kms.Key": lambda _: ({"description": "one", "deletionWindowInDays": 7}, {"description": "two", "enableKeyRotation": True}),
    "kms.Alias": lambda n: (
        {"name": f"alias/a{n.tail}", "targetKeyId": n.account.made("kms.Key", description="aliased").id},
        {"targetKeyId": n.account.made("kms.Key", description="other").id},
    ),
    "lambda.Function": lambda n: (
        {
            "name": f"function-{n.tail}",
            "role": n.account.made("iam.Role", name=f"function-{n.tail}", assumeRolePolicy=LAMBDA_TRUST).state["arn"],
            "runtime": "python3.14",
            "handler": "main.handle",
            "code": archive("def handle(event, context): return 1"),
            "architectures": ["arm64"],
            "environment": {"variables": {"ONE": "1"}},
            "reservedConcurrentExecutions": 1,
            "tracingConfig": {"mode": "PassThrough"},
        },
        {
            "code": archive("def handle(event, context): return 2"),
            "environment": {"variables": {"TWO": "2"}},
            "reservedConcurrentExecutions": 0,
            "tracingConfig": {"mode": "Active"},
            "deadLetterConfig": {"targetArn": "arn:aws:sqs:eu-central-1:123456789012:dead"},
            "timeout": 30,
            "memorySize": 256,
            "description": "other",
        },
    ),
    "lambda.Permission": lambda n: (
        {
            "action": "lambda:InvokeFunction",
            "function": n.function(),
            "principal": "sns.amazonaws.com",
            "sourceArn": n.topic(),
            "sourceAccount": "123456789012",
            "statementId": "topic",
        },
        {},
    ),
    "lambda.FunctionEventInvokeConfig": lambda n: (
        {
            "functionName": n.function(),
            "maximumEventAgeInSeconds": 3600,
            "destinationConfig": {"onFailure": {"destination": n.queue()}},
        },
        {"maximumRetryAttempts": 0, "destinationConfig": {"onFailure": {"destination": n.queue("other")}}},
    ),
    "sqs.Queue": lambda n: (
        {"name": f"queue-{n.tail}", "messageRetentionSeconds": 1209600, "sqsManagedSseEnabled": True},
        {
            "visibilityTimeoutSeconds": 60,
            "redrivePolicy": json.dumps({"deadLetterTargetArn": n.queue("dead"), "maxReceiveCount": 3}),
        },
    ),
    "sqs.QueuePolicy": lambda n: (
        {"queueUrl": n.account.made("sqs.Queue", name=f"guarded-{n.tail}").id, "policy": QUEUE_POLICY},
        {"policy": QUEUE_POLICY.replace("events.", "sns.")},
    ),
    "cloudwatch.EventBus": lambda n: (
        {"name": f"bus-{n.tail}", "description": "one"},
        {"description": "two", "logConfig": {"includeDetail": "NONE", "level": "ERROR"}},
    ),
    "cloudwatch.EventRule": lambda n: (
        {"name": f"every-{n.tail}", "scheduleExpression": "rate(5 minutes)", "description": "one"},
        {"scheduleExpression": "cron(0 12 * * ? *)", "description": "two", "state": "DISABLED"},
    ),
    "cloudwatch.EventTarget": lambda n: (
        {
            "eventBusName": (bus := n.account.made("cloudwatch.EventBus", name=f"on-{n.tail}").id),
            "rule": n.rule(bus),
            "targetId": "queue",
            "arn": n.queue(),
            "inputTransformer": {"inputPaths": {"who": "$.detail.who"}, "inputTemplate": '{"who": "<who>"}'},
            "retryPolicy": {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 3},
            "deadLetterConfig": {"arn": n.queue("dead")},
        },
        {
            "inputTransformer": {"inputPaths": {"who": "$.detail.whom"}, "inputTemplate": '"<who>"'},
            "retryPolicy": {"maximumEventAgeInSeconds": 60, "maximumRetryAttempts": 0},
        },
    ),
    "cloudwatch.EventConnection": lambda n: (
        {
            "name": f"connection-{n.tail}",
            "authorizationType": "API_KEY",
            "authParameters": {
                "apiKey": {"key": "X-Key", "value": "quiet"},
                "invocationHttpParameters": {"bodies": [{"key": "routing_key", "value": "quiet too", "isValueSecret": True}]},
            },
        },
        {"description": "other", "authParameters": {"apiKey": {"key": "X-Other", "value": "quiet"}}},
    ),
    "cloudwatch.EventApiDestination": lambda n: (
        {
            "name": f"address-{n.tail}",
            "connectionArn": n.connection(),
            "httpMethod": "POST",
            "invocationEndpoint": "https://example.com/hook",
        },
        {"invocationEndpoint": "https://example.com/other", "invocationRateLimitPerSecond": 10, "description": "other"},
    ),
    "ssm.Parameter": lambda n: ({"name": f"/p/{n.tail}", "type": "String", "value": "one"}, {"value": "two"}),
}


def test_there_is_a_case_for_every_type() -> None:
    assert {TOKENS[kind] for kind in CASES} == {handler.token for handler in AWS_HANDLERS}


@pytest.mark.parametrize("kind", list(CASES))
def test_made_read_changed_and_removed(kind: str, account: EmulatedAccount) -> None:
    inputs, changed = CASES[kind](Names(account))
    tagged = "tagsAll" in account.resource(kind).provider.types[TOKENS[kind]].outputs
    if tagged:
        inputs |= {"tags": {"who": "test"}}
    resource = account.resource(kind)
    planned = resource.preview(inputs)
    assert {name for name, value in planned.items() if value is UNKNOWN} >= set(
        resource.provider.types[TOKENS[kind]].computed
    ) - {"tagsAll"}
    state = resource.create(inputs)
    assert resource.id
    assert not [name for name, value in state.items() if value is UNKNOWN]
    assert set(resource.provider.types[TOKENS[kind]].computed) <= set(state), "every output is there"
    assert resource.read() == {}, "nothing differs from what was asked for"
    assert resource.diff(inputs) == {}
    if changed:
        assert resource.diff(inputs | changed) == dict.fromkeys(changed, False)
        resource.update(inputs | changed)
        assert resource.read() == {}
        assert resource.diff(inputs | changed) == {}
    if tagged:
        assert resource.diff(inputs | changed | {"tags": {"who": "else"}}) == {"tags": False, "tagsAll": False}
        assert resource.update(inputs | changed | {"tags": {"else": "1"}})["tagsAll"] == {"else": "1"}
        assert resource.read() == {}
    resource.delete()
    if kind not in ("sns.TopicPolicy", "secretsmanager.SecretVersion"):
        # A topic always has a policy, a secret always a version: these two stay, without the program.
        assert resource.read() is None
    resource.delete()
    assert account.cloud.world.all(TOKENS[kind]).get(resource.id) is None
