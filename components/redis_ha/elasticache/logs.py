"""Log delivery of a group, and the log groups that it goes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi_aws as aws

from redis_ha.amazon import Place, adoption

from .plan import Plan

AS_FOUND = ("retentionInDays", "tags")


@dataclass
class LogGroups:
    """The made log groups by kind of log, and what the replication group is told of all logs."""

    made: dict[str, aws.cloudwatch.LogGroup] = field(default_factory=dict)
    deliveries: list[dict[str, Any]] = field(default_factory=list)


def make_log_groups(place: Place, plan: Plan, settings: Mapping[str, Any] | None) -> LogGroups:
    """Make a log group for each log whose destination was not brought."""
    given = settings or {}
    found = LogGroups()
    for log in plan.logs:
        if log.brought:
            destination = given[f"{log.argument}_destination"]
        else:
            adopted = plan.adopted(f"{log.argument}_group")
            found.made[log.kind] = aws.cloudwatch.LogGroup(
                f"{place.name}-{log.kind}",
                name=adopted or f"/elasticache/{plan.group_id}/{log.kind}",
                retention_in_days=plan.log_retention_days,
                kms_key_id=given.get("kms_key_id"),
                region=place.region,
                tags=place.tags,
                opts=place.child(
                    **adoption(adopted, place.region, protect=plan.protect),
                    **place.judged(f"{log.argument}_group", AS_FOUND),
                    ignore_changes=list(AS_FOUND) if adopted and plan.keep_as_found else None,
                ),
            )
            destination = found.made[log.kind].name
        found.deliveries.append(
            {
                "destination": destination,
                "destination_type": log.destination_type,
                "log_format": log.log_format,
                "log_type": log.kind,
            }
        )
    return found
