"""What a stack with an ElastiCache group exports, made from what the emulated AWS tells of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_emulator import aws
from tests.support.aws_world import REGION, TOKEN


def outputs_of(remote: Any, group_id: str, **more: Any) -> dict[str, Any]:
    """Return what a stack with this group exports."""
    found = remote.describe(group_id)
    clustered = bool(found["ClusterEnabled"])

    def address(endpoint: Mapping[str, Any]) -> dict[str, Any]:
        return {"host": endpoint["Address"], "port": endpoint["Port"]}

    shard = found["NodeGroups"][0]
    ends = (
        {"kind": "cluster", "configuration": address(found["ConfigurationEndpoint"])}
        if clustered
        else {"kind": "primary", "primary": address(shard["PrimaryEndpoint"]), "reader": address(shard["ReaderEndpoint"])}
    )
    replicas = len(shard["NodeGroupMembers"]) - 1
    return {
        "elasticache_arn": f"arn:aws:elasticache:{REGION}:{aws.ACCOUNT_ID}:replicationgroup:{group_id}",
        "elasticache_connection": {
            "version": 1,
            "tls": bool(found["TransitEncryptionEnabled"]),
            "engine": "valkey",
            "failover": {"automatic": True, "multi_az": True, "replicas": replicas},
            **ends,
        },
        "elasticache_credentials": {"version": 1, "password": TOKEN},
        **more,
    }
