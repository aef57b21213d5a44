"""The nested arguments of an ElastiCacheHaGroup that belong to the group itself."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi


class ElastiCacheUser(TypedDict):
    """A user of the group (`auth: rbac`)."""

    access: NotRequired[str]
    """Access string without any password, e.g. `on ~orders:* -@all +@read`. `application` and `monitoring` have a default.
    It is sent as servers describe a user: in order, all or no commands first, without what a later rule undoes."""
    authentication: NotRequired[str]
    """`password` (default) or `iam`: short-lived tokens of an IAM identity; the user's name and id are then the same."""
    passwords: NotRequired[Sequence[pulumi.Input[str]]]
    """One or two passwords, both accepted; the first is in `credentials`. Default: one is made. To rotate without a gap: first
    `[new, old]`, later `[new]`. 16 to 128 letters, digits and ! & # $ ^ < > -."""


class ElastiCacheLogs(TypedDict):
    """Which logs go where. Log groups are made unless a destination is brought."""

    slow_log: NotRequired[bool]
    """Whether slow commands are logged. Default true (Redis from 6.0 on)."""
    engine_log: NotRequired[bool]
    """Whether the engine's own log is delivered. Default true (Redis from 6.2 on)."""
    log_format: NotRequired[str]
    """`json` (default) or `text`."""
    retention_days: NotRequired[int]
    """Days that made log groups keep their lines, one of those that CloudWatch offers. Default 30."""
    kms_key_id: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key of made log groups. Default: CloudWatch's own."""
    destination_type: NotRequired[str]
    """What brought destinations are: `cloudwatch-logs` (default) or `kinesis-firehose`."""
    slow_log_destination: NotRequired[pulumi.Input[str]]
    """Name of an existing log group or delivery stream for the slow log."""
    engine_log_destination: NotRequired[pulumi.Input[str]]
    """Name of an existing log group or delivery stream for the engine's log."""


class ElastiCacheTimeouts(TypedDict):
    """How long the provider waits for the replication group, e.g. `90m`."""

    create: NotRequired[str]
    """Default 60m."""
    update: NotRequired[str]
    """Default 120m: adding shards moves slots; the provider's own default is 40m."""
    delete: NotRequired[str]
    """Default 60m: with a final snapshot; the provider's own default is 45m."""


class ElastiCacheAdopt(TypedDict):
    """Ids of existing resources that are imported without a change. Keep the block: it has the ids of what is taken over."""

    keep_as_found: NotRequired[bool]
    """Whether what AWS does not return (passwords, token, apply_immediately, the final snapshot's name) and what the component
    would set (tags, descriptions, access strings, retention of logs) stays as it was found. Default true: without
    `apply_immediately`, later changes of the group wait for its maintenance window. Set it to false after the `up` that
    imported, together with the users' passwords as they are."""
    change: NotRequired[Sequence[str]]
    """Properties of what is taken over that the same `up` may change, in the provider's words, such as `node_type`; the
    group's `apply_immediately` is then in force. Default: none, a difference is refused in the preview."""
    replication_group: NotRequired[str]
    """Id of the replication group; it is then the group's id too."""
    subnet_group: NotRequired[str]
    """Name of its subnet group."""
    security_group: NotRequired[str]
    """Id of its security group. Its rules are not taken over: the component's are added."""
    parameter_group: NotRequired[str]
    """Name of its parameter group."""
    user_group: NotRequired[str]
    """Id of its user group."""
    users: NotRequired[Mapping[str, str]]
    """Ids of users by the name they have here (`application`, `default`...)."""
    slow_log_group: NotRequired[str]
    """Name of the slow log's log group."""
    engine_log_group: NotRequired[str]
    """Name of the engine log's log group."""
    notification_topic: NotRequired[str]
    """ARN of the topic for ElastiCache's own notifications."""
