"""What is done about which event: the one table of event, severity and action. What is not in it is not acted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Severities.
INFO: Final = "info"
WARNING: Final = "warning"
CRITICAL: Final = "critical"

# Actions, from most to least.
FOLLOW: Final = "follow"  # read the group, raise the generation for this event, write, relay
READ: Final = "read"  # read the group, write what changed, relay
CHECK: Final = "check"  # read the group, write what changed
RELAY: Final = "relay"  # relay alone: nothing that the document holds has changed
NONE: Final = "none"  # log alone

READING: Final = frozenset({FOLLOW, READ, CHECK})
RELAYING: Final = frozenset({FOLLOW, READ, RELAY})

# How events are called here. ElastiCache's and CloudTrail's own names stand behind these.
ELASTICACHE: Final = "ElastiCache:"
CALL: Final = "CloudTrail:"
ALARM: Final = "Alarm:"
SCHEDULE: Final = "Schedule"
FAILOVER: Final = "ElastiCache:FailoverComplete"
REFUSED_CALL: Final = "CloudTrail:Refused"
UNKNOWN: Final = "Unknown"
MALFORMED: Final = "Malformed"


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    event: str
    severity: str
    action: str
    says: str


# ElastiCache: all events of docs.aws.amazon.com/AmazonElastiCache/latest/dg/ElastiCacheSNS.html; there is none for the
# beginning of a failover. CloudTrail: the calls' names (botocore, elasticache 2015-02-02).
TABLE: Final = (
    Row(FAILOVER, CRITICAL, FOLLOW, "a replica was promoted; connections broke, and the last writes may be lost"),
    Row("ElastiCache:CacheNodeReplaceStarted", WARNING, READ, "a node was lost and is replaced"),
    Row("ElastiCache:CacheNodeReplaceComplete", INFO, READ, "the lost node is back"),
    Row("ElastiCache:CacheNodesRebooted", WARNING, READ, "nodes were rebooted; a rebooted primary comes back empty"),
    Row("ElastiCache:CreateReplicationGroupComplete", INFO, READ, "the group can be used"),
    Row("ElastiCache:DeleteCacheClusterComplete", WARNING, READ, "a node is gone for good"),
    Row("ElastiCache:CacheClusterProvisioningComplete", INFO, READ, "a new node can be used"),
    Row("ElastiCache:CacheClusterProvisioningFailed", CRITICAL, READ, "a new node could not be made"),
    Row("ElastiCache:CacheClusterScalingComplete", INFO, READ, "a node has its new size"),
    Row("ElastiCache:CacheClusterScalingFailed", CRITICAL, READ, "a node has not got its new size"),
    Row("ElastiCache:ReplicationGroupScalingComplete", INFO, READ, "the group has its new size"),
    Row("ElastiCache:ReplicationGroupScalingFailed", CRITICAL, READ, "the group has not got its new size"),
    Row("ElastiCache:ReplicationGroupIncreaseReplicaCountStarted", INFO, RELAY, "replicas are being added"),
    Row("ElastiCache:ReplicationGroupIncreaseReplicaCountFinished", INFO, READ, "replicas were added"),
    Row("ElastiCache:AddCacheNodeComplete", INFO, READ, "a node was added"),
    Row("ElastiCache:AddCacheNodeFailed", CRITICAL, READ, "a node could not be added: no free addresses"),
    Row("ElastiCache:RemoveCacheNodeComplete", INFO, READ, "a node was removed"),
    Row("ElastiCache:NodeReplacementScheduled", WARNING, RELAY, "AWS will replace a node in a maintenance window"),
    Row("ElastiCache:NodeReplacementRescheduled", WARNING, RELAY, "AWS will replace the node in another window"),
    Row("ElastiCache:NodeReplacementCanceled", INFO, RELAY, "AWS will not replace the node"),
    Row("ElastiCache:ServiceUpdateAvailableForNode", WARNING, RELAY, "an update waits for a node"),
    Row("ElastiCache:CertificateRenewalComplete", INFO, RELAY, "the nodes' certificate was renewed"),
    Row("ElastiCache:CacheClusterParametersChanged", INFO, RELAY, "parameters were changed"),
    Row("ElastiCache:CacheClusterSecurityGroupModified", INFO, RELAY, "security groups were changed"),
    Row("ElastiCache:SnapshotFailed", WARNING, RELAY, "a snapshot failed"),
    Row("ElastiCache:SnapshotComplete", INFO, NONE, "a snapshot was made, as every day"),
    Row("CloudTrail:DeleteReplicationGroup", CRITICAL, READ, "somebody deletes the group"),
    Row("CloudTrail:ModifyReplicationGroup", WARNING, READ, "somebody changes the group"),
    Row("CloudTrail:ModifyReplicationGroupShardConfiguration", WARNING, READ, "somebody changes the group's shards"),
    Row("CloudTrail:FailoverGlobalReplicationGroup", CRITICAL, READ, "somebody promotes a region"),
    Row("CloudTrail:TestFailover", WARNING, RELAY, "somebody tests the failover; its end is told by ElastiCache itself"),
    Row(REFUSED_CALL, INFO, NONE, "a call that AWS refused has changed nothing"),
    # CloudWatch tells of alarms itself: whoever wants them has them on the default bus and on the alarm's topic.
    Row("Alarm:ALARM", WARNING, CHECK, "an alarm rings: the group may have changed without an event"),
    Row("Alarm:OK", INFO, NONE, "an alarm is over"),
    Row("Alarm:INSUFFICIENT_DATA", INFO, NONE, "an alarm has no data; so is every new one"),
    Row(SCHEDULE, INFO, CHECK, "the regular look, which also finds the failovers that nobody told of"),
    Row(UNKNOWN, INFO, NONE, "nothing that this table knows"),
    Row(MALFORMED, WARNING, NONE, "not what its sender sends; a retry would not mend it"),
)

# What the function itself tells of: a look found a new generation. It is no event that anybody sends.
CHANGED: Final = Row(
    "EndpointsChanged",
    WARNING,
    RELAY,
    "endpoints, primary or global role are others, or the document is new, and no event said so",
)

_ROWS: Final = {row.event.lower(): row for row in TABLE}


def row_of(event: str) -> Row:
    """Return an event's row, whatever the case of its name; that of UNKNOWN when it has none.

    ElastiCache itself writes "ElastiCache:" and, in ServiceUpdateAvailableForNode, "Elasticache:" too.
    """
    return _ROWS.get(event.lower(), _ROWS[UNKNOWN.lower()])
