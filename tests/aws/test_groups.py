"""Replication groups as the emulated API answers them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support.aws_world import World, until

GROUP_ARN = "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:"


def test_a_group_with_cluster_mode_disabled(world: World) -> None:
    given = world.arguments(CacheSubnetGroupName=world.subnet_group(), NumCacheClusters=3, SnapshotRetentionLimit=3)
    group_id = given["ReplicationGroupId"]
    answer = world.cache.create_replication_group(**given)["ReplicationGroup"]
    assert answer["Status"] == "creating"
    found = world.available(group_id)
    assert found["MemberClusters"] == [f"{group_id}-00{number}" for number in (1, 2, 3)]
    assert found["ARN"] == GROUP_ARN + group_id
    assert "ConfigurationEndpoint" not in found
    assert (found["AutomaticFailover"], found["MultiAZ"], found["ClusterEnabled"]) == ("enabled", "enabled", False)
    assert (found["TransitEncryptionMode"], found["AuthTokenEnabled"], found["Engine"]) == ("required", False, "valkey")
    assert found["SnapshottingClusterId"] == f"{group_id}-001"
    (shard,) = found["NodeGroups"]
    assert shard["NodeGroupId"] == "0001"
    hash_ = world.account.hash
    assert shard["PrimaryEndpoint"] == {"Address": f"master.{group_id}.{hash_}.euc1.cache.amazonaws.com", "Port": 6379}
    assert shard["ReaderEndpoint"]["Address"] == f"replica.{group_id}.{hash_}.euc1.cache.amazonaws.com"
    assert "Slots" not in shard
    members = shard["NodeGroupMembers"]
    assert [member["CurrentRole"] for member in members] == ["primary", "replica", "replica"]
    assert {member["CacheNodeId"] for member in members} == {"0001"}
    # A zone after another; the third node is in the first again.
    zones = [member["PreferredAvailabilityZone"] for member in members]
    assert zones == ["eu-central-1a", "eu-central-1b", "eu-central-1a"]


def test_a_group_with_cluster_mode_enabled(world: World) -> None:
    group_id = world.shards(CacheSubnetGroupName=world.subnet_group())
    found = world.describe(group_id)
    assert found["MemberClusters"] == [f"{group_id}-000{shard}-00{node}" for shard in (1, 2) for node in (1, 2)]
    address = f"clustercfg.{group_id}.{world.account.hash}.euc1.cache.amazonaws.com"
    assert found["ConfigurationEndpoint"] == {"Address": address, "Port": 6379}
    assert (found["ClusterEnabled"], found["ClusterMode"]) == (True, "enabled")
    assert [shard["Slots"] for shard in found["NodeGroups"]] == ["0-8191", "8192-16383"]
    for shard in found["NodeGroups"]:
        assert "PrimaryEndpoint" not in shard
        for member in shard["NodeGroupMembers"]:
            assert "CurrentRole" not in member  # botocore NodeGroupMember: cluster mode disabled only
    spec = world.plane.specs[group_id]
    assert spec.cluster
    assert dict(spec.slots) == {"0001": "0-8191", "0002": "8192-16383"}


def test_the_parameter_group_decides_the_cluster_mode(world: World) -> None:
    group_id = world.shards(NumNodeGroups=1, CacheParameterGroupName="default.valkey8.cluster.on")
    assert world.describe(group_id)["ClusterMode"] == "enabled"


def test_shards_of_one_s_own_layout(world: World) -> None:
    layout = [
        {"NodeGroupId": "0001", "Slots": "0-99", "ReplicaCount": 1, "PrimaryAvailabilityZone": "eu-central-1b"},
        {"NodeGroupId": "0002", "Slots": "100-16383", "ReplicaCount": 2},
    ]
    given = {"NumNodeGroups": None, "ReplicasPerNodeGroup": None, "NodeGroupConfiguration": layout, "ClusterMode": "enabled"}
    group_id = world.shards(CacheSubnetGroupName=world.subnet_group(), **given)
    first, second = world.describe(group_id)["NodeGroups"]
    assert first["NodeGroupMembers"][0]["PreferredAvailabilityZone"] == "eu-central-1b"
    assert (first["Slots"], len(second["NodeGroupMembers"])) == ("0-99", 3)


def test_preferred_zones_are_taken_in_order(world: World) -> None:
    wanted = ["eu-central-1b", "eu-central-1a"]
    group_id = world.group(CacheSubnetGroupName=world.subnet_group(), PreferredCacheClusterAZs=wanted)
    members = world.describe(group_id)["NodeGroups"][0]["NodeGroupMembers"]
    assert [member["PreferredAvailabilityZone"] for member in members] == wanted


def test_a_node_is_a_cache_cluster(world: World) -> None:
    group_id = world.group(EngineVersion="8.1", PreferredMaintenanceWindow="Mon:01:00-Mon:02:00", SnapshotWindow="05:00-06:00")
    asked = {"CacheClusterId": f"{group_id}-002", "ShowCacheNodeInfo": True}
    (found,) = world.cache.describe_cache_clusters(**asked)["CacheClusters"]
    assert (found["ReplicationGroupId"], found["EngineVersion"], found["NumCacheNodes"]) == (group_id, "8.1.0", 1)
    assert found["PreferredMaintenanceWindow"] == "mon:01:00-mon:02:00"
    assert found["CacheParameterGroup"]["CacheParameterGroupName"] == "default.valkey8"
    address = f"{group_id}-002.{group_id}.{world.account.hash}.euc1.cache.amazonaws.com"
    assert found["CacheNodes"][0]["Endpoint"]["Address"] == address
    assert "CacheNodes" not in world.cache.describe_cache_clusters(CacheClusterId=f"{group_id}-002")["CacheClusters"][0]


def test_without_encryption_the_names_are_the_other_ones(world: World) -> None:
    group_id = world.group(TransitEncryptionEnabled=False)
    found = world.describe(group_id)
    address = found["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    assert address == f"{group_id}.{world.account.hash}.ng.0001.euc1.cache.amazonaws.com"
    assert "TransitEncryptionMode" not in found
    assert world.plane.specs[group_id].plain


def test_tags_are_of_the_group_and_of_its_nodes(world: World) -> None:
    group_id = world.group(Tags=[{"Key": "team", "Value": "store"}])
    for arn in (GROUP_ARN + group_id, f"arn:aws:elasticache:eu-central-1:123456789012:cluster:{group_id}-001"):
        assert world.cache.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "team", "Value": "store"}]
    world.cache.add_tags_to_resource(ResourceName=GROUP_ARN + group_id, Tags=[{"Key": "more", "Value": ""}])
    left = world.cache.remove_tags_from_resource(ResourceName=GROUP_ARN + group_id, TagKeys=["team"])
    assert left["TagList"] == [{"Key": "more", "Value": ""}]


def test_deletion_keeps_a_final_snapshot_that_can_be_restored(world: World) -> None:
    group_id, name = world.group(), world.name("final")
    answer = world.cache.delete_replication_group(ReplicationGroupId=group_id, FinalSnapshotIdentifier=name)
    assert answer["ReplicationGroup"]["Status"] == "deleting"

    def gone() -> bool:
        try:
            world.describe(group_id)
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "ReplicationGroupNotFoundFault")
        return False

    assert until(gone, bool)
    assert group_id not in world.plane.specs
    (snapshot,) = world.cache.describe_snapshots(SnapshotName=name)["Snapshots"]
    assert (snapshot["ReplicationGroupId"], snapshot["SnapshotStatus"]) == (group_id, "available")
    assert world.describe(world.group(SnapshotName=name))["Status"] == "available"


def test_a_group_is_made_of_files_in_s3(world: World) -> None:
    s3, bucket = world.client("s3"), world.name("bucket-of-dumps")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket=bucket, Key="a/dump.rdb", Body=b"rdb")
    group_id = world.group(SnapshotArns=[f"arn:aws:s3:::{bucket}/a/dump.rdb"])
    assert world.describe(group_id)["Status"] == "available"


def test_durability_is_told(world: World) -> None:
    group_id = world.shards(EngineVersion="9.0", CacheNodeType="cache.r7g.large", Durability="async")
    found = world.describe(group_id)
    assert (found["Durability"], found["EffectiveDurability"], found["AtRestEncryptionEnabled"]) == ("async", "async", True)
    assert not world.plane.specs[group_id].durable
    assert world.modify(group_id, Durability="sync")["EffectiveDurability"] == "sync"
    assert until(lambda: world.plane.specs[group_id].durable, bool)


def test_a_group_whose_nodes_do_not_start_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(world.plane, "create", fail)
    given = world.arguments()
    world.cache.create_replication_group(**given)
    group_id = given["ReplicationGroupId"]
    assert world.available(group_id)["Status"] == "create-failed"
    events = world.cache.describe_events(SourceIdentifier=group_id)["Events"]
    assert "no room" in events[-1]["Message"]
    world.cache.delete_replication_group(ReplicationGroupId=group_id)


def test_answers_come_in_pages(world: World) -> None:
    made = {world.group(NumCacheClusters=2) for _ in range(3)}
    pages = world.cache.get_paginator("describe_replication_groups").paginate(PaginationConfig={"PageSize": 20})
    assert made <= {group["ReplicationGroupId"] for page in pages for group in page["ReplicationGroups"]}
    first = world.cache.describe_cache_clusters(MaxRecords=20)
    assert len(first["CacheClusters"]) <= 20


def test_a_group_lives_in_its_region(world: World) -> None:
    group_id = world.group()
    elsewhere = world.client("elasticache", "us-east-1")
    assert group_id not in [
        group["ReplicationGroupId"] for group in elsewhere.describe_replication_groups()["ReplicationGroups"]
    ]


def test_what_no_handler_reads_is_refused(world: World) -> None:
    with pytest.raises(ClientError, match="the emulator does not know PrimaryClusterId of CreateReplicationGroup"):
        world.cache.create_replication_group(**world.arguments(PrimaryClusterId="other"))
    with pytest.raises(ClientError, match="no operation RebootCacheCluster"):
        world.cache.reboot_cache_cluster(CacheClusterId="x", CacheNodeIdsToReboot=["0001"])
