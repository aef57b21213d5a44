"""An event's way to one target: tried, tried again on the account's clock, or put into the target's dead-letter queue.

docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html, eb-rule-dlq.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pulumi_emulator.aws import queueing
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.event_bus import targets
from pulumi_emulator.aws.event_bus.targets import Job
from pulumi_emulator.aws.event_bus.transform import InvalidJSONError, text_for
from pulumi_emulator.aws.undelivered import UndeliveredError

RETRIES: Final = 185  # botocore RetryPolicy MaximumRetryAttempts, the default
AGE: Final = 86400  # the same, MaximumEventAgeInSeconds
LONGEST_PAUSE: Final = 600.0  # ours: how the pause grows is not documented


@dataclass(frozen=True)
class Attempt:
    """A job that is under way."""

    job: Job
    accepted: datetime
    retries: int = 0


def pause(retries: int) -> float:
    """Return the seconds before a retry: twice as long each time, without the jitter that AWS adds."""
    return float(min(LONGEST_PAUSE, 2**retries))


class Delivery:
    """Takes the events of an account's rules to their targets."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def send(self, rule: Any, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """Take an event to a target of moto's rule, behind the caller's back."""
        now = self.account.clock.now()
        ingested = now.isoformat(timespec="seconds").replace("+00:00", "Z")
        job = Job(rule.region_name, rule.name, rule.event_bus_name, rule.arn, target, json.dumps(event), "")
        try:
            job = replace(job, text=text_for(target, event, rule.arn, ingested))
        except InvalidJSONError as error:
            self._failed(Attempt(job, now), UndeliveredError("INVALID_JSON", str(error)), None)
            return
        self._begin(Attempt(job, now))

    def _begin(self, attempt: Attempt) -> None:
        self.account.under_way(lambda: self._try(attempt))

    def _try(self, attempt: Attempt) -> None:
        try:
            targets.deliver(self.account, attempt.job)
        except UndeliveredError as error:
            self._again(attempt, error)
        else:
            self._count(attempt.job, "Invocations")

    def _again(self, attempt: Attempt, error: UndeliveredError) -> None:
        policy = attempt.job.target.get("RetryPolicy") or {}
        retries = policy.get("MaximumRetryAttempts", RETRIES)
        age = policy.get("MaximumEventAgeInSeconds", AGE)
        seconds = pause(attempt.retries + 1)
        if not error.retried:
            self._failed(attempt, error, None)
        elif attempt.retries >= retries:
            self._failed(attempt, error, "MaximumRetryAttempts")
        elif (self.account.clock.now() - attempt.accepted).total_seconds() + seconds > age:
            self._failed(attempt, error, "MaximumEventAgeInSeconds")
        else:
            following = replace(attempt, retries=attempt.retries + 1)
            self.account.clock.after(seconds, lambda: self._begin(following))

    def _failed(self, attempt: Attempt, error: UndeliveredError, exhausted: str | None) -> None:
        job = attempt.job
        self._count(job, "FailedInvocations")
        self.account.log(f"an event of {job.rule_arn} did not reach {job.target['Arn']}: {error.code}")
        arn = (job.target.get("DeadLetterConfig") or {}).get("Arn")
        if not arn:
            return
        texts = {
            "RULE_ARN": job.rule_arn,
            "TARGET_ARN": str(job.target["Arn"]),
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": str(error) or "-",
            **({"EXHAUSTED_RETRY_CONDITION": exhausted, "RETRY_ATTEMPTS": str(attempt.retries)} if exhausted else {}),
        }
        attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
        try:
            queueing.send(arn, job.event, "events.amazonaws.com", job.rule_arn, attributes=attributes)
        except UndeliveredError as lost:
            self._count(job, "InvocationsFailedToBeSentToDlq")
            self.account.log(f"an event of {job.rule_arn} did not reach its dead-letter queue {arn}: {lost.code}")
        else:
            self._count(job, "InvocationsSentToDlq")

    def _count(self, job: Job, metric: str) -> None:
        """Publish a metric of a rule (eventbridge/latest/userguide/eb-monitoring.html)."""
        dimensions = [{"Name": "RuleName", "Value": job.rule}]
        if job.bus != "default":
            dimensions.insert(0, {"Name": "EventBusName", "Value": job.bus})
        data = {
            "MetricName": metric,
            "Value": 1,
            "Unit": "Count",
            "Dimensions": dimensions,
        }
        self.account.publish(job.region, "AWS/Events", [data])
