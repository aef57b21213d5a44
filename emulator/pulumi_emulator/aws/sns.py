"""SNS: the policy of a new topic as it is today, and messages that go to their subscribers in SNS's own form."""

from __future__ import annotations

import json
from typing import Any, Final

from moto.sns.models import Subscription, Topic

from pulumi_emulator.aws import outbox, queueing
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.envelope import Message, as_record, as_text, raw_attributes, signed
from pulumi_emulator.aws.undelivered import UndeliveredError

SERVICE: Final = "sns.amazonaws.com"
WEB: Final = frozenset({"http", "https"})
_original = Topic._create_default_topic_policy  # noqa: SLF001 - moto has no other place to change it


def default_policy(topic: Topic, region_name: str, account_id: str, name: str) -> dict[str, Any]:
    """Return moto's default policy with the condition that AWS's has now.

    With aws:SourceAccount in the place of aws:SourceOwner ElastiCache cannot publish to a topic that is made without a policy
    (docs.aws.amazon.com/AmazonElastiCache/latest/dg/ElastiCacheSNS.html).
    """
    policy: dict[str, Any] = _original(topic, region_name, account_id, name)
    for statement in policy["Statement"]:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account_id}}
    return policy


class Deliverer:
    """Takes the messages of an account's topics to their subscribers."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def publish(
        self,
        subscription: Subscription,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> None:
        """Deliver a message to one subscriber, when its filter lets it through.

        What cannot be delivered goes to the subscription's dead-letter queue. It is not tried again: the kinds of failure that
        there are here are the client's (docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html).
        """
        matcher = subscription._filter_policy_matcher  # noqa: SLF001 - moto has no other place to ask
        if matcher is not None and not matcher.matches(message_attributes, message):
            return
        if message_structure == "json":
            message = subscription._parse_message_structure(message, subscription.protocol)  # noqa: SLF001 - the same
        told = Message(
            id=message_id,
            topic=str(subscription.topic_arn),
            subscription=str(subscription.arn),
            text=message,
            subject=subject,
            attributes=dict(message_attributes or {}),
            time=self.account.clock.now(),
            signature_version=str(getattr(subscription.topic, "signature_version", None) or "1"),
        )
        try:
            self._deliver(subscription, told, group_id, deduplication_id)
        except UndeliveredError as error:
            self.account.log(f"a message of {told.topic} did not reach {subscription.endpoint}: {error.code}")
            self._dead(subscription, told)

    def _deliver(self, subscription: Subscription, told: Message, group_id: str | None, deduplication_id: str | None) -> None:
        protocol, endpoint = subscription.protocol, str(subscription.endpoint)
        raw = str(subscription.attributes.get("RawMessageDelivery")).lower() == "true"
        if protocol == "sqs":
            body = told.text if raw else as_text(signed(told))
            attributes = raw_attributes(told.attributes) if raw else {}
            ids = {"group_id": group_id, "deduplication_id": deduplication_id}
            queueing.send(endpoint, body, SERVICE, told.topic, attributes=attributes, **ids)
        elif protocol == "lambda":
            if self.account.functions is None:
                raise UndeliveredError("NO_RESOURCE", f"Function not found: {endpoint}")
            records = {"Records": [as_record(signed(told), told.subscription)]}
            self.account.functions.hand_over(endpoint, json.dumps(records), SERVICE, told.topic)
        elif protocol in WEB:
            self._post(endpoint, told, raw=raw)

    def _post(self, url: str, told: Message, *, raw: bool) -> None:
        """Keep what would be posted to a web address; it is really sent to the loopback address only."""
        headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "User-Agent": "Amazon Simple Notification Service Agent",
            "x-amz-sns-message-type": "Notification",
            "x-amz-sns-message-id": told.id,
            "x-amz-sns-topic-arn": told.topic,
            "x-amz-sns-subscription-arn": told.subscription,
            **({"x-amz-sns-rawdelivery": "true"} if raw else {}),
        }
        body = told.text if raw else as_text(signed(told))
        status = outbox.send("POST", url, headers, body.encode()) if outbox.is_loopback(url) else None
        self.account.outbox.keep(outbox.Sent(told.time.isoformat(), "POST", url, headers, body, status))

    def _dead(self, subscription: Subscription, told: Message) -> None:
        """Put a message into the subscription's dead-letter queue (sns/latest/dg/sns-dead-letter-queues.html)."""
        policy = json.loads(subscription.attributes.get("RedrivePolicy") or "{}")
        arn = policy.get("deadLetterTargetArn")
        if not arn:
            return
        try:
            queueing.send(arn, as_text(signed(told)), SERVICE, told.topic)
        except UndeliveredError as error:
            self.account.log(f"a message of {told.topic} did not reach its dead-letter queue {arn}: {error.code}")


def install(account: Account) -> None:
    """Let topics and subscriptions be so."""
    deliverer = Deliverer(account)

    def publish(subscription: Subscription, *args: Any, **given: Any) -> None:
        deliverer.publish(subscription, *args, **given)

    Subscription.publish = publish  # type: ignore[assignment,method-assign]
    Topic._create_default_topic_policy = default_policy  # type: ignore[assignment,method-assign] # noqa: SLF001
