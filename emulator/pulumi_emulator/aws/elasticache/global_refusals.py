"""What the real service refuses about Global Datastores."""

from __future__ import annotations

from typing import Final

from pulumi_emulator.aws.elasticache.refusal import COMBINATION, DG, GLOBAL_STATE, PROVIDER, VALUE, Refusal

GLOBAL_REFUSALS: Final = {
    "global-unknown": Refusal(
        "GlobalReplicationGroupNotFoundFault",
        "Global Replication Group {id} does not exist",
        "botocore GlobalReplicationGroupNotFoundFault",
    ),
    "global-exists": Refusal(
        "GlobalReplicationGroupAlreadyExistsFault",
        "Global Replication Group {id} already exists",
        "botocore GlobalReplicationGroupAlreadyExistsFault",
    ),
    "global-region": Refusal(
        VALUE,
        "Global datastores are not supported in Region {region}",
        f"{DG}Redis-Global-Datastores-Getting-Started.html: supported Regions",
    ),
    "global-node-type": Refusal(
        VALUE,
        "Global replication group is not supported for the node type.",
        "hashicorp/terraform-provider-aws#17768",
    ),
    "global-version": Refusal(
        VALUE,
        "Global replication group is not supported for engine version {version}: redis 5.0.6 or later, or valkey",
        f"{DG}Redis-Global-Datastores-Getting-Started.html: Redis OSS 5.0.6 or later",
    ),
    "global-ipv6": Refusal(
        COMBINATION,
        "NetworkType {network} is not supported with Global Datastores",
        f"{DG}Redis-Global-Datastores-Getting-Started.html: no IPv6; the words are ours",
    ),
    "global-durability": Refusal(
        COMBINATION,
        "Durability {durability} is not supported with Global Datastores",
        f"{DG}Durability.Limitations.html; the words are ours",
    ),
    "global-tls-preferred": Refusal(
        COMBINATION,
        "The primary of a global replication group cannot have TransitEncryptionMode preferred",
        "terraform-aws-modules/terraform-aws-elasticache#4",
    ),
    "global-secondary-given": Refusal(
        COMBINATION,
        "Cannot use the given parameters when creating new replication group in an existing global replication group. "
        "({given})",
        f"umotif-public/terraform-aws-elasticache-redis#31; {DG}Redis-Global-Datastores-CLI.html: do not pass in values",
    ),
    "global-secondary-other": Refusal(
        COMBINATION,
        "{name} {value} is not the primary's ({primary}): all members have the same",
        f"{DG}Redis-Global-Datastores-Getting-Started.html: same number of primary nodes, node type, engine version, shards",
    ),
    "global-secondary-count": Refusal(
        VALUE,
        "Global Replication Group {id} has its members in {regions}: at most {most} secondaries, each member in a Region of "
        "its own",
        f"{DG}Redis-Global-Datastores-Getting-Started.html: up to two other Regions",
    ),
    "global-state": Refusal(
        GLOBAL_STATE,
        "Cannot {action} a global replication group in {status} state",
        "hashicorp/terraform-provider-aws#18533; botocore InvalidGlobalReplicationGroupStateFault",
    ),
    "global-member-state": Refusal(
        GLOBAL_STATE,
        "Cannot {action} global replication group {id}: its member {member} is {status}",
        "botocore InvalidGlobalReplicationGroupStateFault: not available",
    ),
    "global-not-member": Refusal(
        VALUE,
        "Replication Group {group} in {region} is not associated with Global Replication Group {id}",
        f"{PROVIDER}replication_group.go: disassociateReplicationGroup knows these words",
    ),
    "global-disassociate-primary": Refusal(
        VALUE,
        "Replication Group {group} is the primary of Global Replication Group {id}: only a secondary can be disassociated",
        "botocore DisassociateGlobalReplicationGroup: removes a secondary cluster; AWS's own words are not known",
    ),
    "global-primary-already": Refusal(
        VALUE,
        "Replication Group {group} in {region} is the primary of Global Replication Group {id} already",
        "botocore FailoverGlobalReplicationGroup: a secondary Region becomes primary; AWS's own words are not known",
    ),
    "global-retain": Refusal(
        VALUE,
        "RetainPrimaryReplicationGroup must be true: a primary is never deleted with its global replication group",
        "botocore DeleteGlobalReplicationGroup: the primary cluster is never deleted",
    ),
    "global-immediately": Refusal(
        VALUE,
        "{operation} is only done with ApplyImmediately",
        "botocore ModifyGlobalReplicationGroup, {Increase,Decrease}NodeGroupsInGlobalReplicationGroup: no maintenance window",
    ),
    "global-one-field": Refusal(
        VALUE,
        "Only one of {given} can be changed in a request",
        f"{PROVIDER}global_replication_group.go: only one field can be changed per request",
    ),
    "global-parameter-group": Refusal(
        VALUE,
        "CacheParameterGroupName {why}",
        f"{PROVIDER}global_replication_group.go: parameter_group_name only with a major version, and needed there",
    ),
    "global-shards": Refusal(
        VALUE,
        "NodeGroupCount {count} is not {more} than the current {current}",
        "botocore {Increase,Decrease}NodeGroupsInGlobalReplicationGroup NodeGroupCount",
    ),
    "global-not-sharded": Refusal(
        VALUE,
        "Global Replication Group {id} has cluster mode disabled: its number of node groups stays 1",
        "botocore GlobalReplicationGroup ClusterEnabled",
    ),
    "global-shards-to-remove": Refusal(
        COMBINATION,
        "Fewer node groups need GlobalNodeGroupsToRemove or GlobalNodeGroupsToRetain, of {known}, that leave {count}",
        "botocore DecreaseNodeGroupsInGlobalReplicationGroup",
    ),
}
