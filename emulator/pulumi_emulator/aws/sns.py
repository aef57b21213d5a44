"""Two things about SNS: the policy of a new topic as it is today, and that no message leaves this computer."""

from __future__ import annotations

from typing import Any, Final

from moto.sns.models import Subscription, Topic

WEB: Final = frozenset({"http", "https"})
_publish = Subscription.publish
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


def publish(subscription: Subscription, *args: Any, **given: Any) -> None:
    """Deliver a message, but not to a web address: moto would really send it, to whoever it is."""
    if subscription.protocol not in WEB:
        _publish(subscription, *args, **given)


def install() -> None:
    """Let topics and subscriptions be so."""
    Subscription.publish = publish  # type: ignore[assignment,method-assign]
    Topic._create_default_topic_policy = default_policy  # type: ignore[assignment,method-assign] # noqa: SLF001
