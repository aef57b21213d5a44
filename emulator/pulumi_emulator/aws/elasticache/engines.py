"""Engines, their versions and families, and node types."""

from __future__ import annotations

import re
from typing import Any, Final

from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.operations import operation

VALKEY: Final = "valkey"
REDIS: Final = "redis"
# What can be asked for -> what then runs. The versions are those of AWS's DescribeCacheEngineVersions, as cfn-lint ships them
# (data/schemas/extensions/aws_elasticache_cachecluster/engine_version.json); the patch releases are of the same API's answers
# in hashicorp/terraform-provider-aws's issues, and where none was found the first one.
VERSIONS: Final[dict[str, dict[str, str]]] = {
    VALKEY: {"7.2": "7.2.6", "8.0": "8.0.1", "8.1": "8.1.0", "8.2": "8.2.0", "9.0": "9.0.0", "9.1": "9.1.0"},
    REDIS: {"4.0.10": "4.0.10", "5.0.6": "5.0.6", "6.0": "6.0.5", "6.2": "6.2.6", "7.0": "7.0.7", "7.1": "7.1.0"},
}
# hashicorp/terraform-provider-aws internal/service/elasticache/engine_version.go: 6.x is the newest of the 6 line.
NEWEST_SIX: Final = "6.x"
DEFAULT_VERSION: Final = {VALKEY: "8.2", REDIS: "7.1"}
# botocore CreateCacheParameterGroup CacheParameterGroupFamily, and the headings of ParameterGroups.Engine.html.
FAMILIES: Final = {
    "redis4.0": (REDIS, "4"),
    "redis5.0": (REDIS, "5"),
    "redis6.x": (REDIS, "6"),
    "redis7": (REDIS, "7"),
    "valkey7": (VALKEY, "7"),
    "valkey8": (VALKEY, "8"),
    "valkey9": (VALKEY, "9"),
}
# AWS's price list, as cfn-lint ships it (data/schemas/extensions/aws_elasticache_cachecluster/cachenodetype_enum.json), without
# the generations before m4, r4 and t2.
_LARGE: Final = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
NODE_SIZES: Final[dict[str, tuple[str, ...]]] = {
    "t2": ("micro", "small", "medium"),
    "t3": ("micro", "small", "medium"),
    "t4g": ("micro", "small", "medium"),
    "m4": ("large", "xlarge", "2xlarge", "4xlarge", "10xlarge"),
    "m5": ("large", "xlarge", "2xlarge", "4xlarge", "12xlarge", "24xlarge"),
    "m6g": _LARGE,
    "m7g": _LARGE,
    "m8g": _LARGE,
    "r4": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"),
    "r5": ("large", "xlarge", "2xlarge", "4xlarge", "12xlarge", "24xlarge"),
    "r6g": _LARGE,
    "r6gd": _LARGE[1:],
    "r7g": _LARGE,
    "r8g": _LARGE,
    "c7gn": _LARGE,
    "c8gn": _LARGE,
}
# docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption-enable.html: TLS on a running group.
TLS_CHANGE_FROM: Final = (7, 0, 5)
# docs.aws.amazon.com/AmazonElastiCache/latest/dg/modify-cluster-mode.html.
CLUSTER_MODE_FROM: Final = {VALKEY: (7, 2), REDIS: (7, 0)}

# docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html: durability from Valkey 9.0.
DURABLE_FROM: Final = (9, 0)
# dg/Durability.Limitations.html; the newest of its translations names generation 8.
DURABLE_FAMILIES: Final = ("c7gn", "c8gn", "m6g", "m7g", "m8g", "r6g", "r7g", "r8g")


def check_engine(engine: str | None, version: str | None) -> tuple[str, str]:
    """Return the engine and the full version that then runs; the defaults are Redis, as in AWS's API, and its newest."""
    name = (engine or REDIS).lower()
    if name not in VERSIONS:
        raise refuse("engine", engine=engine)
    asked = version or DEFAULT_VERSION[name]
    known = VERSIONS[name]
    if (name, asked) == (REDIS, NEWEST_SIX):
        return name, known["6.2"]
    if asked in known:
        return name, known[asked]
    if asked in known.values():
        return name, asked
    raise refuse("engine-version", version=asked, engine=name)


def family(engine: str, version: str) -> str:
    """Return the parameter group family of an engine's version."""
    major = version.partition(".")[0]
    return next(name for name, wanted in FAMILIES.items() if wanted == (engine, major))


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers that can be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def check_node_type(node_type: str) -> str:
    """Return a node type; InvalidParameterValue when AWS has no such one."""
    parts = node_type.split(".")
    if len(parts) != 3 or parts[0] != "cache" or parts[2] not in NODE_SIZES.get(parts[1], ()):
        raise refuse("node-type", type=node_type)
    return node_type


@operation("DescribeCacheEngineVersions", "Engine EngineVersion CacheParameterGroupFamily DefaultOnly")
def describe_versions(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return the engines' versions."""
    del region
    rows = [
        {
            "Engine": engine,
            "EngineVersion": version,
            "CacheParameterGroupFamily": family(engine, version),
            "CacheEngineDescription": "Valkey" if engine == VALKEY else "Redis",
            "CacheEngineVersionDescription": f"{engine} version {version}",
        }
        for engine, versions in VERSIONS.items()
        for version in versions
        if not given.get("DefaultOnly") or version == DEFAULT_VERSION[engine]
    ]
    keys = ("Engine", "EngineVersion", "CacheParameterGroupFamily")
    return {"CacheEngineVersions": [row for row in rows if all(given.get(key) in (None, row[key]) for key in keys)]}
