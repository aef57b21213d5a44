"""The last snapshot of a replication group that is deleted or replaced."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, cast

import pulumi
import pulumi_random as random

from redis_ha.amazon import Place

from .plan import Plan
from .replication import replacing

# A snapshot's name: at most 50 characters with those of the group and a random part (docs.aws.amazon.com, AmazonElastiCache
# API reference, CreateSnapshot); a group's id alone may have 40.
SNAPSHOT_PREFIX_LENGTH = 28


def final_snapshot_name(
    place: Place, plan: Plan, inputs: Mapping[str, Any], before: Sequence[pulumi.Resource]
) -> pulumi.Output[str] | None:
    """Name the last snapshot: the same at every preview, another one for every group that ever was.

    `inputs`: the group's other inputs; `before`: what the group depends on besides.

    A destroy that fails half-way must not leave the random part behind when the group is gone: the next group would have the
    same name, and AWS would refuse to delete it. The engine deletes in waves, what depends on most first (pulumi/pulumi
    pkg/resource/deploy/step_generator.go, ScheduleDeletes). So the group does not depend on the random part, which depends on
    more than the group does: it goes a wave earlier.
    """
    if not plan.final_snapshot:
        return None
    of_group: pulumi.Output[list[pulumi.Resource]] = pulumi.Output.all(
        *inputs.values(), *(resource.urn for resource in before)
    ).apply(lambda _: [])
    as_late = random.RandomId(f"{place.name}-before-final-snapshot", byte_length=1, opts=place.child(depends_on=of_group))
    suffix = random.RandomId(
        f"{place.name}-final-snapshot",
        byte_length=4,
        keepers=dict(replacing(plan)),
        opts=place.child(depends_on=[as_late]),
    )
    prefix = plan.group_id[:SNAPSHOT_PREFIX_LENGTH].rstrip("-")
    name = pulumi.Output.concat(prefix, "-final-", suffix.hex)
    value = cast("Awaitable[str]", name.future())  # None only where it is not known
    return pulumi.Output(set(), asyncio.ensure_future(value), asyncio.ensure_future(name.is_known()))
