"""The emulated AWS resource types: a translation into AWS's API calls each, made to the stack's own endpoint."""

from __future__ import annotations

from typing import Final

from pulumi_emulator.handlers.aws import (
    autoscaling,
    dns,
    elasticache,
    event_bus,
    event_connections,
    event_targets,
    faults,
    health_checks,
    identity,
    lambdas,
    listener_rules,
    listeners,
    load_balancing,
    monitoring,
    network,
    queues,
    secrets,
    security_groups,
    sns,
    target_groups,
)
from pulumi_emulator.handlers.aws.base import AwsHandler
from pulumi_emulator.handlers.aws.functions import FUNCTIONS
from pulumi_emulator.handlers.aws.global_group import GlobalReplicationGroup
from pulumi_emulator.handlers.aws.replication_group import ReplicationGroup
from pulumi_emulator.handlers.aws.serverless import ServerlessCache

__all__ = ["AWS_HANDLERS", "FUNCTIONS", "AwsHandler"]

# In the order in which they are made: what is in something comes after it, and is removed before it.
AWS_HANDLERS: Final[tuple[AwsHandler, ...]] = (
    identity.Key(),
    identity.Alias(),
    identity.Role(),
    identity.RolePolicy(),
    network.Vpc(),
    network.Subnet(),
    security_groups.SecurityGroup(),
    security_groups.SecurityGroupIngressRule(),
    security_groups.SecurityGroupEgressRule(),
    queues.Queue(),
    queues.QueuePolicy(),
    sns.Topic(),
    sns.TopicPolicy(),
    monitoring.LogGroup(),
    lambdas.Function(),
    lambdas.Permission(),
    lambdas.EventInvokeConfig(),
    sns.TopicSubscription(),
    event_bus.EventBus(),
    event_bus.EventRule(),
    event_connections.EventConnection(),
    event_connections.EventApiDestination(),
    event_targets.EventTarget(),
    elasticache.SubnetGroup(),
    elasticache.ParameterGroup(),
    elasticache.User(),
    elasticache.UserGroup(),
    secrets.Secret(),
    secrets.SecretVersion(),
    secrets.Parameter(),
    ReplicationGroup(),
    GlobalReplicationGroup(),
    ServerlessCache(),
    load_balancing.LoadBalancer(),
    target_groups.TargetGroup(),
    listeners.Listener(),
    listener_rules.ListenerRule(),
    target_groups.TargetGroupAttachment(),
    target_groups.AutoScalingAttachment(),
    dns.Zone(),
    health_checks.HealthCheck(),
    dns.Record(),
    autoscaling.ScalableTarget(),
    autoscaling.ScalingPolicy(),
    faults.ExperimentTemplate(),
    monitoring.MetricAlarm(),
    monitoring.Dashboard(),
)
