"""From arguments to a plan: each refusal names its argument, says the value and the remedy; everything else passes."""

from typing import Any

import pulumi
import pytest

from redis_ha.elasticache import nodes, versions, windows
from redis_ha.elasticache.access_rules import derived_id
from redis_ha.elasticache.group import checked_plan, not_global
from redis_ha.elasticache.plan import Plan
from redis_ha.elasticache.topology import Topology

GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "zones": ["eu-central-1a", "eu-central-1b"],
    "subnet_ids": ["subnet-1", "subnet-2"],
    "vpc_id": "vpc-1",
}
CLUSTER = {"cluster_mode": "enabled", "shards": 3}


pytestmark = pytest.mark.usefixtures("loop_for_outputs")


def arguments(changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (GOOD | changes).items() if value is not ...}


def plan(**changes: Any) -> Plan:
    return checked_plan("orders", arguments(changes))


def problems(changes: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(pulumi.InputPropertiesError) as caught:
        checked_plan("orders", arguments(changes))
    assert "ElastiCacheHaGroup 'orders'" in str(caught.value)
    found: dict[str, str] = {}
    for error in caught.value.errors or []:
        found[error["property_path"]] = f"{found.get(error['property_path'], '')} {error['reason']}"
    return found


def test_defaults() -> None:
    made = plan()
    assert made.topology == Topology("orders", "disabled", 1, 1)
    assert (made.engine, made.engine_version, made.family) == ("valkey", "8.1", "valkey8")
    assert (made.node_type, made.port, made.tls, made.auth) == ("cache.r7g.large", 6379, "required", "rbac")
    assert (made.snapshot_window, made.maintenance_window) == ("02:00-03:00", "sun:04:30-sun:05:30")
    assert (made.snapshot_retention_days, made.final_snapshot, made.protect) == (7, True, True)
    assert [log.kind for log in made.logs] == ["slow-log", "engine-log"]
    assert [user.user_id for user in made.users] == ["orders-application", "orders-monitoring", "orders-default"]
    assert made.preferred_zones() == ("eu-central-1a", "eu-central-1b")
    assert made.parameter_group_name == "orders-valkey8"


@pytest.mark.parametrize("engine", versions.ENGINES)
def test_the_default_version_is_a_known_one(engine: str) -> None:
    assert versions.wrong_version(engine, versions.DEFAULT_VERSIONS[engine]) is None


DURABLE = CLUSTER | {"engine_version": "9.0", "durability": "sync"}
ACCEPTED: list[dict[str, Any]] = [
    CLUSTER,
    CLUSTER | {"replicas": 0},
    DURABLE,
    DURABLE | {"durability": "async", "engine_version": "9.1", "node_type": "cache.m8g.xlarge"},
    {"durability": "disabled"},
    {"cluster_mode": "compatible"},
    {"replicas": 0},
    {"replicas": 2.0, "port": 7000.0, "snapshot_retention_days": 35.0},
    {"multi_az": False},
    {"engine": "redis"},
    {"engine": "redis", "engine_version": "6.2"},
    {"engine": "redis", "engine_version": "5.0.6", "auth": "token", "logs": {"slow_log": False, "engine_log": False}},
    {"auth": "token", "auth_token_update_strategy": "SET"},
    {"auth": "none", "tls": "off"},
    {"auth_token_update_strategy": "DELETE"},
    {
        "users": {
            "reports": {"access": "on ~report:* -@all +@read", "authentication": "iam"},
            "application": {"authentication": "iam"},
        }
    },
    {"users": {"application": {"passwords": ["a-new-password-of-it", "an-old-password-of-it"]}}},
    {"user_group_id": "existing"},
    {"tls": "preferred", "auth": "none"},
    {"maintenance_window": "sat:23:30-sun:01:00"},
    {"snapshot_window": "23:30-00:30", "maintenance_window": "mon:02:00-mon:03:00"},
    {"vpc_id": ..., "security_group_ids": ["sg-1"]},
    {"subnet_ids": ..., "subnet_group_name": "existing"},
    {"parameter_group_name": "default.valkey8.cluster.on", **CLUSTER},
    {"parameter_group_name": "somebody-elses"},
    {"client_cidrs": ["10.0.0.0/8", "fd00:1::/48"], "client_security_group_ids": ["sg-1"], "client_prefix_list_ids": ["pl-1"]},
    {"global_member": True},
    {"logs": {"destination_type": "kinesis-firehose", "slow_log_destination": "stream", "engine_log": False}},
    {
        "adopt": {"replication_group": "legacy", "users": {"application": "app"}},
        "users": {"application": {"passwords": ["p" * 16]}},
    },
    {"adopt": {"replication_group": "legacy", "users": {"monitoring": "mon"}}},
    {"network_type": "dual_stack", "ip_discovery": "ipv6"},
    {"restore_snapshot_arns": ["arn:aws:s3:::bucket/dump.rdb"]},
    {"node_type": "cache.t4g.micro", "dashboard": False, "timeouts": {"update": "3h"}, "tags": {"team": "red"}},
    {"node_ids": ["orders-001", "orders-004"]},
]


@pytest.mark.parametrize("changes", ACCEPTED)
def test_accepted(changes: dict[str, Any]) -> None:
    plan(**changes)


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"region": ...}, "region", "is missing"),
    ({"region": "Frankfurt"}, "region", "'Frankfurt' is not a region of AWS"),
    ({"zones": ...}, "zones", "none: a group in one zone is lost with it"),
    ({"zones": ["eu-central-1a"]}, "zones", "eu-central-1a: a group in one zone"),
    ({"zones": ["eu-central-1a", "eu-central-1a"]}, "zones", "name at least 2 different zones"),
    ({"zones": ["eu-central-1a", "us-east-1b"]}, "zones", "'us-east-1b' is not in eu-central-1"),
    ({"zones": ["a", "b"]}, "zones", "'a' is not an availability zone"),
    ({"subnet_ids": ...}, "subnetIds", "neither is given"),
    ({"subnet_group_name": "x"}, "subnetIds", "both are given"),
    ({"subnet_ids": ["subnet-1"]}, "subnetIds", "1 is too few"),
    ({"vpc_id": ...}, "vpcId", "is missing; give the VPC"),
    (
        {"security_group_ids": ["sg-1"], "client_cidrs": ["10.0.0.0/16"]},
        "clientCidrs",
        "cannot be used with security_group_ids",
    ),
    ({"client_cidrs": ["0.0.0.0/0"]}, "clientCidrs", "'0.0.0.0/0' is open to the world"),
    ({"client_cidrs": ["::/0"]}, "clientCidrs", "'::/0' is open to the world"),
    ({"client_cidrs": ["10.0.0.1/8"]}, "clientCidrs", "no network in CIDR form"),
    ({"client_cidrs": [f"10.0.{n}.0/24" for n in range(60)]}, "clientCidrs", "61 rules; a security group takes 60"),
    ({"client_security_group_ids": "sg-1"}, "clientSecurityGroupIds", "is no list"),
    ({"group_id": "Orders"}, "groupId", "'Orders' is not 1 to 40 lower-case"),
    ({"group_id": "orders--one"}, "groupId", "single hyphens"),
    ({"group_id": "orders-"}, "groupId", "not ending with a hyphen"),
    ({"group_id": "1orders"}, "groupId", "starting with a letter"),
    ({"group_id": "o" * 41}, "groupId", "1 to 40"),
    ({"engine": "memcached"}, "engine", "use one of valkey, redis"),
    ({"engine_version": "7"}, "engineVersion", "'7' has the wrong form"),
    ({"engine_version": "8.0.1"}, "engineVersion", "use major.minor, e.g. 7.2"),
    ({"engine_version": "8.7"}, "engineVersion", "ElastiCache has no valkey 8.7; known versions of valkey: 7.2, 8.0"),
    ({"engine_version": "7.1"}, "engineVersion", "no valkey 7.1"),
    ({"engine_version": 8.1}, "engineVersion", "8.1 is not text; quote it"),
    ({"engine": "redis", "engine_version": "6.x"}, "engineVersion", "'6.x' stands for a version that changes"),
    ({"engine": "redis", "engine_version": "5.0"}, "engineVersion", "use major.minor.patch, e.g. 5.0.6"),
    ({"engine": "redis", "engine_version": "7.0.7"}, "engineVersion", "use major.minor, e.g. 7.2"),
    ({"engine": "redis", "engine_version": "7.2"}, "engineVersion", "ElastiCache has no redis 7.2"),
    ({"node_type": "r7g.large"}, "nodeType", "'r7g.large' is no node type"),
    ({"node_type": "cache.r6gd.xlarge"}, "nodeType", "needs data tiering, which this component does not cover"),
    ({"node_type": "cache.t2.small"}, "nodeType", "previous generation"),
    ({"node_type": "cache.q9.large"}, "nodeType", "unknown family"),
    ({"node_type": "cache.r7g.24xlarge"}, "nodeType", "does not exist; sizes of r7g: large"),
    ({"cluster_mode": "on"}, "clusterMode", "use one of disabled, compatible, enabled"),
    ({"shards": 2}, "shards", "2 shards need cluster_mode enabled, it is disabled"),
    ({"shards": 2, "cluster_mode": "compatible"}, "shards", "it is compatible"),
    ({"cluster_mode": "enabled", "shards": 0}, "shards", "0 is out of range"),
    ({"cluster_mode": "enabled", "shards": 400}, "shards", "400 shards of 2 nodes are more than 500 nodes"),
    ({"replicas": 6}, "replicas", "6 is out of range; use 0 to 5"),
    ({"replicas": -1}, "replicas", "-1 is out of range"),
    ({"replicas": 1.5}, "replicas", "1.5 is no whole number"),
    ({"replicas": 0, "cluster_mode": "compatible"}, "replicas", "0 is too few for cluster_mode compatible"),
    ({"multi_az": False, "cluster_mode": "compatible"}, "multiAz", "false is impossible with cluster_mode compatible"),
    ({"engine": "redis", "engine_version": "6.2", "cluster_mode": "compatible"}, "clusterMode", "needs redis 7.0 or valkey"),
    ({"node_ids": ["others-001"]}, "nodeIds", "'others-001' is not a node id of orders"),
    ({"durability": "default"}, "durability", "use one of sync, async, disabled"),
    (CLUSTER | {"durability": "sync"}, "durability", "'sync' needs valkey 9.0 or newer, it is valkey 8.1"),
    (DURABLE | {"engine": "redis", "engine_version": "7.1"}, "durability", "it is redis 7.1"),
    (DURABLE | {"cluster_mode": "disabled", "shards": 1}, "durability", "needs cluster_mode enabled, it is disabled"),
    (DURABLE | {"replicas": 0}, "durability", "needs Multi-AZ with at least one replica"),
    (DURABLE | {"multi_az": False}, "durability", "needs Multi-AZ with at least one replica"),
    (DURABLE | {"tls": "preferred", "auth": "none"}, "durability", "needs tls required, it is preferred"),
    (DURABLE | {"at_rest_encryption": False}, "durability", "needs at_rest_encryption true"),
    (DURABLE | {"node_type": "cache.t4g.small"}, "durability", "needs a node type of c7gn, c8gn, m6g"),
    (DURABLE | {"global_member": True}, "durability", "no member of a global datastore"),
    ({"network_type": "dual_stack", "global_member": True}, "networkType", "global datastore, which has no IPv6"),
    ({"port": 0}, "port", "0 is out of range"),
    (
        {"parameter_group_name": "default.valkey7"},
        "parameterGroupName",
        "is of family valkey7; valkey 8.1 needs one of family valkey8",
    ),
    ({"parameter_group_name": "default.redis6.x", "engine": "redis"}, "parameterGroupName", "is of family redis6.x"),
    ({"parameter_group_name": "mine", "parameters": {}}, "parameters", "cannot be used with parameter_group_name"),
    ({"parameters": {"cluster-enabled": "yes"}}, "parameters", "'cluster-enabled' is the component's"),
    ({"parameters": {"Max Memory": "1"}}, "parameters", "'Max Memory' is no parameter"),
    ({"parameters": {"timeout": 5}}, "parameters", "the value of 'timeout' has to be text"),
    ({"parameters": {"appendonly": "yes"}}, "parameters", "'appendonly' yes excludes Multi-AZ"),
    ({"auth": "acl"}, "auth", "use one of rbac, token, none"),
    ({"tls": "off"}, "auth", "'rbac' needs TLS"),
    ({"tls": "off", "auth": "token"}, "auth", "'token' needs TLS"),
    ({"tls": "on"}, "tls", "use one of required, preferred, off"),
    ({"tls": "preferred"}, "auth", "'rbac' needs tls required: AWS takes no users and no token while TLS is optional"),
    ({"tls": "preferred", "auth": "token"}, "auth", "'token' needs tls required"),
    (
        {"tls": "preferred", "auth": "none", "global_member": True},
        "tls",
        "'preferred' is impossible for the primary of a global datastore",
    ),
    ({"engine": "redis", "engine_version": "5.0.6"}, "auth", "'rbac' needs redis 6.0"),
    ({"auth": "none", "users": {}}, "users", "needs auth rbac, auth is none"),
    ({"auth": "token", "user_group_id": "x"}, "userGroupId", "needs auth rbac, auth is token"),
    ({"engine": "redis", "user_engine": "valkey"}, "userEngine", "takes users of redis only"),
    ({"user_engine": "memcached"}, "userEngine", "use one of valkey, redis"),
    ({"users": {}, "user_group_id": "x"}, "users", "cannot be used with user_group_id"),
    ({"users": {"default": {}}}, "users.default", "is the component's: every group has to have it, and it is locked"),
    ({"users": {"Reports": {"access": "on"}}}, "users", "'Reports' is no user name"),
    ({"users": {"reports": {}}}, "users.reports.access", "is missing; give an access string"),
    ({"users": {"reports": {"access": "+@all"}}}, "users.reports.access", "'+@all' is not an access string"),
    ({"users": {"reports": {"access": "on nopass +@all"}}}, "users.reports.access", "holds a password, nopass or reset"),
    ({"users": {"reports": {"access": "on +@all >hidden-in-here"}}}, "users.reports.access", "holds a password"),
    ({"users": {"reports": {"access": "on reset +@all"}}}, "users.reports.access", "nopass or reset"),
    ({"users": {"reports": {"access": "on allkeys ~a +@all"}}}, "users.reports.access", "has '~a' behind the pattern for all"),
    ({"users": {"application": {"authentication": "cert"}}}, "users.application.authentication", "use one of password, iam"),
    (
        {"users": {"application": {"authentication": "iam", "passwords": ["p" * 20]}}},
        "users.application.passwords",
        "cannot be used with authentication iam",
    ),
    ({"users": {"application": {"passwords": ["p" * 20] * 3}}}, "users.application.passwords", "a list of one or 2 passwords"),
    ({"users": {"application": {"passwords": "p" * 20}}}, "users.application.passwords", "a list of one or 2 passwords"),
    ({"users": {"application": {"acess": "on"}}}, "users.application.acess", "did you mean access?"),
    (
        {"engine": "redis", "engine_version": "6.2", "users": {"application": {"authentication": "iam"}}},
        "users.application.authentication",
        "'iam' needs TLS and redis 7.0",
    ),
    ({"auth_token": "x" * 20}, "authToken", "is given, but auth is rbac"),
    (
        {"auth": "token", "auth_token_update_strategy": "DELETE"},
        "authTokenUpdateStrategy",
        "'DELETE' is for the move from a token to auth rbac",
    ),
    ({"auth_token_update_strategy": "ROTATE"}, "authTokenUpdateStrategy", "'ROTATE' needs auth token"),
    ({"auth": "token", "auth_token_update_strategy": "rotate"}, "authTokenUpdateStrategy", "use one of SET, ROTATE, DELETE"),
    (
        {"tls": "preferred", "auth": "none", "engine": "redis", "engine_version": "6.2"},
        "tls",
        "'preferred' needs redis 7.0 or valkey",
    ),
    ({"at_rest_encryption": False, "kms_key_id": "arn:key"}, "kmsKeyId", "is given, but at_rest_encryption is false"),
    ({"maintenance_window": "04:30-05:30"}, "maintenanceWindow", "another form than ddd:hh24:mi-ddd:hh24:mi"),
    ({"maintenance_window": "SUN:04:30-SUN:05:30"}, "maintenanceWindow", "another form"),
    ({"maintenance_window": "sun:04:30-sun:05:00"}, "maintenanceWindow", "is 30 minutes long; ElastiCache needs 60"),
    ({"snapshot_window": "2-3"}, "snapshotWindow", "another form than hh24:mi-hh24:mi"),
    ({"snapshot_window": "02:00-02:59"}, "snapshotWindow", "is 59 minutes long"),
    ({"snapshot_window": "05:00-06:00"}, "snapshotWindow", "'05:00-06:00' meets the maintenance window"),
    (
        {"snapshot_window": "23:30-00:30", "maintenance_window": "sat:23:00-sun:00:00"},
        "snapshotWindow",
        "meets the maintenance",
    ),
    (
        {"snapshot_window": "23:30-00:30", "maintenance_window": "mon:00:00-mon:01:00"},
        "snapshotWindow",
        "meets the maintenance",
    ),
    ({"snapshot_retention_days": 0}, "snapshotRetentionDays", "0 is out of range; use 1 to 35"),
    ({"snapshot_retention_days": 36}, "snapshotRetentionDays", "36 is out of range"),
    (
        {"restore_snapshot_name": "s", "restore_snapshot_arns": ["a"]},
        "restoreSnapshotArns",
        "cannot be used with restore_snapshot_name",
    ),
    ({"auto_minor_version_upgrade": True, "global_member": True}, "autoMinorVersionUpgrade", "belongs to the global datastore"),
    (
        {"auto_minor_version_upgrade": True, "engine": "redis", "engine_version": "5.0.6", "auth": "none"},
        "autoMinorVersionUpgrade",
        "true needs version 6.0",
    ),
    ({"network_type": "ipv5"}, "networkType", "use one of ipv4, ipv6, dual_stack"),
    ({"network_type": "ipv6", "engine": "redis", "engine_version": "6.0"}, "networkType", "needs redis 6.2 or valkey"),
    ({"ip_discovery": "ipv6"}, "ipDiscovery", "'ipv6' needs network_type"),
    ({"logs": {"log_format": "xml"}}, "logs.logFormat", "use one of json, text"),
    ({"logs": {"retention_days": 42}}, "logs.retentionDays", "42 is not offered by CloudWatch"),
    ({"logs": {"slow": True}}, "logs.slow", "no such argument"),
    ({"logs": {"slow_log": False, "slow_log_destination": "x"}}, "logs.slowLogDestination", "is given, but slow_log is off"),
    (
        {"logs": {"destination_type": "kinesis-firehose"}},
        "logs.slowLogDestination",
        "is missing: the component makes log groups",
    ),
    ({"logs": {"engine_log": True}, "engine": "redis", "engine_version": "6.0"}, "logs.engineLog", "needs redis 6.2 or newer"),
    ({"tags": {"aws:x": "y"}}, "tags", "'aws:x' is no tag key"),
    ({"tags": {"x": 1}}, "tags", "the value of 'x' is no tag value"),
    ({"tags": {f"t{n}": "" for n in range(50)}}, "tags", "50 are too many"),
    ({"timeouts": {"create": "soon"}}, "timeouts.create", "'soon' is not a duration"),
    ({"timeouts": {"creat": "60m"}}, "timeouts.creat", "did you mean create?"),
    (
        {"adopt": {"replication_group": "legacy"}, "group_id": "orders"},
        "groupId",
        "'orders' is not the adopted replication group 'legacy'",
    ),
    (
        {"adopt": {"security_group": "sg-1"}, "vpc_id": ..., "security_group_ids": ["sg-1"]},
        "adopt.securityGroup",
        "what is brought is not the component's",
    ),
    ({"adopt": {"user_groups": "x"}}, "adopt.userGroups", "did you mean user_group?"),
    ({"adopt": {"subnet_group": ""}}, "adopt.subnetGroup", "'' is no id"),
    (
        {"adopt": {"users": {"application": "app"}}},
        "users.application.passwords",
        "AWS does not tell an adopted user's password",
    ),
    ({"adopt": {"replication_group": "legacy"}, "auth": "token"}, "authToken", "AWS does not tell an adopted group's token"),
    ({"adopt": {"users": {"monitoring": 7}}}, "adopt.users", "7 is no id of 'monitoring'"),
    ({"adopt": {"change": ["snapshot_retention_days"]}}, "adopt.change", "did you mean snapshot_retention_limit?"),
    ({"adopt": {"keep_as_found": "no"}}, "adopt.keepAsFound", "'no' is neither true nor false"),
    ({"protect": "yes"}, "protect", "'yes' is neither true nor false"),
    ({"descripton": "x"}, "descripton", "did you mean description?"),
    ({"description": ""}, "description", "'' is not one line"),
    (
        {"autoscaling": {"scale": "replicas", "min": 1, "max": 3}},
        "autoscaling.scale",
        "only groups in cluster mode can be scaled",
    ),
    ({"alarms": {"of": []}}, "alarms.of", "did you mean off?"),
    ({"notifications": {"topic_arn": "topic"}}, "notifications.topicArn", "no ARN of an SNS topic"),
]


@pytest.mark.parametrize(("changes", "argument", "says"), REFUSED)
def test_refused_by_name_with_value_and_remedy(changes: dict[str, Any], argument: str, says: str) -> None:
    found = problems(changes)
    assert argument in found, found
    assert says in found[argument]


def test_a_mistake_is_told_once_and_alone() -> None:
    """What one argument makes wrong is not told of others as well."""
    for changes, argument, _ in REFUSED:
        others = set(problems(changes)) - {argument}
        # Firehose without a name is missing for both logs; everything else stands alone.
        assert others <= {"logs.engineLogDestination"}, (changes, others)


def test_all_problems_are_told_at_once() -> None:
    assert set(problems({"region": "x", "replicas": 9, "tls": "on", "port": 0})) == {"region", "replicas", "tls", "port"}


@pytest.mark.parametrize("secret", ["short", 'with "quotes" in it 1', "comma,comma,comma,comma", "x" * 129])
def test_a_bad_password_is_refused_without_telling_it(secret: str) -> None:
    with pytest.raises(pulumi.InputPropertiesError) as caught:
        checked_plan("orders", GOOD | {"users": {"application": {"passwords": [secret]}}})
    assert secret not in str(caught.value)


def test_a_password_in_an_access_string_is_not_told() -> None:
    told = problems({"users": {"reports": {"access": "on +@all >hidden-in-here"}}})
    assert "hidden" not in str(told)


def test_iam_users_have_one_name_and_no_password() -> None:
    made = plan(users={"application": {"authentication": "iam"}})
    application = next(user for user in made.users if user.key == "application")
    assert application.user_id == application.user_name == "orders-application-iam"
    assert [user.user_id for user in made.users if user.user_name == "default"] == ["orders-default"]


def test_an_output_where_the_shape_depends_on_it_is_refused_by_name() -> None:
    later = pulumi.Output.from_input("x")
    for changes, argument in (
        ({"node_type": later}, "nodeType"),
        ({"users": later}, "users"),
        ({"users": {"application": later}}, "users.application"),
        ({"users": {"application": {"access": later}}}, "users.application.access"),
        ({"users": {"application": {"passwords": later}}}, "users.application.passwords"),
        ({"logs": {"log_format": later}}, "logs.logFormat"),
        ({"client_cidrs": [later]}, "clientCidrs[0]"),
        ({"client_security_group_ids": later}, "clientSecurityGroupIds"),
    ):
        assert "is an Output" in problems(changes)[argument]
    unknown = {"nod_type": later, "users": {"reports": {"acces": [later]}}}
    assert problems(unknown) == {
        "nodType": " no such argument; did you mean node_type?",
        "users.reports.acces": " no such argument; did you mean access?",
    }
    assert (
        "give a plain list, whose entries may be Outputs"
        in problems({"client_security_group_ids": later})["clientSecurityGroupIds"]
    )
    assert "give a plain value" in problems({"zones": later})["zones"]


def test_the_parameter_group_is_named_after_family_and_mode() -> None:
    assert plan(engine="redis", engine_version="6.2").parameter_group_name == "orders-redis6-x"
    assert plan(engine_version="9.1").parameter_group_name == "orders-valkey9"
    assert plan(cluster_mode="compatible").parameter_group_name == "orders-valkey8-cluster"


@pytest.mark.parametrize(
    ("version", "family"), [("4.0.10", "redis4.0"), ("5.0.6", "redis5.0"), ("6.0", "redis6.x"), ("7.1", "redis7")]
)
def test_families(version: str, family: str) -> None:
    assert versions.family("redis", version) == family
    assert versions.family_of_default_group(f"default.{family}") == family
    assert versions.family_of_default_group(f"my-{family}") is None


def test_every_listed_node_type_is_taken() -> None:
    for family, sizes in nodes.SIZES_OF_FAMILY.items():
        for size in sizes:
            assert nodes.wrong_node_type(f"cache.{family}.{size}") is None


@pytest.mark.parametrize(
    ("weekly", "daily", "meet"),
    [
        ("sun:04:30-sun:05:30", "05:30-06:30", False),
        ("sun:04:30-sun:05:30", "03:30-04:30", False),
        ("sun:04:30-sun:05:30", "05:29-06:29", True),
        ("sun:04:30-sun:05:30", "03:31-04:31", True),
        ("sun:23:30-mon:00:30", "00:00-01:00", True),
        ("sun:23:30-mon:00:30", "00:30-01:30", False),
        ("tue:00:00-thu:00:00", "12:00-13:00", True),
    ],
)
def test_windows_that_meet(weekly: str, daily: str, meet: bool) -> None:
    first, second = windows.maintenance(weekly), windows.snapshot(daily)
    assert first is not None
    assert second is not None
    assert windows.overlap(first, second) is meet


@pytest.mark.parametrize(
    ("topology", "ids"),
    [
        (Topology("g", "disabled", 1, 2), ("g-001", "g-002", "g-003")),
        (Topology("g", "compatible", 1, 1), ("g-001", "g-002")),
        (Topology("g", "enabled", 2, 1), ("g-0001-001", "g-0001-002", "g-0002-001", "g-0002-002")),
        (Topology("g", "enabled", 2, 0, ("g-001", "g-0002-001")), ("g-001", "g-0002-001")),
    ],
)
def test_node_ids(topology: Topology, ids: tuple[str, ...]) -> None:
    assert topology.node_ids() == ids


def test_known_nodes_belong_to_their_shards() -> None:
    topology = Topology("g", "enabled", 2, 0, ("g-001", "g-0002-003", "g-0002-004"))
    assert topology.node_ids_by_shard() == {"0001": ("g-001",), "0002": ("g-0002-003", "g-0002-004")}


@pytest.mark.parametrize(
    ("topology", "failover", "multi_az"),
    [
        (Topology("g", "disabled", 1, 1), True, True),
        (Topology("g", "disabled", 1, 0), False, False),
        (Topology("g", "disabled", 1, 1, multi_az_off=True), False, False),
        (Topology("g", "enabled", 2, 0), True, False),
        (Topology("g", "enabled", 2, 1, multi_az_off=True), True, False),
    ],
)
def test_failover_and_multi_az_follow_from_the_topology(topology: Topology, failover: bool, multi_az: bool) -> None:
    assert (topology.automatic_failover, topology.multi_az) == (failover, multi_az)


def test_ids_that_are_made_fit_what_aws_takes() -> None:
    """CreateUser and CreateUserGroup take 40 characters; a group's id alone may have them."""
    long = "o" * 40
    users = plan(
        group_id=long, users={"application": {"authentication": "iam"}, "r" * 40: {"access": "on ~* -@all +@read"}}
    ).users
    ids = [user.user_id for user in users] + [derived_id(long, "users")]
    assert all(len(one) <= 40 for one in ids)
    assert len(set(ids)) == len(ids)
    assert derived_id("orders", "users") == "orders-users"
    assert derived_id(long, "users") != derived_id("o" * 39, "users")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, set()),
        ({"durability": "disabled", "network_type": "ipv4"}, set()),
        (DURABLE | {"network_type": "dual_stack"}, {"durability", "network_type"}),
    ],
)
def test_what_keeps_a_group_from_becoming_a_primary(changes: dict[str, Any], wanted: set[str]) -> None:
    assert {argument for argument, _ in not_global(plan(**changes))} == wanted
