"""What answers which call, and that handlers know what AWS's service model has."""

from __future__ import annotations

import botocore.session
import pytest

from pulumi_emulator.aws.coverage import coverage
from pulumi_emulator.aws.elasticache import service
from pulumi_emulator.aws.elasticache.operations import OPERATIONS

service.load()
MODEL = botocore.session.get_session().get_service_model("elasticache")
# Operations that the contract with the provider's handlers names.
NEEDED = {
    "CreateReplicationGroup DescribeReplicationGroups ModifyReplicationGroup DeleteReplicationGroup TestFailover",
    "IncreaseReplicaCount DecreaseReplicaCount ModifyReplicationGroupShardConfiguration DescribeCacheClusters",
    "CreateCacheParameterGroup DescribeCacheParameterGroups ModifyCacheParameterGroup ResetCacheParameterGroup",
    "DeleteCacheParameterGroup DescribeCacheParameters CreateCacheSubnetGroup DescribeCacheSubnetGroups",
    "ModifyCacheSubnetGroup DeleteCacheSubnetGroup CreateUser DescribeUsers ModifyUser DeleteUser CreateUserGroup",
    "DescribeUserGroups ModifyUserGroup DeleteUserGroup CreateServerlessCache DescribeServerlessCaches",
    "ModifyServerlessCache DeleteServerlessCache CreateSnapshot DescribeSnapshots DeleteSnapshot DescribeEvents",
    "CreateGlobalReplicationGroup DescribeGlobalReplicationGroups ModifyGlobalReplicationGroup DeleteGlobalReplicationGroup",
    "FailoverGlobalReplicationGroup DisassociateGlobalReplicationGroup IncreaseNodeGroupsInGlobalReplicationGroup",
    "DecreaseNodeGroupsInGlobalReplicationGroup RebalanceSlotsInGlobalReplicationGroup",
    "AddTagsToResource RemoveTagsFromResource ListTagsForResource DescribeCacheEngineVersions",
}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_handler_reads_members_that_aws_s_model_has(name: str) -> None:
    shape = MODEL.operation_model(name).input_shape
    assert shape is not None
    assert OPERATIONS[name].members <= set(shape.members)


def test_every_operation_that_handlers_need_is_there() -> None:
    assert {name for line in NEEDED for name in line.split()} <= OPERATIONS.keys()


def test_every_operation_is_in_one_column() -> None:
    rows = {row.service: row for row in coverage()}
    assert rows["elasticache"].moto == ()
    assert rows["fis"].own == ("CreateExperimentTemplate", "StartExperiment", "StopExperiment")
    assert "TagResource" in rows["application-autoscaling"].own
    assert rows["sns"].own == ()
    for row in rows.values():
        columns = [*row.own, *row.moto, *row.missing]
        assert len(columns) == len(set(columns))
        assert row.own or row.moto
