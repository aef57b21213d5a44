"""What an update of a living group may not do, judged from old and new inputs alone."""

from typing import Any

import pulumi
import pytest

from redis_ha.elasticache.changes import creation_refusals, of_creation, parameter_refusals, refusals

OLD: dict[str, Any] = {
    "engine": "valkey",
    "engineVersion": "8.0",
    "nodeType": "cache.r7g.large",
    "clusterMode": "disabled",
    "numCacheClusters": 2.0,
    "multiAzEnabled": True,
    "automaticFailoverEnabled": True,
    "transitEncryptionEnabled": True,
    "transitEncryptionMode": "required",
    "parameterGroupName": "orders-valkey8",
    "userGroupIds": ["orders-users"],
    "applyImmediately": True,
    "logDeliveryConfigurations": [{"logType": "slow-log"}],
    "tags": {"a": "b"},
}
REDIS = {"engine": "redis", "engineVersion": "7.1", "parameterGroupName": "orders-redis7"}
COMPATIBLE = {"clusterMode": "compatible", "parameterGroupName": "orders-valkey8-cluster"}
CLUSTER = {"clusterMode": "enabled", "numCacheClusters": None, "numNodeGroups": 2.0, "replicasPerNodeGroup": 1.0}
OFF = {"transitEncryptionEnabled": False, "transitEncryptionMode": None}
SECRET = "given-token-of-the-test"


pytestmark = pytest.mark.usefixtures("loop_for_outputs")


def judged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    before = {key: value for key, value in (OLD | old).items() if value is not None}
    after = {key: value for key, value in (before | new).items() if value is not None}
    return dict(refusals(before, after))


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({}, {"engineVersion": "7.2", "parameterGroupName": "orders-valkey7"}, "engine_version", "8.0 -> 7.2 is a downgrade"),
    ({}, REDIS, "engine", "valkey cannot become redis"),
    (REDIS | {"engineVersion": "7.0"}, {"engineVersion": "6.2"}, "engine_version", "7.0 -> 6.2 is a downgrade"),
    (REDIS | {"engineVersion": "7.2"}, {"engine": "valkey"}, "engine_version", "only together with a version"),
    ({}, {"engineVersion": "9.0"}, "parameter_group_name", "'orders-valkey8' is of family valkey8, valkey 9.0 needs valkey9"),
    (
        REDIS,
        {"engine": "valkey", "engineVersion": "8.0"},
        "parameter_group_name",
        "is of family redis7, valkey 8.0 needs valkey8",
    ),
    (CLUSTER, {"durability": "sync", "nodeType": "cache.r7g.xlarge"}, "durability", "disabled -> sync together with nodeType"),
    (CLUSTER | {"durability": "sync"}, {"durability": None}, "durability", "sync -> left out changes nothing"),
    ({}, CLUSTER, "cluster_mode", "disabled -> enabled in one step"),
    ({}, CLUSTER | {"numNodeGroups": 1.0}, "cluster_mode", "set it to compatible first"),
    (CLUSTER, {"clusterMode": "compatible"}, "cluster_mode", "enabled -> compatible: AWS offers no way back"),
    (COMPATIBLE, {"clusterMode": "disabled"}, "cluster_mode", "compatible -> disabled: AWS offers no way back"),
    ({}, COMPATIBLE | {"nodeType": "cache.r7g.xlarge"}, "cluster_mode", "together with nodeType: AWS refuses that"),
    ({}, COMPATIBLE | {"numCacheClusters": 3.0}, "cluster_mode", "together with shards or replicas"),
    (COMPATIBLE, CLUSTER, "cluster_mode", "together with shards or replicas"),
    (COMPATIBLE, {"nodeType": "cache.r7g.xlarge"}, "node_type", "r7g.large -> cache.r7g.xlarge: a group in cluster mode"),
    (COMPATIBLE, {"engineVersion": "8.1"}, "engine_version", "finish the migration"),
    (COMPATIBLE, {"numCacheClusters": 4.0}, "replicas", "cannot be scaled"),
    (
        {},
        {"numCacheClusters": 1.0, "multiAzEnabled": False, "automaticFailoverEnabled": False},
        "replicas",
        "1 -> 0 in one step",
    ),
    (CLUSTER, {"replicasPerNodeGroup": 0.0, "multiAzEnabled": False}, "replicas", "set multi_az to false"),
    (
        OFF,
        {"transitEncryptionEnabled": True, "transitEncryptionMode": "required"},
        "tls",
        "off -> required in one step would cut off",
    ),
    (OFF, {"transitEncryptionEnabled": True}, "tls", "set it to preferred first"),
    ({}, OFF, "tls", "required -> off in one step is refused by AWS"),
    ({"userGroupIds": None}, {"authToken": SECRET}, "auth_token", "a first token with strategy ROTATE leaves the group open"),
    (
        {"authToken": SECRET, "userGroupIds": None},
        {"authToken": None},
        "auth_token",
        "a token goes only when users take its place",
    ),
    (
        {"authToken": SECRET, "userGroupIds": None},
        {"authToken": None, "userGroupIds": ["u"]},
        "auth_token",
        "auth_token_update_strategy to DELETE",
    ),
    (
        {},
        {"applyImmediately": False, "logDeliveryConfigurations": None},
        "logs",
        "refused by AWS while apply_immediately is false",
    ),
    (
        {"numCacheClusters": 3.0},
        {"applyImmediately": False, "multiAzEnabled": False},
        "multi_az",
        "would wait for the maintenance window",
    ),
]


@pytest.mark.parametrize(("old", "new", "argument", "says"), REFUSED)
def test_refused(old: dict[str, Any], new: dict[str, Any], argument: str, says: str) -> None:
    found = judged(old, new)
    assert list(found) == [argument]
    assert says in found[argument]
    assert SECRET not in found[argument]


ALLOWED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({}, {"numCacheClusters": 6.0}),
    ({"numCacheClusters": 4.0}, {"numCacheClusters": 2.0}),
    (CLUSTER, {"numNodeGroups": 5.0}),
    (CLUSTER, {"durability": "sync", "tags": {"a": "c"}}),
    (CLUSTER | {"durability": "sync"}, {"durability": "async"}),
    (CLUSTER | {"durability": "sync"}, {"durability": "disabled"}),
    (CLUSTER | {"durability": "disabled"}, {"durability": None, "nodeType": "cache.r7g.xlarge"}),
    (CLUSTER | {"numNodeGroups": 5.0}, {"numNodeGroups": 2.0, "replicasPerNodeGroup": 2.0}),
    ({}, {"nodeType": "cache.r7g.xlarge"}),
    ({}, {"engineVersion": "8.2"}),
    ({}, {"engineVersion": "9.1", "parameterGroupName": "orders-valkey9"}),
    (REDIS, {"engine": "valkey", "engineVersion": "7.2", "parameterGroupName": "orders-valkey7"}),
    ({}, COMPATIBLE | {"tags": {"a": "c"}}),
    (COMPATIBLE, CLUSTER | {"numNodeGroups": 1.0}),
    ({}, {"multiAzEnabled": False, "automaticFailoverEnabled": False}),
    ({"multiAzEnabled": False, "automaticFailoverEnabled": False}, {"numCacheClusters": 1.0}),
    ({"multiAzEnabled": False, "numCacheClusters": 1.0}, {"numCacheClusters": 2.0, "multiAzEnabled": True}),
    (OFF, {"transitEncryptionEnabled": True, "transitEncryptionMode": "preferred"}),
    ({"transitEncryptionMode": "preferred"}, {"transitEncryptionMode": "required"}),
    ({}, {"transitEncryptionMode": "preferred"}),
    ({"transitEncryptionMode": "preferred"}, OFF),
    ({"transitEncryptionMode": None}, {"transitEncryptionMode": "required"}),
    ({"userGroupIds": None}, {"authToken": SECRET, "authTokenUpdateStrategy": "SET"}),
    ({"authToken": SECRET, "userGroupIds": None}, {"authToken": f"{SECRET}2", "authTokenUpdateStrategy": "ROTATE"}),
    (
        {"authToken": SECRET, "userGroupIds": None},
        {"authToken": None, "userGroupIds": ["u"], "authTokenUpdateStrategy": "DELETE"},
    ),
    ({"applyImmediately": False}, {"nodeType": "cache.r7g.xlarge"}),
]


@pytest.mark.parametrize(("old", "new"), ALLOWED)
def test_allowed(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert judged(old, new) == {}


@pytest.mark.parametrize(("old", "new", "argument", "says"), REFUSED)
def test_nothing_is_refused_because_of_what_a_value_may_become(
    old: dict[str, Any], new: dict[str, Any], argument: str, says: str
) -> None:
    """Values that are not known in a preview, and secret ones, come as Outputs."""
    del says
    later = pulumi.Output.secret("later")
    found = judged(old, {name: value if value is None or name == "authToken" else later for name, value in new.items()})
    # Whether there is a token, or durability, is known even when its value is not.
    absent = argument == "auth_token" or new == {"durability": None}
    assert list(found) in ([], [argument]) if absent else found == {}


def test_parameters_of_creation() -> None:
    def group(**values: str) -> dict[str, Any]:
        return {"parameters": [{"name": name.replace("_", "-"), "value": value} for name, value in values.items()]}

    assert parameter_refusals(group(timeout="1"), group(timeout="2", maxmemory_policy="noeviction")) == []
    assert [argument for argument, _ in parameter_refusals(group(databases="16"), group(databases="32"))] == ["parameters"]
    assert "'databases' can only be set when" in parameter_refusals(group(databases="32"), group())[0][1]
    assert parameter_refusals({}, {"parameters": pulumi.Output.from_input([])}) == []


SAME = {"group_id": "orders"}


def created(*parameters: tuple[str, str], identity: dict[str, str] | None = None, brought: bool = False) -> dict[str, Any]:
    return of_creation(parameters, identity or SAME, brought=brought)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (created(), created(("databases", "16"))),  # AWS's own default
        (created(("databases", "32")), created(brought=True)),  # nobody knows what the brought group says
        (created(("databases", "32")), created(identity={"group_id": "others"})),  # another group is made
        (created(("maxmemory-policy", "allkeys-lru")), created()),
        ({}, created(("databases", "32"))),  # made by an earlier version, which recorded none
    ],
)
def test_what_is_chosen_at_creation_stays(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert creation_refusals(old, new) == []


def test_what_is_chosen_at_creation_is_not_changed() -> None:
    [(name, reason)] = creation_refusals(created(), created(("databases", "32")))
    assert name == "parameters"
    assert reason.startswith("'databases' 16 -> 32: can only be set when the cache is made")
    assert [name for name, _ in creation_refusals(created(("databases", "32")), created())] == ["parameters"]
