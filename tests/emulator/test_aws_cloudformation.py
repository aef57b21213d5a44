"""An independent judge: what the rules accept is accepted by cfn-lint, which has AWS's own CloudFormation schemas."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from pulumi_emulator import rules
from pulumi_emulator.handlers.aws import AWS_HANDLERS
from pulumi_emulator.values import ARCHIVE_SIGNATURE, SIGNATURE_KEY

TOKENS = {
    handler.token.split(":", 1)[1].split("/", 1)[0] + "." + handler.token.rsplit(":", 1)[1]: handler for handler in AWS_HANDLERS
}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "fis.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
TOPIC_POLICY = POLICY.replace('"Effect"', '"Principal": {"AWS": "*"}, "Effect"')
ROLE = "arn:aws:iam::123456789012:role/fis"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:topic"


def pairs(name: str, key: str = "Key", value: str = "Value") -> Callable[[Any], dict[str, Any]]:
    return lambda mapping: {name: [{key: one, value: other} for one, other in mapping.items()]}


def document(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda text: {name: json.loads(text)}


def capital(value: Any) -> Any:
    """Return objects with the first letter of every name in upper case, as CloudFormation writes them."""
    if isinstance(value, dict):
        return {key[0].upper() + key[1:]: capital(item) for key, item in value.items()}
    return [capital(item) for item in value] if isinstance(value, list) else value


def logs(configurations: Any) -> dict[str, Any]:
    return {
        "LogDeliveryConfigurations": [
            {
                "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": item["destination"]}}
                if item["destinationType"] == "cloudwatch-logs"
                else {"KinesisFirehoseDetails": {"DeliveryStream": item["destination"]}},
                "DestinationType": item["destinationType"],
                "LogFormat": item["logFormat"],
                "LogType": item["logType"],
            }
            for item in configurations
        ]
    }


def inline_rules(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda given: {
        name: [
            {"IpProtocol": rule["protocol"], "FromPort": rule["fromPort"], "ToPort": rule["toPort"], "CidrIp": block}
            for rule in given
            for block in rule["cidrBlocks"]
        ]
    }


def fis_targets(given: Any) -> dict[str, Any]:
    return {
        "Targets": {
            item["name"]: {
                "ResourceType": item["resourceType"],
                "SelectionMode": item["selectionMode"],
                "ResourceTags": {pair["key"]: pair["value"] for pair in item["resourceTags"]},
                "Parameters": item["parameters"],
            }
            for item in given
        }
    }


def fis_actions(given: Any) -> dict[str, Any]:
    return {
        "Actions": {
            item["name"]: {
                "ActionId": item["actionId"],
                "Parameters": {pair["key"]: pair["value"] for pair in item["parameters"]},
                "Targets": {item["target"]["key"]: item["target"]["value"]},
            }
            for item in given
        }
    }


def lb_actions(name: str) -> Callable[[Any], dict[str, Any]]:
    def action(given: dict[str, Any]) -> dict[str, Any]:
        made = {"Type": given["type"]}
        forward = given.get("forward")
        if forward:
            groups = [{"TargetGroupArn": group["arn"], "Weight": group["weight"]} for group in forward["targetGroups"]]
            sticky = {"DurationSeconds": forward["stickiness"]["duration"], "Enabled": forward["stickiness"]["enabled"]}
            made["ForwardConfig"] = {"TargetGroups": groups, "TargetGroupStickinessConfig": sticky}
        for block in ("redirect", "fixedResponse"):
            if block in given:
                made[f"{block[0].upper()}{block[1:]}Config"] = capital(given[block])
        return made

    return lambda given: {name: [action(item) for item in given]}


def lb_conditions(given: Any) -> dict[str, Any]:
    fields = {"pathPattern": ("path-pattern", "PathPatternConfig"), "hostHeader": ("host-header", "HostHeaderConfig")}
    return {
        "Conditions": [
            {"Field": fields[name][0], fields[name][1]: {"Values": block["values"]}}
            for condition in given
            for name, block in condition.items()
        ]
    }


def lb_attribute(list_name: str, key: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {list_name: [{"Key": key, "Value": str(value).lower()}]}


def lb_health_check(given: Any) -> dict[str, Any]:
    names = {
        "interval": "HealthCheckIntervalSeconds",
        "timeout": "HealthCheckTimeoutSeconds",
        "path": "HealthCheckPath",
        "port": "HealthCheckPort",
        "protocol": "HealthCheckProtocol",
        "healthyThreshold": "HealthyThresholdCount",
        "unhealthyThreshold": "UnhealthyThresholdCount",
    }
    found = {names[name]: value for name, value in given.items() if name != "matcher"}
    return {**found, **({"Matcher": {"HttpCode": given["matcher"]}} if "matcher" in given else {})}


def checked(*path: str) -> Callable[[Any], dict[str, Any]]:
    """Return what puts a value into the configuration of a health check."""

    def put(value: Any) -> dict[str, Any]:
        made = value
        for word in reversed(path):
            made = {word: made}
        return {"HealthCheckConfig": made}

    return put


def together(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return two mappings as one, mappings in them as well, lists one after the other."""
    made = dict(one)
    for name, value in other.items():
        old = made.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            made[name] = together(old, value)
        else:
            made[name] = old + value if isinstance(old, list) else value
    return made


def target(name: str) -> Callable[[Any], dict[str, Any]]:
    """Return what puts a value into the rule of a target: CloudFormation has no targets of their own."""
    return lambda value: {"Targets": {name: capital(value)}}


def transformer(given: Any) -> dict[str, Any]:
    return {"Targets": {"InputTransformer": {"InputPathsMap": given["inputPaths"], "InputTemplate": given["inputTemplate"]}}}


def authorization(given: Any) -> dict[str, Any]:
    key = given["apiKey"]
    return {"AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": key["key"], "ApiKeyValue": key["value"]}}}


NONE: Callable[[Any], dict[str, Any]] = lambda _: {}  # noqa: E731 - what CloudFormation has no word for
Names = dict[str, str | Callable[[Any], dict[str, Any]]]
# CloudFormation's type, and its names where they are not ours with a capital.
TYPES: dict[str, tuple[str, Names]] = {
    "ec2.Vpc": ("AWS::EC2::VPC", {}),
    "ec2.Subnet": ("AWS::EC2::Subnet", {}),
    "ec2.SecurityGroup": (
        "AWS::EC2::SecurityGroup",
        {"name": "GroupName", "description": "GroupDescription", "ingress": inline_rules("SecurityGroupIngress")},
    ),
    "vpc.SecurityGroupIngressRule": (
        "AWS::EC2::SecurityGroupIngress",
        {
            "securityGroupId": "GroupId",
            "cidrIpv4": "CidrIp",
            "prefixListId": "SourcePrefixListId",
            "referencedSecurityGroupId": "SourceSecurityGroupId",
            "tags": NONE,
        },
    ),
    "vpc.SecurityGroupEgressRule": (
        "AWS::EC2::SecurityGroupEgress",
        {
            "securityGroupId": "GroupId",
            "cidrIpv4": "CidrIp",
            "prefixListId": "DestinationPrefixListId",
            "referencedSecurityGroupId": "DestinationSecurityGroupId",
            "tags": NONE,
        },
    ),
    "elasticache.SubnetGroup": ("AWS::ElastiCache::SubnetGroup", {"name": "CacheSubnetGroupName"}),
    "elasticache.ParameterGroup": (
        "AWS::ElastiCache::ParameterGroup",
        {
            "name": NONE,
            "family": "CacheParameterGroupFamily",
            "parameters": lambda given: {"Properties": {item["name"]: item["value"] for item in given}},
        },
    ),
    "elasticache.User": ("AWS::ElastiCache::User", {}),
    "elasticache.UserGroup": ("AWS::ElastiCache::UserGroup", {}),
    "elasticache.ServerlessCache": (
        "AWS::ElastiCache::ServerlessCache",
        {
            "name": "ServerlessCacheName",
            "cacheUsageLimits": lambda given: {
                "CacheUsageLimits": {
                    "DataStorage": capital(given["dataStorage"]),
                    "ECPUPerSecond": capital(given["ecpuPerSeconds"][0]),
                }
            },
            "snapshotArnsToRestores": "SnapshotArnsToRestore",
        },
    ),
    "elasticache.ReplicationGroup": (
        "AWS::ElastiCache::ReplicationGroup",
        {
            "description": "ReplicationGroupDescription",
            "nodeType": "CacheNodeType",
            "maintenanceWindow": "PreferredMaintenanceWindow",
            "multiAzEnabled": "MultiAZEnabled",
            "parameterGroupName": "CacheParameterGroupName",
            "subnetGroupName": "CacheSubnetGroupName",
            "preferredCacheClusterAzs": "PreferredCacheClusterAZs",
            "logDeliveryConfigurations": logs,
            "nodeGroupConfigurations": "NodeGroupConfiguration",
            "applyImmediately": NONE,
            "finalSnapshotIdentifier": NONE,
            "authTokenUpdateStrategy": NONE,
        },
    ),
    "elasticache.GlobalReplicationGroup": (
        "AWS::ElastiCache::GlobalReplicationGroup",
        {
            "primaryReplicationGroupId": lambda name: {"Members": [{"ReplicationGroupId": name, "Role": "PRIMARY"}]},
            "parameterGroupName": "CacheParameterGroupName",
            "numNodeGroups": "GlobalNodeGroupCount",
        },
    ),
    "cloudwatch.MetricAlarm": (
        "AWS::CloudWatch::Alarm",
        {
            "name": "AlarmName",
            "okActions": "OKActions",
            "dimensions": pairs("Dimensions", "Name"),
            "metricQueries": lambda given: {"Metrics": capital(given)},
        },
    ),
    "cloudwatch.Dashboard": ("AWS::CloudWatch::Dashboard", {}),
    "cloudwatch.LogGroup": ("AWS::Logs::LogGroup", {"name": "LogGroupName"}),
    "sns.Topic": ("AWS::SNS::Topic", {"name": "TopicName"}),
    "lambda.Function": (
        "AWS::Lambda::Function",
        {
            "name": "FunctionName",
            "code": lambda _: {"Code": {"ZipFile": "x"}},
            "environment": lambda given: {"Environment": {"Variables": given["variables"]}},
        },
    ),
    "lambda.Permission": ("AWS::Lambda::Permission", {"function": "FunctionName", "statementId": NONE}),
    "lambda.FunctionEventInvokeConfig": ("AWS::Lambda::EventInvokeConfig", {}),
    "sqs.Queue": (
        "AWS::SQS::Queue",
        {
            "name": "QueueName",
            "maxMessageSize": "MaximumMessageSize",
            "messageRetentionSeconds": "MessageRetentionPeriod",
            "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
            "visibilityTimeoutSeconds": "VisibilityTimeout",
        },
    ),
    "sqs.QueuePolicy": (
        "AWS::SQS::QueuePolicy",
        {"queueUrl": lambda url: {"Queues": [url]}, "policy": document("PolicyDocument")},
    ),
    "cloudwatch.EventBus": ("AWS::Events::EventBus", {}),
    "cloudwatch.EventRule": ("AWS::Events::Rule", {"eventPattern": document("EventPattern")}),
    "cloudwatch.EventTarget": (
        "AWS::Events::Rule",
        {
            "rule": "Name",
            "targetId": target("Id"),
            "arn": target("Arn"),
            "inputTransformer": transformer,
            "retryPolicy": target("RetryPolicy"),
            "deadLetterConfig": target("DeadLetterConfig"),
        },
    ),
    "cloudwatch.EventConnection": ("AWS::Events::Connection", {"authParameters": authorization}),
    "cloudwatch.EventApiDestination": ("AWS::Events::ApiDestination", {}),
    "sns.TopicPolicy": (
        "AWS::SNS::TopicPolicy",
        {"arn": lambda arn: {"Topics": [arn]}, "policy": document("PolicyDocument")},
    ),
    "sns.TopicSubscription": (
        "AWS::SNS::Subscription",
        {"topic": "TopicArn", "filterPolicy": document("FilterPolicy")},
    ),
    "lb.LoadBalancer": (
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        {
            "internal": lambda internal: {"Scheme": "internal" if internal else "internet-facing"},
            "loadBalancerType": "Type",
            "idleTimeout": lb_attribute("LoadBalancerAttributes", "idle_timeout.timeout_seconds"),
            "enableDeletionProtection": lb_attribute("LoadBalancerAttributes", "deletion_protection.enabled"),
        },
    ),
    "lb.TargetGroup": (
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        {
            "healthCheck": lb_health_check,
            "deregistrationDelay": lb_attribute("TargetGroupAttributes", "deregistration_delay.timeout_seconds"),
        },
    ),
    "lb.Listener": (
        "AWS::ElasticLoadBalancingV2::Listener",
        {
            "certificateArn": lambda arn: {"Certificates": [{"CertificateArn": arn}]},
            "defaultActions": lb_actions("DefaultActions"),
            "tags": NONE,
        },
    ),
    "lb.ListenerRule": (
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        {"actions": lb_actions("Actions"), "conditions": lb_conditions, "tags": NONE},
    ),
    # Neither attachment is a type there: what is attached is a property of the group.
    "lb.TargetGroupAttachment": (
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        {
            "targetGroupArn": NONE,
            "targetId": lambda target: {"Targets": [{"Id": target}], "TargetType": "ip"},
            "port": lambda port: {"Port": port, "Protocol": "HTTP", "VpcId": "vpc-0123456789abcdef0"},
        },
    ),
    "autoscaling.Attachment": (
        "AWS::AutoScaling::AutoScalingGroup",
        {
            "autoscalingGroupName": lambda name: {
                "AutoScalingGroupName": name,
                "MinSize": "0",
                "MaxSize": "1",
                "LaunchConfigurationName": "there",
                "AvailabilityZones": ["eu-central-1a"],
            },
            "lbTargetGroupArn": lambda arn: {"TargetGroupARNs": [arn]},
        },
    ),
    "route53.HealthCheck": (
        "AWS::Route53::HealthCheck",
        {
            "type": checked("Type"),
            "fqdn": checked("FullyQualifiedDomainName"),
            "port": checked("Port"),
            "resourcePath": checked("ResourcePath"),
            "searchString": checked("SearchString"),
            "requestInterval": checked("RequestInterval"),
            "failureThreshold": checked("FailureThreshold"),
            "regions": checked("Regions"),
            "disabled": NONE,
            "invertHealthcheck": checked("Inverted"),
            "childHealthchecks": checked("ChildHealthChecks"),
            "childHealthThreshold": checked("HealthThreshold"),
            "cloudwatchAlarmName": checked("AlarmIdentifier", "Name"),
            "cloudwatchAlarmRegion": checked("AlarmIdentifier", "Region"),
            "insufficientDataHealthStatus": checked("InsufficientDataHealthStatus"),
            "tags": pairs("HealthCheckTags"),
        },
    ),
    "route53.Zone": (
        "AWS::Route53::HostedZone",
        {
            "comment": lambda text: {"HostedZoneConfig": {"Comment": text}},
            "tags": pairs("HostedZoneTags"),
            "vpcs": lambda given: {"VPCs": [{"VPCId": vpc["vpcId"], "VPCRegion": vpc["vpcRegion"]} for vpc in given]},
        },
    ),
    "route53.Record": (
        "AWS::Route53::RecordSet",
        {
            "zoneId": "HostedZoneId",
            "ttl": lambda value: {"TTL": str(value)},
            "records": "ResourceRecords",
            "weightedRoutingPolicies": lambda given: {"Weight": given[0]["weight"]},
            "failoverRoutingPolicies": lambda given: {"Failover": given[0]["type"]},
            "aliases": lambda given: {
                "AliasTarget": {
                    "DNSName": given[0]["name"],
                    "HostedZoneId": given[0]["zoneId"],
                    "EvaluateTargetHealth": given[0]["evaluateTargetHealth"],
                }
            },
        },
    ),
    "secretsmanager.Secret": ("AWS::SecretsManager::Secret", {"recoveryWindowInDays": NONE}),
    "appautoscaling.Target": (
        "AWS::ApplicationAutoScaling::ScalableTarget",
        {"roleArn": "RoleARN", "tags": NONE},
    ),
    "appautoscaling.Policy": ("AWS::ApplicationAutoScaling::ScalingPolicy", {"name": "PolicyName"}),
    "fis.ExperimentTemplate": (
        "AWS::FIS::ExperimentTemplate",
        {"actions": fis_actions, "targets": fis_targets, "tags": lambda given: {"Tags": given}},
    ),
    "iam.Role": (
        "AWS::IAM::Role",
        {"name": "RoleName", "assumeRolePolicy": document("AssumeRolePolicyDocument")},
    ),
    "iam.RolePolicy": (
        "AWS::IAM::RolePolicy",
        {"name": "PolicyName", "role": "RoleName", "policy": document("PolicyDocument")},
    ),
    "kms.Key": (
        "AWS::KMS::Key",
        {"customerMasterKeySpec": "KeySpec", "isEnabled": "Enabled", "deletionWindowInDays": "PendingWindowInDays"},
    ),
    "kms.Alias": ("AWS::KMS::Alias", {"name": "AliasName"}),
    "ssm.Parameter": ("AWS::SSM::Parameter", {"tags": lambda given: {"Tags": given}}),
}
# No CloudFormation type: a secret's value is a property of AWS::SecretsManager::Secret there.
# Two resources of one name, which the cases that are refused have.
SAME_NAME = "E3019"
WITHOUT_JUDGE = {"secretsmanager.SecretVersion"}

DEAD = "arn:aws:sqs:eu-central-1:123456789012:dead"
FUNCTION: dict[str, Any] = {
    "name": "orders",
    "role": ROLE,
    "runtime": "python3.13",
    "handler": "main.handle",
    "code": {SIGNATURE_KEY: ARCHIVE_SIGNATURE, "hash": "x", "assets": {}},
    "architectures": ["arm64"],
    "memorySize": 256,
    "timeout": 60,
    "environment": {"variables": {"ONE": "1"}},
    "tracingConfig": {"mode": "Active"},
    "reservedConcurrentExecutions": 1,
}
QUEUE: dict[str, Any] = {"name": "dead", "messageRetentionSeconds": 1209600, "sqsManagedSseEnabled": True}
TARGET: dict[str, Any] = {
    "rule": "orders",
    "targetId": "one",
    "arn": DEAD,
    "inputTransformer": {"inputPaths": {"who": "$.detail.who"}, "inputTemplate": '{"text": "<who>"}'},
    "retryPolicy": {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 3},
    "deadLetterConfig": {"arn": DEAD},
}
CONNECTION: dict[str, Any] = {
    "name": "pager",
    "authorizationType": "API_KEY",
    "authParameters": {"apiKey": {"key": "X-Key", "value": "x"}},
}
ADDRESS: dict[str, Any] = {
    "name": "pager",
    "connectionArn": "arn:aws:events:eu-central-1:123456789012:connection/pager/1",
    "httpMethod": "POST",
    "invocationEndpoint": "https://example.com/hook",
    "invocationRateLimitPerSecond": 10,
}
GROUP = {
    "replicationGroupId": "prod",
    "description": "orders",
    "engine": "valkey",
    "engineVersion": "8.0",
    "nodeType": "cache.r7g.large",
    "automaticFailoverEnabled": True,
    "multiAzEnabled": True,
}
TRACKING = {
    "targetValue": 60,
    "disableScaleIn": True,
    "predefinedMetricSpecification": {"predefinedMetricType": "ElastiCacheReplicaEngineCPUUtilization"},
}
SCALED = {
    "serviceNamespace": "elasticache",
    "resourceId": "replication-group/prod",
    "scalableDimension": "elasticache:replication-group:Replicas",
}
ALARM = {
    "name": "cpu",
    "comparisonOperator": "GreaterThanThreshold",
    "evaluationPeriods": 5,
    "datapointsToAlarm": 3,
    "metricName": "EngineCPUUtilization",
    "namespace": "AWS/ElastiCache",
    "period": 60,
    "statistic": "Maximum",
    "threshold": 90,
    "treatMissingData": "notBreaching",
    "dimensions": {"CacheClusterId": "prod-001"},
    "alarmActions": [TOPIC],
    "okActions": [TOPIC],
}
QUERY = {
    "name": "lag",
    "comparisonOperator": "GreaterThanThreshold",
    "evaluationPeriods": 3,
    "threshold": 1,
    "metricQueries": [
        {
            "id": "worst",
            "expression": 'SELECT MAX(ReplicationLag) FROM SCHEMA("AWS/ElastiCache", CacheClusterId)',
            "period": 60,
            "returnData": True,
        }
    ],
}
LB = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:"
BALANCER_ARN = f"{LB}loadbalancer/app/web/50dc6c495c0c9188"
BLUE, GREEN = (f"{LB}targetgroup/{colour}/20cfe21448b66314" for colour in ("blue", "green"))
CHECK_ID = "01234567-89ab-cdef-0123-456789abcdef"
BALANCER = {
    "name": "web",
    "internal": True,
    "loadBalancerType": "application",
    "ipAddressType": "ipv4",
    "subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "securityGroups": ["sg-0123456789abcdef0"],
    "idleTimeout": 30,
    "enableDeletionProtection": True,
    "tags": {"team": "a"},
}
TARGETS = {
    "name": "blue",
    "port": 8080,
    "protocol": "HTTP",
    "targetType": "ip",
    "vpcId": "vpc-0123456789abcdef0",
    "deregistrationDelay": 30,
    "healthCheck": {"path": "/health", "interval": 10, "timeout": 5, "healthyThreshold": 2, "matcher": "200-299"},
}
FORWARD = {
    "type": "forward",
    "forward": {
        "targetGroups": [{"arn": BLUE, "weight": 100}, {"arn": GREEN, "weight": 0}],
        "stickiness": {"duration": 60, "enabled": False},
    },
}
LISTENER = {
    "loadBalancerArn": BALANCER_ARN,
    "port": 443,
    "protocol": "HTTPS",
    "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "certificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef",
    "defaultActions": [FORWARD],
}
RULE = {
    "listenerArn": f"{LB}listener/app/web/50dc6c495c0c9188/9ab28ade35828f96",
    "priority": 7,
    "actions": [FORWARD],
    "conditions": [{"pathPattern": {"values": ["/api/*"]}}],
}
CHECK = {
    "type": "HTTPS_STR_MATCH",
    "fqdn": "a.example.com",
    "port": 8443,
    "resourcePath": "/health",
    "searchString": "fine",
    "requestInterval": 10,
    "failureThreshold": 2,
    "regions": ["us-east-1", "eu-west-1", "us-west-2"],
    "tags": {"team": "a"},
}
RECORD = {"zoneId": "Z0123456789ABCDEFGHIJ", "type": "CNAME"}
WEIGHTED = {"setIdentifier": "blue", "weightedRoutingPolicies": [{"weight": 0}]}
ALIAS = {"name": "web-1.eu-central-1.elb.amazonaws.com", "zoneId": "Z215JYRZR1TBD5", "evaluateTargetHealth": True}
ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("ec2.Vpc", {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True, "tags": {"Name": "net"}}),
    ("ec2.Subnet", {"vpcId": "vpc-0123456789abcdef0", "cidrBlock": "10.0.0.0/24", "availabilityZone": "eu-central-1a"}),
    (
        "ec2.SecurityGroup",
        {
            "name": "cache",
            "description": "clients of the cache",
            "vpcId": "vpc-0123456789abcdef0",
            "ingress": [{"protocol": "tcp", "fromPort": 6379, "toPort": 6379, "cidrBlocks": ["10.0.0.0/16"]}],
        },
    ),
    (
        "vpc.SecurityGroupIngressRule",
        {
            "securityGroupId": "sg-0123456789abcdef0",
            "ipProtocol": "tcp",
            "fromPort": 6379,
            "toPort": 6379,
            "referencedSecurityGroupId": "sg-0123456789abcdef1",
        },
    ),
    ("vpc.SecurityGroupEgressRule", {"securityGroupId": "sg-0123456789abcdef0", "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"}),
    ("elasticache.SubnetGroup", {"name": "subs", "description": "of the cache", "subnetIds": ["subnet-0123456789abcdef0"]}),
    (
        "elasticache.ParameterGroup",
        {
            "name": "par",
            "description": "ours",
            "family": "valkey8",
            "parameters": [{"name": "maxmemory-policy", "value": "allkeys-lru"}],
        },
    ),
    (
        "elasticache.User",
        {
            "engine": "valkey",
            "userId": "app",
            "userName": "app",
            "accessString": "on ~* +@all",
            "authenticationMode": {"type": "password", "passwords": ["a-password-of-24-letters"]},
        },
    ),
    (
        "elasticache.User",
        {
            "engine": "valkey",
            "userId": "iam",
            "userName": "iam",
            "accessString": "on ~* +@read",
            "authenticationMode": {"type": "iam"},
        },
    ),
    ("elasticache.UserGroup", {"engine": "valkey", "userGroupId": "users", "userIds": ["app", "off"]}),
    (
        "elasticache.GlobalReplicationGroup",
        {
            "globalReplicationGroupIdSuffix": "orders",
            "globalReplicationGroupDescription": "orders everywhere",
            "primaryReplicationGroupId": "prod",
            "engine": "valkey",
            "engineVersion": "8.0",
            "cacheNodeType": "cache.r7g.large",
            "numNodeGroups": 2,
        },
    ),
    (
        "elasticache.ServerlessCache",
        {
            "name": "serverless",
            "engine": "valkey",
            "majorEngineVersion": "8",
            "cacheUsageLimits": {"dataStorage": {"maximum": 10, "unit": "GB"}, "ecpuPerSeconds": [{"maximum": 5000}]},
            "subnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        },
    ),
    (
        "elasticache.ReplicationGroup",
        {
            **GROUP,
            "numCacheClusters": 3,
            "maintenanceWindow": "sun:05:00-sun:06:00",
            "snapshotWindow": "02:00-03:00",
            "snapshotRetentionLimit": 7,
            "transitEncryptionEnabled": True,
            "transitEncryptionMode": "required",
            "atRestEncryptionEnabled": True,
            "userGroupIds": ["users"],
            "notificationTopicArn": TOPIC,
            "networkType": "ipv4",
            "applyImmediately": True,
            "finalSnapshotIdentifier": "last",
            "preferredCacheClusterAzs": ["eu-central-1a", "eu-central-1b", "eu-central-1a"],
            "logDeliveryConfigurations": [
                {
                    "destination": "logs",
                    "destinationType": "cloudwatch-logs",
                    "logFormat": "json",
                    "logType": "slow-log",
                }
            ],
        },
    ),
    (
        "elasticache.ReplicationGroup",
        {
            **GROUP,
            "numNodeGroups": 3,
            "replicasPerNodeGroup": 2,
            "clusterMode": "enabled",
            "port": 6380,
            "transitEncryptionEnabled": True,
        },
    ),
    (
        "elasticache.ReplicationGroup",
        {
            **GROUP,
            "replicationGroupId": "token",
            "numCacheClusters": 2,
            "transitEncryptionEnabled": True,
            "authToken": "an-auth-token-of-twenty",
        },
    ),
    ("cloudwatch.MetricAlarm", ALARM),
    ("cloudwatch.MetricAlarm", QUERY),
    ("cloudwatch.Dashboard", {"dashboardName": "board", "dashboardBody": json.dumps({"widgets": []})}),
    ("cloudwatch.LogGroup", {"name": "logs", "retentionInDays": 14}),
    ("sns.Topic", {"name": "events", "displayName": "events"}),
    ("sns.TopicPolicy", {"arn": TOPIC, "policy": TOPIC_POLICY}),
    (
        "sns.TopicSubscription",
        {
            "topic": TOPIC,
            "protocol": "sqs",
            "endpoint": "arn:aws:sqs:eu-central-1:123456789012:queue",
            "filterPolicy": json.dumps({"ElastiCache:FailoverComplete": [{"exists": True}]}),
            "filterPolicyScope": "MessageBody",
        },
    ),
    ("lb.LoadBalancer", BALANCER),
    ("lb.TargetGroup", TARGETS),
    ("lb.Listener", LISTENER),
    (
        "lb.Listener",
        {
            "loadBalancerArn": BALANCER_ARN,
            "port": 80,
            "protocol": "HTTP",
            "defaultActions": [
                {"type": "redirect", "redirect": {"port": "443", "protocol": "HTTPS", "statusCode": "HTTP_301"}}
            ],
        },
    ),
    ("lb.ListenerRule", RULE),
    ("lb.TargetGroupAttachment", {"targetGroupArn": BLUE, "targetId": "10.0.0.9", "port": 8080}),
    ("autoscaling.Attachment", {"autoscalingGroupName": "web", "lbTargetGroupArn": BLUE}),
    ("route53.HealthCheck", CHECK),
    (
        "route53.HealthCheck",
        {"type": "TCP", "fqdn": "standby.invalid", "port": 80, "disabled": True, "invertHealthcheck": True},
    ),
    ("route53.HealthCheck", {"type": "CALCULATED", "childHealthchecks": [CHECK_ID], "childHealthThreshold": 1}),
    (
        "route53.HealthCheck",
        {
            "type": "CLOUDWATCH_METRIC",
            "cloudwatchAlarmName": "sick",
            "cloudwatchAlarmRegion": "eu-central-1",
            "insufficientDataHealthStatus": "LastKnownStatus",
        },
    ),
    ("route53.Zone", {"name": "example.com", "comment": "ours"}),
    ("route53.Zone", {"name": "inside.example", "vpcs": [{"vpcId": "vpc-0123456789abcdef0", "vpcRegion": "eu-central-1"}]}),
    ("route53.Record", {**RECORD, "name": "www.example.com", **WEIGHTED, "ttl": 60, "records": ["blue.example.com"]}),
    ("route53.Record", {**RECORD, "name": "lb.example.com", **WEIGHTED, "type": "A", "aliases": [ALIAS]}),
    (
        "route53.Record",
        {
            "zoneId": "Z0123456789ABCDEFGHIJ",
            "name": "cache.example.com",
            "type": "CNAME",
            "ttl": 5,
            "records": ["a.example.com"],
        },
    ),
    ("secretsmanager.Secret", {"name": "orders/redis", "description": "the password", "recoveryWindowInDays": 7}),
    ("appautoscaling.Target", {**SCALED, "minCapacity": 1, "maxCapacity": 5}),
    (
        "appautoscaling.Policy",
        {**SCALED, "name": "cpu", "policyType": "TargetTrackingScaling", "targetTrackingScalingPolicyConfiguration": TRACKING},
    ),
    (
        "fis.ExperimentTemplate",
        {
            "description": "lose a zone",
            "roleArn": ROLE,
            "stopConditions": [{"source": "none"}],
            "tags": {"Name": "zone"},
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
                    "resourceTags": [{"key": "group", "value": "prod"}],
                    "parameters": {"availabilityZoneIdentifier": "eu-central-1a"},
                }
            ],
        },
    ),
    ("iam.Role", {"name": "fis", "assumeRolePolicy": TRUST, "maxSessionDuration": 3600}),
    ("iam.RolePolicy", {"name": "inside", "role": "fis", "policy": POLICY}),
    ("kms.Key", {"description": "ours", "enableKeyRotation": True, "deletionWindowInDays": 7}),
    ("kms.Alias", {"name": "alias/ours", "targetKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"}),
    ("ssm.Parameter", {"name": "/orders/endpoint", "type": "String", "value": "x"}),
    ("lambda.Function", FUNCTION),
    (
        "lambda.Permission",
        {"action": "lambda:InvokeFunction", "function": "orders", "principal": "sns.amazonaws.com", "sourceArn": TOPIC},
    ),
    (
        "lambda.FunctionEventInvokeConfig",
        {
            "functionName": "orders",
            "qualifier": "$LATEST",
            "maximumEventAgeInSeconds": 3600,
            "maximumRetryAttempts": 2,
            "destinationConfig": {"onFailure": {"destination": DEAD}},
        },
    ),
    ("sqs.Queue", QUEUE),
    ("sqs.QueuePolicy", {"queueUrl": "https://sqs.eu-central-1.amazonaws.com/1/dead", "policy": TOPIC_POLICY}),
    ("cloudwatch.EventBus", {"name": "orders-failover", "description": "ours"}),
    ("cloudwatch.EventRule", {"name": "orders", "scheduleExpression": "rate(5 minutes)", "state": "ENABLED"}),
    ("cloudwatch.EventTarget", TARGET),
    ("cloudwatch.EventConnection", CONNECTION),
    ("cloudwatch.EventApiDestination", ADDRESS),
]


def resource(kind: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the CloudFormation resource with these inputs."""
    cloudformation, names = TYPES[kind]
    properties: dict[str, Any] = {}
    for name, value in inputs.items():
        target = names.get(name, pairs("Tags") if name == "tags" else name[0].upper() + name[1:])
        properties = together(properties, {target: capital(value)} if isinstance(target, str) else target(value))
    if kind == "cloudwatch.EventTarget":
        properties |= {"Targets": [properties["Targets"]], "ScheduleExpression": "rate(5 minutes)"}
    return {"Type": cloudformation, "Properties": properties}


def judged(cases: Sequence[tuple[str, dict[str, Any]]]) -> dict[int, list[str]]:
    """Return cfn-lint's errors by the number of the case (warnings are about style). One template: a lint takes a second."""
    # As in tests.support.cloudformation: not loaded by everyone who collects tests.
    from cfnlint import ManualArgs  # type: ignore[import-untyped]
    from cfnlint.api import lint  # type: ignore[import-untyped]

    template = {"Resources": {f"Case{number}": resource(*case) for number, case in enumerate(cases)}}
    found: dict[int, list[str]] = {}
    for match in lint(json.dumps(template), config=ManualArgs(regions=["eu-central-1"])):
        if match.rule.id.startswith("E") and match.rule.id != SAME_NAME:
            found.setdefault(int(str(match.path[1]).removeprefix("Case")), []).append(str(match))
    return found


def refused(kind: str, inputs: dict[str, Any]) -> list[str]:
    """Return what the emulator refuses."""
    table = rules.load("aws")[TOKENS[kind].token]
    given = {"region": "eu-central-1", **inputs} if "region" in table.inputs else inputs
    filled = rules.with_defaults(table, given)
    found = [*rules.check(table, filled), *rules.check_exclusive(table, filled)]
    found += TOKENS[kind].check({name: value for name, value in filled.items() if name != rules.DEFAULTS_KEY})
    return [failure.property for failure in found]


def test_every_type_has_a_judge() -> None:
    assert {kind for kind, _ in ACCEPTED} == set(TYPES) == set(TOKENS) - WITHOUT_JUDGE


def test_what_is_accepted_is_good_cloudformation() -> None:
    assert {kind: problems for kind, inputs in ACCEPTED if (problems := refused(kind, inputs))} == {}
    assert {ACCEPTED[number][0]: problems for number, problems in judged(ACCEPTED).items()} == {}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("elasticache.ReplicationGroup", {**GROUP, "numCacheClusters": 7}, "numCacheClusters"),
    ("elasticache.ReplicationGroup", {**GROUP, "numCacheClusters": 2, "networkType": "ipx"}, "networkType"),
    ("elasticache.ReplicationGroup", {**GROUP, "numCacheClusters": 2, "ipDiscovery": "dns"}, "ipDiscovery"),
    (
        "elasticache.ReplicationGroup",
        {**GROUP, "numCacheClusters": 2, "transitEncryptionMode": "maybe"},
        "transitEncryptionMode",
    ),
    ("cloudwatch.MetricAlarm", {**ALARM, "comparisonOperator": "Above"}, "comparisonOperator"),
    ("cloudwatch.MetricAlarm", {**ALARM, "statistic": "Median"}, "statistic"),
    ("cloudwatch.LogGroup", {"name": "logs", "retentionInDays": 15}, "retentionInDays"),
    ("cloudwatch.LogGroup", {"name": "lo gs"}, "name"),
    ("kms.Key", {"deletionWindowInDays": 3}, "deletionWindowInDays"),
    ("kms.Alias", {"name": "ours", "targetKeyId": "x"}, "name"),
    ("ssm.Parameter", {"name": "/x", "type": "Number", "value": "1"}, "type"),
    ("iam.Role", {"name": "r", "assumeRolePolicy": TRUST, "maxSessionDuration": 60}, "maxSessionDuration"),
    (
        "fis.ExperimentTemplate",
        {"description": "x" * 600, "roleArn": ROLE, "stopConditions": [{"source": "none"}], "actions": []},
        "description",
    ),
    ("elasticache.ServerlessCache", {"name": "serverless", "engine": "valkey", "networkType": "ipx"}, "networkType"),
    ("lambda.Function", {**FUNCTION, "memorySize": 64}, "memorySize"),
    ("lambda.Function", {**FUNCTION, "timeout": 901}, "timeout"),
    ("lambda.Function", {**FUNCTION, "architectures": ["mips"]}, "architectures[0]"),
    ("lambda.Function", {**FUNCTION, "tracingConfig": {"mode": "On"}}, "tracingConfig.mode"),
    (
        "lambda.FunctionEventInvokeConfig",
        {"functionName": "o", "qualifier": "$LATEST", "maximumRetryAttempts": 3},
        "maximumRetryAttempts",
    ),
    ("sqs.Queue", {**QUEUE, "messageRetentionSeconds": 30}, "messageRetentionSeconds"),
    ("cloudwatch.EventRule", {"name": "orders", "scheduleExpression": "rate(5 minutes)", "state": "ON"}, "state"),
    ("cloudwatch.EventConnection", {**CONNECTION, "authorizationType": "KEY"}, "authorizationType"),
    ("cloudwatch.EventApiDestination", {**ADDRESS, "httpMethod": "FETCH"}, "httpMethod"),
    ("lb.LoadBalancer", {**BALANCER, "loadBalancerType": "classic"}, "loadBalancerType"),
    ("lb.LoadBalancer", {**BALANCER, "ipAddressType": "ipv6"}, "ipAddressType"),
    ("lb.TargetGroup", {**TARGETS, "protocol": "SCTP"}, "protocol"),
    ("lb.TargetGroup", {**TARGETS, "targetType": "pod"}, "targetType"),
    ("lb.TargetGroup", {**TARGETS, "port": 65536}, "port"),
    ("lb.Listener", {**LISTENER, "protocol": "GOPHER"}, "protocol"),
    ("lb.Listener", {**LISTENER, "port": 0}, "port"),
    ("lb.Listener", {**LISTENER, "defaultActions": [{"type": "drop"}]}, "defaultActions[0].type"),
    ("lb.ListenerRule", {**RULE, "actions": [{"type": "drop"}]}, "actions[0].type"),
    ("route53.HealthCheck", {**CHECK, "type": "ICMP"}, "type"),
    ("route53.HealthCheck", {**CHECK, "failureThreshold": 11}, "failureThreshold"),
    ("route53.HealthCheck", {**CHECK, "requestInterval": 60}, "requestInterval"),
    ("route53.HealthCheck", {**CHECK, "port": 65536}, "port"),
    ("route53.HealthCheck", {**CHECK, "regions": ["us-east-1"]}, "regions"),
    (
        "route53.Record",
        {
            **RECORD,
            "name": "f.example.com",
            "setIdentifier": "one",
            "failoverRoutingPolicies": [{"type": "THIRD"}],
            "ttl": 5,
            "records": ["a.example.com"],
        },
        "failoverRoutingPolicies[0].type",
    ),
]


def test_what_is_refused_is_bad_cloudformation_too() -> None:
    assert [(kind, name) for kind, inputs, name in REFUSED if name not in refused(kind, inputs)] == []
    found = judged([(kind, inputs) for kind, inputs, _ in REFUSED])
    assert [(kind, name) for number, (kind, _, name) in enumerate(REFUSED) if number not in found] == []
