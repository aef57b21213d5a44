"""The CloudWatch alarms of each colour: what each watches, from when on it rings, who says so; and the resources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place
from redis_ha.cloudwatch import check_periods, checked_settings, measured

from .alb_plan import BOTH, AlbPlan
from .alb_settings import AlbAlarms

# docs.aws.amazon.com, elasticloadbalancing/latest/application, load-balancer-cloudwatch-metrics: namespace, metrics, dimensions
# (LoadBalancer; LoadBalancer and TargetGroup), and what is reported when.
NAMESPACE = "AWS/ApplicationELB"
# cloudposse/terraform-aws-alb-target-group-cloudwatch-sns-alarms, variables.tf: 25 errors, and half a second on average, within
# five minutes.
ERRORS_IN_FIVE_MINUTES = 25
RESPONSE_SECONDS = 0.5
_POSSE = "cloudposse/terraform-aws-alb-target-group-cloudwatch-sns-alarms"
_OURS = "this project's choice"
# Fewer requests in a minute say nothing about a share of errors.
FEWEST_REQUESTS = 20
ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"


@dataclass(frozen=True)
class Definition:
    """One alarm: metrics m1, m2.. (with their statistic), math on them if any, and when it rings.

    `of_balancer`: the metric is published for the balancer only. What says nothing is well, unless told otherwise: counts are
    published only when they are not zero.
    """

    name: str
    says: str
    metrics: tuple[tuple[str, str], ...]
    threshold: float
    unit: str
    source: str
    comparison: str = ABOVE
    expression: str | None = None
    period: int = 60
    periods: int = 3
    datapoints: int = 3
    missing: str = "notBreaching"
    of_balancer: bool = False


TABLE = (
    Definition(
        "target_5xx", "The colour's targets answer with errors.",
        (("HTTPCode_Target_5XX_Count", "Sum"),), ERRORS_IN_FIVE_MINUTES, "count per 5 minutes", _POSSE,
        period=300, periods=1, datapoints=1,
    ),
    Definition(
        "target_5xx_percent", "Too large a share of the colour's answers are errors: a colour with little traffic shows here.",
        (("HTTPCode_Target_5XX_Count", "Sum"), ("RequestCount", "Sum")), 5, "percent", _OURS,
        expression=f"IF(m2 >= {FEWEST_REQUESTS}, 100 * FILL(m1, 0) / m2, 0)", periods=5,
    ),
    Definition(
        "elb_5xx", "The balancer itself answers with errors: no target is well, or none answers in time.",
        (("HTTPCode_ELB_5XX_Count", "Sum"),), ERRORS_IN_FIVE_MINUTES, "count per 5 minutes", _POSSE,
        period=300, periods=1, datapoints=1, of_balancer=True,
    ),
    Definition(
        "latency", "The colour's targets take long to answer.",
        (("TargetResponseTime", "Average"),), RESPONSE_SECONDS, "seconds", _POSSE, period=300, periods=1, datapoints=1,
    ),
    Definition(
        "unhealthy_hosts", "Targets of the colour fail their health check.",
        (("UnHealthyHostCount", "Maximum"),), 0, "targets", f"{_OURS}: any, for three minutes",
    ),
    Definition(
        # A colour without targets reports nothing, and that may be meant: it shows as INSUFFICIENT_DATA.
        "no_healthy_hosts", "No target of the colour is well. Fit for a Route 53 health check: one metric, no math.",
        (("HealthyHostCount", "Maximum"),), 1, "targets", f"{_OURS}: none, for a minute",
        comparison=BELOW, periods=1, datapoints=1, missing="missing",
    ),
)  # fmt: skip
NAMES = tuple(row.name for row in TABLE)


def check_alb_alarms(settings: AlbAlarms | None) -> list[tuple[str, str]]:
    """Return what is wrong with the settings: (argument, reason). Outputs are allowed in `topic_arns` only."""
    checks = checked_settings(settings, tuple(AlbAlarms.__annotations__), NAMES)
    if not checks.problems:
        check_periods(checks, wanted(checks.args))
    return checks.under("alarms")


def wanted(settings: Mapping[str, Any] | None) -> list[Definition]:
    """Return the alarms that are wanted, changed as the settings say."""
    given = settings or {}
    if not given.get("enabled", True):
        return []
    changes: Mapping[str, Mapping[str, Any]] = given.get("overrides") or {}
    return [_changed(row, changes.get(row.name, {})) for row in TABLE if row.name not in (given.get("off") or ())]


def _changed(row: Definition, change: Mapping[str, Any]) -> Definition:
    if "threshold" in change:
        row = replace(row, threshold=float(change["threshold"]), source="set in the program")
    periods, datapoints = change.get("periods", row.periods), change.get("datapoints", row.datapoints)
    return replace(row, periods=int(periods), datapoints=int(datapoints))  # other languages send 3.0 for 3


def alarm_keys(plan: AlbPlan, rows: Sequence[Definition]) -> list[tuple[str, Definition]]:
    """Return (colour or balancer, alarm): what only a balancer reports is watched once where both colours share it."""
    found = [(colour, row) for colours in plan.balancers.values() for colour in colours for row in rows if not row.of_balancer]
    return found + [(key, row) for key in plan.balancers for row in rows if row.of_balancer]


def alarm_arguments(row: Definition, alarm_name: str, dimensions: Mapping[str, pulumi.Input[str]]) -> dict[str, Any]:
    """Return the arguments of an aws.cloudwatch.MetricAlarm."""
    found: dict[str, Any] = {
        "name": alarm_name,
        "alarm_description": f"{row.says} Threshold: {row.source}.",
        "comparison_operator": row.comparison,
        "threshold": row.threshold,
        "evaluation_periods": row.periods,
        "datapoints_to_alarm": row.datapoints,
        "treat_missing_data": row.missing,
    }
    return found | measured(NAMESPACE, row.metrics, dimensions, row.period, row.expression, row.unit)


def make_alb_alarms(
    place: Place,
    plan: AlbPlan,
    settings: AlbAlarms | None,
    balancers: Mapping[str, aws.lb.LoadBalancer],
    target_groups: Mapping[str, aws.lb.TargetGroup],
) -> dict[str, dict[str, aws.cloudwatch.MetricAlarm]]:
    """Make the alarms; keys are the colour (or `both`) and the alarm's name."""
    given: Mapping[str, Any] = settings or {}
    topics = given.get("topic_arns")
    made: dict[str, dict[str, aws.cloudwatch.MetricAlarm]] = {}
    for whose, row in alarm_keys(plan, wanted(given)):
        balancer = whose if whose in balancers else BOTH
        dimensions: dict[str, pulumi.Input[str]] = {"LoadBalancer": balancers[balancer].arn_suffix}
        if not row.of_balancer:
            dimensions["TargetGroup"] = target_groups[whose].arn_suffix
        made.setdefault(whose, {})[row.name] = aws.cloudwatch.MetricAlarm(
            f"{place.name}-{whose}-{row.name.replace('_', '-')}",
            **alarm_arguments(row, f"{plan.alb_name}-{whose}-{row.name}", dimensions),
            actions_enabled=given.get("actions_enabled", True),
            alarm_actions=topics,
            ok_actions=topics,  # so that an incident closes by itself
            region=place.region,
            tags=place.tags,
            opts=place.child(),
        )
    return made
