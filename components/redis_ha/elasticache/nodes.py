"""Node types: what there is, and which this component does not take. No Pulumi."""

import re

# Two CPUs (one for the engine, one for the system), 13 GB, the newest family that is offered in nearly all regions.
DEFAULT_NODE_TYPE = "cache.r7g.large"
_LARGE_SIZES = ("large", "xlarge", "2xlarge", "4xlarge")
_GRAVITON = (*_LARGE_SIZES, "8xlarge", "12xlarge", "16xlarge")
_INTEL = (*_LARGE_SIZES, "12xlarge", "24xlarge")
_BURSTABLE = ("micro", "small", "medium")
# Union over all regions of aws-cloudformation/cfn-lint, data/schemas/extensions/aws_elasticache_cachecluster/
# cachenodetype_enum.json (made from AWS's price list), without the generations that take no new groups.
SIZES_OF_FAMILY = {
    "c7gn": _GRAVITON,
    "c8gn": _GRAVITON,
    "m4": (*_LARGE_SIZES, "10xlarge"),
    "m5": _INTEL,
    "m6g": _GRAVITON,
    "m7g": _GRAVITON,
    "m8g": _GRAVITON,
    "r4": (*_LARGE_SIZES, "8xlarge", "16xlarge"),
    "r5": _INTEL,
    "r6g": _GRAVITON,
    "r7g": _GRAVITON,
    "r8g": _GRAVITON,
    "t3": _BURSTABLE,
    "t4g": _BURSTABLE,
}
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, Durability, Limitations; the newest translation names generation 8.
DURABLE_FAMILIES = ("c7gn", "c8gn", "m6g", "m7g", "m8g", "r6g", "r7g", "r8g")
DATA_TIERING_FAMILY = "r6gd"
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Supported node types": no new ones (t2, since 2025), nor failover on t1.
PREVIOUS_GENERATIONS = ("t1", "t2", "m1", "m2", "m3", "c1", "r3")
_NODE_TYPE = re.compile(r"cache\.([a-z0-9]+)\.([a-z0-9]+)")


def family_of(node_type: str) -> str | None:
    """Return the family of a node type, None when it is no node type."""
    found = _NODE_TYPE.fullmatch(node_type)
    return found[1] if found else None


def wrong_node_type(node_type: str) -> str | None:
    """Return why a node type cannot be used, None when it can."""
    found = _NODE_TYPE.fullmatch(node_type)
    if found is None:
        return f"{node_type!r} is no node type; use one such as {DEFAULT_NODE_TYPE}"
    family, size = found[1], found[2]
    if family == DATA_TIERING_FAMILY:
        return f"{node_type!r} needs data tiering, which this component does not cover; use an r7g or r8g node"
    if family in PREVIOUS_GENERATIONS:
        return f"{node_type!r} is of a previous generation that takes no new groups; use t4g, m7g or r7g"
    if family not in SIZES_OF_FAMILY:
        return f"{node_type!r} is of an unknown family; known: {', '.join(SIZES_OF_FAMILY)}"
    if size not in SIZES_OF_FAMILY[family]:
        return f"{node_type!r} does not exist; sizes of {family}: {', '.join(SIZES_OF_FAMILY[family])}"
    return None
