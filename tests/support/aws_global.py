"""Global Datastores of the emulated AWS for tests: short ways to them, and a case for each of their refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.aws_world import REGION, Remote, World, until

LARGE = "cache.r7g.large"
# A Region for secondaries, and its zones.
WEST = "eu-west-1"
WEST_ZONES = ("eu-west-1a", "eu-west-1b")
NORTH = "eu-west-2"
Case = Callable[[World], Any]


class Datastore:
    """One Global Datastore, and what is asked about it and its members."""

    def __init__(self, world: Remote, primary: str, suffix: str) -> None:
        self.world = world
        self.regions = {primary: REGION}
        given = {"GlobalReplicationGroupIdSuffix": suffix, "PrimaryReplicationGroupId": primary}
        answer = world.cache.create_global_replication_group(**given)["GlobalReplicationGroup"]
        self.id = str(answer["GlobalReplicationGroupId"])
        self.settled()

    @property
    def asked(self) -> dict[str, Any]:
        return {"GlobalReplicationGroupId": self.id}

    def describe(self) -> dict[str, Any]:
        given = {**self.asked, "ShowMemberInfo": True}
        found: dict[str, Any] = self.world.cache.describe_global_replication_groups(**given)["GlobalReplicationGroups"][0]
        return found

    def settled(self) -> dict[str, Any]:
        """Wait until no change is under way."""
        found: dict[str, Any] = until(self.describe, lambda seen: seen["Status"] in {"available", "primary-only"})
        return found

    def roles(self) -> dict[str, str]:
        return {member["ReplicationGroupId"]: member["Role"] for member in self.describe()["Members"]}

    def client(self, group_id: str) -> Any:
        return self.world.client("elasticache", self.regions[group_id])

    def group(self, group_id: str) -> dict[str, Any]:
        """Return a member's description."""
        groups = self.client(group_id).describe_replication_groups(ReplicationGroupId=group_id)["ReplicationGroups"]
        found: dict[str, Any] = groups[0]
        return found

    def available(self, group_id: str) -> dict[str, Any]:
        """Wait until a member is available."""
        found: dict[str, Any] = until(lambda: self.group(group_id), lambda seen: seen["Status"] == "available")
        return found

    def nodes(self, group_id: str) -> list[dict[str, Any]]:
        """Return a member's nodes as cache clusters."""
        clusters: list[dict[str, Any]] = self.client(group_id).describe_cache_clusters()["CacheClusters"]
        return [cluster for cluster in clusters if cluster["ReplicationGroupId"] == group_id]

    def add(self, region: str = WEST, **changes: Any) -> str:
        """Make a secondary and wait for it."""
        given = self.secondary(**changes)
        self.world.client("elasticache", region).create_replication_group(**given)
        self.regions[given["ReplicationGroupId"]] = region
        self.settled()
        return str(given["ReplicationGroupId"])

    def secondary(self, **changes: Any) -> dict[str, Any]:
        """Return the input of a secondary that is accepted; None takes a member away."""
        given = {
            "ReplicationGroupId": self.world.name("second"),
            "ReplicationGroupDescription": "a secondary",
            "NumCacheClusters": 2,
            **self.asked,
            **changes,
        }
        return {name: value for name, value in given.items() if value is not None}

    def promote(self, group_id: str) -> dict[str, Any]:
        given = {"PrimaryRegion": self.regions[group_id], "PrimaryReplicationGroupId": group_id}
        self.world.cache.failover_global_replication_group(**self.asked, **given)
        return self.settled()

    def remove(self, group_id: str) -> dict[str, Any]:
        given = {"ReplicationGroupId": group_id, "ReplicationGroupRegion": self.regions[group_id]}
        self.world.cache.disassociate_global_replication_group(**self.asked, **given)
        return self.settled()

    def modify(self, **changes: Any) -> dict[str, Any]:
        self.world.cache.modify_global_replication_group(**self.asked, ApplyImmediately=True, **changes)
        return self.settled()


def datastore(world: Remote, **changes: Any) -> Datastore:
    """Make a group and a Global Datastore of it."""
    return Datastore(world, world.group(**{"CacheNodeType": LARGE, **changes}), world.name("store"))


def sharded(world: Remote, **changes: Any) -> Datastore:
    return Datastore(world, world.shards(**{"CacheNodeType": LARGE, **changes}), world.name("store"))


def made_of(**changes: Any) -> Case:
    """Return the making of a Global Datastore of a group that is made so."""
    return lambda world: datastore(world, **changes)


def joined(**changes: Any) -> Case:
    """Return the making of a secondary that differs from an accepted one."""
    return lambda world: datastore(world).add(**changes)


def member(operation: str, **given: Any) -> Case:
    """Return an operation on a member."""
    return lambda world: getattr(world.cache, operation)(ReplicationGroupId=next(iter(datastore(world).roles())), **given)


def of(operation: str, **given: Any) -> Case:
    """Return an operation on a Global Datastore."""
    return lambda world: getattr(world.cache, operation)(**datastore(world).asked, **given)


def of_shards(operation: str, **given: Any) -> Case:
    return lambda world: getattr(world.cache, operation)(**sharded(world).asked, ApplyImmediately=True, **given)


def modify(**given: Any) -> Case:
    return of("modify_global_replication_group", ApplyImmediately=True, **given)


def again(world: World) -> None:
    made = datastore(world)
    Datastore(world, world.group(CacheNodeType=LARGE), made.id.partition("-")[2])


def elsewhere(world: World) -> None:
    client = world.client("elasticache", "me-south-1")
    given = world.arguments(CacheNodeType=LARGE)
    client.create_replication_group(**given)
    name = given["ReplicationGroupId"]
    client.create_global_replication_group(GlobalReplicationGroupIdSuffix="x", PrimaryReplicationGroupId=name)


def third_secondary(world: World) -> None:
    made = datastore(world)
    made.add(WEST)
    made.add(NORTH)
    made.add("us-east-1")


def delete_with_secondaries(world: World) -> None:
    made = datastore(world)
    made.add()
    world.cache.delete_global_replication_group(**made.asked, RetainPrimaryReplicationGroup=True)


def member_without_a_node(world: World) -> None:
    made = datastore(world)
    group_id = made.add()
    dark = made.nodes(group_id)[0]["PreferredAvailabilityZone"]
    world.plane.zone_down(dark)
    try:
        made.modify(CacheNodeType="cache.r7g.xlarge")
    finally:
        world.plane.zone_up(dark)


def durable_primary(world: World) -> None:
    durable = {"EngineVersion": "9.0", "CacheNodeType": LARGE, "Durability": "sync"}
    given = {"GlobalReplicationGroupIdSuffix": world.name("store"), "PrimaryReplicationGroupId": world.shards(**durable)}
    world.cache.create_global_replication_group(**given)


def stranger_leaves(world: World) -> None:
    made = datastore(world)
    stranger = world.group()
    made.regions[stranger] = REGION
    made.remove(stranger)


def primary_leaves(world: World) -> None:
    made = datastore(world)
    made.add()
    made.remove(next(iter(made.regions)))


def primary_again(world: World) -> None:
    made = datastore(world)
    made.add()
    made.promote(next(iter(made.regions)))


def major_version(**given: Any) -> Case:
    def case(world: World) -> None:
        datastore(world, EngineVersion="7.2").modify(EngineVersion="8.0", **given)

    return case


GLOBAL_CASES: dict[str, Case] = {
    "global-member": member("modify_replication_group", CacheNodeType="cache.r7g.xlarge", ApplyImmediately=True),
    "global-unknown": lambda world: world.cache.describe_global_replication_groups(GlobalReplicationGroupId="none"),
    "global-exists": again,
    "global-region": elsewhere,
    "global-node-type": made_of(CacheNodeType="cache.t4g.medium"),
    "global-version": made_of(Engine="redis", EngineVersion="4.0.10"),
    "global-durability": durable_primary,
    "global-ipv6": made_of(NetworkType="dual_stack"),
    "global-tls-preferred": made_of(TransitEncryptionMode="preferred"),
    "global-secondary-given": joined(Engine="valkey"),
    "global-secondary-other": joined(ClusterMode="enabled"),
    "global-secondary-count": third_secondary,
    "global-state": delete_with_secondaries,
    "global-member-state": member_without_a_node,
    "global-not-member": stranger_leaves,
    "global-disassociate-primary": primary_leaves,
    "global-primary-already": primary_again,
    "global-retain": of("delete_global_replication_group", RetainPrimaryReplicationGroup=False),
    "global-immediately": of("modify_global_replication_group", ApplyImmediately=False, CacheNodeType=LARGE),
    "global-one-field": modify(CacheNodeType="cache.r7g.xlarge", EngineVersion="8.1"),
    "global-parameter-group": major_version(),
    "global-shards": of_shards("increase_node_groups_in_global_replication_group", NodeGroupCount=2),
    "global-not-sharded": of("increase_node_groups_in_global_replication_group", NodeGroupCount=2, ApplyImmediately=True),
    "global-shards-to-remove": of_shards("decrease_node_groups_in_global_replication_group", NodeGroupCount=1),
}
