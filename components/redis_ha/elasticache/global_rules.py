"""What a Global Datastore can be made of: families, versions, regions and counts. Plain functions, no Pulumi."""

import re
from collections.abc import Sequence

from .versions import numbers

# docs.aws.amazon.com, AmazonElastiCache, "Prerequisites and limitations" of global datastores: from one region to up to two.
MAX_SECONDARIES = 2
# The same page: Redis 5.0.6 or newer. Every Valkey is.
FIRST_REDIS = (5, 0, 6)
# The same page: sizes large and above, so no burstable ones; an older text of it adds: no M4 and no R4.
FAMILIES = ("c7gn", "c8gn", "m5", "m6g", "m7g", "m8g", "r5", "r6g", "r7g", "r8g")
# The same page: Beijing and Ningxia replicate to each other alone; regions of different partitions know nothing of each other
# (docs.aws.amazon.com, IAM, "Amazon Resource Names").
CHINA = "cn-"
GOVCLOUD = "us-gov-"
# Members have one cluster mode, and it migrates in none of them: this component offers the two that stay.
CLUSTER_MODES = ("disabled", "enabled")
# docs.aws.amazon.com, systems-manager, "Creating parameters in Parameter Store": names with paths, 1011 characters at most.
PARAMETER_NAME = re.compile(r"(?=.{2,1011}$)(/[A-Za-z0-9_.-]+)+")


def wrong_node_type(node_type: str) -> str | None:
    """Return why a node type, which exists, cannot be in a global datastore; None when it can."""
    family = node_type.split(".")[1] if node_type.count(".") == 2 else ""
    if family in FAMILIES:
        return None
    return f"{node_type!r} cannot be in a global datastore: use size large or above of {', '.join(FAMILIES)}"


def wrong_version(engine: str, version: str) -> str | None:
    """Return why a version, which exists, cannot be in a global datastore; None when it can."""
    if engine == "redis" and numbers(version) < FIRST_REDIS:
        return f"'{version}' cannot be in a global datastore; use redis {'.'.join(str(part) for part in FIRST_REDIS)} or newer"
    return None


def partition(region: str) -> str:
    """Return the part of AWS that a region is in."""
    if region.startswith(CHINA):
        return "aws-cn"
    return "aws-us-gov" if region.startswith(GOVCLOUD) else "aws"


def wrong_regions(primary: str, secondaries: Sequence[str]) -> str | None:
    """Return why these regions cannot be one datastore; None when they can."""
    if not 1 <= len(secondaries) <= MAX_SECONDARIES:
        return f"{len(secondaries)} secondaries; a global datastore has one or {MAX_SECONDARIES}"
    if primary in secondaries:
        return f"{primary!r} is the primary's region; a secondary lives in another one"
    apart = [region for region in secondaries if partition(region) != partition(primary)]
    if apart:
        return f"{apart[0]!r} and {primary!r} are in different partitions of AWS; use regions of one"
    return None
