"""Engines, the versions of them that ElastiCache runs, and the parameter group families that belong to these. No Pulumi."""

import re

ENGINES = ("valkey", "redis")
# Oldest to newest (aws-cloudformation/cfn-lint, data/schemas/extensions/aws_elasticache_cachecluster/engine_version.json, which
# is made from DescribeCacheEngineVersions).
KNOWN_VERSIONS = {
    "valkey": ("7.2", "8.0", "8.1", "8.2", "9.0", "9.1"),
    "redis": ("4.0.10", "5.0.6", "6.0", "6.2", "7.0", "7.1"),
}
DEFAULT_ENGINE = "valkey"
# Fixed, not the newest known: a longer table must never propose an upgrade of living groups by itself. Raised only with a
# major version of this package.
DEFAULT_VERSIONS = {"valkey": "8.1", "redis": "7.1"}
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Engine specific parameters": the family of each version.
_REDIS_FAMILIES = {4: "redis4.0", 5: "redis5.0", 6: "redis6.x", 7: "redis7"}
# hashicorp/terraform-provider-aws issue 32252: from 7 on two numbers, up to 5 three; 6 is the odd one and `6.x` the odder
# form of it: what it stands for changes, and 6.x -> 6.2 was taken for a downgrade (issue 28011).
_TWO_NUMBERS = re.compile(r"\d+\.\d+")
_THREE_NUMBERS = re.compile(r"[2-5]\.\d+\.\d+")
FIRST_MAJOR_WITH_TWO_NUMBERS = 6
# Access by users: Redis 6.0 (docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Role-Based Access Control"); by IAM: Redis 7.0.
FIRST_REDIS_WITH_USERS = (6, 0)
FIRST_REDIS_WITH_IAM = (7, 0)
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Log delivery": slow log from 6.0, engine log from 6.2.
FIRST_REDIS_WITH_SLOW_LOG = (6, 0)
FIRST_REDIS_WITH_ENGINE_LOG = (6, 2)
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Modifying cluster mode".
FIRST_REDIS_WITH_COMPATIBLE_MODE = (7, 0)
# hashicorp/terraform-provider-aws, internal/service/elasticache/replication_group.go: below 7.0.5 (a group of 7.0 runs 7.0.7)
# TLS can only be changed by replacing the group, so a mode, which is there for changing it, has no use.
FIRST_REDIS_WITH_TLS_MODE = (7, 0)
# pulumi-aws 7.51.1, ReplicationGroup.autoMinorVersionUpgrade.
FIRST_WITH_AUTO_UPGRADE = (6, 0)
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Durability", Limitations: a version of valkey.
FIRST_WITH_DURABILITY = (9, 0)
# botocore, elasticache 2015-02-02, CreateReplicationGroupMessage.NetworkType.
FIRST_REDIS_WITH_IPV6 = (6, 2)


def numbers(version: str) -> tuple[int, ...]:
    """Return a version's numbers, so that versions compare; `x` counts as the highest."""
    return tuple(9999 if part == "x" else int(part) for part in version.split(".") if part == "x" or part.isdigit())


def as_named(engine: str, version: str) -> str:
    """Return what a node says of its version in the form in which a version is asked for: 8.1.0 of valkey is 8.1."""
    two = engine == "valkey" or numbers(version)[:1] >= (FIRST_MAJOR_WITH_TWO_NUMBERS,)
    return ".".join(version.split(".")[:2]) if two else version


def wrong_version(engine: str, version: str) -> str | None:
    """Return why a version cannot be used, None when it can."""
    known = f"known versions of {engine}: {', '.join(KNOWN_VERSIONS[engine])}"
    if version.endswith(".x"):
        return f"{version!r} stands for a version that changes; name it, e.g. 6.2 ({known})"
    major = version.split(".", maxsplit=1)[0]
    wants_two = not major.isdigit() or engine == "valkey" or int(major) >= FIRST_MAJOR_WITH_TWO_NUMBERS
    if not (_TWO_NUMBERS if wants_two else _THREE_NUMBERS).fullmatch(version):
        form = "major.minor, e.g. 7.2" if wants_two else "major.minor.patch, e.g. 5.0.6"
        return f"{version!r} has the wrong form; from version 6 on and for valkey it is major.minor: use {form} ({known})"
    if version not in KNOWN_VERSIONS[engine]:
        return f"ElastiCache has no {engine} {version}; {known}"
    return None


def family(engine: str, version: str) -> str:
    """Return the parameter group family of a known version."""
    major = numbers(version)[0]
    return f"valkey{major}" if engine == "valkey" else _REDIS_FAMILIES[major]


def known_family(engine: str, version: str) -> str | None:
    """Return the family as `family` does; None for a version from before this table, which AWS will judge."""
    try:
        return family(engine, version)
    except (KeyError, IndexError):
        return None


def family_of_default_group(name: str) -> str | None:
    """Return the family of one of AWS's own parameter groups (`default.valkey8.cluster.on`), None for any other name."""
    found = re.fullmatch(r"default\.((?:valkey|redis)\d+(?:\.(?:\d+|x))?)(?:\.cluster\.on)?", name)
    return found[1] if found else None


def at_least(engine: str, version: str, first_redis: tuple[int, ...]) -> bool:
    """Tell whether a version has what Redis has from `first_redis` on. Every Valkey has it (it began at 7.2)."""
    return engine == "valkey" or numbers(version) >= first_redis
