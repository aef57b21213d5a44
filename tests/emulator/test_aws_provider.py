"""The aws provider as a whole: its configuration, look-ups, an endpoint that is gone, imports, the order of an update."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from pulumi_emulator import aws
from pulumi_emulator.handlers.aws import AWS_HANDLERS
from pulumi_emulator.handlers.aws.replication_group import ReplicationGroup
from pulumi_emulator.recovery import REMOVAL_ORDER, remove_forgotten
from pulumi_emulator.stacks import StackFolder
from pulumi_emulator.values import UNKNOWN, Secret, decode, encode
from tests.support.aws_provider import TOKENS, Context, EmulatedAccount, RefusedError
from tests.support.aws_world import until

TOPIC = "sns.Topic"


def test_each_provider_of_the_program_has_its_region_and_tags(account: EmulatedAccount) -> None:
    # The SDK sends nested configuration as JSON text; the engine has a connection for each provider resource.
    near = account.configure(
        {"region": "eu-central-1", "defaultTags": '{"tags": {"team": "a", "Name": "default"}}'}, Context("ipv4:127.0.0.1:2")
    )
    far = account.configure(
        {
            "region": "us-west-2",
            "defaultTags": {"tags": {"team": "b", "aws:x": "1", "secret": "2"}},
            "ignoreTags": {"keys": ["secret"], "keyPrefixes": ["aws:"]},
        },
        Context("ipv4:127.0.0.1:3"),
    )
    here, there = account.resource(TOPIC, near), account.resource(TOPIC, far)
    assert here.create({"name": "providers", "tags": {"Name": "own"}})["tagsAll"] == {"team": "a", "Name": "own"}
    assert there.create({"name": "providers"})["tagsAll"] == {"team": "b"}
    assert (here.id.split(":")[3], there.id.split(":")[3]) == ("eu-central-1", "us-west-2")
    assert here.read() == {}
    assert here.state["tags"] == {"Name": "own"}, "default tags are no tags of the resource's own"
    account.configure({"region": "eu-central-1", "defaultTags": {"tags": {"team": "c"}}}, near)
    assert here.diff({"name": "providers", "tags": {"Name": "own"}}) == {"tagsAll": False}
    account.configure({"region": "us-west-2"}, near)
    assert here.diff({"name": "providers", "tags": {"Name": "own"}})["region"], "another region replaces"
    named = account.resource(TOPIC, near, "named")
    named.create({"name": "argument", "region": "eu-west-1"})
    assert named.id.split(":")[3] == "eu-west-1"


def test_a_region_must_come_from_somewhere(tmp_path: Path) -> None:
    account = EmulatedAccount(tmp_path, None)
    account.configure({})
    assert "aws:region" in account.resource(TOPIC).check({})["region"]
    assert account.resource(TOPIC).check({"region": "eu-central-1"}) == {}
    assert account.resource("route53.Zone").check({"name": "example.com"}) == {}, "Route 53 has none"


def test_tags_that_are_not_known_yet_or_secret(account: EmulatedAccount) -> None:
    topic = account.resource(TOPIC)
    assert topic.check({"tags": {"a": UNKNOWN}}) == {}
    assert topic.checked["tagsAll"] is UNKNOWN
    assert topic.check({"tags": {"a": Secret("x")}}) == {}
    assert isinstance(topic.checked["tagsAll"], Secret)


def invoke(account: EmulatedAccount, name: str, **arguments: Any) -> dict[str, Any]:
    request = pb.InvokeRequest(tok=f"aws:index/{name}:{name}", args=encode(arguments))
    return decode(getattr(account.provider.Invoke(request, account.context), "return"))


def test_look_ups_need_no_endpoint(tmp_path: Path, endpoint: aws.Endpoint) -> None:
    account = EmulatedAccount(tmp_path, None)
    assert invoke(account, "getCallerIdentity")["accountId"] == aws.ACCOUNT_ID
    assert invoke(account, "getRegion")["region"] == "eu-central-1"
    assert invoke(account, "getRegion", region="us-west-2")["region"] == "us-west-2"
    assert invoke(account, "getPartition")["partition"] == "aws"
    zones = invoke(account, "getAvailabilityZones")
    assert zones["names"] == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    answered = aws.client(endpoint, "ec2", "eu-central-1").describe_availability_zones()["AvailabilityZones"]
    assert zones["zoneIds"] == [zone["ZoneId"] for zone in answered], "the endpoint says the same"
    assert invoke(account, "getAvailabilityZones", excludeNames=["eu-central-1b"])["names"] == [
        "eu-central-1a",
        "eu-central-1c",
    ]
    with pytest.raises(RefusedError, match=r"getAmi is not emulated; .* aws: .*aws:index/getAvailabilityZones"):
        invoke(account, "getAmi")


def test_without_an_endpoint_nothing_is_there_and_nothing_starts(account: EmulatedAccount) -> None:
    topic = account.made(TOPIC, name="lost")
    gone = EmulatedAccount(account.cloud.world._path.parent / "later", None)
    resource = gone.resource(TOPIC)
    resource.id, resource.inputs, resource.state = topic.id, topic.inputs, topic.state
    gone.cloud.world.put(TOKENS[TOPIC], topic.id, {"name": "lost"})
    with pytest.raises(RefusedError, match="run `refresh`"):
        resource.update({"name": "lost", "displayName": "x"})
    assert resource.read() is None
    assert gone.cloud.world.all(TOKENS[TOPIC]) == {}, "nothing of it has to be freed"
    resource.delete()
    assert gone.starts == 0


def test_what_the_api_refuses_is_told_in_its_words(account: EmulatedAccount) -> None:
    with pytest.raises(RefusedError, match=r"ec2 CreateSubnet in eu-central-1: InvalidVpcID.NotFound"):
        account.made("ec2.Subnet", vpcId="vpc-12345678", cidrBlock="10.0.0.0/24")
    assert account.cloud.world.all(TOKENS["ec2.Subnet"]) == {}


@pytest.mark.parametrize(
    ("kind", "inputs", "found"),
    [
        ("elasticache.SubnetGroup", {"name": "subs"}, {"name": "subs"}),
        (
            "elasticache.ParameterGroup",
            {"name": "pars", "family": "valkey8"},
            {"family": "valkey8", "description": "Managed by Pulumi"},
        ),
        (
            "elasticache.User",
            {
                "engine": "valkey",
                "userId": "adopted",
                "userName": "adopted",
                "accessString": "on ~* +@all",
                "passwords": ["a-password-of-24-letters"],
            },
            {"userName": "adopted", "engine": "valkey"},
        ),
        (
            "elasticache.ReplicationGroup",
            {
                "replicationGroupId": "adopted",
                "description": "x",
                "engine": "valkey",
                "engineVersion": "8.0",
                "nodeType": "cache.r7g.large",
                "numCacheClusters": 2,
                "automaticFailoverEnabled": True,
            },
            {"numCacheClusters": 2, "engineVersion": "8.0", "automaticFailoverEnabled": True, "nodeType": "cache.r7g.large"},
        ),
        ("elasticache.ServerlessCache", {"name": "adopted", "engine": "valkey"}, {"name": "adopted", "engine": "valkey"}),
        (TOPIC, {"name": "adopted", "displayName": "x"}, {"name": "adopted", "displayName": "x"}),
        ("ec2.SecurityGroup", {"name": "adopted"}, {"name": "adopted"}),
        ("cloudwatch.LogGroup", {"name": "adopted", "retentionInDays": 7}, {"name": "adopted", "retentionInDays": 7}),
    ],
)
def test_adoption(account: EmulatedAccount, kind: str, inputs: dict[str, Any], found: dict[str, Any]) -> None:
    if kind.endswith("SubnetGroup"):
        vpc = account.made("ec2.Vpc", cidrBlock="10.3.0.0/16", region="eu-west-1")
        inputs = inputs | {
            "subnetIds": [account.made("ec2.Subnet", vpcId=vpc.id, cidrBlock="10.3.0.0/24", region="eu-west-1").id]
        }
    made = account.made(kind, "maker", **inputs, region="eu-west-1", tags={"who": "else"})
    taken = account.resource(kind)
    assert taken.import_(made.id) is None, "the provider's own region has no such thing"
    seen = taken.import_(f"{made.id}@eu-west-1")
    assert seen is not None
    assert (taken.id, seen["region"], seen["tags"]) == (made.id, "eu-west-1", {"who": "else"})
    assert {name: seen[name] for name in found} == found
    assert taken.diff(inputs | {"region": "eu-west-1", "tags": {"who": "else"}}, ignore=("passwords",)) == {}
    assert account.cloud.world.get(TOKENS[kind], made.id), "made here, once"


def test_a_record_keeps_the_name_that_the_program_writes(account: EmulatedAccount) -> None:
    zone = account.made("route53.Zone", name="names.example")
    record = account.made("route53.Record", zoneId=zone.id, name="Cache", type="CNAME", ttl=5, records=["a.example"])
    assert record.id == f"{zone.id}_cache_CNAME"
    assert record.state["fqdn"] == "cache.names.example"
    weighted = account.made(
        "route53.Record",
        "w",
        zoneId=zone.id,
        name="my_cache",
        type="CNAME",
        ttl=5,
        records=["a.example"],
        setIdentifier="blue_1",
        weightedRoutingPolicies=[{"weight": 10}],
    )
    assert weighted.id == f"{zone.id}_my_cache_CNAME_blue_1"
    assert weighted.read() == {}


def test_drift_is_seen(account: EmulatedAccount, endpoint: aws.Endpoint) -> None:
    alarm = account.made(
        "cloudwatch.MetricAlarm",
        name="drifts",
        comparisonOperator="GreaterThanThreshold",
        evaluationPeriods=1,
        threshold=1,
        metricName="m",
        namespace="n",
        period=60,
        statistic="Average",
    )
    aws.client(endpoint, "cloudwatch", "eu-central-1").put_metric_alarm(
        AlarmName="drifts",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Threshold=5.0,
        MetricName="m",
        Namespace="n",
        Period=60,
        Statistic="Average",
    )
    assert alarm.read() == {"threshold": 5}


GROUP = ReplicationGroup()
STATE = {
    "replicationGroupId": "prod",
    "description": "a",
    "numCacheClusters": 3,
    "numNodeGroups": 2,
    "replicasPerNodeGroup": 1,
    "multiAzEnabled": True,
    "automaticFailoverEnabled": True,
    "authToken": "old-token-of-twenty!",
    "snapshotRetentionLimit": 0,
    "arn": "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:prod",
    "userGroupIds": [],
    "logDeliveryConfigurations": [
        {"destination": "x", "destinationType": "cloudwatch-logs", "logFormat": "json", "logType": "slow-log"}
    ],
}


def small_group(group_id: str, **changes: Any) -> dict[str, Any]:
    given = {"description": "x", "engine": "valkey", "engineVersion": "8.0", "nodeType": "cache.r7g.large"}
    wanted = {"replicationGroupId": group_id, "numCacheClusters": 1, "applyImmediately": True, **given, **changes}
    return {name: value for name, value in wanted.items() if value is not None}


def requests(**changed: Any) -> list[tuple[str, dict[str, Any]]]:
    inputs = {name: value for name, value in {**STATE, "applyImmediately": True, **changed}.items() if name != "arn"}
    made = GROUP.changes("prod", STATE, inputs, set(changed))
    return [(request.operation, request.parameters) for request in made]


def test_an_update_goes_in_the_providers_order() -> None:
    everything = requests(
        numNodeGroups=3,
        replicasPerNodeGroup=2,
        description="b",
        authToken="new-token-of-twenty!",
        authTokenUpdateStrategy="ROTATE",
    )
    assert [name for name, _ in everything] == [
        "ModifyReplicationGroupShardConfiguration",
        "IncreaseReplicaCount",
        "ModifyReplicationGroup",
        "ModifyReplicationGroup",
    ]
    assert everything[2][1]["ReplicationGroupDescription"] == "b"
    assert "AuthToken" not in everything[2][1]
    assert (everything[3][1]["AuthTokenUpdateStrategy"], everything[3][1]["ApplyImmediately"]) == ("ROTATE", True)
    # From several zones to one node: Multi-AZ is switched off before the replicas go (P15's order).
    down = requests(numCacheClusters=1, multiAzEnabled=False, automaticFailoverEnabled=False)
    assert [name for name, _ in down] == ["ModifyReplicationGroup", "DecreaseReplicaCount"]
    assert down[0][1]["MultiAZEnabled"] is False
    assert down[1][1] == {"ReplicationGroupId": "prod", "ApplyImmediately": True, "NewReplicaCount": 0}
    up = requests(numCacheClusters=4, multiAzEnabled=True, description="b")
    assert [name for name, _ in up] == ["IncreaseReplicaCount", "ModifyReplicationGroup"]


def test_shards_go_from_the_highest_number_down() -> None:
    [(name, parameters)] = requests(numNodeGroups=1, shardsPresent=["0001", "0004", "0003"])
    assert (name, parameters["NodeGroupsToRemove"]) == ("ModifyReplicationGroupShardConfiguration", ["0004", "0003"])
    [(_, parameters)] = requests(numNodeGroups=1, shardsPresent=["0003"])
    assert "NodeGroupsToRemove" not in parameters, "the other one is gone already"


def test_shards_go_also_when_one_was_removed_by_another_hand(account: EmulatedAccount, endpoint: aws.Endpoint) -> None:
    sharded = small_group(
        "shards", numCacheClusters=None, numNodeGroups=4, replicasPerNodeGroup=0, automaticFailoverEnabled=True
    )
    group = account.made("elasticache.ReplicationGroup", **sharded)
    cache = aws.client(endpoint, "elasticache", "eu-central-1")
    about = {"ReplicationGroupId": "shards", "ApplyImmediately": True}
    cache.modify_replication_group_shard_configuration(**about, NodeGroupCount=3, NodeGroupsToRemove=["0003"])

    def described() -> dict[str, Any]:
        [found] = cache.describe_replication_groups(ReplicationGroupId="shards")["ReplicationGroups"]
        return dict(found)

    assert until(described, lambda found: found["Status"] == "available")["MemberClusters"]
    group.update({**sharded, "numNodeGroups": 2})
    found = described()
    assert [shard["NodeGroupId"] for shard in found["NodeGroups"]] == ["0001", "0002"]


def test_a_token_gives_way_to_users_in_one_call() -> None:
    [(name, parameters)] = requests(userGroupIds=["users"], authToken=None, authTokenUpdateStrategy="DELETE")
    assert name == "ModifyReplicationGroup"
    assert (parameters["UserGroupIdsToAdd"], parameters["AuthTokenUpdateStrategy"]) == (["users"], "DELETE")
    assert "AuthToken" not in parameters


def test_a_serverless_cache_changes_one_field_in_a_request(account: EmulatedAccount) -> None:
    given = {"name": "fields", "engine": "redis", "majorEngineVersion": "7"}
    limits = {"cacheUsageLimits": {"dataStorage": {"maximum": 10, "unit": "GB"}, "ecpuPerSeconds": [{"maximum": 5000}]}}
    cache = account.made("elasticache.ServerlessCache", **given, **limits)
    state = cache.update({**given, "engine": "valkey", "description": "two", "snapshotRetentionLimit": 1})
    assert (state["engine"], state["majorEngineVersion"], state["description"]) == ("valkey", "7", "two")
    assert "cacheUsageLimits" not in state
    assert cache.read() == {}


def test_no_mode_of_encryption_stays_when_it_goes_off(account: EmulatedAccount) -> None:
    encrypted = {"transitEncryptionEnabled": True, "transitEncryptionMode": "preferred"}
    group = account.made("elasticache.ReplicationGroup", **small_group("clear", **encrypted))
    state = group.update(small_group("clear", transitEncryptionEnabled=False))
    assert (state["transitEncryptionEnabled"], state["transitEncryptionMode"]) == (False, "")
    assert group.diff(small_group("clear", transitEncryptionEnabled=False)) == {}
    assert group.diff(small_group("clear", **encrypted)) == {"transitEncryptionEnabled": False, "transitEncryptionMode": False}


def test_notifications_go_off(account: EmulatedAccount) -> None:
    topic = account.made(TOPIC, name="heard").id
    group = account.made("elasticache.ReplicationGroup", **small_group("quiet", notificationTopicArn=topic))
    assert "notificationTopicArn" not in group.update(small_group("quiet"))
    assert "notificationTopicArn" not in (group.import_("quiet") or {})
    [(_, parameters)] = requests(notificationTopicArn=None)
    assert parameters["NotificationTopicArn"] == ""


def test_a_change_that_waits_is_one_until_it_is_made(account: EmulatedAccount) -> None:
    group = account.made("elasticache.ReplicationGroup", **small_group("patient"))
    later = small_group("patient", engineVersion="8.1", nodeType="cache.r7g.xlarge", applyImmediately=False)
    state = group.update({**later, "description": "y"})
    assert (state["engineVersion"], state["nodeType"], state["description"]) == ("8.0", "cache.r7g.large", "y")
    waiting = {"engineVersion": False, "nodeType": False}
    assert group.diff({**later, "description": "y"}) == waiting
    assert group.read() == {"engineVersion": "8.0", "nodeType": "cache.r7g.large"}
    assert group.diff({**later, "description": "y"}) == waiting
    assert group.update({**later, "description": "z", "applyImmediately": True})["engineVersion"] == "8.1"
    assert group.diff({**later, "description": "z", "applyImmediately": True}) == {}


def test_a_log_that_is_no_longer_wanted_is_switched_off() -> None:
    [(_, parameters)] = requests(logDeliveryConfigurations=[])
    assert parameters["LogDeliveryConfigurations"] == [{"LogType": "slow-log", "Enabled": False}]


def test_a_version_goes_with_its_engine() -> None:
    [(_, parameters)] = requests(engineVersion="8.1", engine="valkey")
    assert (parameters["Engine"], parameters["EngineVersion"]) == ("valkey", "8.1")


def test_the_first_snapshots_name_a_node() -> None:
    [(_, parameters)] = requests(snapshotRetentionLimit=1)
    assert parameters["SnapshottingClusterId"] == "prod-001"


def test_the_last_snapshot_goes_with_the_deletion() -> None:
    [request] = GROUP.removal("prod", {"finalSnapshotIdentifier": "last"})
    assert request.parameters == {"ReplicationGroupId": "prod", "FinalSnapshotIdentifier": "last"}


def test_nodes_that_cannot_follow_a_change_fail_it(account: EmulatedAccount) -> None:
    group = {"replicationGroupId": "stuck", "description": "x", "engine": "valkey", "nodeType": "cache.r7g.large"}
    cache = account.made("elasticache.ReplicationGroup", **group, numCacheClusters=1)
    account.caches = [{"id": "stuck", "region": "eu-central-1", "failure": "modifying failed: no memory"}]
    with pytest.raises(RefusedError, match="replication group stuck: modifying failed: no memory"):
        cache.update({**group, "numCacheClusters": 2, "applyImmediately": True})


def test_what_a_killed_command_made_is_removed(account: EmulatedAccount, tmp_path: Path) -> None:
    vpc = account.made("ec2.Vpc", cidrBlock="10.9.0.0/16")
    subnet = account.made("ec2.Subnet", vpcId=vpc.id, cidrBlock="10.9.0.0/24")
    security = account.made("ec2.SecurityGroup", name="forgotten", vpcId=vpc.id)
    sources = {"ipProtocol": "tcp", "fromPort": 1, "toPort": 1, "cidrIpv4": "10.0.0.0/8"}
    rule = account.made("vpc.SecurityGroupIngressRule", securityGroupId=security.id, **sources)
    placed = account.made("elasticache.SubnetGroup", name="forgotten", subnetIds=[subnet.id])
    group = {"replicationGroupId": "forgotten", "description": "x", "engine": "valkey", "nodeType": "cache.r7g.large"}
    cache = account.made("elasticache.ReplicationGroup", **group, numCacheClusters=1, subnetGroupName=placed.id)
    zone = account.made("route53.Zone", name="forgotten.example")
    record = account.made("route53.Record", zoneId=zone.id, name="a", type="A", ttl=5, records=["10.0.0.1"])
    everything = [vpc, subnet, security, rule, placed, cache, zone, record]
    removed = remove_forgotten(StackFolder(tmp_path, "p", "s"), account.cloud)
    assert len(removed) == len(everything)
    assert [resource.kind for resource in everything if resource.read() is not None] == []


def test_what_is_in_something_is_removed_before_it() -> None:
    assert {handler.token for handler in AWS_HANDLERS} <= set(REMOVAL_ORDER)

    def before(first: str, second: str) -> bool:
        return REMOVAL_ORDER.index(TOKENS[first]) < REMOVAL_ORDER.index(TOKENS[second])

    assert before("elasticache.ReplicationGroup", "elasticache.SubnetGroup")
    assert before("elasticache.ReplicationGroup", "elasticache.ParameterGroup")
    assert before("elasticache.ReplicationGroup", "elasticache.UserGroup")
    assert before("elasticache.UserGroup", "elasticache.User")
    assert before("elasticache.SubnetGroup", "ec2.Subnet")
    assert before("vpc.SecurityGroupIngressRule", "ec2.SecurityGroup")
    assert before("ec2.SecurityGroup", "ec2.Vpc")
    assert before("route53.Record", "route53.Zone")
    assert before("kms.Alias", "kms.Key")
