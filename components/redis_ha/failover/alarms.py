"""The alarms of a FailoverAutomation: the resources."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place

from .alarm_table import CACHE_NODE_ID, FUNCTION, MISSED, NODE, QUEUE, Definition, alarm_arguments
from .plan import Plan


def watched(plan: Plan, row: Definition, function: Any, queue: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what an alarm watches: the end of its name, and its dimensions. `function` and `queue` are names."""
    if row.of == FUNCTION:
        yield "", {"FunctionName": function}
    elif row.of == QUEUE:
        yield "", {"QueueName": queue}
    elif row.of == NODE:
        nodes = [node for presets in plan.nodes.values() for node in presets.get(row.name, ())]
        yield from ((f"-{node}", {"CacheClusterId": node, "CacheNodeId": CACHE_NODE_ID}) for node in nodes)
    else:
        yield from ((f"-{group}", {"GroupId": group}) for group in plan.groups)


def make_alarms(
    place: Place, plan: Plan, function: aws.lambda_.Function, queue: aws.sqs.Queue, topics: Sequence[pulumi.Input[str]]
) -> dict[str, aws.cloudwatch.MetricAlarm]:
    """Make the alarms; keys are `errors` or, of a group or a node, `failures-orders`."""
    made: dict[str, aws.cloudwatch.MetricAlarm] = {}
    for row in plan.alarms:
        for end, dimensions in watched(plan, row, function.name, queue.name):
            key = f"{row.name}{end}"
            made[key] = aws.cloudwatch.MetricAlarm(
                f"{place.name}-alarm-{key.replace('_', '-')}",
                **alarm_arguments(row, f"{plan.function_name}-{key}", dimensions),
                actions_enabled=plan.alarm_actions,
                alarm_actions=list(topics),
                ok_actions=list(topics),  # so that an incident closes by itself
                # What has to report fell silent. A new alarm is in this state already: that is no change, and tells nobody.
                insufficient_data_actions=list(topics) if row.missing == MISSED and row.of != NODE else None,
                region=place.region,
                tags=place.tags,
                opts=place.child(),
            )
    return made
