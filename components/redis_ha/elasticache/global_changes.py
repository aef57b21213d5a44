"""What may not happen to a living Global Datastore in one update: judged from old and new inputs. No Pulumi resources.

The inputs are those of `aws:elasticache/globalReplicationGroup:GlobalReplicationGroup`, in the schema's names.
"""

from collections.abc import Mapping
from typing import Any

import pulumi

from redis_ha.guard import Refusals

from .changes import parameter_refusals, refusals
from .versions import known_family, numbers

# Members have these from the primary for good (docs.aws.amazon.com, AmazonElastiCache, "Prerequisites and limitations" of
# global datastores: all alike); what lives on the global object is ignored in members, and need not be refused.
FROZEN_IN_MEMBERS = {"clusterMode": "cluster_mode", "transitEncryptionEnabled": "tls", "transitEncryptionMode": "tls"}


def global_refusals(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    """Return (argument, reason with the values and the way that works) for each change that must not be made like this."""
    return [*(_engine(old, new) or _parameter_group(old, new)), *_failover(old, new)]


def member_refusals(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    """Return what may not happen to a group that is a member of a global datastore, or becomes one in this update."""
    found = refusals(old, new)
    way = "change it in an update before global_member is set, or take the group out of the datastore"
    for name, argument in FROZEN_IN_MEMBERS.items():
        before, after = old.get(name), new.get(name)
        known = not isinstance(before, pulumi.Output) and not isinstance(after, pulumi.Output)
        if known and before != after and argument not in dict(found):
            found.append((argument, f"{before} -> {after}: AWS changes it in no member of a global datastore; {way}"))
    return found


def member_parameter_refusals(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    """Return what may not happen to the parameter group that a member of a global datastore was made with.

    When a group joins, AWS copies its parameters into `global-datastore-..` groups, one a member, and uses those from then on;
    an edit of one of them changes all members (docs.aws.amazon.com, AmazonElastiCache, "Using global datastores").
    """
    found = parameter_refusals(old, new)
    if not found and old.get("parameters") != new.get("parameters") and old.get("family") == new.get("family"):
        way = "edit any member's group (aws elasticache modify-cache-parameter-group, global-datastore-..)"
        reason = f"members of a global datastore use AWS's own copies, this one would stay without effect; {way}"
        return [("parameters", reason)]
    return found


def _known(inputs: Mapping[str, Any], name: str) -> Any:
    value = inputs.get(name)
    return None if isinstance(value, pulumi.Output) else value


def _versions(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, str, str, str] | None:
    found = tuple(_known(inputs, name) for name in ("engine", "engineVersion") for inputs in (old, new))
    if not all(isinstance(value, str) for value in found):
        return None
    before, after, version, new_version = found
    return before, after, version, new_version


def _engine(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    known = _versions(old, new)
    if known is None:
        return []
    before, after, version, new_version = known
    way = "make a second datastore, move the data and the clients, then remove this one"
    if before == "valkey" and after == "redis":
        return [("engine", f"valkey cannot become redis: all members would have to be made anew, empty; {way}")]
    if before == after and numbers(new_version) < numbers(version):
        reason = f"{version} -> {new_version} is a downgrade, which the provider refuses for a global datastore; {way}"
        return [("engine_version", reason)]
    if before != after and version == new_version:
        way = "set engine_version to a valkey version in the same update"
        return [("engine_version", f"redis {version} becomes valkey only together with a version; {way}")]
    return []


def _parameter_group(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    """Judge the parameter group: the provider wants one with a major upgrade, and refuses another at any other time.

    hashicorp/terraform-provider-aws, internal/service/elasticache/global_replication_group.go, CustomizeDiff; which version
    is the next major one it tells by the first number alone (issue 44820: redis 7.1 to valkey 7.2 is none to it).
    """
    known = _versions(old, new)
    if known is None:
        return []
    before, after, version, new_version = known
    major = numbers(new_version)[0] > numbers(version)[0]
    if not major and known_family(before, version) != known_family(after, new_version):
        way = "go to the next major version at once, e.g. valkey 8.0"
        return [
            ("engine_version", f"{before} {version} -> {after} {new_version}: the provider takes no parameter group; {way}")
        ]
    if any(isinstance(inputs.get("parameterGroupName"), pulumi.Output) for inputs in (old, new)):
        return []
    group, has = new.get("parameterGroupName"), old.get("parameterGroupName")
    if major and (group is None or group == has):
        wanted = known_family(after, new_version)
        way = f"give parameter_group_name, a group of family {wanted} in the primary's region, in the same update"
        return [("parameter_group_name", f"{version} -> {new_version} needs a parameter group of the new family; {way}")]
    if not major and group is not None and group != has:
        reason = f"{has!r} -> {group!r}: AWS takes another parameter group only together with a major version"
        return [("parameter_group_name", f"{reason}; leave it as it is, and edit the members' global-datastore-.. groups")]
    return []


def _failover(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    before, after = _known(old, "automaticFailoverEnabled"), _known(new, "automaticFailoverEnabled")
    if before is None or after is None or before == after:
        return []
    way = "change it by aws elasticache modify-global-replication-group, then refresh, then say it here"
    reason = f"{before} -> {after}: members' Multi-AZ and failover depend on each other, and no update has the right order"
    return [("automatic_failover", f"{reason}; {way}")]
