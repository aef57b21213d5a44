"""The nested arguments of a GlobalDatastore."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi

from .alarms import AlarmSettings
from .notifications import NotificationSettings
from .settings import ElastiCacheLogs, ElastiCacheTimeouts


class GlobalSecondary(TypedDict):
    """A secondary of a GlobalDatastore: what is local to its region, and nothing of what it inherits.

    Engine, version, node type, shards, TLS, encryption at rest, parameters and data come from the datastore: AWS refuses or
    ignores them here (hashicorp/terraform-provider-aws, replication_group.go, ConflictsWith; issue 20893).
    """

    zones: Sequence[str]
    """Availability zones of the region, at least two. Without cluster mode they are the nodes' zones in turn at creation."""
    group_id: NotRequired[str]
    """Id of the replication group: another one than in every other region. Default: `<component's name>-<region>`. A change
    replaces the group."""
    description: NotRequired[str]
    """Description that the console shows. Default: says who made it."""
    subnet_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Subnets of the subnet group to make, one for each zone. Either these or `subnet_group_name`."""
    subnet_group_name: NotRequired[pulumi.Input[str]]
    """Name of an existing subnet group. Another name replaces the group."""
    vpc_id: NotRequired[pulumi.Input[str]]
    """VPC of the security group to make. Either this or `security_group_ids`."""
    security_group_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Existing security groups instead of a made one."""
    client_security_group_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Security groups whose members may connect. Outputs are named by their place: append those to the list."""
    client_cidrs: NotRequired[Sequence[str]]
    """Networks whose machines may connect; never the whole internet."""
    client_prefix_list_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Managed prefix lists whose networks may connect. The same holds."""
    replicas: NotRequired[int]
    """Replicas of each shard, 1 to 5 with automatic failover, else 0 to 5. Default 1. Need not be the primary's number."""
    node_ids: NotRequired[Sequence[str]]
    """Ids of the nodes as the account has them, when they were replaced: the alarms' nodes. Default: those of new groups."""
    port: NotRequired[int]
    """Port of the nodes. Default: that of a primary made here, else 6379. A change replaces the group."""
    user_group_id: NotRequired[pulumi.Input[str]]
    """Id of an existing user group of this region (user groups are regional) instead of made users."""
    kms_key_id: NotRequired[pulumi.Input[str]]
    """ARN of this region's KMS key for data at rest. Default: AWS's own. A change replaces the group."""
    maintenance_window: NotRequired[str]
    """Weekly window in UTC, at least 60 minutes, not meeting the snapshots'. Default `sun:04:30-sun:05:30`."""
    snapshot_window: NotRequired[str]
    """Daily window of the snapshots in UTC, at least 60 minutes. Default `02:00-03:00`."""
    snapshot_retention_days: NotRequired[int]
    """Days that automatic snapshots are kept, 1 to 35. Default 7."""
    final_snapshot: NotRequired[bool]
    """Whether a deleted group leaves a last snapshot. Default true."""
    apply_immediately: NotRequired[bool]
    """Whether changes wait for no maintenance window. Default true."""
    logs: NotRequired[ElastiCacheLogs]
    """Which logs go where. Default: both, into made log groups."""
    alarms: NotRequired[AlarmSettings]
    """The CloudWatch alarms of its nodes; the lag alarms notify the same topics. Default: on, without a topic to notify."""
    dashboard: NotRequired[bool]
    """Whether a CloudWatch dashboard is made. Default true."""
    notifications: NotRequired[NotificationSettings]
    """The topic of ElastiCache's own events, of this region. Default: one is made."""
    tags: NotRequired[Mapping[str, str]]
    """More tags of what is made in this region, beside the datastore's."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete or replace the group and its subnet group. Default: as the datastore's."""
    timeouts: NotRequired[ElastiCacheTimeouts]
    """How long the provider waits for the replication group."""


class GlobalLag(TypedDict):
    """The alarms on the replication lag between regions (GlobalDatastoreReplicationLag), in each secondary's region."""

    enabled: NotRequired[bool]
    """Whether there are any. Default true."""
    threshold_seconds: NotRequired[float]
    """The lag, a minute's maximum, from which on `lag_high` rings; `stale_seconds` in `connection`. Default 5."""
    periods: NotRequired[int]
    """Minutes that are looked at. Default 5."""
    datapoints: NotRequired[int]
    """Minutes out of those that have to be over the threshold. Default 3."""
    missing_minutes: NotRequired[int]
    """Minutes without any lag reported, in a row, after which `lag_missing` rings. Default 5."""
    dimension: NotRequired[str]
    """What the metric is published under: `node` (default: CacheClusterId and CacheNodeId), `cluster` (CacheClusterId alone),
    `group` (ReplicationGroupId) or `global` (GlobalReplicationGroupId). AWS's documents do not state it: look with
    `aws cloudwatch list-metrics --metric-name GlobalDatastoreReplicationLag` in the secondary's region."""


class GlobalWriterParameter(TypedDict):
    """An SSM parameter that holds `{"version": 1, "region": "eu-west-1"}`, the region that takes writes now."""

    name: str
    """Name of the parameter, e.g. `/redis-ha/prod/global/writer`."""
    region: str
    """Region that the parameter is in: best one that is neither the primary's nor a secondary's."""


class GlobalWriter(TypedDict):
    """Where clients read, at run time, which region takes writes. One of the two. Whoever promotes updates it."""

    record: NotRequired[str]
    """Full name of a CNAME to the writing region's endpoint, e.g. of a LiveColourRecord."""
    parameter: NotRequired[GlobalWriterParameter]
    """An SSM parameter."""
