"""What happens when an alarm's state changes: topics and functions are told, and the default event bus."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from moto.sns.models import sns_backends

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.cloudwatch import messages, rules
from pulumi_emulator.aws.cloudwatch.messages import State

if TYPE_CHECKING:
    from pulumi_emulator.aws.elasticache.account import Account

# docs.aws.amazon.com, AmazonCloudWatch/latest/monitoring, cloudwatch-and-eventbridge.
SOURCE: Final = "aws.cloudwatch"
STATE_CHANGE: Final = "CloudWatch Alarm State Change"
# Who has to be allowed to invoke the function of an action (docs.aws.amazon.com, AlarmThatSendsEmail, Lambda actions).
INVOKER: Final = "lambda.alarms.cloudwatch.amazonaws.com"
ACTIONS: Final = {rules.OK: "OKActions", rules.ALARM: "AlarmActions", rules.INSUFFICIENT: "InsufficientDataActions"}


def chosen(alarm: dict[str, Any], state: str, *, enabled: bool) -> list[str]:
    """Return the actions for a new state, by their ARN."""
    return list(alarm[ACTIONS[state]]) if enabled else []


def run(account: Account, region: str, alarm: dict[str, Any], old: State, new: State, *, enabled: bool) -> None:
    """Tell of a change of state, behind what goes on: the event always, the actions of the new state when they are enabled."""
    account.later(lambda: _put_event(account, region, alarm, old, new))
    for arn in chosen(alarm, new.value, enabled=enabled):
        account.later(_action(account, region, arn, alarm, old, new))


def _action(account: Account, region: str, arn: str, alarm: dict[str, Any], old: State, new: State) -> Callable[[], object]:
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if service == "sns":
        text = json.dumps(messages.notification(alarm, region, old, new))
        return lambda: _publish(account, region, arn, messages.subject(alarm, region, new), text)
    if service == "lambda":
        return lambda: _invoke(account, arn, alarm, json.dumps(messages.payload(alarm, region, old, new)))
    return lambda: account.log(f"alarm {alarm['AlarmName']}: the action {arn} is not emulated; topics and functions are")


def _publish(account: Account, region: str, arn: str, subject: str, text: str) -> None:
    topic = sns_backends[ACCOUNT_ID][region].topics.get(arn)
    if topic is None:
        # CloudWatch does not test actions (AlarmThatSendsEmail): nobody but the log is told.
        account.log(f"an alarm's topic {arn} is not there, or in another region than {region}")
        return
    topic.publish(text, subject=subject)


def _invoke(account: Account, arn: str, alarm: dict[str, Any], payload: str) -> None:
    if account.functions is None:  # there once the account was asked about functions
        account.log(f"alarm {alarm['AlarmName']}: there is no function {arn}")
        return
    account.functions.hand_over(arn, payload, INVOKER, alarm["AlarmArn"])


def _put_event(account: Account, region: str, alarm: dict[str, Any], old: State, new: State) -> None:
    if account.buses is None:  # there once the account was asked about buses: before that nobody has a rule
        return
    detail, resources = messages.event_detail(alarm, old, new), [alarm["AlarmArn"]]
    time = datetime.fromtimestamp(new.time, UTC)
    account.buses.emit(region, "default", SOURCE, STATE_CHANGE, detail, resources=resources, time=time)
