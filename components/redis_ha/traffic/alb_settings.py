"""The nested arguments of an AlbBlueGreen."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi

from redis_ha.cloudwatch import AlarmOverride


class AlbTargets(TypedDict):
    """Where the requests of one colour go: exactly one of the four."""

    instance_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Ids of EC2 instances."""
    ip_addresses: NotRequired[Sequence[pulumi.Input[str]]]
    """Private addresses in the VPC or in networks that it reaches (RFC 1918, RFC 6598)."""
    names: NotRequired[Sequence[str]]
    """What the entries of `instance_ids` or `ip_addresses` are called by, in their order. Needed where an entry is an Output: a
    target that keeps its name stays registered when another one leaves. Default: the entries themselves."""
    autoscaling_group_name: NotRequired[pulumi.Input[str]]
    """Name of an Auto Scaling group, which registers its instances itself."""
    ecs: NotRequired[bool]
    """True: an ECS service registers its tasks itself. It takes the colour's ARN of `target_group_arns`, and has to be made
    after the component: a target group that no balancer uses is refused by ECS."""
    type: NotRequired[str]
    """`instance` or `ip`; only with `ecs` there is a choice. Default: `ip` for addresses and ECS (network mode awsvpc), else
    `instance`. A change replaces the target group, beside the old one."""


class AlbColours(TypedDict):
    """The targets of both colours."""

    blue: AlbTargets
    """Targets of blue."""
    green: AlbTargets
    """Targets of green."""


class AlbWeights(TypedDict):
    """Shares of the requests, in proportion to each other."""

    blue: int
    """Weight of blue, 0 to 999."""
    green: int
    """Weight of green, 0 to 999."""


class AlbStickiness(TypedDict):
    """Whether a client keeps its first colour. Sticky clients do not follow a shift of weights."""

    enabled: bool
    """Whether clients stay."""
    duration_seconds: NotRequired[int]
    """How long they stay, 1 to 604800 (a week). Default 3600."""


class AlbHealthCheck(TypedDict):
    """The balancer's health check of a target."""

    path: NotRequired[str]
    """Path that is asked. Default `/`."""
    port: NotRequired[int]
    """Port that is asked. Default: the target's own."""
    protocol: NotRequired[str]
    """`HTTP` or `HTTPS`. Default: `target_protocol`."""
    matcher: NotRequired[str]
    """Codes of a good answer, of 200 to 499, e.g. `200`, `200,204`, `200-299`. Default `200`."""
    interval_seconds: NotRequired[int]
    """Seconds between two checks, 5 to 300. Default 10."""
    timeout_seconds: NotRequired[int]
    """Seconds until no answer is a failure, 2 to 120 and less than the interval. Default 5."""
    healthy_threshold: NotRequired[int]
    """Good answers in a row after which a target is healthy, 2 to 10. Default 2."""
    unhealthy_threshold: NotRequired[int]
    """Failures in a row after which a target is unhealthy, 2 to 10. Default 2."""


class AlbAccessLogs(TypedDict):
    """Where access logs go."""

    bucket: pulumi.Input[str]
    """S3 bucket in the same region, whose policy lets Elastic Load Balancing write."""
    prefix: NotRequired[str]
    """Prefix in the bucket. Default: the balancer's name."""


class AlbAlarms(TypedDict):
    """CloudWatch alarms of each colour.

    Names: target_5xx, target_5xx_percent, elb_5xx, latency, unhealthy_hosts, no_healthy_hosts.
    """

    enabled: NotRequired[bool]
    """Whether there are alarms at all. Default true."""
    topic_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """SNS topics that are notified of ALARM and of OK, at most 5. Default: none."""
    off: NotRequired[Sequence[str]]
    """Alarms not to make, by name."""
    overrides: NotRequired[Mapping[str, AlarmOverride]]
    """Changed thresholds and periods, by name of the alarm."""
    actions_enabled: NotRequired[bool]
    """Whether the topics are notified. Default true."""


class AlbAdopt(TypedDict):
    """Existing resources that are imported without a change. Keep the block: it has the ids of what is taken over.

    Keys of balancers and listeners are `blue` and `green` in form dns, `both` in form listener. Registered targets need no
    adoption: to register them again is no change.
    """

    keep_as_found: NotRequired[bool]
    """Whether what the component would set by default (tags, health checks, delays, protection against deletion, security
    policy) stays as it was found. Default true; set it to false after the `up` that imported."""
    change: NotRequired[Sequence[str]]
    """Properties of what is taken over that the same `up` may change, in the provider's words, such as `node_type`. Default:
    none, a difference is refused in the preview."""
    load_balancers: NotRequired[Mapping[str, str]]
    """ARNs of the balancers; their names are then the balancers' names."""
    target_groups: NotRequired[Mapping[str, str]]
    """ARNs of the target groups of `blue` and `green`."""
    listeners: NotRequired[Mapping[str, str]]
    """ARNs of the listeners."""
    security_group: NotRequired[str]
    """Id of the balancers' security group. Its rules are not taken over: the component's are added."""
