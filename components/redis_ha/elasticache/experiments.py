"""The loss of a zone as an experiment of AWS Fault Injection Service: its nodes of this group lose power for a while."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place
from redis_ha.arguments import Checks, kind_of, shown
from redis_ha.arns import ALARM, ROLE, check_arn, check_arns

from .monitored import GROUP_TAG
from .topology import Topology

# docs.aws.amazon.com, fis/latest/userguide, fis-actions-reference, Amazon ElastiCache actions: while it lasts, nodes of the
# zone are not replaced either. (`aws:elasticache:interrupt-cluster-az-power` was its name before it took Valkey.)
ACTION = "aws:elasticache:replicationgroup-interrupt-az-power"
RESOURCE_TYPE = "aws:elasticache:replicationgroup"
# fis, GetAction of that action: what its target is called.
TARGET_OF_ACTION = "ReplicationGroups"
# The same page: one minute to twelve hours.
MIN_MINUTES, MAX_MINUTES = 1, 720
# Longer than any failover, so that a client's reconnections and the return of the nodes are seen apart.
DEFAULT_MINUTES = 10
# docs.aws.amazon.com, fis/latest/userguide, fis-quotas: stop conditions of a template.
MAX_STOP_ALARMS = 5


class ExperimentSettings(TypedDict):
    """One experiment for each zone. It is only made, not run: `aws fis start-experiment` runs it, and it really takes nodes."""

    stop_alarm_arns: Sequence[pulumi.Input[str]]
    """CloudWatch alarms that end the experiment when they ring: your application's, not the group's own (its failover alarm
    rings as soon as the experiment works). At most 5. Without any: `[]`."""
    zones: NotRequired[Sequence[str]]
    """Zones to make an experiment for. Default: all of the group's."""
    duration_minutes: NotRequired[int]
    """How long the zone is without power, 1 to 720. Default 10."""
    role_arn: NotRequired[pulumi.Input[str]]
    """Role that FIS works as. Default: one is made, for this group only."""


@dataclass(frozen=True)
class Experiments:
    """What was made: the templates by zone, and the role unless it was brought."""

    templates: Mapping[str, aws.fis.ExperimentTemplate]
    role: aws.iam.Role | None = None


def check_experiments(settings: ExperimentSettings | None, topology: Topology, zones: Sequence[str]) -> list[tuple[str, str]]:
    """Return what is wrong with the settings, or with experimenting on this group: (argument, reason)."""
    if settings is None:
        return []
    checks = Checks(settings)
    checks.known(tuple(ExperimentSettings.__annotations__))
    if not topology.multi_az:
        checks.refuse("zones", "the group is not Multi-AZ: a lost zone would be a lost group; add a replica")
    wanted = checks.args.get("zones")
    if wanted is not None and (isinstance(wanted, str) or not isinstance(wanted, Sequence)):
        checks.refuse("zones", f"{kind_of(wanted)} is no list")
    elif wanted is not None:
        for zone in wanted:
            if zone not in zones:
                checks.refuse("zones", f"{shown(zone)} is no zone of this group; it has {', '.join(zones)}")
    checks.whole("duration_minutes", DEFAULT_MINUTES, MIN_MINUTES, MAX_MINUTES)
    alarms: object = checks.args.get("stop_alarm_arns")
    if alarms is None:
        checks.refuse("stop_alarm_arns", "is missing; name alarms that have to end the experiment, or [] if nothing shall")
    elif isinstance(alarms, str) or not isinstance(alarms, Sequence):
        checks.refuse("stop_alarm_arns", f"{kind_of(alarms)} is no list")
    elif len(alarms) > MAX_STOP_ALARMS:
        checks.refuse("stop_alarm_arns", f"{len(alarms)} alarms; an experiment watches {MAX_STOP_ALARMS} at most")
    check_arns(checks, "stop_alarm_arns", ALARM)
    check_arn(checks, "role_arn", ROLE)
    return checks.under("experiment")


def trust_document(group_arn: str) -> dict[str, Any]:
    """Return who may take the role: FIS, for experiments of this account and region (fis, getting-started-iam-service-role)."""
    _, partition, _, region, account, *_ = group_arn.split(":")
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "fis.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": f"arn:{partition}:fis:{region}:{account}:experiment/*"},
                },
            }
        ],
    }


def role_document(group_arn: str) -> dict[str, Any]:
    """Return what the role may do: the three permissions of the action, the dangerous one on this group only."""
    interrupt = ["elasticache:InterruptClusterAzPower", "elasticache:DescribeReplicationGroups"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "InterruptThisGroup", "Effect": "Allow", "Action": interrupt, "Resource": group_arn},
            # FIS looks for the group before it knows its ARN; both of these only read.
            {
                "Sid": "FindByTag",
                "Effect": "Allow",
                "Action": ["elasticache:DescribeReplicationGroups", "tag:GetResources"],
                "Resource": "*",
            },
        ],
    }


def experiment(group_id: str, zone: str, minutes: int) -> dict[str, Any]:
    """Return what an experiment does, as arguments of aws.fis.ExperimentTemplate."""
    return {
        "description": f"Power of {group_id}'s nodes in {zone} is lost for {minutes} minutes",
        # The type takes no ARNs and no filters, only tags, and the zone as a parameter that has to be given
        # (fis/latest/userguide, targets, "Resource parameters").
        "targets": [
            {
                "name": "group",
                "resource_type": RESOURCE_TYPE,
                "selection_mode": "ALL",
                "resource_tags": [{"key": GROUP_TAG, "value": group_id}],
                "parameters": {"availabilityZoneIdentifier": zone},
            }
        ],
        "actions": [
            {
                "name": "interrupt-power",
                "action_id": ACTION,
                "parameters": [{"key": "duration", "value": f"PT{minutes}M"}],
                "target": {"key": TARGET_OF_ACTION, "value": "group"},
            }
        ],
        # An experiment that finds nothing has shown nothing.
        "experiment_options": {"account_targeting": "single-account", "empty_target_resolution_mode": "fail"},
    }


def make_experiments(
    place: Place,
    topology: Topology,
    zones: Sequence[str],
    settings: ExperimentSettings,
    group: aws.elasticache.ReplicationGroup,
) -> Experiments:
    """Make an experiment template for each zone (`zones` are the group's), and the role that FIS works as."""
    given: Mapping[str, Any] = settings
    role = None if given.get("role_arn") is not None else _make_role(place, topology, group)
    minutes = int(given.get("duration_minutes", DEFAULT_MINUTES))
    stops: list[Any] = [{"source": "aws:cloudwatch:alarm", "value": arn} for arn in given["stop_alarm_arns"]]
    templates = {
        zone: aws.fis.ExperimentTemplate(
            f"{place.name}-experiment-{zone}",
            **experiment(topology.group_id, zone, minutes),
            role_arn=given["role_arn"] if role is None else role.arn,
            stop_conditions=stops or [{"source": "none"}],
            region=place.region,
            tags={"Name": f"{topology.group_id}-lose-{zone}", **place.tags},
            opts=place.child(depends_on=[group]),
        )
        for zone in given.get("zones") or zones
    }
    return Experiments(templates, role)


def _make_role(place: Place, topology: Topology, group: aws.elasticache.ReplicationGroup) -> aws.iam.Role:
    role = aws.iam.Role(
        f"{place.name}-experiment-role",
        # IAM is global: the region keeps two groups of one name apart. 64 characters at most, a group's id has 40.
        name=f"{topology.group_id}-{place.region}-fis",
        description=f"AWS FIS interrupts the power of {topology.group_id}'s nodes",
        assume_role_policy=group.arn.apply(lambda arn: json.dumps(trust_document(arn))),
        tags=place.tags,
        opts=place.child(),
    )
    aws.iam.RolePolicy(
        f"{place.name}-experiment-role-policy",
        name="interrupt-power",
        role=role.name,
        policy=group.arn.apply(lambda arn: json.dumps(role_document(arn))),
        opts=place.child(),
    )
    return role
