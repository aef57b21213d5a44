"""ElastiCacheHaGroup as a Pulumi program sees it, without an engine."""

import json
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from redis_ha.elasticache import ElastiCacheHaGroup
from redis_ha.elasticache.access_rules import LOCKED_ACCESS
from redis_ha.guard import RefusedChangeError
from redis_ha_client.documents import ClusterConnection, read_managed_connection
from tests.support.pulumi_world import Monitor, run

GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "zones": ["eu-central-1a", "eu-central-1b"],
    "subnet_ids": ["subnet-1", "subnet-2"],
    "vpc_id": "vpc-1",
}
CLUSTER: dict[str, Any] = {"cluster_mode": "enabled", "shards": 2}
BROUGHT: dict[str, Any] = {
    "subnet_ids": ...,
    "vpc_id": ...,
    "subnet_group_name": "their-subnets",
    "security_group_ids": ["sg-theirs"],
    "parameter_group_name": "their-parameters",
    "user_group_id": "their-users",
    "logs": {"slow_log_destination": "their-log", "engine_log": False},
    "notifications": {"topic_arn": "arn:aws:sns:eu-central-1:123456789012:theirs"},
}
OUTPUTS = (
    "connection", "credentials", "arn", "group_id", "member_clusters", "primary_endpoint", "reader_endpoint",
    "configuration_endpoint", "port", "alarm_names", "security_group_id", "notification_topic_arn", "secret_arns",
    "client_policy", "read_policy", "operator_policy",
)  # fmt: skip
TOKEN = "given-token-for-the-test"
Made = tuple[Monitor, dict[str, tuple[Any, bool, bool]]]


def made(*, known: bool = True, **changes: Any) -> Made:
    def program() -> dict[str, Any]:
        args = {key: value() if callable(value) else value for key, value in (GOOD | changes).items() if value is not ...}
        group = ElastiCacheHaGroup("orders", args)  # type: ignore[arg-type]
        return {name: getattr(group, name) for name in OUTPUTS}

    return run(program, known=known)


@pytest.fixture(scope="module")
def default() -> Made:
    """Made of what has to be given, once for all tests: they only look."""
    return made()


def inputs(monitor: Monitor, name: str = "orders-group") -> dict[str, Any]:
    found: dict[str, Any] = rpc.deserialize_properties(monitor.requests[name].object, keep_unknowns=True)
    return found


def plain(value: Any) -> Any:
    return rpc.unwrap_rpc_secret(value)


def test_children() -> None:
    monitor, _ = made(client_cidrs=["10.0.0.0/16", "fd00:1::/48"], client_security_group_ids=["sg-1"])
    assert monitor.names("ReplicationGroup") == ["orders-group"]
    assert monitor.names("SubnetGroup") == ["orders-subnet-group"]
    assert monitor.names("ParameterGroup") == ["orders-parameter-group"]
    assert set(monitor.names("User")) == {"orders-user-application", "orders-user-monitoring", "orders-user-default"}
    assert monitor.names("UserGroup") == ["orders-user-group"]
    assert set(monitor.names("LogGroup")) == {"orders-slow-log", "orders-engine-log"}
    assert set(monitor.names("SecurityGroupIngressRule")) == {
        "orders-from-nodes", "orders-from-group-sg-1", "orders-from-cidr-10-0-0-0-16", "orders-from-cidr-fd00-1---48",
    }  # fmt: skip
    (component,) = {monitor.requests[name].parent for name in monitor.order if name != "orders"}
    assert component.endswith("redis-ha:index:ElastiCacheHaGroup::orders")


@pytest.mark.parametrize("as_output", [False, True])
def test_the_groups_own_security_group_is_no_client_of_it(as_output: bool) -> None:
    def clients() -> list[Any]:
        own = "orders-security-group-id"
        return ["sg-1", pulumi.Output.from_input(own) if as_output else own]

    with pytest.raises(
        pulumi.InputPropertyError, match="client_security_group_ids: orders-security-group-id is the component's own"
    ):
        made(client_security_group_ids=clients)
    # A preview of a group that is still to be made knows no id of its own.
    made(known=False, client_security_group_ids=["sg-1"])


def test_everything_is_in_the_region_and_tagged() -> None:
    monitor, _ = made(tags={"team": "red"}, secrets_manager=True)
    untaggable = {"Dashboard", "TopicPolicy", "SecretVersion"}
    for name in monitor.order:
        kind = monitor.requests[name].type
        if kind.startswith("aws:"):
            assert inputs(monitor, name)["region"] == "eu-central-1", name
            if kind.rsplit(":", maxsplit=1)[1] not in untaggable:
                tags = inputs(monitor, name)["tags"]
                assert (tags["team"], tags["redis_ha_group"]) == ("red", "orders"), name


def test_a_group_without_shards() -> None:
    group = inputs(made(replicas=2)[0])
    assert (group["numCacheClusters"], group["clusterMode"]) == (3, "disabled")
    assert "numNodeGroups" not in group
    assert "replicasPerNodeGroup" not in group
    assert group["preferredCacheClusterAzs"] == ["eu-central-1a", "eu-central-1b", "eu-central-1a"]
    assert (group["automaticFailoverEnabled"], group["multiAzEnabled"]) == (True, True)
    assert (group["parameterGroupName"], group["subnetGroupName"]) == ("orders-valkey8", "orders")
    assert (group["transitEncryptionEnabled"], group["transitEncryptionMode"]) == (True, "required")
    assert group["atRestEncryptionEnabled"] is True
    assert group["finalSnapshotIdentifier"] == "orders-final-0a1b2c3d"
    assert group["userGroupIds"] == ["orders-users"]
    assert "authToken" not in group
    assert "authTokenUpdateStrategy" not in group


def test_a_group_with_shards() -> None:
    monitor, found = made(**CLUSTER)
    group = inputs(monitor)
    assert (group["numNodeGroups"], group["replicasPerNodeGroup"]) == (2, 1)
    assert "numCacheClusters" not in group
    assert "preferredCacheClusterAzs" not in group
    parameters = inputs(monitor, "orders-parameter-group")
    assert (parameters["name"], parameters["family"]) == ("orders-valkey8-cluster", "valkey8")
    assert parameters["parameters"] == [{"name": "cluster-enabled", "value": "yes"}]
    assert found["connection"][0] == {
        "version": 1, "kind": "cluster", "tls": True, "engine": "valkey",
        "configuration": {"host": "clustercfg.orders.abc123.euc1.cache.amazonaws.com", "port": 6379},
        "failover": {"automatic": True, "multi_az": True, "replicas": 1},
    }  # fmt: skip
    assert (found["primary_endpoint"][0], found["reader_endpoint"][0]) == ("", "")


@pytest.mark.parametrize(("durability", "version", "told"), [("sync", 2, "sync"), ("async", 2, "async"), ("disabled", 1, None)])
def test_clients_are_told_what_a_failover_may_lose(durability: str, version: int, told: str | None) -> None:
    """In a document that their schema takes; where nothing is durable, in the one that older clients take as well."""
    _, found = made(**CLUSTER, engine_version="9.0", durability=durability)
    document = found["connection"][0]
    assert document["version"] == version
    read = read_managed_connection(document)
    assert isinstance(read, ClusterConnection)
    assert read.durability == told


def test_the_next_parameter_group_is_made_before_the_old_one_is_deleted() -> None:
    """The provider would delete first, for the name is given, and AWS deletes no group that a cache uses."""
    request = made()[0].requests["orders-parameter-group"]
    assert (request.deleteBeforeReplaceDefined, request.deleteBeforeReplace) == (True, False)


def test_a_single_node_fails_over_to_nobody() -> None:
    monitor, found = made(replicas=0)
    group = inputs(monitor)
    assert (group["numCacheClusters"], group["automaticFailoverEnabled"], group["multiAzEnabled"]) == (1, False, False)
    assert found["connection"][0]["reader"] is None


def test_parameters_are_added_and_cluster_enabled_only_when_needed() -> None:
    monitor, _ = made(parameters={"timeout": "5", "maxmemory-policy": "noeviction"})
    assert inputs(monitor, "orders-parameter-group")["parameters"] == [
        {"name": "maxmemory-policy", "value": "noeviction"},
        {"name": "timeout", "value": "5"},
    ]


def test_what_is_brought_is_not_made() -> None:
    monitor, found = made(**BROUGHT)
    for kind in ("SubnetGroup", "SecurityGroup", "SecurityGroupIngressRule", "ParameterGroup", "User", "UserGroup", "Topic"):
        assert monitor.names(kind) == [], kind
    assert monitor.names("LogGroup") == []
    group = inputs(monitor)
    assert (group["subnetGroupName"], group["parameterGroupName"]) == ("their-subnets", "their-parameters")
    assert (group["securityGroupIds"], group["userGroupIds"]) == (["sg-theirs"], ["their-users"])
    assert group["notificationTopicArn"].endswith(":theirs")
    assert [log["destination"] for log in group["logDeliveryConfigurations"]] == ["their-log"]
    assert found["credentials"][:2] == ({"version": 1}, True)
    assert found["security_group_id"][0] == ""


def test_the_port_is_open_to_clients_and_the_nodes_only() -> None:
    monitor, _ = made(client_prefix_list_ids=["pl-1"], port=7000)
    rules = {name: inputs(monitor, name) for name in monitor.names("SecurityGroupIngressRule")}
    assert {(rule["fromPort"], rule["toPort"], rule["ipProtocol"]) for rule in rules.values()} == {(7000, 7000, "tcp")}
    assert rules["orders-from-prefix-list-pl-1"]["prefixListId"] == "pl-1"
    assert rules["orders-from-nodes"]["referencedSecurityGroupId"] == "orders-security-group-id"
    assert monitor.names("SecurityGroupEgressRule") == ["orders-to-nodes"]
    assert "ingress" not in inputs(monitor, "orders-security-group")
    assert "egress" not in inputs(monitor, "orders-security-group")


def test_users() -> None:
    monitor, found = made(users={"reports": {"access": "on ~report:* -@all +@read", "authentication": "iam"}})
    users = {name: inputs(monitor, name) for name in monitor.names("User")}
    application, locked, reports = (users[f"orders-user-{name}"] for name in ("application", "default", "reports"))
    assert (application["userId"], application["userName"]) == ("orders-application", "application")
    assert plain(application["authenticationMode"])["type"] == "password"
    # Its id must not be `default`, its name has to be; nobody is told its password.
    assert (locked["userId"], locked["userName"], locked["accessString"]) == ("orders-default", "default", LOCKED_ACCESS)
    assert locked["accessString"].startswith("off ")
    assert reports["userId"] == reports["userName"] == "orders-reports-iam"
    assert reports["authenticationMode"] == {"type": "iam"}
    assert inputs(monitor, "orders-user-group")["userIds"] == [
        "orders-application", "orders-monitoring", "orders-reports-iam", "orders-default",
    ]  # fmt: skip
    assert found["credentials"] == (
        {"version": 1, "username": "application", "password": f"orders-application-password-{'g' * 20}"},
        True,
        True,
    )


def test_users_of_a_group_that_began_as_redis() -> None:
    monitor, _ = made(user_engine="redis")
    assert inputs(monitor)["engine"] == "valkey"
    everybody = [*monitor.names("User"), *monitor.names("UserGroup")]
    assert {inputs(monitor, name)["engine"] for name in everybody} == {"redis"}
    # The change of the group's engine leaves its users alone.
    assert all("engine" in monitor.requests[name].ignoreChanges for name in everybody)


def test_passwords_are_secret_everywhere() -> None:
    given = ["a-new-password-of-it", "an-old-password-of-it"]
    monitor, found = made(users={"application": {"passwords": given}}, secrets_manager=True)
    for name in monitor.names("User"):
        assert rpc.is_rpc_secret(inputs(monitor, name)["authenticationMode"]), name
    assert plain(inputs(monitor, "orders-user-application")["authenticationMode"])["passwords"] == given
    document = inputs(monitor, "orders-application-secret-version")["secretString"]
    assert rpc.is_rpc_secret(document)
    assert json.loads(plain(document)) == {"username": "application", "password": given[0]}
    assert found["credentials"][0]["password"] == given[0]
    assert found["credentials"][2]
    # Only what was asked to be made is made, and the locked user's is in no secret.
    assert set(monitor.names("RandomPassword")) == {"orders-monitoring-password", "orders-default-password"}
    assert set(monitor.names("Secret")) == {"orders-application-secret", "orders-monitoring-secret"}
    assert set(found["secret_arns"][0]) == {"application", "monitoring"}


def test_an_iam_application() -> None:
    _, found = made(users={"application": {"authentication": "iam"}})
    assert found["credentials"][0] == {
        "version": 1,
        "username": "orders-application-iam",
        "iam": {"region": "eu-central-1", "resource": "orders", "serverless": False},
    }


@pytest.mark.parametrize("given", [TOKEN, None])
def test_a_token(given: str | None) -> None:
    monitor, found = made(auth="token", auth_token=given or ..., auth_token_update_strategy="ROTATE", secrets_manager=True)
    group = inputs(monitor)
    assert rpc.is_rpc_secret(group["authToken"])
    token = given or f"orders-auth-token-password-{'g' * 20}"
    assert (plain(group["authToken"]), group["authTokenUpdateStrategy"]) == (token, "ROTATE")
    assert "userGroupIds" not in group
    assert monitor.names("User") == []
    assert found["credentials"] == ({"version": 1, "password": token}, True, True)
    assert json.loads(plain(inputs(monitor, "orders-token-secret-version")["secretString"])) == {"password": token}


def test_a_token_that_is_known_later_is_checked_then() -> None:
    with pytest.raises(pulumi.InputPropertyError) as caught:
        made(auth="token", auth_token=lambda: pulumi.Output.from_input("short"))
    assert caught.value.property_path == "authToken"
    assert "short" not in caught.value.reason


def test_without_tls_no_mode_is_sent() -> None:
    group = inputs(made(tls="off", auth="none")[0])
    assert group["transitEncryptionEnabled"] is False
    assert "transitEncryptionMode" not in group
    group = inputs(made(engine="redis", engine_version="6.2")[0])
    assert group["transitEncryptionEnabled"] is True
    assert "transitEncryptionMode" not in group


def test_stateful_children_are_protected_unless_told_otherwise(default: Made) -> None:
    monitor, _ = default
    assert {name for name, request in monitor.requests.items() if request.protect} == {"orders-group", "orders-subnet-group"}
    monitor, _ = made(protect=False)
    assert not any(request.protect for request in monitor.requests.values())


def test_what_only_a_creation_knows_is_ignored_later() -> None:
    """Each of these would replace the group, or be a difference for ever."""
    monitor, _ = made(restore_snapshot_name="old")
    request = monitor.requests["orders-group"]
    assert inputs(monitor)["snapshotName"] == "old"
    assert set(request.ignoreChanges) == {"snapshotName", "snapshotArns", "preferredCacheClusterAzs"}
    assert (request.customTimeouts.create, request.customTimeouts.update) == ("60m", "120m")


@pytest.mark.parametrize(
    ("scale", "ignored", "kept"),
    [("shards", "numNodeGroups", "replicasPerNodeGroup"), ("replicas", "replicasPerNodeGroup", "numNodeGroups")],
)
def test_autoscaling_owns_only_what_it_scales(scale: str, ignored: str, kept: str) -> None:
    monitor, _ = made(**CLUSTER, autoscaling={"scale": scale, "min": 1, "max": 4})
    assert ignored in monitor.requests["orders-group"].ignoreChanges
    assert kept not in monitor.requests["orders-group"].ignoreChanges
    assert monitor.names("Policy") == ["orders-autoscaling-policy"]


def test_a_global_member_leaves_what_is_the_global_objects(default: Made) -> None:
    monitor, _ = made(global_member=True)
    assert set(monitor.requests["orders-group"].ignoreChanges) >= {
        "nodeType", "engine", "engineVersion", "numNodeGroups", "automaticFailoverEnabled", "parameterGroupName",
    }  # fmt: skip
    assert "autoMinorVersionUpgrade" not in inputs(monitor)
    assert inputs(default[0])["autoMinorVersionUpgrade"] is True


def test_adoption_imports_each_part_and_leaves_it_as_found() -> None:
    adopt = {
        "replication_group": "legacy", "subnet_group": "legacy-subnets", "security_group": "sg-legacy",
        "parameter_group": "legacy-parameters", "user_group": "legacy-users",
        "users": {"application": "app-user", "default": "locked"}, "slow_log_group": "/legacy/slow",
        "notification_topic": "arn:aws:sns:eu-central-1:123456789012:legacy",
    }  # fmt: skip
    monitor, _ = made(adopt=adopt, users={"application": {"passwords": ["the-password-it-has"]}})
    imported = {name: request.importId for name, request in monitor.requests.items() if request.importId}
    # The provider learns of the region by the id's end.
    assert {name: given.removesuffix("@eu-central-1") for name, given in imported.items() if "@" in given} == {
        "orders-group": "legacy",
        "orders-subnet-group": "legacy-subnets",
        "orders-security-group": "sg-legacy",
        "orders-parameter-group": "legacy-parameters",
        "orders-user-group": "legacy-users",
        "orders-user-application": "app-user",
        "orders-user-default": "locked",
        "orders-slow-log": "/legacy/slow",
        "orders-events": "arn:aws:sns:eu-central-1:123456789012:legacy",
    }
    for name in imported:
        request = monitor.requests[name]
        assert "tags" in request.ignoreChanges, name
        # Judged while it is new, and never replaced or deleted unasked; a parameter group's next version stands beside it.
        assert request.hooks.before_update, name
        assert request.protect == (name != "orders-parameter-group"), name
        assert request.retainOnDelete == (name not in {"orders-group", "orders-subnet-group"}), name
    unprotected, _ = made(adopt=adopt, users={"application": {"passwords": ["the-password-it-has"]}}, protect=False)
    assert not any(unprotected.requests[name].protect for name in imported)
    group = inputs(monitor)
    assert (group["replicationGroupId"], group["subnetGroupName"]) == ("legacy", "legacy-subnets")
    assert {"authToken", "finalSnapshotIdentifier", "securityGroupNames"} <= set(monitor.requests["orders-group"].ignoreChanges)
    assert inputs(monitor, "orders-user-application")["userId"] == "app-user"


def test_what_an_adoption_may_change_is_changed_at_once() -> None:
    """Left as found, `apply_immediately` is off: the change would wait for the window, and show as a difference until then."""
    adopt: dict[str, Any] = {"replication_group": "legacy"}
    assert "applyImmediately" in made(adopt=adopt)[0].requests["orders-group"].ignoreChanges
    changing = made(adopt=adopt | {"change": ["node_type"]})[0]
    assert "applyImmediately" not in changing.requests["orders-group"].ignoreChanges
    assert inputs(changing)["applyImmediately"] is True


def test_an_adopted_group_is_brought_into_line_later() -> None:
    """What would replace something stays ignored; the rest becomes ordinary updates."""
    adopt = {
        "replication_group": "legacy", "subnet_group": "legacy-subnets", "security_group": "sg-legacy",
        "parameter_group": "legacy-parameters", "user_group": "legacy-users", "users": {"application": "app-user"},
        "slow_log_group": "/legacy/slow", "keep_as_found": False,
    }  # fmt: skip
    monitor, found = made(adopt=adopt, users={"application": {"authentication": "iam"}})
    ignored = {name: set(request.ignoreChanges) for name, request in monitor.requests.items() if request.importId}
    assert not any("tags" in properties for properties in ignored.values())
    assert ignored["orders-user-application"] == {"engine"}
    assert {"name", "description", "ingress"} <= ignored["orders-security-group"]
    assert ignored["orders-parameter-group"] == {"description"}
    assert "authToken" not in ignored["orders-group"]
    assert "securityGroupNames" in ignored["orders-group"]
    # An IAM user's name is its id, also when the id is somebody else's choice.
    user = inputs(monitor, "orders-user-application")
    assert user["userId"] == user["userName"] == found["credentials"][0]["username"] == "app-user"


def test_the_update_guard_is_registered_for_group_and_parameters(default: Made) -> None:
    monitor, _ = default
    assert list(monitor.requests["orders-group"].hooks.before_update) == ["orders-changes"]
    assert list(monitor.requests["orders-parameter-group"].hooks.before_update) == ["orders-parameters"]


def test_no_group_is_deleted_before_its_replacement_is_judged(default: Made) -> None:
    monitor, _ = default
    request = monitor.requests["orders-group"]
    assert list(request.hooks.before_create) == ["orders-taken"]
    assert (request.deleteBeforeReplaceDefined, request.deleteBeforeReplace) == (True, False)


def test_the_guard_raises_what_the_rules_say(default: Made) -> None:
    monitor, _ = default
    guard = monitor.hooks.by_name["orders-changes"]
    assert guard.opts is not None
    assert guard.opts.on_dry_run
    old = inputs(monitor)
    downgrade = pulumi.ResourceHookArgs("urn", "id", "orders-group", "type", old | {"engineVersion": "7.2"}, old)
    with pytest.raises(RefusedChangeError, match=r"the update of orders-group is refused: engine_version: 8.1 -> 7.2 is a"):
        guard.callback(downgrade)
    guard.callback(pulumi.ResourceHookArgs("urn", "id", "orders-group", "type", old | {"nodeType": "cache.r7g.xlarge"}, old))
    databases = {"parameters": [{"name": "databases", "value": "32"}]}
    with pytest.raises(RefusedChangeError, match="parameters: 'databases' can only be set"):
        monitor.hooks.by_name["orders-parameters"].callback(
            pulumi.ResourceHookArgs("urn", "id", "orders-parameter-group", "type", databases, {})
        )


def test_outputs(default: Made) -> None:
    monitor, found = default
    assert found["connection"][0] == {
        "version": 1, "kind": "primary", "tls": True, "engine": "valkey",
        "primary": {"host": "master.orders.abc123.euc1.cache.amazonaws.com", "port": 6379},
        "reader": {"host": "replica.orders.abc123.euc1.cache.amazonaws.com", "port": 6379},
        "failover": {"automatic": True, "multi_az": True, "replicas": 1},
    }  # fmt: skip
    assert found["member_clusters"][0] == ["orders-001", "orders-002"]
    assert (found["group_id"][0], found["port"][0]) == ("orders", 6379)
    assert sorted(found["alarm_names"][0]) == found["alarm_names"][0]
    assert len(found["alarm_names"][0]) == len(monitor.names("MetricAlarm")) > 10
    assert found["notification_topic_arn"][0].startswith("arn:aws:sns:")
    assert {name for name, (_, _, secret) in found.items() if secret} == {"credentials"}


def test_records_and_experiments_on_request(default: Made) -> None:
    monitor, _ = made(
        record=lambda: {"zone_id": pulumi.Output.from_input("Z1"), "primary": "cache.example.com"},
        experiment={"stop_alarm_arns": []},
    )
    assert monitor.names("Record") == ["orders-primary-record"]
    assert set(monitor.names("ExperimentTemplate")) == {
        "orders-experiment-eu-central-1a", "orders-experiment-eu-central-1b",
    }  # fmt: skip
    monitor, _ = default
    assert monitor.names("Record") + monitor.names("ExperimentTemplate") == []


def test_policies_name_this_group_its_iam_users_and_secret() -> None:
    _, found = made(users={"application": {"authentication": "iam"}, "reports": {"access": "on +@read"}}, secrets_manager=True)
    statements = {entry["Sid"]: entry["Resource"] for entry in json.loads(found["client_policy"][0])["Statement"]}
    assert statements["LogIn"] == [found["arn"][0], "arn:aws:elasticache:eu-central-1:123456789012:orders-user-application"]
    assert "ReadPassword" not in statements
    _, found = made(secrets_manager=True)
    statements = {entry["Sid"]: entry["Resource"] for entry in json.loads(found["client_policy"][0])["Statement"]}
    assert statements["ReadPassword"] == [found["secret_arns"][0]["application"]]
    assert "LogIn" not in statements
    assert found["arn"][0] in found["operator_policy"][0]


def test_preview_with_nothing_known() -> None:
    monitor, found = made(
        known=False,
        vpc_id=lambda: pulumi.Output.from_input("vpc-1"),
        subnet_ids=lambda: pulumi.Output.from_input(["subnet-1"]),
    )
    assert monitor.names("ReplicationGroup") == ["orders-group"]
    assert found["credentials"][2]
    assert not found["connection"][1]
    assert found["port"][1]


def test_wrong_arguments_are_told_together_before_anything_is_registered() -> None:
    monitors: list[Monitor] = []

    def program() -> None:
        monitors.append(pulumi.runtime.settings.get_monitor())  # type: ignore[arg-type]
        ElastiCacheHaGroup("orders", GOOD | {"replicas": 9, "tls": "no"})  # type: ignore[arg-type]

    with pytest.raises(pulumi.InputPropertiesError) as caught:
        run(program)
    assert [error["property_path"] for error in caught.value.errors or []] == ["replicas", "tls"]
    assert monitors[0].order == []


def test_two_groups_share_nothing() -> None:
    def program() -> None:
        ElastiCacheHaGroup("one", GOOD)  # type: ignore[arg-type]
        ElastiCacheHaGroup("two", GOOD)  # type: ignore[arg-type]

    monitor, _ = run(program)
    assert len(monitor.order) == len(set(monitor.order))
    named = monitor.names("SubnetGroup") + monitor.names("ParameterGroup")
    assert len({inputs(monitor, name)["name"] for name in named}) == 4
