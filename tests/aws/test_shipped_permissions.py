"""The policy documents that the components give out, under roles with exactly them: what they are for works, the rest does not.

And each action and each resource in them is needed for something.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pulumi_emulator.aws import ACCOUNT_ID
from redis_ha.elasticache import permissions as elasticache
from redis_ha.traffic import alb_permissions, permissions
from tests.support.aws_roles import allow, denied, make_role, put_policy, under
from tests.support.aws_world import REGION, Remote, World

Call = tuple[str, str, dict[str, Any]]
PATH = "/redis-ha/prod"
ZONE, OTHER_ZONE = "Z0000000000001", "Z0000000000002"
LISTENER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT_ID}:listener/app/blue-green/50dc6c495c0c9188/f2f7dc8efc522ab2"
TARGETS = LISTENER.replace("listener/app/blue-green", "targetgroup/blue").rpartition("/")[0]
GROUP = f"arn:aws:elasticache:{REGION}:{ACCOUNT_ID}:replicationgroup:orders"
FOLLOWER = f"arn:aws:elasticache:eu-west-1:{ACCOUNT_ID}:replicationgroup:orders-west"
MEMBER = f"arn:aws:elasticache:{REGION}:{ACCOUNT_ID}:cluster:orders-001"
SERVERLESS = f"arn:aws:elasticache:{REGION}:{ACCOUNT_ID}:serverlesscache:orders"
USER = f"arn:aws:elasticache:{REGION}:{ACCOUNT_ID}:user:app"
DATASTORE = f"arn:aws:elasticache::{ACCOUNT_ID}:globalreplicationgroup:iudkw-orders"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:orders-AbCdEf"
# Asked for when a user logs in to the cache, not by a call of the API (ElastiCache guide, auth-iam).
NO_CALL = "elasticache:Connect"
NOTHING = allow("tag:GetResources")  # a policy has a statement


@dataclass(frozen=True)
class Shipped:
    """A document, what it is for, and what it does not allow."""

    document: dict[str, Any]
    works: list[Call]
    refused: list[Call]


def change(*changes: tuple[str, str, str], zone: str = ZONE) -> Call:
    sets = [
        {
            "Action": action,
            "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]},
        }
        for action, name, kind in changes
    ]
    return "route53", "change_resource_record_sets", {"HostedZoneId": zone, "ChangeBatch": {"Changes": sets}}


def put(name: str) -> Call:
    return "ssm", "put_parameter", {"Name": name, "Value": "{}", "Type": "String", "Overwrite": True}


RECORDS: list[Call] = [
    put(f"{PATH}/lease"),
    ("ssm", "get_parameter", {"Name": f"{PATH}/weights"}),
    ("ssm", "get_parameters_by_path", {"Path": PATH}),
    ("ssm", "delete_parameter", {"Name": f"{PATH}/lease"}),
]
OTHER_RECORDS: list[Call] = [
    put(f"{PATH}2/lease"),
    put("/redis-ha/lease"),
    ("ssm", "get_parameters_by_path", {"Path": "/redis-ha"}),
    ("ssm", "delete_parameter", {"Name": f"{PATH}2/lease"}),
    ("ssm", "describe_parameters", {}),
]
WATCHED: list[Call] = [
    ("elasticache", "describe_replication_groups", {"ReplicationGroupId": "orders"}),
    ("elasticache", "list_tags_for_resource", {"ResourceName": GROUP}),
    ("elasticache", "describe_cache_clusters", {"CacheClusterId": "orders-001", "ShowCacheNodeInfo": True}),
    ("elasticache", "list_tags_for_resource", {"ResourceName": MEMBER}),
    ("elasticache", "describe_events", {"SourceIdentifier": "orders", "SourceType": "replication-group"}),
    ("cloudwatch", "describe_alarms", {}),
    ("cloudwatch", "list_metrics", {"Namespace": "AWS/ElastiCache"}),
    ("cloudwatch", "get_metric_data", {"MetricDataQueries": [], "StartTime": 0, "EndTime": 1}),
]
OPERATED: list[Call] = [
    ("elasticache", "test_failover", {"ReplicationGroupId": "orders", "NodeGroupId": "0001"}),
    ("elasticache", "modify_replication_group", {"ReplicationGroupId": "orders", "ReplicationGroupDescription": "d"}),
    (
        "elasticache",
        "increase_replica_count",
        {"ReplicationGroupId": "orders", "NewReplicaCount": 2, "ApplyImmediately": True},
    ),
    (
        "elasticache",
        "decrease_replica_count",
        {"ReplicationGroupId": "orders", "NewReplicaCount": 1, "ApplyImmediately": True},
    ),
    (
        "elasticache",
        "modify_replication_group_shard_configuration",
        {"ReplicationGroupId": "orders", "NodeGroupCount": 3, "ApplyImmediately": True},
    ),
]
OTHER_GROUPS: list[Call] = [
    ("elasticache", "describe_replication_groups", {"ReplicationGroupId": "other"}),
    ("elasticache", "describe_replication_groups", {}),
    ("elasticache", "delete_replication_group", {"ReplicationGroupId": "orders"}),
    ("elasticache", "test_failover", {"ReplicationGroupId": "other", "NodeGroupId": "0001"}),
    ("elasticache", "describe_users", {}),
    ("secretsmanager", "get_secret_value", {"SecretId": SECRET.replace("orders", "other")}),
    ("sts", "assume_role", {"RoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/other", "RoleSessionName": "test"}),
]
FAIL_OVER: dict[str, Any] = {"PrimaryRegion": "eu-west-1", "PrimaryReplicationGroupId": "orders-west"}

SHIPPED = {
    "weights of records": Shipped(
        permissions.shift_document(
            f"/hostedzone/{ZONE}", ACCOUNT_ID, REGION, ["app.example.com", "*.example.com"], ["A", "AAAA"], PATH
        ),
        [
            change(("UPSERT", "App.Example.com.", "A"), ("UPSERT", "app.example.com", "AAAA")),
            change(("UPSERT", "*.example.com", "A")),
            change(("UPSERT", "\\052.example.com", "A")),
            ("route53", "list_resource_record_sets", {"HostedZoneId": ZONE}),
            ("route53", "get_change", {"Id": "C1"}),
            *RECORDS,
        ],
        [
            change(("DELETE", "app.example.com", "A")),
            change(("CREATE", "app.example.com", "A")),
            change(("UPSERT", "app.example.com", "TXT")),
            change(("UPSERT", "www.example.com", "A")),
            change(("UPSERT", "app.example.com", "A"), ("UPSERT", "www.example.com", "A")),
            change(("UPSERT", "app.example.com", "A"), ("DELETE", "app.example.com", "AAAA")),
            change(("UPSERT", "app.example.com", "A"), zone=OTHER_ZONE),
            ("route53", "list_resource_record_sets", {"HostedZoneId": OTHER_ZONE}),
            ("route53", "delete_hosted_zone", {"Id": ZONE}),
            ("route53", "list_hosted_zones", {}),
            *OTHER_RECORDS,
        ],
    ),
    "weights of a listener": Shipped(
        alb_permissions.shift_document(LISTENER, REGION, PATH),
        [
            (
                "elbv2",
                "modify_listener",
                {"ListenerArn": LISTENER, "DefaultActions": [{"Type": "forward", "TargetGroupArn": TARGETS}]},
            ),
            ("elbv2", "describe_listeners", {"ListenerArns": [LISTENER]}),
            ("elbv2", "describe_target_health", {"TargetGroupArn": TARGETS}),
            ("ssm", "get_parameters", {"Names": [f"{PATH}/weights", f"{PATH}/lease"]}),
            *RECORDS,
        ],
        [
            ("elbv2", "modify_listener", {"ListenerArn": LISTENER[:-1] + "3", "Port": 80}),
            ("elbv2", "delete_listener", {"ListenerArn": LISTENER}),
            ("elbv2", "register_targets", {"TargetGroupArn": TARGETS, "Targets": [{"Id": "i-1"}]}),
            ("elbv2", "describe_load_balancers", {}),
            ("ssm", "get_parameters", {"Names": [f"{PATH}/weights", "/other"]}),
            *OTHER_RECORDS,
        ],
    ),
    "an application": Shipped(
        elasticache.client_document(GROUP, [USER], SECRET),
        [WATCHED[0], ("secretsmanager", "get_secret_value", {"SecretId": SECRET})],
        [*WATCHED[1:], *OPERATED, *OTHER_GROUPS],
    ),
    "an application of a serverless cache": Shipped(
        elasticache.client_document(SERVERLESS),
        [("elasticache", "describe_serverless_caches", {"ServerlessCacheName": "orders"})],
        [("elasticache", "describe_serverless_caches", {}), *WATCHED, *OPERATED],
    ),
    "who watches": Shipped(elasticache.read_document(GROUP), WATCHED, [*OPERATED, *OTHER_GROUPS]),
    "who operates": Shipped(
        elasticache.operator_document(GROUP),
        [*WATCHED, *OPERATED],
        [
            *OTHER_GROUPS,
            (
                "elasticache",
                "modify_replication_group",
                {"ReplicationGroupId": "orders", "CacheParameterGroupName": "other"},
            ),
        ],
    ),
    "who promotes": Shipped(
        elasticache.promotion_document(DATASTORE, [GROUP, FOLLOWER]),
        [
            ("elasticache", "describe_global_replication_groups", {"GlobalReplicationGroupId": "iudkw-orders"}),
            WATCHED[0],
            ("elasticache@eu-west-1", "describe_replication_groups", {"ReplicationGroupId": "orders-west"}),
            ("elasticache", "failover_global_replication_group", {"GlobalReplicationGroupId": "iudkw-orders", **FAIL_OVER}),
            *WATCHED[5:],
        ],
        [
            ("elasticache", "describe_global_replication_groups", {}),
            ("elasticache", "failover_global_replication_group", {"GlobalReplicationGroupId": "iudkw-other", **FAIL_OVER}),
            (
                "elasticache",
                "delete_global_replication_group",
                {"GlobalReplicationGroupId": "iudkw-orders", "RetainPrimaryReplicationGroup": True},
            ),
            ("elasticache", "describe_replication_groups", {"ReplicationGroupId": "orders-west"}),
            *OPERATED,
            *OTHER_GROUPS,
        ],
    ),
}


@pytest.fixture(params=SHIPPED)
def shipped(request: pytest.FixtureRequest) -> Shipped:
    return SHIPPED[request.param]


def is_denied(remote: Remote, call: Call) -> bool:
    service, operation, given = call
    name, _, region = service.partition("@")
    return denied(remote, name, operation, region=region or REGION, **given)


def test_what_it_is_for_works_and_the_rest_does_not(world: World, shipped: Shipped) -> None:
    with under(world, make_role(world, *shipped.document["Statement"])) as role:
        assert [call for call in shipped.works if is_denied(role, call)] == []
        assert [call for call in shipped.refused if not is_denied(role, call)] == []


def reduced(document: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give the statements without one of their actions or resources."""
    for index, statement in enumerate(document["Statement"]):
        for element in ("Action", "Resource"):
            for value in statement[element]:
                left = copy.deepcopy(document["Statement"])
                left[index][element] = [one for one in statement[element] if one != value]
                if NO_CALL not in statement["Action"]:
                    yield f"{element} {value} of {statement['Sid']}", [one for one in left if one["Action"] and one["Resource"]]


def test_each_action_and_resource_in_it_is_needed(world: World, shipped: Shipped) -> None:
    arn = make_role(world)
    with under(world, arn) as role:
        for what, statements in reduced(shipped.document):
            put_policy(world, arn, *(statements or [NOTHING]))
            assert [call for call in shipped.works if is_denied(role, call)] != [], f"nothing needs {what}"
