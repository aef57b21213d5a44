"""The last snapshot of a replication group that is deleted or replaced."""

import pulumi
import pulumi_random as random

from redis_ha.amazon import Place

from .plan import Plan
from .replication import replacing

# A snapshot's name: at most 50 characters with those of the group and a random part (docs.aws.amazon.com, AmazonElastiCache
# API reference, CreateSnapshot); a group's id alone may have 40.
SNAPSHOT_PREFIX_LENGTH = 28


def final_snapshot_name(place: Place, plan: Plan) -> pulumi.Output[str] | None:
    """Name the last snapshot: the same at every preview, another one for every group that ever was."""
    if not plan.final_snapshot:
        return None
    suffix = random.RandomId(f"{place.name}-final-snapshot", byte_length=4, keepers=dict(replacing(plan)), opts=place.child())
    prefix = plan.group_id[:SNAPSHOT_PREFIX_LENGTH].rstrip("-")
    return pulumi.Output.concat(prefix, "-final-", suffix.hex)
