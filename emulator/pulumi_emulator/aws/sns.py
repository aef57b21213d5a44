"""The policy that a new SNS topic has: moto still gives it the one of earlier years."""

from __future__ import annotations

from typing import Any

from moto.sns.models import Topic

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


def install() -> None:
    """Let new topics have it."""
    Topic._create_default_topic_policy = default_policy  # type: ignore[assignment,method-assign] # noqa: SLF001
