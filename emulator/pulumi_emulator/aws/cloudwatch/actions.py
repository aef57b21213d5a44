"""What happens when an alarm's state changes: topics and functions are told, and the default event bus."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.events.models import events_backends
from moto.sns.models import sns_backends

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.cloudwatch import messages, rules
from pulumi_emulator.aws.cloudwatch.messages import State

if TYPE_CHECKING:
    from pulumi_emulator.aws.elasticache.account import Account

ACTIONS = {rules.OK: "OKActions", rules.ALARM: "AlarmActions", rules.INSUFFICIENT: "InsufficientDataActions"}


def chosen(alarm: dict[str, Any], state: str, *, enabled: bool) -> list[str]:
    """Return the actions for a new state, by their ARN."""
    return list(alarm[ACTIONS[state]]) if enabled else []


def run(account: Account, region: str, alarm: dict[str, Any], old: State, new: State, *, enabled: bool) -> None:
    """Tell of a change of state, behind what goes on: the event always, the actions of the new state when they are enabled."""
    account.later(lambda: _put_event(region, alarm, old, new))
    for arn in chosen(alarm, new.value, enabled=enabled):
        account.later(_action(account, region, arn, alarm, old, new))


def _action(account: Account, region: str, arn: str, alarm: dict[str, Any], old: State, new: State) -> Callable[[], object]:
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if service == "sns":
        text = json.dumps(messages.notification(alarm, region, old, new))
        return lambda: _publish(account, region, arn, messages.subject(alarm, region, new), text)
    if service == "lambda":
        return lambda: account.invoke(arn, messages.payload(alarm, region, old, new))
    return lambda: account.log(f"alarm {alarm['AlarmName']}: the action {arn} is not emulated; topics and functions are")


def _publish(account: Account, region: str, arn: str, subject: str, text: str) -> None:
    topic = sns_backends[ACCOUNT_ID][region].topics.get(arn)
    if topic is None:
        # CloudWatch does not test actions (AlarmThatSendsEmail): nobody but the log is told.
        account.log(f"an alarm's topic {arn} is not there, or in another region than {region}")
        return
    topic.publish(text, subject=subject)


def _put_event(region: str, alarm: dict[str, Any], old: State, new: State) -> None:
    events_backends[ACCOUNT_ID][region].put_events(
        [
            {
                "Source": "aws.cloudwatch",
                "DetailType": "CloudWatch Alarm State Change",
                "Time": new.time,
                "Resources": [alarm["AlarmArn"]],
                "Detail": json.dumps(messages.event_detail(alarm, old, new)),
            }
        ]
    )
