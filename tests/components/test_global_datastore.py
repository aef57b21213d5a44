"""GlobalDatastore: what it makes in which region, what depends on what, what it ignores later, and what it tells."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pulumi
import pulumi_aws as aws
import pytest
from pulumi.runtime import rpc

from redis_ha.elasticache import GlobalDatastore
from redis_ha.failover import FailoverAutomation
from redis_ha.guard import RefusedChangeError
from tests.support.global_sets import PASSWORD, connection, network
from tests.support.pulumi_world import Monitor, inputs, run

CLIENT = Path(__file__).resolve().parents[2] / "client/redis_ha_client"
# The alarms of nodes are ElastiCacheHaGroup's and tested there; most tests here do without, for speed.
SILENT = {"alarms": {"enabled": False}, "dashboard": False}
MADE: dict[str, Any] = {
    "primary": network("eu-central-1") | SILENT | {"region": "eu-central-1"},
    "secondaries": {"eu-west-1": network("eu-west-1") | SILENT, "us-east-1": network("us-east-1") | SILENT},
}
OF_GROUP = {"engine": "valkey", "engine_version": "8.0", "node_type": "cache.r7g.large"}
BROUGHT: dict[str, Any] = OF_GROUP | {
    "primary_replication_group_id": "orders",
    "primary_region": "eu-central-1",
    "primary_connection": connection(OF_GROUP),
    "users": {"application": {"passwords": [PASSWORD]}},
    "secondaries": {"eu-west-1": network("eu-west-1") | SILENT},
}
CLUSTER = {"cluster_mode": "enabled"}
OUTPUTS = (
    "global_id", "primary_region", "connection", "credentials", "group_ids", "arns", "endpoints", "alarm_names",
    "promotion_policy",
)  # fmt: skip
INHERITED = {
    "engine", "engineVersion", "nodeType", "numNodeGroups", "parameterGroupName", "securityGroupNames", "snapshotArns",
    "snapshotName", "transitEncryptionEnabled", "transitEncryptionMode", "atRestEncryptionEnabled", "autoMinorVersionUpgrade",
}  # fmt: skip
Made = tuple[Monitor, dict[str, tuple[Any, bool, bool]]]


def made(base: dict[str, Any] | None = None, *, known: bool = True, options: Any = None, **changes: Any) -> Made:
    """Make a datastore; a changed argument may be a function that is called inside the program, ... takes one away."""

    def program() -> dict[str, Any]:
        whole = (MADE if base is None else base) | changes
        args = {key: value() if callable(value) else value for key, value in whole.items() if value is not ...}
        opts = options() if options is not None else None
        datastore = GlobalDatastore("orders", args, opts)  # type: ignore[arg-type]
        return {name: getattr(datastore, name) for name in OUTPUTS}

    return run(program, known=known)


@pytest.fixture(scope="module")
def default() -> Made:
    """Made of what has to be given, once for all tests: they only look."""
    return made()


def with_secondary(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"secondaries": {**base["secondaries"], "eu-west-1": base["secondaries"]["eu-west-1"] | changes}}


def with_primary(**changes: Any) -> dict[str, Any]:
    return {"primary": MADE["primary"] | changes}


def plain(value: Any) -> Any:
    return rpc.unwrap_rpc_secret(value) if rpc.is_rpc_secret(value) else value


def regions_of(monitor: Monitor) -> dict[str, set[str]]:
    """The regions of all children, by the part of their names that says where they belong."""
    found: dict[str, set[str]] = {}
    for name, request in monitor.requests.items():
        if request.type.startswith("aws:"):
            where = next(
                (region for region in ("eu-central-1", "eu-west-1", "us-east-1") if f"orders-{region}" in name), "global"
            )
            found.setdefault(where, set()).add(request.object["region"])
    return found


def test_every_child_is_in_its_members_region() -> None:
    alarms = {"alarms": {}, "dashboard": True}
    monitor, found = made(**with_primary(**alarms), **with_secondary(MADE, **alarms))
    assert regions_of(monitor) == {
        "global": {"eu-central-1"}, "eu-central-1": {"eu-central-1"}, "eu-west-1": {"eu-west-1"}, "us-east-1": {"us-east-1"},
    }  # fmt: skip
    assert monitor.names("ReplicationGroup") == [
        "orders-eu-central-1-group", "orders-eu-west-1-group", "orders-us-east-1-group",
    ]  # fmt: skip
    assert found["primary_region"][0] == "eu-central-1"
    for region in ("eu-central-1", "eu-west-1"):
        assert len(found["alarm_names"][0][region]) > 20
    assert monitor.names("Dashboard") == ["orders-eu-central-1-dashboard", "orders-eu-west-1-dashboard"]


def test_what_lives_on_the_global_object() -> None:
    monitor, found = made(engine_version="8.1", node_type="cache.m7g.large", name_suffix="shop")
    group = inputs(monitor, "orders-global")
    assert (group["engine"], group["engineVersion"], group["cacheNodeType"]) == ("valkey", "8.1", "cache.m7g.large")
    assert (group["globalReplicationGroupIdSuffix"], group["automaticFailoverEnabled"]) == ("shop", True)
    # Without cluster mode AWS tells of no node groups, and a number would be a difference for ever.
    assert "numNodeGroups" not in group
    # The id is AWS's: its first letters stand for the region, and nobody builds it.
    assert found["global_id"][0] == "iudkw-shop"
    primary = inputs(monitor, "orders-eu-central-1-group")
    assert (primary["engineVersion"], primary["nodeType"]) == ("8.1", "cache.m7g.large")
    monitor, _ = made(**with_primary(**CLUSTER), shards=3)
    assert inputs(monitor, "orders-global")["numNodeGroups"] == 3
    assert inputs(monitor, "orders-eu-central-1-group")["numNodeGroups"] == 3


def test_a_promotion_outside_replaces_nothing(default: Made) -> None:
    monitor, _ = default
    request = monitor.requests["orders-global"]
    assert list(request.ignoreChanges) == ["primaryReplicationGroupId"]
    assert request.protect
    assert (request.customTimeouts.create, request.customTimeouts.update, request.customTimeouts.delete) == (
        "60m", "120m", "60m",
    )  # fmt: skip


def test_a_secondary_is_told_nothing_that_it_inherits() -> None:
    for changes in ({}, {**with_primary(**CLUSTER), "shards": 2}):
        monitor, _ = made(**changes)
        for region in ("eu-west-1", "us-east-1"):
            group = inputs(monitor, f"orders-{region}-group")
            assert INHERITED & set(group) == set()
            assert group["globalReplicationGroupId"] == "iudkw-orders"
            assert (group["automaticFailoverEnabled"], group["multiAzEnabled"]) == (True, True)


def test_what_is_a_secondarys_own() -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/1"
    own = {
        "replicas": 2, "kms_key_id": key, "port": 7000, "maintenance_window": "sat:23:30-sun:01:00",
        "client_cidrs": ["10.9.0.0/24"],
        "snapshot_retention_days": 3, "tags": {"site": "dublin"}, "protect": False, "apply_immediately": False,
        "timeouts": {"create": "90m"},
    }  # fmt: skip
    monitor, _ = made(**with_secondary(MADE, **own), tags={"team": "red"})
    group = inputs(monitor, "orders-eu-west-1-group")
    assert (group["numCacheClusters"], group["kmsKeyId"], group["port"]) == (3, key, 7000)
    assert group["preferredCacheClusterAzs"] == ["eu-west-1a", "eu-west-1b", "eu-west-1a"]
    assert (group["snapshotRetentionLimit"], group["applyImmediately"]) == (3, False)
    assert group["tags"] == {"team": "red", "site": "dublin", "redis_ha_group": "orders-eu-west-1"}
    assert not monitor.requests["orders-eu-west-1-group"].protect
    assert monitor.requests["orders-us-east-1-group"].protect
    assert monitor.requests["orders-eu-west-1-group"].customTimeouts.create == "90m"
    rule = inputs(monitor, "orders-eu-west-1-from-cidr-10-9-0-0-24")
    assert (rule["cidrIpv4"], rule["fromPort"], rule["region"]) == ("10.9.0.0/24", 7000, "eu-west-1")
    assert "kmsKeyId" not in inputs(monitor, "orders-us-east-1-group")
    assert len(group["logDeliveryConfigurations"]) == 2
    assert group["notificationTopicArn"].startswith("arn:aws:sns:eu-west-1:")
    assert group["finalSnapshotIdentifier"].startswith("orders-eu-west-1-final-")
    monitor, _ = made(**with_primary(**CLUSTER, port=7001), **with_secondary(MADE, replicas=2), shards=2)
    group = inputs(monitor, "orders-eu-west-1-group")
    assert (group["replicasPerNodeGroup"], "numCacheClusters" in group, group["port"]) == (2, False, 7001)


def test_ids_differ_from_region_to_region() -> None:
    monitor, found = made(**with_secondary(MADE, group_id="dublin"))
    ids = {"eu-central-1": "orders-eu-central-1", "eu-west-1": "dublin", "us-east-1": "orders-us-east-1"}
    assert found["group_ids"][0] == ids
    assert inputs(monitor, "orders-eu-west-1-group")["replicationGroupId"] == "dublin"


def urn_ends(monitor: Monitor, name: str) -> set[str]:
    """The resources that one depends on, directly or by a value."""
    return {urn.rsplit("::", 1)[1] for urn in monitor.requests[name].dependencies}


def test_secondaries_depend_on_the_global_object_by_its_output_and_on_each_other(default: Made) -> None:
    """Destroying goes the other way round: a global object is only deleted when it has no secondary left."""
    monitor, _ = default
    for region in ("eu-west-1", "us-east-1"):
        by_value = monitor.requests[f"orders-{region}-group"].propertyDependencies["globalReplicationGroupId"].urns
        assert {urn.rsplit("::", 1)[1] for urn in by_value} == {"orders-global"}
    assert "orders-eu-west-1-group" in urn_ends(monitor, "orders-us-east-1-group")
    assert "orders-eu-central-1-group" in urn_ends(monitor, "orders-global")
    # The topic's policy first, or ElastiCache takes the topic for inactive.
    assert "orders-eu-west-1-events-policy" in urn_ends(monitor, "orders-eu-west-1-group")


def test_members_ignore_what_lives_on_the_global_object(default: Made) -> None:
    monitor, _ = default
    lives_there = {
        "nodeType", "engine", "engineVersion", "numNodeGroups", "automaticFailoverEnabled", "parameterGroupName",
        "autoMinorVersionUpgrade",
    }  # fmt: skip
    for name in monitor.names("ReplicationGroup"):
        assert lives_there <= set(monitor.requests[name].ignoreChanges), name
        assert "autoMinorVersionUpgrade" not in inputs(monitor, name)


def test_users_are_made_in_every_region_with_the_same_passwords() -> None:
    users: dict[str, Any] = {
        "application": {"passwords": ["a-new-password-of-it", "an-old-password-of-it"]},
        "reports": {"access": "on +@read"},
    }
    monitor, found = made(**with_primary(users=users))
    by_key: dict[str, list[Any]] = {}
    for name in monitor.names("User"):
        user = inputs(monitor, name)
        assert rpc.is_rpc_secret(user["authenticationMode"]), name
        by_key.setdefault(user["userName"], []).append(plain(user["authenticationMode"])["passwords"])
    assert set(by_key) == {"application", "monitoring", "reports", "default"}
    for passwords in by_key.values():
        assert len(passwords) == 3
        assert all(other == passwords[0] for other in passwords)
    assert by_key["application"][0] == users["application"]["passwords"]
    # One for each user without a given one, not one a region.
    assert len(monitor.names("RandomPassword")) == 3
    ids = {inputs(monitor, name)["userId"] for name in monitor.names("User")}
    assert {"orders-eu-west-1-application", "orders-us-east-1-reports"} <= ids
    assert found["credentials"] == ({"version": 1, "username": "application", "password": "a-new-password-of-it"}, True, True)


def test_one_token_for_all_members() -> None:
    monitor, found = made(**with_primary(auth="token"))
    tokens = [inputs(monitor, name)["authToken"] for name in monitor.names("ReplicationGroup")]
    assert all(rpc.is_rpc_secret(token) for token in tokens)
    assert len({plain(token) for token in tokens}) == 1
    assert found["credentials"][0] == {"version": 1, "password": plain(tokens[0])}
    assert found["credentials"][2]


def test_a_brought_primary() -> None:
    monitor, found = made(BROUGHT)
    assert inputs(monitor, "orders-global")["primaryReplicationGroupId"] == "orders"
    assert monitor.names("ReplicationGroup") == ["orders-eu-west-1-group"]
    assert "parameterGroupName" not in inputs(monitor, "orders-global")
    user = inputs(monitor, "orders-eu-west-1-user-application")
    assert plain(user["authenticationMode"])["passwords"] == [PASSWORD]
    assert found["credentials"] == ({"version": 1, "username": "application", "password": PASSWORD}, True, True)
    assert found["group_ids"][0] == {"eu-central-1": "orders", "eu-west-1": "orders-eu-west-1"}
    assert found["arns"][0]["eu-central-1"] == "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:orders"
    assert set(found["alarm_names"][0]) == {"eu-west-1"}
    monitor, _ = made(BROUGHT, parameter_group_name="orders-valkey9")
    assert inputs(monitor, "orders-global")["parameterGroupName"] == "orders-valkey9"


def test_a_secondary_with_a_user_group_of_its_own() -> None:
    monitor, found = made(BROUGHT, users=..., **with_secondary(BROUGHT, user_group_id="theirs"))
    assert monitor.names("User") == []
    assert inputs(monitor, "orders-eu-west-1-group")["userGroupIds"] == ["theirs"]
    assert found["credentials"][0] == {"version": 1}


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        (connection(OF_GROUP | CLUSTER), "clusterMode"),
        (connection(OF_GROUP | {"tls": "off"}), "tls"),
        (connection(OF_GROUP | {"engine": "redis"}), "engine"),
        (connection(OF_GROUP | {"automatic_failover": False}), "automaticFailover"),
    ],
)
def test_what_the_brought_primary_says_of_itself_is_compared_when_it_is_known(wrong: dict[str, Any], argument: str) -> None:
    with pytest.raises(pulumi.InputPropertyError) as caught:
        made(BROUGHT, primary_connection=lambda: pulumi.Output.from_input(wrong))
    assert caught.value.property_path == argument
    assert PASSWORD not in caught.value.reason


def test_an_id_that_is_known_later_is_compared_then() -> None:
    with pytest.raises(pulumi.InputPropertyError, match="ids differ from region to region") as caught:
        made(BROUGHT, primary_replication_group_id=lambda: pulumi.Output.from_input("Orders-eu-west-1"))
    assert caught.value.property_path == "secondaries.eu-west-1.groupId"


def test_the_primarys_own_parameter_group_goes_with_it() -> None:
    """So that the next major version finds one of its family beside the old one."""
    monitor, _ = made(engine_version="8.1")
    assert inputs(monitor, "orders-global")["parameterGroupName"] == "orders-eu-central-1-valkey8"
    monitor, _ = made(engine_version="9.0")
    assert inputs(monitor, "orders-global")["parameterGroupName"] == "orders-eu-central-1-valkey9"
    assert monitor.names("ParameterGroup") == ["orders-eu-central-1-parameter-group"]


def test_the_guards_are_registered_and_ask_the_rules(default: Made) -> None:
    monitor, _ = default
    assert list(monitor.requests["orders-global"].hooks.before_update) == ["orders-global-changes"]
    for region in ("eu-west-1", "us-east-1"):
        assert list(monitor.requests[f"orders-{region}-group"].hooks.before_update) == [f"orders-{region}-changes"]

    def of(name: str) -> str:
        (hook,) = monitor.requests[name].hooks.before_update
        return str(hook)

    guard = monitor.hooks.by_name["orders-global-changes"]
    assert guard.opts is not None
    assert guard.opts.on_dry_run
    old = inputs(monitor, "orders-global")
    with pytest.raises(RefusedChangeError, match=r"the update of orders-global is refused: engine_version: 8.1 -> 8.0 is a"):
        guard.callback(pulumi.ResourceHookArgs("urn", "id", "orders-global", "type", old | {"engineVersion": "8.0"}, old))
    guard.callback(pulumi.ResourceHookArgs("urn", "id", "orders-global", "type", old | {"engineVersion": "8.2"}, old))
    member = inputs(monitor, "orders-eu-central-1-group")
    preferred = member | {"transitEncryptionMode": "preferred"}
    with pytest.raises(RefusedChangeError, match="tls: required -> preferred: AWS changes it in no member"):
        monitor.hooks.by_name[of("orders-eu-central-1-group")].callback(
            pulumi.ResourceHookArgs("urn", "id", "orders-group", "type", preferred, member)
        )
    parameters = monitor.hooks.by_name[of("orders-eu-central-1-parameter-group")]
    group = inputs(monitor, "orders-eu-central-1-parameter-group")
    changed = group | {"parameters": [{"name": "maxmemory-policy", "value": "noeviction"}]}
    with pytest.raises(RefusedChangeError, match="parameters: members of a global datastore use AWS's own copies"):
        parameters.callback(pulumi.ResourceHookArgs("urn", "id", "orders-parameters", "type", changed, group))


@pytest.mark.parametrize("clustered", [False, True])
def test_the_connection_is_what_clients_take(clustered: bool) -> None:
    changes: dict[str, Any] = {**with_primary(**CLUSTER), "shards": 2} if clustered else {}
    monitor, found = made(**changes, writer={"record": "writer.example.com"}, lag={"threshold_seconds": 2.5})
    assert "clusterMode" not in inputs(monitor, "orders-eu-west-1-group")
    document = found["connection"][0]
    jsonschema.validate(document, json.loads((CLIENT / "connection.schema.json").read_text()))
    jsonschema.validate(found["credentials"][0], json.loads((CLIENT / "credentials.schema.json").read_text()))
    assert (document["kind"], document["primary_region"], document["stale_seconds"]) == ("global", "eu-central-1", 2.5)
    assert document["writer"] == {"record": "writer.example.com"}
    assert set(document["regions"]) == {"eu-central-1", "eu-west-1", "us-east-1"}
    kind, prefix = ("configuration", "clustercfg") if clustered else ("primary", "master")
    host = f"{prefix}.orders-eu-west-1.abc123.euc1.cache.amazonaws.com"
    assert document["regions"]["eu-west-1"][kind]["host"] == found["endpoints"][0]["eu-west-1"] == host
    assert {name for name, (_, _, secret) in found.items() if secret} == {"credentials"}


def test_each_region_is_followed_by_an_automation_of_its_own() -> None:
    regions = ("eu-central-1", "eu-west-1", "us-east-1")

    def program() -> dict[str, Any]:
        datastore = GlobalDatastore("orders", MADE)  # type: ignore[arg-type]
        found = {}
        for region in regions:
            args = {**datastore.as_watched(region), "alarms": {"enabled": False}}
            automation = FailoverAutomation(f"follow-{region}", args)  # type: ignore[arg-type]
            found[region] = pulumi.Output.all(automation.connections, args["groups"])
        return found

    monitor, found = run(program)
    for region in regions:
        group = f"orders-{region}"
        connections, groups = found[region][0]
        parameter = f"/redis-ha/follow-{region}/failover/{group}/endpoints"
        assert connections == {group: {"version": 1, "kind": "ssm", "region": region, "parameter": parameter}}
        assert groups[group]["node_ids"] == [f"{group}-{number:03d}" for number in (1, 2)]
        subscription = inputs(monitor, f"follow-{region}-topic-{group}")
        assert (subscription["region"], subscription["topic"]) == (region, groups[group]["topic_arn"])


def test_a_region_that_cannot_be_followed_is_refused_by_name() -> None:
    def program() -> None:
        datastore = GlobalDatastore("orders", BROUGHT)  # type: ignore[arg-type]
        said = r"region: 'eu-central-1' has no group that is made here; there is eu-west-1"
        with pytest.raises(pulumi.InputPropertiesError, match=said):
            datastore.as_watched("eu-central-1")
        with pytest.raises(pulumi.InputPropertiesError, match=r"region: \['eu-west-1'\] has no group"):
            datastore.as_watched(["eu-west-1"])  # type: ignore[arg-type]
        quiet = with_secondary(BROUGHT, notifications={"enabled": False})
        silent = GlobalDatastore("silent", BROUGHT | quiet)  # type: ignore[arg-type]
        with pytest.raises(pulumi.InputPropertiesError, match=r"secondaries\.eu-west-1.* false, but the failover automation"):
            silent.as_watched("eu-west-1")

    run(program)


def test_without_lag_alarms_no_bound_is_stated() -> None:
    _, found = made(lag={"enabled": False})
    assert found["connection"][0]["stale_seconds"] is None
    assert found["connection"][0]["writer"] is None
    jsonschema.validate(found["connection"][0], json.loads((CLIENT / "connection.schema.json").read_text()))


def test_who_promotes_may_promote_and_look_and_nothing_else(default: Made) -> None:
    _, found = default
    statements = json.loads(found["promotion_policy"][0])["Statement"]
    actions = {action for statement in statements for action in statement["Action"]}
    assert "elasticache:FailoverGlobalReplicationGroup" in actions
    assert not [action for action in actions if "Delete" in action or "Disassociate" in action or "Modify" in action]
    promote = next(statement for statement in statements if statement["Sid"] == "Promote")
    # The call takes no other resource (service-authorization/latest/reference, list_amazonelasticache).
    assert promote["Resource"] == ["arn:aws:elasticache::123456789012:globalreplicationgroup:iudkw-orders"]


def test_preview_with_nothing_known() -> None:
    def secondaries() -> dict[str, Any]:
        later = pulumi.Output.from_input("subnet-1")
        return {"eu-west-1": network("eu-west-1") | {"subnet_ids": [later, later], "vpc_id": later, "kms_key_id": later}}

    monitor, found = made(
        BROUGHT,
        known=False,
        primary_replication_group_id=lambda: pulumi.Output.from_input("orders"),
        primary_connection=lambda: pulumi.Output.from_input(connection(OF_GROUP)),
        users=lambda: {"application": {"passwords": [pulumi.Output.secret(PASSWORD)]}},
        secondaries=secondaries,
    )
    assert monitor.names("ReplicationGroup") == ["orders-eu-west-1-group"]
    assert monitor.requests["orders-eu-west-1-group"].object["globalReplicationGroupId"] == rpc.UNKNOWN
    assert found["credentials"][2]
    assert not found["connection"][1]
    monitor, _ = made(known=False)
    assert len(monitor.names("ReplicationGroup")) == 3


def test_an_explicit_provider_is_used_for_every_child() -> None:
    """For another account: one provider is enough, each child says its region itself."""

    def options() -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(providers=[aws.Provider("other-account", region="eu-central-1")])

    monitor, _ = made(options=options)
    children = [request for request in monitor.requests.values() if request.type.startswith("aws:")]
    assert len(children) > 30
    assert all("other-account" in request.provider for request in children)


def test_wrong_arguments_are_told_together_before_anything_is_registered() -> None:
    monitors: list[Monitor] = []

    def program() -> None:
        monitors.append(pulumi.runtime.settings.get_monitor())  # type: ignore[arg-type]
        wrong: Any = with_secondary(MADE, replicas=0, engine="redis") | {
            "node_type": "cache.t4g.small",
            "primary": MADE["primary"],
        }
        GlobalDatastore("orders", wrong)

    with pytest.raises(pulumi.InputPropertiesError) as caught:
        run(program)
    paths = [error["property_path"] for error in caught.value.errors or []]
    assert set(paths) == {"secondaries.eu-west-1.engine", "secondaries.eu-west-1.replicas", "nodeType"}
    assert len(paths) == 3
    assert monitors[0].order == []


@pytest.mark.parametrize("argument", ["node_type", "engine_version", "shards", "automatic_failover", "secondaries"])
def test_what_decides_the_shape_has_to_be_known(argument: str) -> None:
    later: dict[str, Any] = {argument: lambda: pulumi.Output.from_input("x")}
    with pytest.raises(pulumi.InputPropertiesError, match=f"{argument}: is an Output"):
        made(**later)


def test_nested_arguments_too() -> None:
    with pytest.raises(pulumi.InputPropertiesError, match=r"secondaries\.eu-west-1\.replicas: is an Output"):
        made(secondaries=lambda: {"eu-west-1": network("eu-west-1") | {"replicas": pulumi.Output.from_input(1)}})
    with pytest.raises(pulumi.InputPropertiesError, match=r"primary\.replicas: is an Output"):
        made(primary=lambda: MADE["primary"] | {"replicas": pulumi.Output.from_input(1)})
