"""What the data plane is told of a group."""

from __future__ import annotations

from typing import Literal

from pulumi_emulator.aws.elasticache import parameters, user_groups
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.engines import VALKEY
from pulumi_emulator.aws.elasticache.model import Group
from pulumi_emulator.caches.spec import Access, GroupSpec, NodeSpec


def group_spec(region: Region, group: Group) -> GroupSpec:
    """Return a group as its nodes should be."""
    engine: Literal["valkey", "redis"] = "valkey" if group.engine == VALKEY else "redis"
    return GroupSpec(
        group_id=group.group_id,
        region=region.name,
        hash=region.account.hash,
        engine=engine,
        engine_version=group.version,
        cluster=group.clustered,
        nodes=tuple(NodeSpec(node_id=node.node_id, shard=node.shard, zone=node.zone) for node in group.nodes),
        slots=dict(group.slots) if group.clustered else {},
        tls=group.tls,
        plain=group.tls_mode != "required",
        port=group.port,
        parameters=parameters.values(parameters.find(region, group.parameter_group)),
        maxmemory_bytes=None,
        access=access(region, group),
        automatic_failover=group.automatic_failover,
        durable=group.durability == "sync",
    )


def access(region: Region, group: Group) -> Access:
    """Return who may enter: the users of its user groups, or a `default` user with the tokens, or anybody."""
    acl: tuple[str, ...] = ()
    if group.user_groups:
        acl = user_groups.acl(region, group.user_groups)
    elif group.token_hashes:
        acl = (f"user default reset on ~* &* +@all {' '.join(f'#{value}' for value in group.token_hashes)}",)
    return Access(auth_token=None, acl=acl)
