"""ElastiCache's replication groups. What decides is in replication_rules; here is the way to the API and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.aws import replication_rules
from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, ApiError, Aws, region_of
from pulumi_emulator.handlers.aws.elasticache import CacheThing
from pulumi_emulator.handlers.aws.global_group import SETTLED
from pulumi_emulator.handlers.aws.translation import Call, Each, Pairs, Request, Target, Through
from pulumi_emulator.handlers.base import Cloud, Made, Properties
from pulumi_emulator.rules import Change, Failure, changes, load

# disassociateReplicationGroup: the fault that is waited for, and the words that are no error.
CHANGING: Final = "InvalidGlobalReplicationGroupState"
NOT_IN_IT: Final = "is not associated with Global Replication Group"


def log_delivery(configurations: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return where logs go as the API writes it: the kind of place decides how its name is given."""
    made = []
    for item in configurations:
        if item["destinationType"] == "cloudwatch-logs":
            details = {"CloudWatchLogsDetails": {"LogGroup": item["destination"]}}
        else:
            details = {"KinesisFirehoseDetails": {"DeliveryStream": item["destination"]}}
        made.append(
            {
                "LogType": item["logType"],
                "DestinationType": item["destinationType"],
                "DestinationDetails": details,
                "LogFormat": item["logFormat"],
                "Enabled": True,
            }
        )
    return made


NODE_GROUP = Each(
    "NodeGroupConfiguration",
    {
        "nodeGroupId": "NodeGroupId",
        "primaryAvailabilityZone": "PrimaryAvailabilityZone",
        "primaryOutpostArn": "PrimaryOutpostArn",
        "replicaAvailabilityZones": "ReplicaAvailabilityZones",
        "replicaCount": "ReplicaCount",
        "replicaOutpostArns": "ReplicaOutpostArns",
        "slots": "Slots",
    },
)

# What both calls name alike.
SHARED: Mapping[str, Target] = {
    "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "automaticFailoverEnabled": "AutomaticFailoverEnabled",
    "clusterMode": "ClusterMode",
    "description": "ReplicationGroupDescription",
    "durability": "Durability",
    "engine": "Engine",
    "engineVersion": "EngineVersion",
    "ipDiscovery": "IpDiscovery",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "multiAzEnabled": "MultiAZEnabled",
    "nodeType": "CacheNodeType",
    "notificationTopicArn": "NotificationTopicArn",
    "parameterGroupName": "CacheParameterGroupName",
    "securityGroupIds": "SecurityGroupIds",
    "securityGroupNames": "CacheSecurityGroupNames",
    "snapshotRetentionLimit": "SnapshotRetentionLimit",
    "snapshotWindow": "SnapshotWindow",
    "transitEncryptionEnabled": "TransitEncryptionEnabled",
    "transitEncryptionMode": "TransitEncryptionMode",
}


class ReplicationGroup(CacheThing):
    """A cache of several nodes."""

    token = "aws:elasticache/replicationGroup:ReplicationGroup"  # noqa: S105 - a type token
    noun = "ReplicationGroup"
    id_member = "ReplicationGroupId"
    creation = Call(
        "elasticache",
        "CreateReplicationGroup",
        {
            **SHARED,
            "atRestEncryptionEnabled": "AtRestEncryptionEnabled",
            "authToken": "AuthToken",
            "authTokenWo": "AuthToken",
            "dataTieringEnabled": "DataTieringEnabled",
            "globalReplicationGroupId": "GlobalReplicationGroupId",
            "kmsKeyId": "KmsKeyId",
            "logDeliveryConfigurations": Through("LogDeliveryConfigurations", log_delivery),
            "networkType": "NetworkType",
            "nodeGroupConfigurations": NODE_GROUP,
            "numCacheClusters": "NumCacheClusters",
            "numNodeGroups": "NumNodeGroups",
            "port": "Port",
            "preferredCacheClusterAzs": "PreferredCacheClusterAZs",
            "replicasPerNodeGroup": "ReplicasPerNodeGroup",
            "replicationGroupId": "ReplicationGroupId",
            "snapshotArns": "SnapshotArns",
            "snapshotName": "SnapshotName",
            "subnetGroupName": "CacheSubnetGroupName",
            "userGroupIds": "UserGroupIds",
            TAGS_ALL: Pairs("Tags"),
        },
    )
    modification: ClassVar[Call] = Call("elasticache", "ModifyReplicationGroup", SHARED)
    provider_only: ClassVar = {
        **EVERYWHERE,
        "applyImmediately": "goes with every later change, not with the creation",
        "authTokenUpdateStrategy": "goes with every later change of the token, not with the creation",
        "authTokenWoVersion": "only says that authTokenWo is to be sent again",
        "finalSnapshotIdentifier": "goes with the deletion",
    }
    needed_for_removal = ("finalSnapshotIdentifier", "globalReplicationGroupId")

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        return replication_rules.check(inputs)

    @override
    def diff(self, state: Properties, olds: Properties, news: Properties, found: list[Change]) -> list[Change]:
        # A change that waits is one until AWS has made it: the provider compares the program with what the state read.
        waiting = replication_rules.WAITING & state.keys() & news.keys() - {change.property for change in found}
        had, wanted = ({name: values[name] for name in waiting} for values in (state, news))
        found = [*found, *changes(load("aws")[self.token], had, wanted)]
        return replication_rules.diff(state, olds, news, found)

    @override
    def uncertain(self, changed: Collection[str]) -> Collection[str]:
        return ("memberClusters",) if set(changed) & {"numCacheClusters", "numNodeGroups", "replicasPerNodeGroup"} else ()

    @override
    def prepared(self, aws: Aws, inputs: Properties) -> Properties:
        # One may be gone by another hand: the provider looks before it says which shards shall go.
        found = self.find(aws, str(inputs["replicationGroupId"])) if inputs.get("numNodeGroups") else None
        present = [shard["NodeGroupId"] for shard in (found or {}).get("NodeGroups") or []]
        return {**inputs, replication_rules.PRESENT: present}

    @override
    def first_request(self, inputs: Properties) -> Request:
        wanted = dict(inputs)
        if not wanted.get("globalReplicationGroupId"):
            # What the provider sends also when the program is silent: resourceReplicationGroupCreate.
            wanted = {"engine": "redis", "automaticFailoverEnabled": False, "transitEncryptionEnabled": False, **wanted}
        else:
            wanted.pop("automaticFailoverEnabled", None)
        if not wanted.get("multiAzEnabled"):
            wanted.pop("multiAzEnabled", None)
        if not wanted.get("snapshotRetentionLimit"):
            wanted.pop("snapshotRetentionLimit", None)
        return self.creation.request(wanted)

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        made = super().create(cloud, inputs)
        joined = inputs.get("globalReplicationGroupId")
        if joined:
            aws = Aws(cloud, region_of(inputs))
            asked = {"GlobalReplicationGroupId": joined}

            def settled() -> bool:
                (found,) = aws.ask("elasticache", "DescribeGlobalReplicationGroups", **asked)["GlobalReplicationGroups"]
                return bool(found["Status"] in SETTLED)

            aws.wait(f"global replication group {joined} becoming available", settled)
        return made

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        found = super().find(aws, resource_id)
        return None if found is None or found["Status"] == "deleting" else found

    @override
    def settle(self, aws: Aws, resource_id: str) -> None:
        def ready() -> bool:
            found = self.find(aws, resource_id)
            if found is None:
                raise EmulatorError(f"replication group {resource_id} is gone while it was waited for")
            return found["Status"] in ("available", "create-failed")

        aws.wait(f"replication group {resource_id} becoming available", ready)
        failure = aws.cloud.cache_failure(resource_id, aws.region)
        if failure is None and (self.find(aws, resource_id) or {}).get("Status") == "create-failed":
            failure = "could not be made: its events say why"
        if failure:
            raise EmulatorError(f"replication group {resource_id}: {failure}")

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        cluster = {}
        members = (found.get("NodeGroups") or [{}])[0].get("NodeGroupMembers") or []
        if members:
            asked = {"CacheClusterId": members[0]["CacheClusterId"], "ShowCacheNodeInfo": True}
            cluster = aws.ask("elasticache", "DescribeCacheClusters", **asked)["CacheClusters"][0]
        tags = self.tags(aws, found["ARN"])
        return {**replication_rules.from_group(found, state), **replication_rules.from_member(cluster, state), TAGS_ALL: tags}

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        changed = self.changed(state, inputs)
        if "engine" in changed and inputs.get("engine") == "valkey" and "engineVersion" not in changed:
            # The provider's own words' sense: an engine change names the version that it goes to.
            raise EmulatorError(
                f"replication group {resource_id}: engine valkey needs engine_version to be set in the same update"
            )
        return super().update(cloud, resource_id, state, inputs)

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        # The provider's order (resourceReplicationGroupUpdate): shards, replicas up, everything else, token, replicas down.
        changed = set(changed)
        requests, last = replication_rules.counts(resource_id, state, inputs, changed)
        requests += self._modification(resource_id, state, inputs, changed)
        requests += self._token(resource_id, inputs, changed)
        return requests + last + self.tag_changes(state, inputs, changed)

    def _modification(self, resource_id: str, state: Properties, inputs: Properties, changed: set[str]) -> list[Request]:
        values = {name: inputs.get(name) for name in SHARED if name in changed}
        values = {name: value for name, value in values.items() if value is not None and value != []}
        if "notificationTopicArn" in changed:
            # Without a topic an empty ARN goes (resourceReplicationGroupUpdate).
            values["notificationTopicArn"] = inputs.get("notificationTopicArn") or ""
        if "engineVersion" in values:
            # The version alone is taken for Redis's.
            values["engine"] = inputs.get("engine") or "redis"
        more: dict[str, Any] = {}
        if "logDeliveryConfigurations" in changed:
            more["LogDeliveryConfigurations"] = replication_rules.log_changes(
                log_delivery(list(state.get("logDeliveryConfigurations") or [])),
                log_delivery(list(inputs.get("logDeliveryConfigurations") or [])),
            )
        if "snapshotRetentionLimit" in values and not state.get("snapshotRetentionLimit"):
            # The provider names the first node, whatever nodes there are: a workaround of its own.
            more["SnapshottingClusterId"] = f"{resource_id}-001"
        if "userGroupIds" in changed:
            more |= replication_rules.user_group_changes(state, inputs, changed)
        if not values and not more:
            return []
        fixed = {"ApplyImmediately": bool(inputs.get("applyImmediately")), "ReplicationGroupId": resource_id}
        return [self.modification.request(values, **more, **fixed)]

    @staticmethod
    def _token(resource_id: str, inputs: Properties, changed: set[str]) -> list[Request]:
        if not changed & {"authToken", "authTokenUpdateStrategy", "authTokenWoVersion"}:
            return []
        strategy = inputs.get("authTokenUpdateStrategy")
        token = inputs.get("authToken") or inputs.get("authTokenWo")
        if strategy == "DELETE" or (token is None and strategy is None):
            return []
        parameters = {"AuthToken": token or "", "ApplyImmediately": True, "ReplicationGroupId": resource_id}
        if strategy:
            parameters["AuthTokenUpdateStrategy"] = strategy
        return [Request("elasticache", "ModifyReplicationGroup", parameters)]

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        parameters = {"ReplicationGroupId": resource_id}
        if state.get("finalSnapshotIdentifier"):
            parameters["FinalSnapshotIdentifier"] = str(state["finalSnapshotIdentifier"])
        return [Request("elasticache", "DeleteReplicationGroup", parameters)]

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        """Delete the group; a member leaves its Global Datastore first, and its copy of the parameter group goes last."""
        known = state or cloud.world.get(self.token, resource_id) or {}
        joined = known.get("globalReplicationGroupId")
        aws = Aws(cloud, region_of(known))
        if joined and cloud.aws_running():
            disassociate(aws, str(joined), resource_id)
        super().delete(cloud, resource_id, state)
        copy = str(known.get("parameterGroupName") or "")
        if joined and copy and cloud.aws_running():
            aws.find("elasticache", "DeleteCacheParameterGroup", CacheParameterGroupName=copy)

    @override
    def gone(self, aws: Aws, resource_id: str) -> None:
        def deleted() -> bool:
            return aws.find("elasticache", "DescribeReplicationGroups", ReplicationGroupId=resource_id) is None

        aws.wait(f"replication group {resource_id} being deleted", deleted)


def disassociate(aws: Aws, joined: str, group_id: str) -> None:
    """Take a group out of its Global Datastore and wait; nothing happens when it is not in it.

    While the datastore changes the provider asks again (disassociateReplicationGroup); a primary is refused by AWS.
    """
    given = {"GlobalReplicationGroupId": joined, "ReplicationGroupId": group_id, "ReplicationGroupRegion": aws.region}

    def asked() -> bool:
        try:
            aws.find("elasticache", "DisassociateGlobalReplicationGroup", **given)
        except ApiError as error:
            if error.code != CHANGING and NOT_IN_IT not in error.message:
                raise
            return error.code != CHANGING
        return True

    def left() -> bool:
        found = aws.find("elasticache", "DescribeGlobalReplicationGroups", GlobalReplicationGroupId=joined, ShowMemberInfo=True)
        members = found["GlobalReplicationGroups"][0].get("Members") or [] if found else []
        return group_id not in [member["ReplicationGroupId"] for member in members]

    aws.wait(f"replication group {group_id} being taken out of {joined}", asked)
    aws.wait(f"replication group {group_id} leaving {joined}", left)
