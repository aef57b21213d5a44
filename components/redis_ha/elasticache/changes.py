"""What may not happen to a living replication group in one update: judged from its old and new inputs. No Pulumi resources.

The inputs are those of `aws:elasticache/replicationGroup:ReplicationGroup`, in the schema's names. A value not known yet,
or is secret, is an Output: nothing is refused because of what it may be.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from redis_ha.guard import Refusals

from .versions import known_family, numbers

# What an update that changes the cluster mode may change besides (docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Modifying
# cluster mode": no other parameter but the parameter group), and what is no parameter of that call.
BESIDE_CLUSTER_MODE = frozenset({"parameterGroupName", "clusterMode", "tags", "tagsAll", "applyImmediately", "__defaults"})
# The same topology in the words of either mode; compared by what they mean.
COUNTS = frozenset({"numCacheClusters", "numNodeGroups", "replicasPerNodeGroup"})
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Changing durability on an existing cluster": a modification of its own.
BESIDE_DURABILITY = frozenset({"durability", "tags", "tagsAll", "applyImmediately", "__defaults"})
# The same page as of the mode: a compatible group can neither be scaled nor upgraded.
FROZEN_WHILE_COMPATIBLE = {
    "nodeType": "node_type",
    "engine": "engine",
    "engineVersion": "engine_version",
}
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Engine specific parameters": not modifiable, but allowed at creation.
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Engine specific parameters": the default of `databases`.
DEFAULTS_OF_CREATION = {"databases": "16"}
ONLY_NEW_GROUPS = "can only be set when the cache is made; put it back, or make a second group and move the clients"
PARAMETERS_OF_CREATION = frozenset({"databases", "cluster-enabled", "activerehashing"})


def refusals(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    """Return (argument, reason with the values and the way that works) for each change that must not be made like this."""
    return [
        *_engine(old, new),
        *_cluster_mode(old, new),
        *_last_replica(old, new),
        *_tls(old, new),
        *_auth_token(old, new),
        *_pending(old, new),
        *_durability(old, new),
    ]


def of_creation(parameters: Sequence[tuple[str, str]], replacing: Mapping[str, str], *, brought: bool) -> dict[str, Any]:
    """Return what a group's component records for `creation_refusals` in the next update.

    `replacing`: what replaces the group when it changes. `brought`: the parameter group is, and nobody knows what is in it.
    """
    found = DEFAULTS_OF_CREATION | {name: value for name, value in parameters if name in PARAMETERS_OF_CREATION}
    return {"identity": dict(replacing), **({} if brought else {"parametersOfCreation": found})}


def creation_refusals(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    """Return the same for parameters that are chosen at creation, judged from what the component recorded.

    A new version or cluster mode makes a second parameter group, which could have any: no update of the first one shows it.
    """
    before, after = old.get("parametersOfCreation"), new.get("parametersOfCreation")
    if before is None or after is None or before == after or old.get("identity") != new.get("identity"):
        return []  # not known, or another group
    return [
        ("parameters", f"{name!r} {before.get(name, 'as AWS has it')} -> {after.get(name, 'as AWS has it')}: {ONLY_NEW_GROUPS}")
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def parameter_refusals(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    """Return the same for a living parameter group (`aws:elasticache/parameterGroup:ParameterGroup`)."""
    before, after = _parameters(old), _parameters(new)
    found: Refusals = []
    for name in sorted(PARAMETERS_OF_CREATION):
        if before.get(name) != after.get(name):
            found.append(("parameters", f"{name!r} {ONLY_NEW_GROUPS}"))
    return found


def _known(inputs: Mapping[str, Any], name: str) -> Any:
    """Return a value, None when it is absent or nobody can know it yet."""
    value = inputs.get(name)
    return None if isinstance(value, pulumi.Output) else value


def _engine(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    before, after = _known(old, "engine"), _known(new, "engine")
    version, new_version = _known(old, "engineVersion"), _known(new, "engineVersion")
    if not (before and after and version and new_version):
        return []
    if before == "valkey" and after == "redis":
        way = "make a second group with engine redis, move the data and the clients, then remove this one"
        return [("engine", f"valkey cannot become redis: AWS would replace the group with an empty one; {way}")]
    if before == after and numbers(new_version) < numbers(version):
        way = "restore a snapshot into a second group of the older version"
        return [("engine_version", f"{version} -> {new_version} is a downgrade, which would replace the group; {way}")]
    if before != after and version == new_version:
        way = "set engine_version to a valkey version in the same update"
        return [("engine_version", f"redis {version} becomes valkey only together with a version; {way}")]
    group = _known(new, "parameterGroupName")
    if group is not None and group == _known(old, "parameterGroupName"):
        wanted, has = known_family(after, new_version), known_family(before, version)
        if wanted is not None and wanted != has:
            way = f"give a parameter_group_name of family {wanted} in the same update, or let the component make one"
            return [("parameter_group_name", f"{group!r} is of family {has}, {after} {new_version} needs {wanted}; {way}")]
    return []


def _cluster_mode(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    if any(isinstance(inputs.get("clusterMode"), pulumi.Output) for inputs in (old, new)):
        return []
    before, after = old.get("clusterMode") or "disabled", new.get("clusterMode") or "disabled"
    if before == after:
        return _while_compatible(old, new) if after == "compatible" else []
    if (before, after) == ("disabled", "enabled"):
        way = "set it to compatible first, move all clients to the cluster protocol, then to enabled"
        return [("cluster_mode", f"disabled -> enabled in one step is impossible; {way}")]
    if (before, after) not in {("disabled", "compatible"), ("compatible", "enabled")}:
        return [("cluster_mode", f"{before} -> {after}: AWS offers no way back; restore a snapshot into a second group")]
    others = sorted(name for name in {*old, *new} - BESIDE_CLUSTER_MODE - COUNTS if _differs(old, new, name))
    if _scaled(old, new):
        others.append("shards or replicas")
    if others:
        way = "change the cluster mode in an update of its own"
        return [("cluster_mode", f"{before} -> {after} together with {', '.join(others)}: AWS refuses that; {way}")]
    return []


def _durability(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    if any(isinstance(inputs.get("durability"), pulumi.Output) for inputs in (old, new)):
        return []
    before, after = old.get("durability"), new.get("durability")
    if before == after or (before or "disabled") == (after or "disabled"):
        return []
    if after is None:
        return [("durability", f"{before} -> left out changes nothing: the provider keeps what the group has; say disabled")]
    others = sorted(name for name in {*old, *new} - BESIDE_DURABILITY if _differs(old, new, name))
    if others:
        way = "change it in an update of its own, after the others"
        return [
            ("durability", f"{before or 'disabled'} -> {after} together with {', '.join(others)}: AWS takes it alone; {way}")
        ]
    return []


def _while_compatible(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    way = "finish the migration (cluster_mode enabled) first"
    found = [
        (argument, f"{old.get(name)} -> {new.get(name)}: a group in cluster mode compatible cannot be changed like this; {way}")
        for name, argument in FROZEN_WHILE_COMPATIBLE.items()
        if _differs(old, new, name)
    ]
    if _scaled(old, new):
        found.append(("replicas", f"a group in cluster mode compatible cannot be scaled; {way}"))
    return found


def _differs(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> bool:
    if isinstance(old.get(name), pulumi.Output) or isinstance(new.get(name), pulumi.Output):
        return False
    return bool(old.get(name) != new.get(name))


def _scaled(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    before, after = _nodes(old), _nodes(new)
    return before is not None and after is not None and before != after


def _nodes(inputs: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return (shards, nodes a shard) in either mode's words; None when they are not all known."""
    clusters = _known(inputs, "numCacheClusters")
    if clusters is not None:
        return 1, int(clusters)
    shards, replicas = _known(inputs, "numNodeGroups"), _known(inputs, "replicasPerNodeGroup")
    return None if shards is None or replicas is None else (int(shards), int(replicas) + 1)


def _last_replica(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    before, after = _nodes(old), _nodes(new)
    if before is None or after is None:
        return []
    if before[1] > 1 and after[1] == 1 and _known(old, "multiAzEnabled"):
        way = "set multi_az to false in an update of its own first, then replicas to 0"
        return [("replicas", f"{before[1] - 1} -> 0 in one step: AWS keeps the last replica while Multi-AZ is on; {way}")]
    return []


def _tls(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    before, after = _tls_word(old), _tls_word(new)
    if None in {before, after} or before == after or "preferred" in {before, after}:
        return []
    way = "set it to preferred first, move all clients over, then set it"
    effect = "would cut off every client that speaks without TLS" if after == "required" else "is refused by AWS"
    return [("tls", f"{before} -> {after} in one step {effect}; {way} to {after}")]


def _tls_word(inputs: Mapping[str, Any]) -> str | None:
    if any(isinstance(inputs.get(name), pulumi.Output) for name in ("transitEncryptionEnabled", "transitEncryptionMode")):
        return None
    if not inputs.get("transitEncryptionEnabled"):
        return "off"
    return str(inputs.get("transitEncryptionMode") or "required")


def _auth_token(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    """Judge a token by whether there is one; its value is secret."""
    before, after = old.get("authToken") is not None, new.get("authToken") is not None
    strategy = _known(new, "authTokenUpdateStrategy")
    if not before and after and strategy != "SET":
        # hashicorp/terraform-provider-aws issue 33439: after ROTATE the way without a token stays open.
        way = "set auth_token_update_strategy to SET for this update"
        return [("auth_token", f"a first token with strategy {strategy or 'ROTATE'} leaves the group open to everybody; {way}")]
    if before and not after and not (new.get("userGroupIds") and strategy == "DELETE"):
        way = "set auth to rbac and auth_token_update_strategy to DELETE in one update"
        return [("auth_token", f"a token goes only when users take its place; {way}")]
    return []


def _pending(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    if _known(new, "applyImmediately") is not False:
        return []
    found: Refusals = []
    way = "set apply_immediately to true for this update"
    if _differs(old, new, "logDeliveryConfigurations"):
        # hashicorp/terraform-provider-aws issue 49842.
        found.append(("logs", f"a change of the logs is refused by AWS while apply_immediately is false; {way}"))
    if _known(old, "multiAzEnabled") and _known(new, "multiAzEnabled") is False:
        found.append(("multi_az", f"switching it off would wait for the maintenance window and stay a difference; {way}"))
    return found


def _parameters(inputs: Mapping[str, Any]) -> dict[str, Any]:
    found = _known(inputs, "parameters") or []
    return {entry["name"]: entry.get("value") for entry in found if isinstance(entry, Mapping)}
