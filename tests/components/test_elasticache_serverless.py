"""ServerlessCache: its limits, what it refuses, what it makes, and how other languages see it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pulumi
import pytest
from pulumi.runtime import rpc

from redis_ha.elasticache.serverless import (
    ServerlessCache,
    majors,
    make_serverless_plan,
    serverless_refusals,
    usage_limits,
)
from tests.support.cloudformation import lint
from tests.support.hosted import constructed, token
from tests.support.pulumi_world import Monitor, inputs, run

GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "security_group_ids": ["sg-1"],
}
OUTPUTS = ("connection", "credentials", "arn", "cache_name", "endpoint", "reader_endpoint", "port", "client_policy")
CLIENT = Path(__file__).resolve().parents[2] / "client/redis_ha_client"
COMPONENT = "ServerlessCache"


def made(*, known: bool = True, **changes: Any) -> tuple[Monitor, dict[str, tuple[Any, bool, bool]]]:
    def program() -> dict[str, Any]:
        args = {key: value() if callable(value) else value for key, value in (GOOD | changes).items() if value is not ...}
        cache = ServerlessCache("shop", args)  # type: ignore[arg-type]
        return {name: getattr(cache, name) for name in OUTPUTS}

    return run(program, known=known)


def valid(name: str, document: dict[str, Any]) -> None:
    jsonschema.validate(document, json.loads((CLIENT / f"{name}.schema.json").read_text()))


def test_what_is_made() -> None:
    monitor, found = made()
    cache = inputs(monitor, "shop-cache")
    assert (cache["name"], cache["engine"], cache["majorEngineVersion"]) == ("shop", "valkey", "8")
    assert (cache["subnetIds"], cache["securityGroupIds"], cache["region"]) == (
        ["subnet-1", "subnet-2"],
        ["sg-1"],
        "eu-central-1",
    )
    assert (cache["dailySnapshotTime"], cache["snapshotRetentionLimit"]) == ("02:00", 7)
    assert "cacheUsageLimits" not in cache
    assert monitor.requests["shop-cache"].protect
    request = monitor.requests["shop-cache"]
    assert (request.deleteBeforeReplaceDefined, request.deleteBeforeReplace) == (True, False)
    assert list(request.hooks.before_create) == ["shop-taken"]
    assert monitor.requests["shop-cache"].ignoreChanges == ["snapshotArnsToRestores"]
    assert set(monitor.names("User")) == {"shop-user-application", "shop-user-monitoring", "shop-user-default"}
    assert cache["userGroupId"] == inputs(monitor, "shop-user-group")["userGroupId"] == "shop-users"
    assert inputs(monitor, "shop-user-default")["accessString"].startswith("off ")
    (component,) = {monitor.requests[name].parent for name in monitor.order if name != "shop"}
    assert component.endswith(f"{token(COMPONENT)}::shop")
    assert not made(protect=False)[0].requests["shop-cache"].protect
    assert found["arn"][0] == "arn:aws:elasticache:eu-central-1:123456789012:serverlesscache:shop"


def test_outputs_are_what_clients_take() -> None:
    _, found = made()
    host = "shop-abc123.serverless.euc1.cache.amazonaws.com"
    connection, credentials = found["connection"][0], found["credentials"][0]
    assert connection == {
        "version": 1,
        "kind": "cluster",
        "configuration": {"host": host, "port": 6379},
        "tls": True,
        "engine": "valkey",
        "failover": {"automatic": True, "multi_az": True, "replicas": 1},
    }
    valid("connection", connection)
    valid("credentials", credentials)
    assert credentials["username"] == "application"
    assert (found["endpoint"][0], found["reader_endpoint"][0], found["port"][0]) == (host, host, 6379)
    assert {name for name, (_, _, secret) in found.items() if secret} == {"credentials"}
    (statement,) = json.loads(found["client_policy"][0])["Statement"]
    assert statement["Action"] == ["elasticache:DescribeServerlessCaches"]


def test_an_application_that_logs_in_by_iam() -> None:
    _, found = made(users={"application": {"authentication": "iam"}})
    assert found["credentials"][0] == {
        "version": 1,
        "username": "shop-application-iam",
        "iam": {"region": "eu-central-1", "resource": "shop", "serverless": True},
    }
    valid("credentials", found["credentials"][0])
    assert "elasticache:Connect" in found["client_policy"][0]


def test_without_users() -> None:
    monitor, found = made(auth="none")
    assert (monitor.names("User"), monitor.names("UserGroup"), found["credentials"][0]) == ([], [], {"version": 1})
    assert "userGroupId" not in inputs(monitor, "shop-cache")


def test_a_brought_user_group() -> None:
    monitor, found = made(user_group_id="everybody")
    assert (monitor.names("User"), found["credentials"][0]) == ([], {"version": 1})
    assert inputs(monitor, "shop-cache")["userGroupId"] == "everybody"


def test_preview_with_nothing_known() -> None:
    monitor, found = made(
        known=False,
        subnet_ids=lambda: pulumi.Output.from_input(["subnet-1", "subnet-2"]),
        security_group_ids=lambda: [pulumi.Output.from_input("sg-1")],
    )
    assert "shop-cache" in monitor.order
    assert not found["connection"][1]
    assert found["credentials"][2]


def test_given_passwords_are_secret() -> None:
    monitor, found = made(users={"application": {"passwords": ["given-by-the-team-1"]}})
    assert found["credentials"][0]["password"] == "given-by-the-team-1"
    assert "shop-application-password" not in monitor.order
    mode = inputs(monitor, "shop-user-application")["authenticationMode"]
    assert rpc.is_rpc_secret(mode) or rpc.is_rpc_secret(mode["passwords"]) or rpc.is_rpc_secret(mode["passwords"][0])


LIMITS = {"storage_min_gb": 10, "storage_max_gb": 100, "ecpu_min": 1000, "ecpu_max": 5000}


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ({}, None),
        ({"storage_max_gb": 100}, {"data_storage": {"unit": "GB", "maximum": 100}}),
        ({"ecpu_max": 5000}, {"ecpu_per_seconds": [{"maximum": 5000}]}),
        (
            LIMITS,
            {
                "data_storage": {"unit": "GB", "minimum": 10, "maximum": 100},
                "ecpu_per_seconds": [{"minimum": 1000, "maximum": 5000}],
            },
        ),
    ],
)
def test_limits(limits: dict[str, int], wanted: Any) -> None:
    plan, checks = make_serverless_plan("shop", GOOD | {"limits": limits})
    assert checks.problems == []
    assert usage_limits(plan.limits) == wanted


def test_limits_reach_the_cache() -> None:
    monitor, _ = made(limits=LIMITS, network_type="dual_stack", kms_key_id="arn:aws:kms:eu-central-1:123456789012:key/1")
    cache = inputs(monitor, "shop-cache")
    assert cache["cacheUsageLimits"] == {
        "dataStorage": {"unit": "GB", "minimum": 10, "maximum": 100},
        "ecpuPerSeconds": [{"minimum": 1000, "maximum": 5000}],
    }
    assert (cache["networkType"], cache["kmsKeyId"]) == ("dual_stack", "arn:aws:kms:eu-central-1:123456789012:key/1")


@pytest.mark.parametrize(
    ("changes", "where", "says"),
    [
        ({"region": ...}, "region", "is missing"),
        ({"region": "Frankfurt"}, "region", "is not a region of AWS"),
        ({"subnet_ids": ...}, "subnet_ids", "is missing"),
        ({"subnet_ids": ["subnet-1"]}, "subnet_ids", "1 of them; give at least subnets in two zones"),
        ({"subnet_ids": ["subnet-1", "subnet-1"]}, "subnet_ids", "1 of them"),
        ({"subnet_ids": "subnet-1"}, "subnet_ids", "is no list"),
        ({"security_group_ids": ...}, "security_group_ids", "is missing"),
        ({"security_group_ids": []}, "security_group_ids", "0 of them"),
        ({"cache_name": "Shop"}, "cache_name", "'Shop' is not"),
        ({"engine": "memcached"}, "engine", "'memcached' is not known"),
        ({"major_engine_version": "6"}, "major_engine_version", "'6' is not known"),
        ({"major_engine_version": "8.0"}, "major_engine_version", "'8.0' is not known"),
        ({"engine": "redis", "major_engine_version": "8"}, "major_engine_version", "use one of 7"),
        ({"auth": "token"}, "auth", "'token' is not known"),
        ({"auth": "none", "users": {}}, "users", "auth is none"),
        ({"auth": "none", "user_group_id": "g"}, "user_group_id", "auth is none"),
        ({"users": {}, "user_group_id": "g"}, "users", "drop one of them"),
        ({"users": {"default": {}}}, "users.default", "is the component's"),
        ({"limits": {"storage_min_gb": 0}}, "limits.storage_min_gb", "use 1 to 5000"),
        ({"limits": {"storage_max_gb": 5001}}, "limits.storage_max_gb", "use 1 to 5000"),
        ({"limits": {"ecpu_min": 999}}, "limits.ecpu_min", "use 1000 to 15000000"),
        ({"limits": {"ecpu_max": 15_000_001}}, "limits.ecpu_max", "use 1000 to 15000000"),
        ({"limits": {"storage_min_gb": 3, "storage_max_gb": 2}}, "limits.storage_min_gb", "swap them"),
        ({"limits": {"ecpu_min": 3000, "ecpu_max": 2000}}, "limits.ecpu_min", "swap them"),
        ({"limits": {"storage": 3}}, "limits.storage", "no such argument"),
        ({"snapshot_time": "24:00"}, "snapshot_time", "is not a time"),
        ({"snapshot_retention_days": 0}, "snapshot_retention_days", "use 1 to 35"),
        ({"snapshot_retention_days": 36}, "snapshot_retention_days", "use 1 to 35"),
        ({"network_type": "ipx"}, "network_type", "'ipx' is not known"),
        ({"description": "a\nb"}, "description", "one line"),
        ({"tags": {"aws:x": "y"}}, "tags", "no tag key"),
        ({"protect": "no"}, "protect", "neither true nor false"),
        ({"subnets": []}, "subnets", "did you mean subnet_ids?"),
        ({"engine": lambda: pulumi.Output.from_input("valkey")}, "engine", "has to be known"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_registered(changes: dict[str, Any], where: str, says: str) -> None:
    monitors: list[Monitor] = []

    def program() -> None:
        monitors.append(pulumi.runtime.settings.get_monitor())  # type: ignore[arg-type]
        args = {key: value() if callable(value) else value for key, value in (GOOD | changes).items() if value is not ...}
        ServerlessCache("shop", args)  # type: ignore[arg-type]

    with pytest.raises(pulumi.InputPropertiesError) as caught:
        run(program)
    first, *rest = where.split("_")
    wanted = first + "".join(word.capitalize() for word in rest)
    assert [error["property_path"] for error in caught.value.errors or []] == [wanted]
    assert says in str(caught.value)
    assert monitors[0].order == []


def test_versions_are_named_by_their_first_number() -> None:
    assert majors("redis") == ("7",)
    assert majors("valkey")[:2] == ("7", "8")


def test_amazon_takes_it() -> None:
    monitor, _ = made(limits=LIMITS)
    cache = inputs(monitor, "shop-cache")
    limits = cache["cacheUsageLimits"]
    properties = {
        "ServerlessCacheName": cache["name"],
        "Description": cache["description"],
        "Engine": cache["engine"],
        "MajorEngineVersion": cache["majorEngineVersion"],
        "SubnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "SecurityGroupIds": ["sg-0123456789abcdef0"],
        "DailySnapshotTime": cache["dailySnapshotTime"],
        "SnapshotRetentionLimit": cache["snapshotRetentionLimit"],
        "UserGroupId": cache["userGroupId"],
        "CacheUsageLimits": {
            "DataStorage": {key.capitalize(): value for key, value in limits["dataStorage"].items()},
            "ECPUPerSecond": {key.capitalize(): value for key, value in limits["ecpuPerSeconds"][0].items()},
        },
    }
    assert lint({"Cache": {"Type": "AWS::ElastiCache::ServerlessCache", "Properties": properties}}) == []


HOSTED = {"region": "eu-central-1", "subnetIds": ["subnet-1", "subnet-2"], "securityGroupIds": ["sg-1"]}


def test_hosted_for_another_language() -> None:
    limits = {"storageMinGb": 10, "storageMaxGb": 100, "ecpuMin": 1000, "ecpuMax": 5000}
    monitor, state = constructed(
        COMPONENT, HOSTED | {"limits": limits, "snapshotRetentionDays": 3, "users": {"reports": {"access": "on ~r:* +get"}}}
    )
    cache = inputs(monitor, "hosted-cache")
    assert cache["snapshotRetentionLimit"] == 3
    assert cache["cacheUsageLimits"]["dataStorage"] == {"unit": "GB", "minimum": 10, "maximum": 100}
    assert "hosted-user-reports" in monitor.order
    assert set(state) == {
        "connection", "credentials", "arn", "cacheName", "endpoint", "readerEndpoint", "port", "clientPolicy",
    }  # fmt: skip
    assert state["connection"][0]["configuration"]["port"] == 6379


def test_hosted_with_values_that_are_not_known_yet() -> None:
    monitor, state = constructed(COMPONENT, HOSTED | {"subnetIds": rpc.UNKNOWN, "securityGroupIds": [rpc.UNKNOWN]}, known=False)
    assert monitor.requests["hosted-cache"].object["subnetIds"] == rpc.UNKNOWN
    assert not state["connection"][1]


def test_hosted_with_wrong_arguments() -> None:
    with pytest.raises(pulumi.InputPropertiesError, match="out of range"):
        constructed(COMPONENT, HOSTED | {"limits": {"ecpuMin": 5}})


@pytest.mark.parametrize(
    ("before", "after", "argument"),
    [
        (("valkey", "8"), ("valkey", "7"), "major_engine_version"),
        (("valkey", "8"), ("redis", "7"), "engine"),
        (("redis", "7"), ("valkey", "7"), None),
        (("redis", "7"), ("valkey", "8"), None),
        (("valkey", "7"), ("valkey", "8"), None),
    ],
)
def test_there_is_no_way_back(before: tuple[str, str], after: tuple[str, str], argument: str | None) -> None:
    old, new = ({"engine": engine, "majorEngineVersion": major} for engine, major in (before, after))
    assert [name for name, _ in serverless_refusals(old, new)] == ([argument] if argument else [])
