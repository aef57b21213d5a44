"""The argument blocks of a FailoverAutomation."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi

from redis_ha.cloudwatch import AlarmOverride


class FailoverGroup(TypedDict):
    """A replication group of ElastiCache that is watched. Needed is `topic_arn` or `topic_of`."""

    topic_arn: NotRequired[pulumi.Input[str]]
    """The SNS topic that ElastiCache sends the group's events to, in the group's region: `notification_topic_arn` of an
    ElastiCacheHaGroup."""
    topic_of: NotRequired[str]
    """Id of another group here, to whose topic ElastiCache sends this group's events too."""
    topic_kms_key: NotRequired[pulumi.Input[str]]
    """The topic's KMS key, so that a topic with one is refused: ElastiCache sends nothing to an encrypted topic. Hand on
    `kms_master_key_id` of a topic that you make. Default: not known here."""
    presets: NotRequired[Sequence[str]]
    """Ready-made alarms on the group's nodes, which only notify. `saturation`: the engine's CPU above 90 % on average in five
    of five periods of five minutes, so it rings after 25 minutes. Default: none."""
    node_ids: NotRequired[Sequence[str]]
    """Ids of the group's nodes, e.g. `orders-001`, for the presets."""


class FailoverFunction(TypedDict):
    """How the Lambda function runs."""

    wait_seconds: NotRequired[int]
    """Seconds for which a group that is not available is looked at again, 0 to 600. Default 30."""
    reserved_concurrency: NotRequired[int]
    """Runs at the same time, 1 (default) to 100, which are taken from the account's; -1: as many as the account has left. With
    one run at a time no two write the same document. AWS refuses a reservation that leaves the account less than 100."""
    memory_mb: NotRequired[int]
    """Memory in MB, 128 to 10240, which also decides the share of a CPU. Default 256."""
    max_event_age_seconds: NotRequired[int]
    """Seconds after which an event that could not be worked on goes to the dead-letter queue, 60 to 21600. Default 3600. The
    group is looked at anew in each run, so a late event does no harm."""
    log_retention_days: NotRequired[int]
    """Days that the function's log is kept, one of CloudWatch's. Default 30."""
    tracing: NotRequired[bool]
    """Whether AWS X-Ray traces the runs. Default false."""
    subnet_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Subnets that the function runs in, where a server of `copies` is reached from a VPC alone. They need a way to the APIs of
    ElastiCache, SSM, EventBridge, CloudWatch Logs and Secrets Manager: VPC endpoints or a NAT gateway. Default: no VPC."""
    security_group_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Security groups of the function in these subnets. Needed with `subnet_ids`."""


class FailoverServer(TypedDict):
    """A server of Consul that gets copies of the documents."""

    url: str
    """Its address, e.g. `https://consul.internal:8501`. https alone, without a path."""
    secret_arn: pulumi.Input[str]
    """The secret in Secrets Manager, in the region, with `{"token": "..", "ca_pem": ".."}`; `ca_pem` where the authority is no
    public one. With a KMS key of your own, its policy has to let the function's role decrypt."""


class FailoverVault(TypedDict):
    """A server of Vault that gets copies of the documents."""

    url: str
    """Its address, e.g. `https://vault.internal:8200`. https alone, without a path."""
    secret_arn: pulumi.Input[str]
    """The secret with its token, as Consul's."""
    mount: NotRequired[str]
    """Where its key/value store of version 2 is mounted. Default `secret`."""


class FailoverCopies(TypedDict):
    """Servers that get copies of the documents, at the parameters' own paths."""

    consul: NotRequired[FailoverServer]
    """Consul's key/value store."""
    vault: NotRequired[FailoverVault]
    """Vault's key/value store."""


class FailoverAlarms(TypedDict):
    """CloudWatch alarms of the automation itself, and the groups' presets.

    Names: errors, throttles, dead_letters, failures, not_available, saturation.
    """

    enabled: NotRequired[bool]
    """Whether there are alarms at all. Default true."""
    topic_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """SNS topics that are notified of ALARM and of OK, at most 5. Needed, unless `notify.emails` is given: then they get the
    alarms too."""
    off: NotRequired[Sequence[str]]
    """Alarms not to make, by name."""
    overrides: NotRequired[Mapping[str, AlarmOverride]]
    """Changed thresholds and periods, by name of the alarm."""
    actions_enabled: NotRequired[bool]
    """Whether the topics are notified. Default true."""


class FailoverSlack(TypedDict):
    """A channel of Slack."""

    webhook_url: pulumi.Input[str]
    """The channel's incoming webhook. Whoever has it can write there: it is a secret."""


class FailoverPagerDuty(TypedDict):
    """A service of PagerDuty."""

    routing_key: pulumi.Input[str]
    """Integration key of the service's Events API v2. A secret."""


class FailoverWebhook(TypedDict):
    """Any HTTPS endpoint that takes a POST of JSON."""

    webhook_url: pulumi.Input[str]
    """The endpoint. Treated as a secret, because many have theirs in it."""
    header: NotRequired[str]
    """Name of the header that `token` is sent in. Default `Authorization`."""
    token: pulumi.Input[str]
    """What the header says, e.g. `Bearer abc`. A secret."""


class FailoverNotify(TypedDict):
    """Who is told of the groups' events, in one line with the facts. Names of receivers are of your choice."""

    severities: NotRequired[Sequence[str]]
    """Severities that are told: `critical`, `warning`, `info`. Default: the first two."""
    emails: NotRequired[Sequence[str]]
    """Mail addresses. Each gets a mail of AWS first, and has to confirm."""
    slack: NotRequired[Mapping[str, FailoverSlack]]
    """Channels of Slack."""
    pagerduty: NotRequired[Mapping[str, FailoverPagerDuty]]
    """Services of PagerDuty."""
    webhooks: NotRequired[Mapping[str, FailoverWebhook]]
    """Other endpoints."""
