"""What the real service refuses: each row has AWS's fault, what it says, and where that is written."""

from __future__ import annotations

from typing import Final

from moto.core.exceptions import ServiceException

from pulumi_emulator.aws.elasticache.global_refusals import GLOBAL_REFUSALS
from pulumi_emulator.aws.elasticache.refusal import COMBINATION, CREATE, DG, GROUP_STATE, MODIFY, PROVIDER, VALUE, Refusal


class Fault(ServiceException):
    """An error as AWS answers it: the name of a fault in the service's model and a text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


REFUSALS: Final = {
    **GLOBAL_REFUSALS,
    # Ids and names.
    "group-exists": Refusal(
        "ReplicationGroupAlreadyExistsFault",
        "Replication group {id} already exists",
        "botocore ReplicationGroupAlreadyExistsFault",
    ),
    "group-unknown": Refusal(
        "ReplicationGroupNotFoundFault", "ReplicationGroup {id} not found", "botocore ReplicationGroupNotFoundFault"
    ),
    "group-id": Refusal(
        VALUE,
        "The parameter ReplicationGroupId {id!r} is not a valid identifier: 1 to 40 letters, digits and hyphens, "
        "a letter first, no hyphen last and no two in a row",
        f"{CREATE} ReplicationGroupId",
    ),
    "node-group-unknown": Refusal("NodeGroupNotFoundFault", "Node group {shard} not found", "botocore NodeGroupNotFoundFault"),
    "cluster-unknown": Refusal(
        "CacheClusterNotFoundFault", "CacheCluster not found: {id}", "botocore CacheClusterNotFoundFault"
    ),
    # Topology.
    "multi-az-needs-failover": Refusal(
        COMBINATION,
        "Cannot enable Multi-AZ without automatic failover",
        f"{PROVIDER}replication_group.go: multi_az_enabled needs automatic_failover_enabled",
    ),
    "multi-az-needs-replica": Refusal(
        COMBINATION, "Multi-AZ needs at least one replica in each node group", f"{DG}AutoFailover.html: replicas in other zones"
    ),
    "failover-needs-replica": Refusal(
        COMBINATION,
        "Automatic failover needs at least 2 cache clusters, there would be {count}",
        f"{CREATE} NumCacheClusters: must be at least 2 with AutomaticFailoverEnabled",
    ),
    "cluster-mode-needs-failover": Refusal(
        COMBINATION,
        "Automatic failover must be enabled for replication groups with cluster mode enabled",
        f"{CREATE} AutomaticFailoverEnabled: must be enabled for cluster mode enabled",
    ),
    "one-count": Refusal(
        COMBINATION,
        "NumCacheClusters cannot be used with NumNodeGroups or ReplicasPerNodeGroup",
        f"{CREATE} NumCacheClusters: not used with more than one node group",
    ),
    "zones-or-configuration": Refusal(
        COMBINATION,
        "PreferredCacheClusterAZs cannot be used with NodeGroupConfiguration",
        f"{CREATE} PreferredCacheClusterAZs: single node group only",
    ),
    "zone-count": Refusal(
        COMBINATION,
        "PreferredCacheClusterAZs has {given} zones for {count} cache clusters",
        f"{CREATE} PreferredCacheClusterAZs: as many as NumCacheClusters",
    ),
    "zone-unknown": Refusal(
        VALUE,
        "Availability zone {zone} is none of the cache subnet group's ({zones})",
        f"{CREATE} PreferredCacheClusterAZs: zones of the subnets in the selected subnet group",
    ),
    "replica-count": Refusal(
        VALUE, "A node group has 0 to {most} replicas, not {count}", f"{CREATE} ReplicasPerNodeGroup: valid values 0 to 5"
    ),
    "cluster-count": Refusal(
        VALUE,
        "NumCacheClusters is 1 to {most}, not {count}",
        f"{CREATE} NumCacheClusters: maximum 6 (1 primary plus 5 replicas)",
    ),
    "shard-count": Refusal(
        "NodeGroupsPerReplicationGroupQuotaExceededFault",
        "A replication group has 1 to {most} node groups, not {count}",
        f"{DG}quota-limits.html: node groups per cluster, and botocore NodeGroupsPerReplicationGroupQuotaExceededFault",
    ),
    "shards-need-cluster-mode": Refusal(
        COMBINATION,
        "{count} node groups need cluster mode: a cache parameter group with cluster-enabled, or ClusterMode",
        f"{CREATE} NumNodeGroups: 1 or omitted for cluster mode disabled",
    ),
    "slots": Refusal(
        VALUE,
        "The slots of the node groups must cover 0-16383 once",
        "botocore NodeGroupConfiguration Slots: keyspace of a shard",
    ),
    "shard-id": Refusal(VALUE, "NodeGroupId {id!r}: 1 to 4 digits", "botocore AllowedNodeGroupId: pattern \\d+, length 1 to 4"),
    "node-type": Refusal(VALUE, "Invalid cache node type: {type}", f"{CREATE} CacheNodeType: the node types it lists"),
    "node-type-missing": Refusal(
        COMBINATION,
        "CacheNodeType is needed unless the group joins a global replication group",
        f"{PROVIDER}replication_group.go: node_type required without global_replication_group_id",
    ),
    "data-tiering": Refusal(
        COMBINATION, "DataTieringEnabled goes with r6gd nodes and r6gd nodes with it", f"{CREATE} DataTieringEnabled"
    ),
    # Engine.
    "engine": Refusal(VALUE, "Invalid engine {engine}: valkey or redis", f"{CREATE} Engine: options redis, valkey"),
    "engine-version": Refusal(
        VALUE, "Cannot find version {version} for {engine}", f"{DG}engine-versions.html: supported engine versions"
    ),
    "downgrade": Refusal(
        COMBINATION,
        "Engine version cannot be changed from {old} to {new}: a downgrade needs another replication group",
        f"{MODIFY} EngineVersion: no downgrade to an earlier version",
    ),
    "durability": Refusal(
        COMBINATION,
        "Durability {durability} needs valkey 9.0 or later with cluster mode enabled",
        f"{DG}Durability.Limitations.html; the words are ours",
    ),
    "durability-needs": Refusal(
        COMBINATION,
        "Durability {durability} needs encryption in transit, Multi-AZ with a replica, and a node type of {families}",
        f"{DG}Durability.Limitations.html; the words are ours",
    ),
    "durability-alone": Refusal(
        COMBINATION,
        "Durability cannot be changed together with {others}",
        f"{DG}Durability.ChangingDurability.html: as a standalone modification; the words are ours",
    ),
    "engine-back": Refusal(
        COMBINATION,
        "The engine cannot be changed from valkey to redis",
        f"{DG}VersionManagement.HowTo.html: cross-engine upgrade from Redis OSS to Valkey only",
    ),
    # Security.
    "token-needs-tls": Refusal(
        COMBINATION,
        "AuthToken needs TransitEncryptionEnabled",
        f"{CREATE} AuthToken: only when TransitEncryptionEnabled is true",
    ),
    "users-need-tls": Refusal(
        COMBINATION, "User groups need TransitEncryptionEnabled", f"{DG}Clusters.RBAC.html: RBAC needs encryption in transit"
    ),
    "access-needs-required": Refusal(
        COMBINATION,
        "Transit encryption preferred is not supported with redis access control",
        "cloudposse/terraform-aws-elasticache-redis#239",
    ),
    "token-or-users": Refusal(
        COMBINATION,
        "AuthToken cannot be used with UserGroupIds",
        f"{PROVIDER}replication_group.go: auth_token conflicts with user_group_ids",
    ),
    "token-form": Refusal(
        VALUE,
        "AuthToken: 16 to 128 printable characters, of the symbols only ! & # $ ^ < > -",
        f"{DG}auth.html: constraints of AUTH tokens",
    ),
    "token-strategy": Refusal(
        COMBINATION,
        "AuthTokenUpdateStrategy {strategy}: {why}",
        f"{DG}auth.html: SET and ROTATE take a token, DELETE takes none",
    ),
    "token-delete": Refusal(
        COMBINATION,
        "AuthTokenUpdateStrategy DELETE is only taken when the group moves to user groups in the same request",
        f"{DG}auth.html: from AUTH to RBAC; crossplane-contrib/provider-aws#1370",
    ),
    "mode-needs-tls": Refusal(
        COMBINATION,
        "TransitEncryptionMode needs TransitEncryptionEnabled",
        f"{CREATE} TransitEncryptionMode: with TransitEncryptionEnabled",
    ),
    "tls-two-steps": Refusal(
        COMBINATION,
        "Encryption in transit is changed in two steps, by way of TransitEncryptionMode preferred",
        f"{MODIFY} TransitEncryptionMode: preferred before required",
    ),
    "tls-version": Refusal(
        COMBINATION,
        "Encryption in transit cannot be changed on engine version {version}: redis 7.0.5 or later, or valkey",
        f"{DG}in-transit-encryption-enable.html: Valkey 7.2 or Redis OSS 7 and later",
    ),
    "kms-key": Refusal("InvalidKMSKeyFault", "The KMS key {key} does not exist", "botocore InvalidKMSKeyFault"),
    "kms-needs-encryption": Refusal(
        COMBINATION, "KmsKeyId needs AtRestEncryptionEnabled", f"{DG}at-rest-encryption.html: keys of encryption at rest"
    ),
    "security-group": Refusal(VALUE, "Security group {id} does not exist", f"{CREATE} SecurityGroupIds"),
    # Cluster mode.
    "mode-order": Refusal(
        COMBINATION,
        "ClusterMode cannot be changed from {old} to {new}: disabled, then compatible, then enabled; enabled stays",
        f"{DG}modify-cluster-mode.html",
    ),
    "mode-alone": Refusal(
        COMBINATION,
        "ClusterMode cannot be changed together with {others}",
        f"{DG}modify-cluster-mode.html: only CacheParameterGroupName goes with ClusterMode in one request",
    ),
    "mode-compatible": Refusal(
        COMBINATION,
        "While ClusterMode is compatible {others} cannot be changed",
        f"{DG}modify-cluster-mode.html: no scaling or engine version change in compatible mode",
    ),
    "mode-version": Refusal(
        COMBINATION,
        "ClusterMode {mode} needs redis 7.0 or valkey 7.2 or later",
        f"{DG}modify-cluster-mode.html: minimum versions",
    ),
    "mode-needs-replica": Refusal(
        COMBINATION,
        "ClusterMode compatible needs automatic failover and at least 1 replica",
        f"{DG}modify-cluster-mode.html: conditions before migrating",
    ),
    # Windows, snapshots, logs.
    "retention": Refusal(
        VALUE,
        "SnapshotRetentionLimit is 0 to {most} days, not {days}",
        f"{PROVIDER}replication_group.go: snapshot_retention_limit <= 35",
    ),
    "window": Refusal(
        VALUE, "{name} {value!r}: {form}, at least 60 minutes long", f"{CREATE} {{SnapshotWindow, PreferredMaintenanceWindow}}"
    ),
    "windows-overlap": Refusal(
        COMBINATION,
        "The snapshot window and maintenance window must not overlap: {snapshot} and {maintenance}",
        "hashicorp/terraform#17247",
    ),
    "snapshots-on": Refusal(
        COMBINATION,
        "Must specify both SnapshotRetentionLimit and SnapshottingClusterId to turn on snapshots",
        "hashicorp/terraform#10581",
    ),
    "snapshot-unknown": Refusal("SnapshotNotFoundFault", "Snapshot {name} not found", "botocore SnapshotNotFoundFault"),
    "snapshot-arn": Refusal(
        VALUE, "The snapshot {arn} is no object of S3", f"{CREATE} SnapshotArns: RDB files stored in Amazon S3, no commas"
    ),
    "snapshot-exists": Refusal(
        "SnapshotAlreadyExistsFault", "Snapshot {name} already exists", "botocore SnapshotAlreadyExistsFault"
    ),
    "snapshot-state": Refusal("InvalidSnapshotStateFault", "Snapshot {name} is {status}", "botocore InvalidSnapshotStateFault"),
    "snapshot-source": Refusal(
        COMBINATION,
        "A snapshot is of a ReplicationGroupId or of a CacheClusterId",
        "botocore CreateSnapshot: of a cluster or a group",
    ),
    "logs": Refusal(
        VALUE,
        "LogDeliveryConfigurations: at most one of slow-log and one of engine-log, each with its destination",
        f"{PROVIDER}replication_group.go: log_delivery_configuration, at most 2, of the types slow-log and engine-log",
    ),
    "logs-immediately": Refusal(
        COMBINATION,
        "LogDeliveryConfigurations can only be changed with ApplyImmediately",
        "hashicorp/terraform-provider-aws#49842",
    ),
    "log-group": Refusal(VALUE, "Log destination {name} does not exist", f"{DG}Log_Delivery.html: existing destinations"),
    # Notifications.
    "topic": Refusal(
        VALUE,
        "The SNS topic {arn} does not exist in this account and Region",
        f"{CREATE} NotificationTopicArn: owner as the cluster's; {DG}ElastiCacheSNS.html: same Region",
    ),
    # State.
    "group-busy": Refusal(
        GROUP_STATE, "Replication group {id} is {status}, not available", "botocore InvalidReplicationGroupStateFault"
    ),
    "retain": Refusal(
        VALUE,
        "the emulator does not keep single nodes: RetainPrimaryCluster is not possible",
        "a limit of the emulator, not of AWS",
    ),
    "replica-count-missing": Refusal(
        COMBINATION, "NewReplicaCount or ReplicaConfiguration is needed", "botocore IncreaseReplicaCount, DecreaseReplicaCount"
    ),
    "replica-to-remove": Refusal(
        VALUE, "{id} is no replica of the group", "botocore DecreaseReplicaCount ReplicasToRemove: replicas, not primaries"
    ),
    "snapshotting": Refusal(
        COMBINATION, "Cannot set snapshotting cluster for cluster mode enabled replication group", "hashicorp/terraform#19336"
    ),
    "snapshotting-unknown": Refusal(
        "CacheClusterNotFoundFault",
        "{id} is no cache cluster of the group, so it cannot be its snapshotting cluster",
        "hashicorp/terraform-provider-aws#41567",
    ),
    # PrimaryClusterId.
    "primary-sharded": Refusal(
        COMBINATION,
        "PrimaryClusterId is for replication groups with cluster mode disabled",
        f"{DG}Replication.PromoteReplica.html: cluster mode disabled only",
    ),
    "primary-automatic": Refusal(
        GROUP_STATE,
        "Replication group {id} has automatic failover enabled: disable Multi-AZ and automatic failover to promote a replica",
        f"{DG}Replication.PromoteReplica.html: not while Multi-AZ with automatic failover is enabled",
    ),
    "primary-unknown": Refusal(
        "CacheClusterNotFoundFault",
        "{id} is no cache cluster of the group, so it cannot be its primary",
        "botocore ModifyReplicationGroup PrimaryClusterId: a cluster of the group",
    ),
    "primary-alone": Refusal(
        COMBINATION,
        "The emulated ElastiCache takes PrimaryClusterId alone, here it came with {others}",
        "the emulator: no answer of AWS was found for what happens first",
    ),
    "nothing": Refusal("NoOperationFault", "Replication group {id} has this many already", "botocore NoOperationFault"),
    "last-replica": Refusal(
        COMBINATION,
        "With automatic failover or Multi-AZ a node group keeps at least 1 replica: switch them off first",
        "botocore DecreaseReplicaCount NewReplicaCount: minimum 1 with Multi-AZ with automatic failover",
    ),
    "increase": Refusal(
        VALUE, "NewReplicaCount {count} is not above the current {current}", "botocore IncreaseReplicaCount: adds replicas"
    ),
    "decrease": Refusal(
        VALUE, "NewReplicaCount {count} is not below the current {current}", "botocore DecreaseReplicaCount: removes replicas"
    ),
    "not-sharded": Refusal(
        COMBINATION,
        "Replication group {id} has cluster mode disabled: its number of node groups stays 1",
        "botocore ModifyReplicationGroupShardConfiguration: resharding of cluster mode enabled groups",
    ),
    "immediately-only": Refusal(
        VALUE,
        "{operation} is only done with ApplyImmediately",
        "botocore IncreaseReplicaCount, DecreaseReplicaCount, ModifyReplicationGroupShardConfiguration ApplyImmediately",
    ),
    "shards-to-remove": Refusal(
        COMBINATION,
        "Fewer node groups need NodeGroupsToRemove or NodeGroupsToRetain that leave {count}",
        "botocore ModifyReplicationGroupShardConfiguration NodeGroupCount",
    ),
    "global-member": Refusal(
        VALUE,
        "Cluster [{id}] is part of a global cluster [{global_id}]. Request rejected.",
        "hashicorp/terraform-provider-aws#19929, #22528, #27875; of deletion cloud-custodian/cloud-custodian#8815",
    ),
    # TestFailover.
    "test-failover-limit": Refusal(
        "APICallRateForCustomerExceededFault",
        "TestFailover was called for {most} node groups within 24 hours",
        "docs.aws.amazon.com/goto/WebAPI/elasticache/TestFailover: 15 node groups in any rolling 24-hour period",
    ),
    "test-failover-off": Refusal(
        GROUP_STATE,
        "Automatic failover is not enabled for replication group {id}",
        "botocore TestFailover: tests automatic failover",
    ),
    "test-failover-alone": Refusal(
        GROUP_STATE, "Node group {shard} has no replica to fail over to", f"{DG}AutoFailover.html: promotes a replica"
    ),
    # Subnet groups.
    "subnet-group-unknown": Refusal(
        "CacheSubnetGroupNotFoundFault", "Cache Subnet Group {name} does not exist", "botocore CacheSubnetGroupNotFoundFault"
    ),
    "subnet-group-exists": Refusal(
        "CacheSubnetGroupAlreadyExistsFault",
        "Cache subnet group {name} already exists",
        "botocore CacheSubnetGroupAlreadyExistsFault",
    ),
    "subnet-group-in-use": Refusal(
        "CacheSubnetGroupInUse", "Cache subnet group {name} is currently in use by {users}", "botocore CacheSubnetGroupInUse"
    ),
    "subnet": Refusal("InvalidSubnet", "The subnet {id} does not exist", "botocore InvalidSubnet"),
    "subnet-vpc": Refusal("InvalidSubnet", "The subnets {ids} are not all in one VPC", "botocore InvalidSubnet"),
    "subnet-in-use": Refusal("SubnetInUse", "Subnet {id} is used by {users}", "botocore SubnetInUse"),
    "subnet-group-name": Refusal(
        VALUE,
        "CacheSubnetGroupName {name!r}: 1 to 255 letters, digits, hyphens and periods",
        "botocore CreateCacheSubnetGroup CacheSubnetGroupName",
    ),
    # Parameter groups.
    "parameter-group-unknown": Refusal(
        "CacheParameterGroupNotFoundFault", "CacheParameterGroup {name} not found", "botocore CacheParameterGroupNotFoundFault"
    ),
    "parameter-group-name": Refusal(
        VALUE,
        "CacheParameterGroupName {name!r}: letters, digits and single hyphens, a letter first, at most 255",
        "docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Creating.html",
    ),
    "parameter-group-exists": Refusal(
        "CacheParameterGroupAlreadyExistsFault",
        "Cache parameter group {name} already exists",
        "botocore CacheParameterGroupAlreadyExistsFault",
    ),
    "parameter-group-in-use": Refusal(
        "InvalidCacheParameterGroupStateFault",
        "Cache parameter group {name} is in use by {users}",
        "botocore DeleteCacheParameterGroup: cannot be deleted while it is associated with cache clusters",
    ),
    "parameter-group-default": Refusal(
        "InvalidCacheParameterGroupStateFault",
        "Default parameter group {name} cannot be changed",
        f"{DG}ParameterGroups.Engine.html",
    ),
    "parameter-family": Refusal(
        COMBINATION,
        "Expected a parameter group of family {expected} but found one of family {found}",
        "hashicorp/terraform-provider-aws#26484, #27748",
    ),
    "family": Refusal(
        VALUE, "CacheParameterGroupFamily {family} is not a valid parameter group family", "botocore CreateCacheParameterGroup"
    ),
    "parameter-unknown": Refusal(
        VALUE, "Could not find parameter with name: {name} in family {family}", f"{DG}ParameterGroups.Engine.html"
    ),
    "parameter-fixed": Refusal(
        VALUE, "The parameter {name} cannot be modified", f"{DG}ParameterGroups.Engine.html: Modifiable: No"
    ),
    "parameter-value": Refusal(
        VALUE, "The parameter {name} is {allowed}, not {value!r}", f"{DG}ParameterGroups.Engine.html: permitted values"
    ),
    "parameter-cluster-enabled": Refusal(
        VALUE,
        "The parameter cluster-enabled can only be set while no cluster uses the group {name}",
        f"{DG}ParameterGroups.Engine.html: cluster-enabled changes need a new cluster",
    ),
    "parameter-mode": Refusal(
        COMBINATION,
        "Parameter group {name} has cluster-enabled {found}, the group needs {needed}",
        f"{DG}modify-cluster-mode.html: a parameter group with cluster-enabled",
    ),
    "parameter-databases": Refusal(
        COMBINATION,
        "Parameter group {name} has databases {found}, the group was made with {needed}",
        f"{DG}ParameterGroups.Engine.html: databases must be the same in both the old and new parameter groups; words are ours",
    ),
    # Users.
    "user-unknown": Refusal("UserNotFoundFault", "User {id} not found", "botocore UserNotFoundFault"),
    "user-exists": Refusal("UserAlreadyExistsFault", "User {id} already exists", "botocore UserAlreadyExistsFault"),
    "user-id": Refusal(
        VALUE,
        "UserId {id!r}: 1 to 40 letters, digits and hyphens, a letter first",
        "botocore UserId: pattern [a-zA-Z][a-zA-Z0-9\\-]*; of the length open-constructs/aws-cdk-library user.ts",
    ),
    "default-in-group": Refusal(
        "DefaultUserAssociatedToUserGroupFault",
        "User {id} is the default user of user group {group}",
        "botocore DeleteUser: DefaultUserAssociatedToUserGroupFault",
    ),
    "user-default-id": Refusal(
        "UserAlreadyExistsFault",
        "User default already exists",
        "botocore UserAlreadyExistsFault: the service makes user default",
    ),
    "user-access": Refusal(VALUE, "Access string: {why}", f"{DG}Clusters.RBAC.html: access strings"),
    "user-password": Refusal(VALUE, "Passwords: {why}", f"{DG}Clusters.RBAC.html: up to 2 passwords of 16 to 128 characters"),
    "user-valkey-password": Refusal(
        COMBINATION,
        "User {id} has no password: users of engine valkey and in user groups of engine valkey authenticate by password or IAM",
        f"{DG}Clusters.RBAC.html: limitations",
    ),
    "user-iam-name": Refusal(
        COMBINATION, "A user with IAM authentication has the same UserId and UserName", f"{DG}auth-iam.html: limitations"
    ),
    "user-default-change": Refusal(
        "InvalidUserStateFault", "User default cannot be changed or deleted", f"{DG}Clusters.RBAC.html: the default user"
    ),
    "user-group-id": Refusal(
        VALUE, "UserGroupId {id!r}: 1 to 40 letters, digits and hyphens, a letter first", "aws/aws-cdk#36459"
    ),
    "user-group-unknown": Refusal("UserGroupNotFoundFault", "User group {id} not found", "botocore UserGroupNotFoundFault"),
    "user-group-exists": Refusal(
        "UserGroupAlreadyExistsFault", "User group {id} already exists", "botocore UserGroupAlreadyExistsFault"
    ),
    "default-required": Refusal(
        "DefaultUserRequired", "User group needs to contain a user with the user name default", "botocore DefaultUserRequired"
    ),
    "user-name-twice": Refusal(
        "DuplicateUserNameFault", "User name {name} is in the group twice", "botocore DuplicateUserNameFault"
    ),
    "user-engine": Refusal(
        COMBINATION, "User {id} is of engine {user}, the user group of {group}", "hashicorp/terraform-provider-aws#40286"
    ),
    "user-not-in-group": Refusal(VALUE, "User {id} is not in the group", "botocore ModifyUserGroup UserIdsToRemove"),
    "user-group-in-use": Refusal(
        "InvalidUserGroupStateFault",
        "User group {id} is in use by {users}",
        "botocore InvalidUserGroupStateFault, DeleteUserGroup",
    ),
    "user-group-engine": Refusal(
        COMBINATION,
        "User group {id} is of engine {group}, the cache of {engine}",
        f"{DG}Clusters.RBAC.html: engines of user groups",
    ),
    # Serverless caches.
    "serverless-unknown": Refusal(
        "ServerlessCacheNotFoundFault", "Serverless cache {name} not found", "botocore ServerlessCacheNotFoundFault"
    ),
    "serverless-name": Refusal(
        VALUE,
        "ServerlessCacheName {name!r}: 1 to 40 letters, digits and single hyphens, a letter first",
        "aws/aws-cdk#36459: 40 characters; botocore CreateServerlessCache names no form, taken is that of ReplicationGroupId",
    ),
    "serverless-fields": Refusal(
        COMBINATION,
        "Serverless Cache modifications only support modifying one field per request: {names}",
        "hashicorp/terraform-provider-aws#43862, #37499 (of a field that keeps its value)",
    ),
    "serverless-unchanged": Refusal(
        COMBINATION,
        "No modifications were requested",
        f"hashicorp/terraform-provider-aws#44746; {PROVIDER}serverless_cache.go, Update",
    ),
    "serverless-exists": Refusal(
        "ServerlessCacheAlreadyExistsFault",
        "Serverless cache {name} already exists",
        "botocore ServerlessCacheAlreadyExistsFault",
    ),
    "serverless-limits": Refusal(
        VALUE, "CacheUsageLimits: {why}", f"{DG}Scaling-serverless.html: limits of data storage and ECPU"
    ),
    "serverless-snapshot-exists": Refusal(
        "ServerlessCacheSnapshotAlreadyExistsFault",
        "Serverless cache snapshot {name} already exists",
        "botocore ServerlessCacheSnapshotAlreadyExistsFault",
    ),
    "serverless-snapshot-unknown": Refusal(
        "ServerlessCacheSnapshotNotFoundFault",
        "Serverless cache snapshot {name} not found",
        "botocore ServerlessCacheSnapshotNotFoundFault",
    ),
    "daily": Refusal(VALUE, "DailySnapshotTime {value!r}: hh:mm", "botocore CreateServerlessCache DailySnapshotTime"),
    # Everything.
    "arn": Refusal("InvalidARNFault", "{arn} is no ARN of a resource in this account and Region", "botocore InvalidARNFault"),
    "tag": Refusal("TagNotFoundFault", "The resource has no tag {key}", "botocore TagNotFoundFault"),
    "marker": Refusal(VALUE, "Marker {value!r} is none that was given", "botocore Marker: from an earlier answer"),
    "tag-count": Refusal(
        "TagQuotaPerResourceExceeded", "A resource has at most {most} tags", "botocore AddTagsToResource: 50 tags"
    ),
    "id-elsewhere": Refusal(
        VALUE,
        "The emulator keeps replication group ids apart by name only: {id} is there in {region} already",
        "a limit of the emulator, not of AWS",
    ),
}


def refuse(rule: str, **values: object) -> Fault:
    """Return the fault of a rule in REFUSALS, its text filled in."""
    refusal = REFUSALS[rule]
    return Fault(refusal.fault, refusal.text.format(**values))
